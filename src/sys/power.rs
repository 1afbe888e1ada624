//! The machine itself: modules in, disks flushed, power off.

use super::error::{Call, Error, Result, check_long, done};
use super::fd::Fd;
use core::ffi::CStr;

/// What ends the machine: reboot(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    Off,
    Reboot,
    Halt,
}

/// reboot(2). In a pid namespace that is not the machine's it kills the namespace's init, or answers EPERM/EINVAL.
pub fn end(power: Power) -> Error {
    let command = match power {
        Power::Off => libc::RB_POWER_OFF,
        Power::Reboot => libc::RB_AUTOBOOT,
        Power::Halt => libc::RB_HALT_SYSTEM,
    };
    // SAFETY: plain number.
    unsafe { libc::reboot(command) };
    super::error::last(Call::Reboot)
}

/// reboot(2) with a word for whoever starts next, as the machine's driver passes it on.
pub fn reboot_with(word: &CStr) {
    // SAFETY: plain numbers, and a NUL-terminated string that is read.
    unsafe {
        libc::syscall(
            libc::SYS_reboot,
            libc::LINUX_REBOOT_MAGIC1,
            libc::LINUX_REBOOT_MAGIC2,
            libc::LINUX_REBOOT_CMD_RESTART2,
            word.as_ptr(),
        )
    };
}

/// Whether ctrl-alt-del reboots at once (RB_ENABLE_CAD) or sends SIGINT to PID 1 (RB_DISABLE_CAD).
pub fn set_ctrl_alt_del(reboots_at_once: bool) -> Result<()> {
    let command = if reboots_at_once { libc::RB_ENABLE_CAD } else { libc::RB_DISABLE_CAD };
    // SAFETY: plain number.
    done(Call::Reboot, unsafe { libc::reboot(command) })
}

/// Sets CLOCK_REALTIME to `seconds` since 1970: whether it could be set.
pub fn set_time(seconds: i64) -> bool {
    let time = [seconds, 0];
    // SAFETY: a timespec is two words on 64-bit machines, to read.
    unsafe { libc::syscall(libc::SYS_clock_settime, libc::CLOCK_REALTIME, time.as_ptr()) == 0 }
}

/// sync(2): can take as long as the slowest disk, for ever on a dead one.
pub fn sync() {
    // SAFETY: no arguments.
    unsafe { libc::sync() };
}

/// swapoff(2): what was swapped out comes back into memory, or it is ENOMEM.
pub fn swap_off(path: &CStr) -> Result<()> {
    // SAFETY: a NUL-terminated path.
    done(Call::Swapoff, unsafe { libc::syscall(libc::SYS_swapoff, path.as_ptr()) })
}

/// loop(4) LOOP_CLR_FD: the device lets go of its file; one that is mounted or open does so when it is not any more.
pub fn detach_loop(device: &Fd) -> Result<()> {
    const CLEAR: u32 = 0x4c01;
    // SAFETY: the ioctl takes a number.
    done(Call::Ioctl, unsafe { libc::ioctl(device.raw(), CLEAR as _, 0) })
}

/// finit_module(2). `compressed`: the kernel unpacks it itself (Linux 5.17, if built in). A module that is already
/// there is fine.
pub fn load_module(file: &Fd, options: &CStr, compressed: bool) -> Result<()> {
    const COMPRESSED_FILE: i32 = 4;
    let flags = if compressed { COMPRESSED_FILE } else { 0 };
    // SAFETY: an open file and a NUL-terminated string.
    let value = unsafe { libc::syscall(libc::SYS_finit_module, file.raw(), options.as_ptr(), flags) };
    match check_long(Call::FinitModule, value) {
        Err(error) if error.is(libc::EEXIST) => Ok(()),
        done => done.map(drop),
    }
}

/// Writes one byte to an x86 I/O port: QEMU's isa-debug-exit. ENOSYS where there are no ports.
#[cfg(target_arch = "x86_64")]
pub fn write_port(port: u16, value: u8) -> Result<()> {
    // SAFETY: ioperm(2) takes numbers. The port was named by the machine's owner; what the device behind it does with
    // the byte is what they asked for, and no memory of ours is touched.
    unsafe {
        check_long(Call::Ioperm, libc::syscall(libc::SYS_ioperm, libc::c_ulong::from(port), 1, 1))?;
        core::arch::asm!("out dx, al", in("dx") port, in("al") value, options(nomem, nostack, preserves_flags));
    }
    Ok(())
}

#[cfg(not(target_arch = "x86_64"))]
pub fn write_port(_port: u16, _value: u8) -> Result<()> {
    Err(Error::new(Call::Ioperm, libc::ENOSYS))
}
