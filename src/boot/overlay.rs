//! The layer over the root that takes what is written, so that the root stays as it is: overlayfs, see the kernel's
//! Documentation/filesystems/overlayfs.rst.

use core::ffi::CStr;

use super::device::{Absent, Events};
use super::root::{PLACE, make_places, mount_root};
use crate::config::{Root, value};
use crate::plan::Users;
use crate::plan::run::root::{make_layers, mount_tmpfs};
use crate::say;
use crate::sys::error::{Call, Error, Result};
use crate::sys::fd::Fd;
use crate::sys::fs;
use crate::sys::mount;
use crate::text::show::Show;

/// Where both can be looked at in the new root, by root: the root as it is, and what has been written.
pub const LOWER: &CStr = c"/run/initramfs/root/lower";
pub const UPPER: &CStr = c"/run/initramfs/root/upper";

/// Without an index: the root may be another one each time, as after an update, and the upper layer is of nobody else's use.
const DATA: &CStr = c"lowerdir=/run/initramfs/root/lower,upperdir=/run/initramfs/root/upper/upper,\
    workdir=/run/initramfs/root/upper/work,index=off";

/// Lays `layers` (`tmpfs[:SIZE]`, or a device) over the root on [`PLACE`]. A device that does not come, or cannot be used,
/// gives way to a tmpfs: a machine that forgets is better than none. When it fails, some of it is left there.
#[inline(never)]
pub fn lay(layers: &CStr, events: &Events, signals: &Fd) -> core::result::Result<Result<()>, Absent> {
    if let Err(error) = put_lower() {
        return Ok(Err(error));
    }
    let size = value::tmpfs_size(layers.to_bytes());
    if size.is_none() {
        let done = match mount_root(&Root::new(layers), UPPER, events, signals) {
            Ok(done) => done.and_then(|()| stack(events)),
            Err(Absent::TimedOut) => Err(Error::new(Call::Mount, libc::ETIMEDOUT)),
            Err(ended) => return Err(ended),
        };
        let Err(error) = done else { return Ok(Ok(())) };
        let _ = mount::unmount(UPPER, true);
        let (layers, reason) = (Show(layers.to_bytes()), error.errno());
        say!(Failure, "root: overlay {}: {}; what is written goes to a tmpfs, and is lost at the end", layers, reason);
    }
    Ok(mount_tmpfs(UPPER, size.unwrap_or(0)).and_then(|()| stack(events)))
}

/// The root becomes the lower layer.
fn put_lower() -> Result<()> {
    make_places(&[LOWER, UPPER])?;
    mount::mount(PLACE, LOWER, c"", mount::MOVE, c"")
}

/// The upper layer is mounted.
fn stack(events: &Events) -> Result<()> {
    let place = |path| fs::open(path, fs::PLACE | fs::DIRECTORY);
    make_layers(&place(UPPER)?, &place(LOWER)?, Users::Host)?;
    events.with_file_system(c"overlay", &mut || mount::mount(c"overlay", PLACE, c"overlay", 0, DATA))?;
    // Where overlayfs cannot make its own directory in `work`, it says so to the kernel's log and writes nothing at all.
    if fs::file_system_of(PLACE)?.is_read_only() {
        mount::unmount(PLACE, true)?;
        return Err(Error::new(Call::Mount, libc::EROFS));
    }
    Ok(())
}
