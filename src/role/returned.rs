//! The end of a machine whose init was systemd: it comes back to /run/initramfs, and executes what is `shutdown` there
//! ("The initrd Interface of systemd"), which can unmount the root.

use core::ffi::CStr;

use super::boot::must_have;
use crate::request::Ending;
use crate::supervise::{self, End};
use crate::sys::error::Result;
use crate::sys::fs::{self, At};
use crate::sys::{power, signal};

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

/// The old root is at /oldroot, where its mounts are found as any others. What systemd has more (kexec) reboots.
#[inline(never)]
pub fn end(verb: &[u8]) -> ! {
    signal::block_all();
    let signals = must_have(signal::open());
    let _ = power::set_ctrl_alt_del(false);
    let ending = match verb {
        b"poweroff" => Ending::Poweroff,
        b"halt" => Ending::Halt,
        _ => Ending::Reboot,
    };
    supervise::end(End { ending, status: None }, true, &signals, None, &|| {})
}
