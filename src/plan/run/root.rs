//! What a container's root can be: a directory, a file with a file system in it, or a layer over either.

use core::ffi::CStr;

use super::Place;
use super::bind::{bind, restrict};
use super::users;
use crate::config::value;
use crate::plan::Users;
use crate::probe::superblock::{self, CUT_SHORT, EXT4, HEAD_BYTES, NEVER_WRITTEN};
use crate::put;
use crate::sys::block;
use crate::sys::error::{Call, Error, Result};
use crate::sys::fd::Fd;
use crate::sys::fs::{self, At};
use crate::sys::mount;
use crate::sys::poll;
use crate::text::bytes::terminated;

/// How often an image's lock is asked for, 10 ms each: far longer than the kernel takes to close what its last user left.
const LOCK_TRIES: usize = 50;

/// Takes what lies at `path` as the root.
pub fn take(path: &CStr, read_only: bool, devices: bool, place: &mut Place) -> Result<()> {
    let Some(outer) = &place.outer else {
        lower(path, !read_only, place)?;
        return lay(read_only, devices, place);
    };
    // In a user namespace of root's it comes from outside, with its ids mapped. Where it lies there is not ours to walk to;
    // over the old root is as good a place for it.
    let tree = users::receive_tree(outer)?;
    if !fs::file_status(&tree)?.is_directory() {
        // An image: what mounts it here is nobody on the host.
        return Err(Error::new(Call::OpenTree, libc::EOPNOTSUPP));
    }
    mount::attach(&tree, At::Cwd, c"/")?;
    place.source = Some(mount::clone_tree(At::Dir(&tree), c"", true)?);
    restrict(&tree, read_only, devices)?;
    place.root = Some(tree);
    Ok(())
}

/// Opens what is to be the root as the host sees it: a directory, or an image, which is mounted out of everybody's way.
pub fn lower(path: &CStr, writable: bool, place: &mut Place) -> Result<()> {
    if place.outer.is_some() {
        // Overlayfs takes no layer with mapped ids before Linux 5.19, and none of ours yet.
        return Err(Error::new(Call::OpenTree, libc::EOPNOTSUPP));
    }
    let from = place.launch.as_ref().map_or(At::Cwd, At::Dir);
    place.source = Some(match fs::open_at(from, path, fs::PLACE | fs::DIRECTORY) {
        Err(error) if error.is(libc::ENOTDIR) => image(path, writable, place)?,
        done => done?,
    });
    Ok(())
}

/// Lays a copy of its mounts over it: what pivot_root needs, and what `read_only` can be said of.
fn lay(read_only: bool, devices: bool, place: &mut Place) -> Result<()> {
    let source = place.source.as_ref().ok_or(Error::new(Call::Open, libc::EBADF))?;
    let tree = bind(At::Dir(source), c"", source, true, &mut place.spot)?;
    restrict(&tree, read_only, devices)?;
    place.root = Some(tree);
    Ok(())
}

/// Makes a disk of the file at `place`, whose name goes to `name`. What file system is in it, its first bytes say, not its name,
/// and the kernel is not left to guess.
#[inline(never)]
pub fn attach<'n>(place: &Fd, writable: bool, name: &'n mut block::Name) -> Result<(Fd, &'n CStr, &'static CStr)> {
    // Looked at before it is opened: a fifo would block, and opening may start a device.
    let status = fs::file_status(place)?;
    if !status.is_regular() {
        return Err(Error::new(Call::Open, libc::ENOTDIR));
    }
    let mut file = fs::reopen(place, fs::READ)?;
    let mut head = [0; HEAD_BYTES];
    let length = file.read_to_end(&mut head)?;
    let head = head.get(..length).unwrap_or_default();
    let reason = |reason| Error::new(Call::Mount, reason);
    let fstype = superblock::recognise(head).map_err(reason)?;
    if superblock::bytes_of(head) > status.size() {
        return Err(reason(CUT_SHORT));
    }
    if writable {
        if fstype != EXT4 {
            return Err(reason(NEVER_WRITTEN));
        }
        file = fs::reopen(place, fs::READ_WRITE)?;
    }
    // Two who write to one file system through a disk each destroy it. The loop device keeps our open file, and with it the
    // lock, for as long as it is mounted; and a little longer, for when its last user ends, a worker of the kernel closes it.
    let mut tries = 0..LOCK_TRIES;
    while !fs::lock(&file, writable) {
        tries.next().ok_or(reason(libc::EBUSY))?;
        poll::pause();
    }
    let (disk, name) = block::attach(&file, writable, name)?;
    Ok((disk, name, fstype))
}

