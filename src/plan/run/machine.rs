//! Steps of the machine itself.

use core::ffi::CStr;

use super::super::step::Need;
use crate::config::Mount;
use crate::sys::error::{Call, Error, Result};
use crate::sys::fs::{self, At, Status};
use crate::sys::mount;
use crate::text::bytes::{self, Path};
use crate::text::options;

/// `/` of an initramfs is rootfs, the one mount that has no parent, so pivot_root(2) answers EINVAL for it and for what
/// is chrooted on it. A bind mount of it, moved over it, has a parent.
pub fn own_root() -> Result<()> {
    if !fs::file_system_of(c"/")?.is_memory() {
        return Ok(());
    }
    // Any directory would do; it is only borrowed.
    fs::make_directory(At::Cwd, c"/run", 0o755)?;
    mount::mount(c"/", c"/run", c"", mount::BIND | mount::RECURSIVE, c"")?;
    fs::change_directory(c"/run")?;
    mount::mount(c".", c"/", c"", mount::MOVE, c"")?;
    fs::change_root(c".")?;
    fs::change_directory(c"/")
}

/// mount(2) with options as in fstab(5); the mount point is made when it is missing.
pub fn mount(what: &Mount, need: Need) -> Result<()> {
    // tmpfs and devpts make a new one each time, which would hide what an earlier stage left in the old one.
    if need != Need::Must {
        match fs::status(At::Cwd, what.target) {
            Ok(own) if is_mount_point(what.target, &own) => return Ok(()),
            Err(error) if error.is(libc::ENOENT) => make_directories(what.target)?,
            _ => {}
        }
    }
    let mut data = options::Data::new();
    let words = what.options.unwrap_or_default().to_bytes();
    let options = options::parse(words, &mut data).ok_or(Error::new(Call::Mount, libc::E2BIG))?;
    let data = options::text(&data);
    let once = || match what.fstype {
        None if options.flags & (mount::BIND | mount::REMOUNT | mount::MOVE) == 0 => {
            mount_as_any(what.source, what.target, options.flags, data)
        }
        fstype => mount::mount(what.source, what.target, fstype.unwrap_or_default(), options.flags, data),
    };
    let mut done = once();
    if done.is_err_and(|error| error.is(libc::ENOENT)) && !fs::exists(what.target) {
        make_directories(what.target)?;
        done = once();
    }
    // A bind takes no other flag at first (mount(2)).
    let rest = options.flags & !(mount::BIND | mount::RECURSIVE);
    if done.is_ok() && options.flags & mount::BIND != 0 && rest != 0 {
        done = mount::mount(c"none", what.target, c"", mount::REMOUNT | mount::BIND | rest, c"");
    }
    match (need, done) {
        (Need::Standing | Need::IfThere, Err(error)) if error.is(libc::EBUSY) => Ok(()),
        (Need::IfThere, Err(error)) if is_absent(&error) => Ok(()),
        (_, done) => done,
    }
}

/// Something is mounted there: it is on another file system than the directory it lies in.
fn is_mount_point(path: &CStr, own: &Status) -> bool {
    let mut buffer = Path::new();
    let above = bytes::path(&[path.to_bytes(), b"/.."], &mut buffer).map(|above| fs::status(At::Cwd, above));
    above.is_some_and(|above| above.is_ok_and(|above| !own.same_file_system(&above)))
}

/// mkdir -p.
pub fn make_directories(path: &CStr) -> Result<()> {
    match fs::make_directory(At::Cwd, path, 0o755) {
        Err(error) if error.is(libc::ENOENT) => {}
        done => return done,
    }
    let whole = path.to_bytes();
    let mut buffer = Path::new();
    for (end, _) in whole.iter().enumerate().skip(1).filter(|(_, byte)| **byte == b'/') {
        let part = bytes::path(&[whole.get(..end).unwrap_or_default()], &mut buffer);
        fs::make_directory(At::Cwd, part.ok_or(Error::new(Call::Mkdir, libc::ENAMETOOLONG))?, 0o755)?;
    }
    fs::make_directory(At::Cwd, path, 0o755)
}

