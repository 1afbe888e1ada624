//! The watchdog device: Documentation/watchdog/watchdog-api of the kernel.

use super::error::{Call, Result, done};
use super::fd::{Fd, write_to};
use super::fs;

/// Opens the machine's first watchdog, which starts it. EBUSY: somebody else holds it.
pub fn open() -> Result<Fd> {
    match fs::open(c"/dev/watchdog", fs::WRITE) {
        // Without the old name, which a driver may fail to get.
        Err(error) if error.is(libc::ENOENT) => fs::open(c"/dev/watchdog0", fs::WRITE).map_err(|_| error),
        done => done,
    }
}

/// WDIOC_SETTIMEOUT: the seconds that the driver made of it. EINVAL: out of its range; EOPNOTSUPP: it has one only.
pub fn set_timeout(device: &Fd, seconds: i32) -> Result<i32> {
    const SET_TIMEOUT: u32 = 0xc004_5706;
    control(device.raw(), SET_TIMEOUT, seconds)
}

/// WDIOC_GETTIMEOUT: the seconds that it runs with.
pub fn timeout(device: &Fd) -> Result<i32> {
    const GET_TIMEOUT: u32 = 0x8004_5707;
    control(device.raw(), GET_TIMEOUT, 0)
}

fn control(device: i32, request: u32, mut value: i32) -> Result<i32> {
    // SAFETY: each of these requests reads or writes one int.
    done(Call::Ioctl, unsafe { libc::ioctl(device, request as _, &raw mut value) })?;
    Ok(value)
}

/// Feeds the watchdog whose number is `device`. A written byte, not WDIOC_KEEPALIVE, which some drivers lack.
pub fn feed(device: i32) -> Result<()> {
    write_to(device, b"\0").map(drop)
}

/// Stops the watchdog, unless the kernel was built or told not to let it (`nowayout`): by WDIOC_SETOPTIONS, since a child that
/// the kernel holds on its way to its execve may have it open too, and by the magic close, which every driver knows.
pub fn stop(device: i32) {
    const SET_OPTIONS: u32 = 0x8004_5704;
    const DISABLE: i32 = 1;
    let _ = control(device, SET_OPTIONS, DISABLE);
    let _ = write_to(device, b"V");
    close(device);
}

/// Closes it: without the magic byte it runs on.
pub fn close(device: i32) {
    if device >= 0 {
        drop(Fd::own(device));
    }
}