fn image(path: &CStr, writable: bool, place: &mut Place) -> Result<Fd> {
    let from = place.launch.as_ref().map_or(At::Cwd, At::Dir);
    let mut name = block::Name::new();
    let (_disk, name, fstype) = attach(&fs::open_at(from, path, fs::PLACE)?, writable, &mut name)?;
    place.spot.enter()?;
    fs::make_directory(At::Cwd, c"image", 0o700)?;
    mount_disk(name, c"image", fstype, writable)?;
    fs::open(c"image", fs::PLACE)
}

/// Mounts what was attached.
pub fn mount_disk(name: &CStr, target: &CStr, fstype: &CStr, writable: bool) -> Result<()> {
    let flags = if writable { 0 } else { mount::READ_ONLY };
    // An image may say that its errors are to stop the machine.
    let data = if fstype == EXT4 { c"errors=remount-ro" } else { c"" };
    mount::mount(name, target, fstype, flags, data)
}

/// What is written goes to `layers` (`tmpfs[:SIZE]`, or a directory of the host's), and the root below stays as it is.
#[inline(never)]
pub fn overlay(layers: &CStr, read_only: bool, devices: bool, place: &mut Place) -> Result<()> {
    let lower = place.source.take().ok_or(Error::new(Call::Open, libc::EBADF))?;
    place.spot.enter()?;
    for name in &[c"layers", c"root"] {
        fs::make_directory(At::Cwd, name, 0o700)?;
    }
    let from = place.launch.as_ref().map_or(At::Cwd, At::Dir);
    let index = match value::tmpfs_size(layers.to_bytes()) {
        Some(size) => {
            mount_tmpfs(c"layers", size)?;
            ""
        }
        None => {
            let directory = fs::open_at(from, layers, fs::PLACE | fs::DIRECTORY)?;
            bind(At::Dir(&directory), c"", &fs::open(c"layers", fs::PLACE)?, false, &mut place.spot)?;
            // The kernel then refuses what another overlay has in use, and what belongs to another root.
            ",index=on"
        }
    };
    make_layers(&fs::open(c"layers", fs::PLACE)?, &lower, place.users)?;
    // Names of our own: a path could have what overlayfs reads as its separators.
    let number = lower.number() as u32;
    // In a user namespace trusted.* attributes are nobody's to write: without those that say so instead (Linux 5.11) no
    // directory of the root could be removed.
    let attributes = if place.users == Users::Host { "" } else { ",userxattr" };
    let [upper, work] = ["layers/upper", "layers/work"];
    let mut data = heapless::Vec::<u8, 128>::new();
    put!(&mut data, "lowerdir=/proc/self/fd/{},upperdir={},workdir={}{}{}\0", number, upper, work, index, attributes);
    mount::mount(c"overlay", c"root", c"overlay", 0, terminated(&data).unwrap_or_default())?;
    place.source = Some(fs::open(c"root", fs::PLACE)?);
    lay(read_only, devices, place)
}

/// A tmpfs for the upper layer of an overlay. 0 would be without a bound for tmpfs; here it is the kernel's own, half the memory.
#[inline(never)]
pub fn mount_tmpfs(target: &CStr, size: u64) -> Result<()> {
    let mut data = heapless::Vec::<u8, 64>::new();
    put!(&mut data, "mode=700");
    if size > 0 {
        put!(&mut data, ",size={}", size);
    }
    put!(&mut data, "\0");
    mount::mount(c"tmpfs", target, c"tmpfs", 0, terminated(&data).unwrap_or_default())
}

/// What overlayfs wants in `top`, as far as it is not there: `upper` and `work`.
#[inline(never)]
pub fn make_layers(top: &Fd, lower: &Fd, users: Users) -> Result<()> {
    let status = fs::file_status(lower)?;
    let there = fs::link_status(At::Dir(top), c"upper").is_ok();
    // The root's own owner and mode are those of its upper layer.
    fs::make_directory(At::Dir(top), c"upper", status.mode())?;
    if !there && status.owner() != (0, 0) {
        match fs::set_owner(At::Dir(top), c"upper", status.owner()) {
            // Somebody who has no id in this user namespace: it stays ours.
            Err(error) if error.is(libc::EINVAL) && users != Users::Host => {}
            done => done?,
        }
    }
    fs::make_directory(At::Dir(top), c"work", 0o700)
}
