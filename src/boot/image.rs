//! A root that is a file: on the file system that the root's source is, or in the initramfs itself.

use core::ffi::CStr;

use super::device::Events;
use super::root::PLACE;
use crate::config::Root;
use crate::plan::run::root::{attach, mount_disk};
use crate::probe::superblock::{NEVER_WRITTEN, NO_LOOP};
use crate::sys::block;
use crate::sys::error::{Call, Error, Result};
use crate::sys::fs::{self, At};

/// Where the source that has the image is mounted, and stays: /run moves on to the new root.
pub const SOURCE: &CStr = c"/run/initramfs/root/source";

/// Mounts `image` of `root`, whose source is mounted on [`SOURCE`], on [`PLACE`]: through a loop device that lets go of the file
/// by itself when the root is let go of. Nothing else holds the file: one in the initramfs is removed with the rest of that, and
/// its memory stays for as long as it is the root. What is to be written to is mounted if `check` of its device and type allows.
#[inline(never)]
pub fn mount(root: &Root, image: &CStr, events: &Events, check: &mut dyn FnMut(&CStr, &CStr) -> bool) -> Result<()> {
    let _ = fs::make_directory(At::Cwd, PLACE, 0o755);
    let carrier = fs::open(if root.source.is_empty() { c"/" } else { SOURCE }, fs::PLACE | fs::DIRECTORY)?;
    let file = fs::open_in(&carrier, image, fs::PLACE)?;
    let mut once = |writable| {
        let mut name = block::Name::new();
        let (_disk, name, fstype) = match attach(&file, writable, &mut name) {
            Err(error) if error.is(NO_LOOP) && events.demand(&[b"", b"loop"]) => attach(&file, writable, &mut name),
            done => done,
        }?;
        if writable && !check(name, fstype) {
            return Err(Error::new(Call::Mount, libc::EUCLEAN));
        }
        events.with_file_system(fstype, &mut || mount_disk(name, PLACE, fstype, writable))
    };
    // As with a disk: what cannot be written (squashfs and erofs ever, ext4 where its source is read-only) is still a root.
    match once(!root.is_read_only()) {
        Err(error) if [libc::EROFS, libc::EACCES, NEVER_WRITTEN].iter().any(|&errno| error.is(errno)) => once(false),
        done => done,
    }
}
