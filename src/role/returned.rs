//! The end of a machine whose init was systemd: it comes back to /run/initramfs, and executes what is `shutdown` there
//! ("The initrd Interface of systemd"), which can unmount the root.

use core::ffi::CStr;

use super::boot::must_have;
use crate::request::Ending;
use crate::supervise::{self, End};
use crate::sys::error::Result;
use crate::sys::fs::{self, At};
use crate::sys::{mount, power, signal};

const DIRECTORY: &CStr = c"/run/initramfs";
const PROGRAM: &CStr = c"/run/initramfs/shutdown";

/// Puts our own file there. It takes its size in memory: for roots that systemd could not let go of.
#[inline(never)]
pub fn offer() -> Result<()> {
    let own = fs::open(c"/proc/self/exe", fs::READ)?;
    fs::make_directory(At::Cwd, DIRECTORY, 0o755)?;
    fs::make_file(At::Cwd, PROGRAM, 0o755)?;
    fs::pour(&own, &fs::open(PROGRAM, fs::WRITE)?)
}

/// What the next kernel or the firmware shall be told (`systemctl reboot --reboot-argument=`). /run has come along.
const WORD: &CStr = c"/run/systemd/reboot-param";

/// The old root is at /oldroot, where its mounts are found as any others. What it lies on is mounted below its /run, and can
/// only go after it: so that /run comes over ours, which is the same one bare. What systemd has more (kexec) reboots.
#[inline(never)]
pub fn end(verb: &[u8]) -> ! {
    signal::block_all();
    let signals = must_have(signal::open());
    let _ = power::set_ctrl_alt_del(false);
    let ending = match verb {
        // A machine has nobody to give the status of its end to.
        b"poweroff" | b"exit" => Ending::Poweroff,
        b"halt" => Ending::Halt,
        _ => Ending::Reboot,
    };
    let _ = mount::mount(c"/oldroot/run", c"/run", c"", mount::MOVE, c"");
    let reboot_with_word = || {
        let mut word = [0; 256];
        if ending == Ending::Reboot
            && let Ok([.., end @ b'\n']) = fs::read_file(WORD, &mut word)
        {
            *end = 0;
            power::reboot_with(CStr::from_bytes_until_nul(&word).unwrap_or_default());
        }
    };
    supervise::end(End { ending, status: None }, true, &signals, None, &reboot_with_word)
}
