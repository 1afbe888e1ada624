//! What of /proc and /sys a container does not see, or may not write to.

use core::ffi::CStr;

use super::Place;
use super::isolation::HARMLESS;
use crate::put;
use crate::sys::error::{Call, Error, Result};
use crate::sys::fs;
use crate::sys::mount;
use crate::text::bytes;

/// Where `path` lies under one of our own mounts of proc and sysfs, which we stand in from here on: names in there are the
/// kernel's, whatever becomes of those in the image.
fn covered<'c>(path: &'c CStr, place: &mut Place) -> Result<&'c CStr> {
    let bytes = path.to_bytes_with_nul();
    let (mount, name) = match bytes::after(bytes, b"/proc/") {
        Some(name) => (&place.proc, name),
        None => (&place.sys, bytes::after(bytes, b"/sys/").unwrap_or_default()),
    };
    let mount = mount.as_ref().ok_or(Error::new(Call::Open, libc::EBADF))?;
    if place.inside != mount.number() {
        fs::enter(mount)?;
        place.inside = mount.number();
    }
    Ok(bytes::terminated(name).unwrap_or_default())
}

/// This kernel may have no such thing.
fn if_there(done: Result<()>) -> Result<bool> {
    match done {
        Err(error) if error.is(libc::ENOENT) => Ok(false),
        done => done.map(|()| true),
    }
}

/// An empty read-only directory over a directory (which has a slash behind it), our own null device over a file of /proc.
pub fn mask(path: &CStr, place: &mut Place) -> Result<()> {
    let name = covered(path, place)?;
    if name.to_bytes().ends_with(b"/") {
        let flags = HARMLESS | mount::READ_ONLY;
        return if_there(mount::mount(c"tmpfs", name, c"tmpfs", flags, c"mode=555")).map(drop);
    }
    let null = place.null.as_ref().ok_or(Error::new(Call::Open, libc::EBADF))?;
    let mut source = heapless::Vec::<u8, 24>::new();
    // Of the proc that we stand in; a number has ten digits.
    put!(&mut source, "self/fd/{}\0", null.number() as u32);
    let source = bytes::terminated(&source).unwrap_or_default();
    if_there(mount::mount(source, name, c"", mount::BIND, c"")).map(drop)
}

/// A read-only bind mount of `path` over itself.
pub fn make_read_only(path: &CStr, place: &mut Place) -> Result<()> {
    let name = covered(path, place)?;
    if if_there(mount::mount(name, name, c"", mount::BIND, c""))? {
        mount::mount(c"none", name, c"", mount::REMOUNT | mount::BIND | mount::READ_ONLY | HARMLESS, c"")?;
    }
    Ok(())
}
