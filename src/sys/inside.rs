//! Names that are never followed out of a directory.

use core::ffi::CStr;

use super::error::{Call, Error, Result};
use super::fd::Fd;
use super::fs::{self, At};
use crate::limits;
use crate::text::bytes::{self, Path};

/// openat2(2) with `/` and every link of the path read as inside `root` (RESOLVE_IN_ROOT), magic links refused. Before
/// Linux 5.6 only a [`PLACE`](fs::PLACE) can be opened so.
pub fn open_in(root: &Fd, path: &CStr, flags: i32) -> Result<Fd> {
    /// `struct open_how` of openat2(2).
    #[repr(C)]
    struct How {
        flags: u64,
        mode: u64,
        resolve: u64,
    }
    const NO_MAGICLINKS: u64 = 0x02;
    const IN_ROOT: u64 = 0x10;
    // Unlike openat(2) it refuses flags that mean nothing with O_PATH.
    let no_terminal = if flags & fs::PLACE == 0 { libc::O_NOCTTY } else { 0 };
    let how = How { flags: (flags | libc::O_CLOEXEC | no_terminal) as u64, mode: 0, resolve: NO_MAGICLINKS | IN_ROOT };
    loop {
        // SAFETY: a NUL-terminated path and a structure of the size given.
        let value =
            unsafe { libc::syscall(libc::SYS_openat2, root.raw(), path.as_ptr(), &how, core::mem::size_of::<How>()) };
        match Fd::made(Call::Openat2, value) {
            // EAGAIN: a rename raced the walk, and the kernel could not prove that it stayed inside.
            Err(error) if error.is(libc::EINTR) || error.is(libc::EAGAIN) => {}
            Err(error) if error.is(libc::ENOSYS) && flags & fs::PLACE != 0 => return walk(root, path, flags),
            done => return done,
        }
    }
}

/// As many links as the kernel follows in one path.
const LINKS: u8 = 40;

const TOO_LONG: Error = Error::new(Call::Openat2, libc::ENAMETOOLONG);
const LOOP: Error = Error::new(Call::Openat2, libc::ELOOP);

/// The same name by name. No name is followed that is a link, and `..` goes back to `root` and down again: a directory
/// that is moved meanwhile has no `..` that leads out.
#[inline(never)]
fn walk(root: &Fd, path: &CStr, flags: i32) -> Result<Fd> {
    // Names without links from the root to `here`, each with a NUL behind it; the path to come; a link's.
    let (mut done, mut rest, mut link) = (Path::new(), Path::new(), Path::new());
    append(&mut rest, path.to_bytes())?;
    let mut here = step(root, b".\0")?;
    let (mut at, mut links) = (0, 0);
    // Behind a last slash is an empty name.
    while at <= rest.len() {
        let name = bytes::before(rest.get(at..).unwrap_or_default(), b'/');
        at += name.len() + 1;
        if matches!(name, b"" | b".") {
            // Both stand for a directory.
            is_directory(&here)?;
            continue;
        }
        let start = done.len();
        if name == b".." {
            is_directory(&here)?;
            let names = done.get(..start.saturating_sub(1)).unwrap_or_default();
            done.truncate(names.iter().rposition(|&byte| byte == 0).map_or(0, |end| end + 1));
            here = step(root, b".\0")?;
            for name in bytes::Words(&done) {
                here = step(&here, name)?;
                if fs::file_status(&here)?.is_link() {
                    return Err(LOOP);
                }
            }
            continue;
        }
        append(&mut done, name)?;
        append(&mut done, b"\0")?;
        let next = step(&here, done.get(start..).unwrap_or_default())?;
        if !fs::file_status(&next)?.is_link() {
            here = next;
            continue;
        }
        links += 1;
        done.truncate(start);
        link.resize_default(limits::PATH_BYTES).map_err(|_| TOO_LONG)?;
        let length = fs::read_link(At::Dir(&next), c"", &mut link)?.len();
        link.truncate(length);
        if link.starts_with(b"/") {
            // What procfs calls absolute is a magic link, or says where one leads.
            if fs::file_system(&next)?.is_kernels() {
                return Err(LOOP);
            }
            done.clear();
            here = step(root, b".\0")?;
        }
        if links > LINKS {
            return Err(LOOP);
        }
        if at <= rest.len() {
            append(&mut link, b"/")?;
        }
        append(&mut link, rest.get(at..).unwrap_or_default())?;
        core::mem::swap(&mut rest, &mut link);
        at = 0;
    }
    if flags & fs::DIRECTORY != 0 {
        is_directory(&here)?;
    }
    Ok(here)
}

#[inline(never)]
fn append(path: &mut Path, text: &[u8]) -> Result<()> {
    path.extend_from_slice(text).map_err(|_| TOO_LONG)
}

/// `name` has a NUL behind it.
#[inline(never)]
fn step(from: &Fd, name: &[u8]) -> Result<Fd> {
    fs::open_at(At::Dir(from), bytes::terminated(name).ok_or(TOO_LONG)?, fs::PLACE | fs::NO_FOLLOW)
}

#[inline(never)]
fn is_directory(place: &Fd) -> Result<()> {
    if fs::file_status(place)?.is_directory() { Ok(()) } else { Err(Error::new(Call::Openat2, libc::ENOTDIR)) }
}

#[cfg(test)]
#[path = "inside_tests.rs"]
mod tests;
