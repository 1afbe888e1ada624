//! The random seed: what the random numbers of one boot are made of, carried over to the next (random(4)).
//!
//! Whoever has seen a seed could know what was made of it, and two boots of one seed could have the same keys. So a seed
//! counts once: not before it is gone from the disk, and only if nobody but root could get at it.

use core::ffi::CStr;

use crate::sys::error::{Call, Error, Result};
use crate::sys::fs::{self, At, Status};
use crate::sys::random;

/// Nothing but what was looked at.
const SAME: i32 = fs::NO_FOLLOW | fs::NON_BLOCK;

/// Makes random numbers of the seed at `path`, and writes one for the next boot. It can take as long as a disk takes to write,
/// and as the kernel takes for random numbers without one.
///
/// Without random numbers that a key could be made of the old seed is only emptied at first: a new one made before the old
/// one counts would be as easy to guess as they are.
///
/// # Errors
///
/// Why it was mixed in without being counted (EROFS, ENOSPC, EOPNOTSUPP), or not renewed; see [`renew`].
pub fn take(path: &CStr) -> Result<()> {
    match fs::link_status(At::Cwd, path) {
        // As an image should come: with a seed in it, all that are made of it would have the same.
        Err(error) if error.is(libc::ENOENT) => return renew(path),
        status => look(&status?)?,
    }
    let mut pool = random::Pool::default();
    let length = fs::open(path, fs::READ | SAME)?.read_to_end(&mut pool.bytes)?;
    let new = random::seed(false);
    let gone = write(path, new.as_ref().map_or(&[], |seed| seed));
    // What is shorter is not from here, and zeros are what a disk may have kept of a file.
    let counts = gone.is_ok() && length >= size_of::<random::Seed>() && pool.bytes.iter().any(|byte| *byte != 0);
    pool.add(length, counts)?;
    if new.is_some() { gone } else { gone.and_then(|()| renew(path)) }
}

/// Writes a new seed to `path`, once there are random numbers to make one of.
///
/// # Errors
///
/// EISDIR, EINVAL or EFBIG: that is no file of a seed. EPERM: others than root could read it, or write to it. EROFS, ENOENT.
/// EOPNOTSUPP: what is written there may be gone at the next boot, so that an old seed would come back.
pub fn renew(path: &CStr) -> Result<()> {
    let seed = random::seed(true).ok_or(Error::new(Call::Read, libc::ENOSYS))?;
    match fs::make_file(At::Cwd, path, 0o600) {
        Err(error) if error.is(libc::EEXIST) => {}
        done => done?,
    }
    look(&fs::link_status(At::Cwd, path)?).and_then(|()| write(path, &seed))
}

/// That it is a file, for opening anything else could block, or do something; one that may be written over; and one that nobody
/// but root could get at.
#[inline(never)]
fn look(status: &Status) -> Result<()> {
    let wrong = match status.is_regular() {
        true if status.size() > random::MOST as u64 => libc::EFBIG,
        true if status.owner().0 == 0 && status.mode() & 0o077 == 0 => return Ok(()),
        true => libc::EPERM,
        false if status.is_directory() => libc::EISDIR,
        false => libc::EINVAL,
    };
    Err(Error::new(Call::Open, wrong))
}

/// Puts `seed` in the place of what the file has, and it is on the disk then. In place: the name is there, and a write that is
/// cut short leaves a seed that never counted.
fn write(path: &CStr, seed: &[u8]) -> Result<()> {
    let file = fs::open(path, fs::WRITE | SAME)?;
    if fs::file_system(&file)?.may_forget() {
        return Err(Error::new(Call::Open, libc::EOPNOTSUPP));
    }
    if file.write(seed)? < seed.len() {
        return Err(Error::new(Call::Write, libc::ENOSPC));
    }
    fs::cut(&file, seed.len())?;
    fs::sync(&file)
}
