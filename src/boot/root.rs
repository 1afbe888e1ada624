//! Mounting the real root.

use core::ffi::CStr;

use super::device::{self, Absent, Events};
use crate::config::Root;
use crate::sys::error::{Call, Error, Result};
use crate::sys::fd::Fd;
use crate::sys::fs::{self, At};
use crate::sys::mount;
use crate::text::bytes::terminated;
use crate::text::options;

/// Where the root is mounted until it is the root. In the initramfs itself: /run moves on before it.
pub const PLACE: &CStr = c"/newroot";

/// Waits for the device and mounts it on [`PLACE`]. EIO and EBUSY right after a device came are part of its coming.
pub fn mount_root(wanted: &Root, events: &Events, signals: &Fd) -> core::result::Result<Result<()>, Absent> {
    let _ = fs::make_directory(At::Cwd, PLACE, 0o755);
    let device = wanted.source.to_bytes().starts_with(b"/dev/");
    device::wait_for(wanted.source, wanted.wait, events, signals, || {
        if device {
            match device::look(wanted.source)? {
                Ok(()) => {}
                failed => return Some(failed),
            }
        }
        match try_types(wanted) {
            Err(error) if error.is(libc::EIO) || error.is(libc::EBUSY) => None,
            done => Some(done),
        }
    })
}

/// Mounts as the type that was named, or as each that the kernel has for disks, in its own order, as the kernel itself
/// does without an initramfs.
#[inline(never)]
fn try_types(wanted: &Root) -> Result<()> {
    if let Some(fstype) = wanted.fstype {
        return mount_as(wanted, fstype);
    }
    let mut buffer = [0u8; 4096];
    let known = fs::read_file(c"/proc/filesystems", &mut buffer)?;
    for byte in known.iter_mut().filter(|byte| **byte == b'\n') {
        *byte = 0;
    }
    let mut last = Error::new(Call::Mount, libc::EINVAL);
    for line in known.split_inclusive(|&byte| byte == 0) {
        let [b'\t', name @ ..] = line else { continue };
        let Some(fstype) = terminated(name) else { continue };
        match mount_as(wanted, fstype) {
            // Not this one.
            Err(error) if error.is(libc::EINVAL) => {}
            Err(error) => last = error,
            Ok(()) => return Ok(()),
        }
    }
    Err(last)
}

fn mount_as(wanted: &Root, fstype: &CStr) -> Result<()> {
    let mut data = options::Data::new();
    let words = wanted.options.unwrap_or_default().to_bytes();
    let parsed = options::parse(words, &mut data).ok_or(Error::new(Call::Mount, libc::E2BIG))?;
    let flags = parsed.flags | if wanted.read_only { mount::READ_ONLY } else { 0 };
    match mount::mount(wanted.source, PLACE, fstype, flags, options::text(&data)) {
        // A disk that cannot be written is better than no root, and the kernel's own answer to it.
        Err(error) if (error.is(libc::EACCES) || error.is(libc::EROFS)) && !wanted.read_only => {
            mount::mount(wanted.source, PLACE, fstype, flags | mount::READ_ONLY, options::text(&data))
        }
        done => done,
    }
}

/// The mounts that move on to the new root.
pub const MOVED: [&CStr; 4] = [c"/dev", c"/proc", c"/sys", c"/run"];
