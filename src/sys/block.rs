//! Loop devices: a file as a disk, see loop(4).

use super::error::{Call, Error, Result, check_long};
use super::fd::Fd;
use super::{fs, poll};
use crate::probe::superblock::NO_LOOP;
use crate::put;
use crate::text::bytes::terminated;
use core::ffi::CStr;

/// `/dev/loopN` and a NUL.
pub type Name = heapless::Vec<u8, 24>;

/// How often somebody else may take the device that we were told is free, 10 ms each.
const TRIES: usize = 200;

const SET_FD: u32 = 0x4c00;
const CLEAR_FD: u32 = 0x4c01;
const SET_STATUS64: u32 = 0x4c04;
const CONFIGURE: u32 = 0x4c0a;
const GET_FREE: u32 = 0x4c82;

/// `struct loop_info64` in halves of words, and which of them its flags are.
type Info = [u32; 58];
const FLAGS: usize = 13;
const READ_ONLY: u32 = 1;
const AUTOCLEAR: u32 = 4;

/// `struct loop_config`.
#[repr(C)]
struct Config {
    file: u32,
    block_size: u32,
    info: Info,
    reserved: [u64; 8],
}

fn ioctl(device: &Fd, request: u32, argument: usize) -> Result<usize> {
    // SAFETY: the callers' arguments are what each request takes: a number, or the address of what it reads.
    check_long(Call::Ioctl, unsafe { libc::syscall(libc::SYS_ioctl, device.raw(), request as usize, argument) })
}

/// Makes a disk of `file`, with the name that is put into `name`. It is gone when the descriptor is closed and nothing of it
/// is mounted any more, however that comes. The reason is [`NO_LOOP`] where there are none.
#[inline(never)]
pub fn attach<'n>(file: &Fd, writable: bool, name: &'n mut Name) -> Result<(Fd, &'n CStr)> {
    const NONE: Error = Error::new(Call::Ioctl, NO_LOOP);
    let control = fs::open(c"/dev/loop-control", fs::READ_WRITE).map_err(|error| match error {
        error if error.is(libc::ENOENT) || error.is(libc::ENODEV) || error.is(libc::ENXIO) => NONE,
        error => error,
    })?;
    let mut last = NONE;
    for _ in 0..TRIES {
        let number = ioctl(&control, GET_FREE, 0)?;
        name.clear();
        put!(name, "/dev/loop{}\0", number);
        let path = terminated(name).ok_or(NONE)?;
        let device = fs::open(path, if writable { fs::READ_WRITE } else { fs::READ })?;
        match configure(&device, file, writable) {
            Err(error) if error.is(libc::EBUSY) => last = error,
            done => return done.map(|()| (device, terminated(name).unwrap_or_default())),
        }
        poll::pause();
    }
    Err(last)
}

/// LOOP_CONFIGURE; Linux < 5.8: in two steps, between which a kill leaves a device that stays.
fn configure(device: &Fd, file: &Fd, writable: bool) -> Result<()> {
    let mut config = Config { file: file.raw() as u32, block_size: 0, info: [0; 58], reserved: [0; 8] };
    config.info[FLAGS] = AUTOCLEAR | if writable { 0 } else { READ_ONLY };
    match ioctl(device, CONFIGURE, &raw const config as usize) {
        // The loop driver's word for what it does not know is EINVAL.
        Err(error) if error.is(libc::EINVAL) || error.is(libc::ENOTTY) => {}
        done => return done.map(drop),
    }
    ioctl(device, SET_FD, file.raw() as usize)?;
    ioctl(device, SET_STATUS64, &raw const config.info as usize).map(drop).inspect_err(|_| {
        let _ = ioctl(device, CLEAR_FD, 0);
    })
}
