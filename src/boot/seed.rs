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
    find(path)?;
    let mut pool = random::Pool::default();
    let length = fs::open(path, fs::READ | SAME)?.read_to_end(&mut pool.bytes)?;
    let gone = write(path, false);
    // What is shorter is not from here, and zeros are what a disk may have kept of a file.
    let counts = gone.is_ok() && length >= size_of::<random::Seed>() && pool.bytes.iter().any(|byte| *byte != 0);
    pool.add(length, counts)?;
    if gone? { Ok(()) } else { write(path, true).map(drop) }
}

/// Writes a new seed to `path`, once there are random numbers to make one of.
///
/// # Errors
///
/// EISDIR, EINVAL or EFBIG: that is no file of a seed. EPERM: others than root could read it, or write to it. EROFS, ENOENT.
/// EOPNOTSUPP: what is written there may be gone at the next boot, so that an old seed would come back.
pub fn renew(path: &CStr) -> Result<()> {
    find(path)?;
    write(path, true).map(drop)
}

/// Makes the file where there is none: so an image should come, for with a seed in it all that are made of it would have the same.
fn find(path: &CStr) -> Result<()> {
    match fs::make_file(At::Cwd, path, 0o600) {
        Err(error) if error.is(libc::EEXIST) => {}
        done => done?,
    }
    look(&fs::link_status(At::Cwd, path)?)
}

/// That it is a file, for opening anything else could block, or do something; one that may be written over; and one that nobody
/// but root could get at.
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

/// Puts a new seed in the place of what the file has, or nothing as long as there are no random numbers, unless we `wait` for
/// them: whether there is one. It is on the disk then. In place: the name is there, and a write that is cut short leaves a seed
/// that never counted.
fn write(path: &CStr, wait: bool) -> Result<bool> {
    let file = fs::open(path, fs::WRITE | SAME)?;
    if fs::file_system(&file)?.may_forget() {
        return Err(Error::new(Call::Open, libc::EOPNOTSUPP));
    }
    let new = random::seed(wait);
    let seed = new.as_ref().map_or(&[][..], |seed| seed);
    if file.write(seed)? < seed.len() {
        return Err(Error::new(Call::Write, libc::ENOSPC));
    }
    fs::cut(&file, seed.len())?;
    fs::sync(&file).map(|()| new.is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CString;
    use std::format;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, chown, symlink};
    use std::process::Command;

    /// Neither is opened, and nothing becomes of it: opening the fifo would block, and the kernel's random numbers are root's.
    #[test]
    fn what_is_no_seed_is_not_touched() {
        let place = std::env::temp_dir().join(format!("tinyo-seed-{}", std::process::id()));
        fs::create_dir_all(place.join("directory")).unwrap();
        fs::write(place.join("huge"), [7; 513]).unwrap();
        fs::write(place.join("others"), [7; 32]).unwrap();
        fs::set_permissions(place.join("huge"), Permissions::from_mode(0o600)).unwrap();
        fs::set_permissions(place.join("others"), Permissions::from_mode(0o640)).unwrap();
        for (name, mode) in [("group", 0o620), ("world", 0o604), ("written", 0o602)] {
            fs::write(place.join(name), [7; 32]).unwrap();
            fs::set_permissions(place.join(name), Permissions::from_mode(mode)).unwrap();
        }
        fs::write(place.join("anothers"), [7; 32]).unwrap();
        fs::set_permissions(place.join("anothers"), Permissions::from_mode(0o600)).unwrap();
        // Who is not root has none that is root's.
        let _ = chown(place.join("anothers"), Some(1), None);
        symlink("others", place.join("link")).unwrap();
        assert!(Command::new("mkfifo").arg("-m600").arg(place.join("fifo")).status().unwrap().success());
        for (name, errno) in [
            ("directory", libc::EISDIR),
            ("huge", libc::EFBIG),
            ("others", libc::EPERM),
            ("group", libc::EPERM),
            ("world", libc::EPERM),
            ("written", libc::EPERM),
            ("anothers", libc::EPERM),
            ("link", libc::EINVAL),
            ("fifo", libc::EINVAL),
            ("/dev/zero", libc::EINVAL),
            ("missing/seed", libc::ENOENT),
        ] {
            let path = CString::new(place.join(name).to_str().unwrap()).unwrap();
            for done in [take(&path), renew(&path)] {
                assert!(done.is_err_and(|error| error.is(errno)), "{name}: {done:?}");
            }
        }
        assert_eq!(fs::read(place.join("huge")).unwrap(), [7; 513]);
        assert_eq!(fs::read(place.join("others")).unwrap(), [7; 32]);
        // One that is missing is made, for nobody but its owner, whatever the umask.
        let path = CString::new(place.join("new").to_str().unwrap()).unwrap();
        let _ = find(&path);
        let made = fs::metadata(place.join("new")).unwrap();
        assert_eq!((made.permissions().mode() & 0o7777, made.len()), (0o600, 0));
        fs::remove_dir_all(place).unwrap();
    }
}