/// Mounts as each type that the kernel has for disks, in its own order, as it does itself without an initramfs.
#[inline(never)]
pub fn mount_as_any(source: &CStr, target: &CStr, flags: u64, data: &CStr) -> Result<()> {
    let mut buffer = [0u8; 4096];
    let known = fs::read_file(c"/proc/filesystems", &mut buffer)?;
    for byte in known.iter_mut().filter(|byte| **byte == b'\n') {
        *byte = 0;
    }
    let mut last = Error::new(Call::Mount, libc::EINVAL);
    for line in bytes::Words(known) {
        let [b'\t', name @ ..] = line else { continue };
        let Some(fstype) = bytes::terminated(name) else { continue };
        match mount::mount(source, target, fstype, flags, data) {
            // Not this one.
            Err(error) if error.is(libc::EINVAL) => {}
            Err(error) => last = error,
            Ok(()) => return Ok(()),
        }
    }
    Err(last)
}

/// This kernel has no such file system (ENODEV; EPERM where it is only there for others), or no place for it.
pub(super) fn is_absent(error: &Error) -> bool {
    error.is(libc::ENODEV) || error.is(libc::ENOENT) || error.is(libc::EPERM)
}

/// Devices that are there on every Linux, for a kernel without devtmpfs: name, major, minor, mode (mem(4), tty(4)).
pub const NODES: &[(&CStr, u32, u32, u32)] = &[
    (c"null", 1, 3, 0o666),
    (c"zero", 1, 5, 0o666),
    (c"full", 1, 7, 0o666),
    (c"random", 1, 8, 0o666),
    (c"urandom", 1, 9, 0o666),
    (c"tty", 5, 0, 0o666),
];

pub fn mount_dev() -> Result<()> {
    const fn on_dev(fstype: &'static CStr) -> Mount<'static> {
        Mount { source: fstype, target: c"/dev", fstype: Some(fstype), options: Some(c"nosuid,mode=0755") }
    }
    match mount(&on_dev(c"devtmpfs"), Need::Standing) {
        Err(error) if error.is(libc::ENODEV) => {}
        done => return done,
    }
    mount(&on_dev(c"tmpfs"), Need::Must)?;
    let place = fs::open(c"/dev", fs::READ | fs::DIRECTORY)?;
    // A plain tmpfs obeys the mask, which a fresh PID 1 has from the kernel (0), but nobody promised.
    fs::set_mode_mask(0);
    let own: [(&CStr, u32, u32, u32); 2] = [(c"console", 5, 1, 0o600), (c"kmsg", 1, 11, 0o644)];
    let make = |nodes: &[(&CStr, u32, u32, u32)]| {
        let make = |&(name, major, minor, mode): &_| fs::make_device(At::Dir(&place), name, mode, major, minor);
        nodes.iter().try_for_each(make)
    };
    let made = make(NODES).and_then(|()| make(&own));
    fs::set_mode_mask(0o022);
    made
}

/// A symbolic link; one that is there already stays as it is.
pub fn link(target: &CStr, path: &CStr) -> Result<()> {
    match fs::make_link(target, At::Cwd, path) {
        Err(error) if error.is(libc::EEXIST) => Ok(()),
        done => done,
    }
}

/// `KEY=VALUE` as sysctl(8) takes it: dots are slashes, and the other way round, unless the first of them is a slash.
pub fn sysctl(word: &[u8]) -> Result<()> {
    let mut buffer = Path::new();
    let (path, value) = setting(b"/proc/sys/", word, &mut buffer)?;
    fs::write_file(At::Cwd, path, value)
}

/// The file of a setting in `folder`, and what it shall say.
pub fn setting<'w, 'b>(folder: &[u8], word: &'w [u8], buffer: &'b mut Path) -> Result<(&'b CStr, &'w [u8])> {
    let (key, value) = bytes::cut(word, b'=');
    let value = value.ok_or(Error::new(Call::Open, libc::EINVAL))?;
    let too_long = Error::new(Call::Open, libc::ENAMETOOLONG);
    bytes::path(&[folder, key], buffer).ok_or(too_long)?;
    let swaps = key.iter().find(|byte| matches!(byte, b'.' | b'/')) != Some(&b'/');
    for byte in buffer.iter_mut().skip(folder.len()).filter(|_| swaps) {
        *byte = match *byte {
            b'.' => b'/',
            b'/' => b'.',
            other => other,
        };
    }
    Ok((bytes::terminated(buffer).ok_or(too_long)?, value))
}
