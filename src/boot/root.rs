//! Mounting the real root.

use core::ffi::CStr;

use super::device::{self, Absent, Events};
use crate::config::Root;
use crate::plan::run::machine::mount_as_any;
use crate::sys::error::{Call, Error, Result};
use crate::sys::fd::Fd;
use crate::sys::fs::{self, At};
use crate::sys::mount;
use crate::text::options;

/// Where the root is mounted until it is the root. In the initramfs itself: /run moves on before it.
pub const PLACE: &CStr = c"/newroot";

/// What a device answers that is not all there yet: its node comes before the disk behind it can be opened (ENXIO; seen
/// on USB), before it has read its own medium (ENOMEDIUM), before its array runs (EBUSY) or answers (EIO).
const COMING: [i32; 4] = [libc::ENXIO, libc::ENOMEDIUM, libc::EBUSY, libc::EIO];

/// Waits for the device and mounts it on [`PLACE`].
pub fn mount_root(wanted: &Root, events: &Events, signals: &Fd) -> core::result::Result<Result<()>, Absent> {
    let _ = fs::make_directory(At::Cwd, PLACE, 0o755);
    let device = wanted.source.to_bytes().starts_with(b"/dev/");
    device::wait_for(wanted.source, wanted.wait, events, signals, &mut || {
        if device {
            match device::look(wanted.source)? {
                Ok(()) => {}
                failed => return Some(failed),
            }
        }
        match mount_as(wanted) {
            Err(error) if COMING.iter().any(|&errno| error.is(errno)) => None,
            done => Some(done),
        }
    })
}

/// Mounts as the type that was named, or as any.
fn mount_as(wanted: &Root) -> Result<()> {
    let mut data = options::Data::new();
    let words = wanted.options.unwrap_or_default().to_bytes();
    let parsed = options::parse(words, &mut data).ok_or(Error::new(Call::Mount, libc::E2BIG))?;
    let data = options::text(&data);
    let once = |flags| match wanted.fstype {
        Some(fstype) => mount::mount(wanted.source, PLACE, fstype, flags, data),
        None => mount_as_any(wanted.source, PLACE, flags, data),
    };
    let flags = parsed.flags | if wanted.read_only { mount::READ_ONLY } else { 0 };
    match once(flags) {
        // A disk that cannot be written is better than no root, and the kernel's own answer to it.
        Err(error) if (error.is(libc::EACCES) || error.is(libc::EROFS)) && !wanted.read_only => {
            once(flags | mount::READ_ONLY)
        }
        done => done,
    }
}

/// The mounts that move on to the new root.
pub const MOVED: [&CStr; 4] = [c"/dev", c"/proc", c"/sys", c"/run"];
