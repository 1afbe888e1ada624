//! Steps into a container.
//!
//! The image is hostile: no name in it is ever followed out of it, and nothing is mounted on a name that it controls.
//! Names are opened under the root's own descriptor (O_NOFOLLOW, or openat2 with RESOLVE_IN_ROOT), and mounts are made
//! on descriptors, or on `.` after fchdir.

use core::ffi::CStr;

use super::machine::NODES;
use super::{Place, users};
use crate::plan::Users;
use crate::sys::error::{Call, Error, Result};
use crate::sys::fd::Fd;
use crate::sys::fs::{self, At};
use crate::sys::mount;
use crate::text::bytes::{self, Path};
use crate::text::options;

const HARMLESS: u64 = mount::NO_SUID | mount::NO_DEV | mount::NO_EXEC;

/// `bytes` with a NUL behind them.
fn path<'b>(bytes: &[u8], buffer: &'b mut Path) -> Result<&'b CStr> {
    bytes::path(&[bytes], buffer).ok_or(Error::new(Call::Open, libc::ENAMETOOLONG))
}

/// Mounts made from here on are seen by nobody else, and nobody else's by us. From here on, too, the current directory is
/// wherever the last step needed it: what is relative to the launcher's was meant from here.
pub fn make_private(place: &mut Place) -> Result<()> {
    place.launch = fs::open(c".", fs::PLACE | fs::DIRECTORY).ok();
    mount::mount(c"none", c"/", c"", mount::RECURSIVE | mount::PRIVATE, c"")
}

/// Opens the root and lays a copy of its mounts over it: what pivot_root needs, and what `read_only` can be said of.
pub fn take_root(path: &CStr, read_only: bool, devices: bool, place: &mut Place) -> Result<()> {
    place.old_root = Some(fs::open(c"/", fs::PLACE | fs::DIRECTORY)?);
    let tree = if place.outer.is_some() {
        // Where it lies is not ours to walk to; over the old root is as good a place for it.
        let tree = tree(path, place)?;
        mount::attach(&tree, At::Cwd, c"/")?;
        place.source = Some(mount::clone_tree(At::Dir(&tree), c"", true)?);
        tree
    } else {
        let from = place.launch.as_ref().map_or(At::Cwd, At::Dir);
        let source = fs::open_at(from, path, fs::PLACE | fs::DIRECTORY)?;
        let tree = mount::clone_tree(At::Dir(&source), c"", true)?;
        mount::attach(&tree, At::Dir(&source), c"")?;
        place.source = Some(source);
        tree
    };
    restrict(&tree, read_only, devices)?;
    place.root = Some(tree);
    Ok(())
}

/// A detached copy of what the host has at `path`, relative to where the launcher was. In a user namespace of root's it
/// comes from outside, with its ids mapped.
fn tree(path: &CStr, place: &Place) -> Result<Fd> {
    if let Some(outer) = &place.outer {
        return users::receive(outer)?.ok_or(Error::new(Call::OpenTree, libc::EBADF));
    }
    mount::clone_tree(place.launch.as_ref().map_or(At::Cwd, At::Dir), path, true)
}

/// What holds for a mount and all under it. An image may ship the nodes of disks: without `devices` none of them opens.
fn restrict(tree: &Fd, read_only: bool, devices: bool) -> Result<()> {
    let read_only = if read_only { mount::SET_READ_ONLY } else { 0 };
    let no_dev = if devices { 0 } else { mount::SET_NO_DEV };
    match read_only | no_dev {
        0 => Ok(()),
        set => mount::set_attributes(At::Dir(tree), c"", true, set),
    }
}

fn root<'f>(place: &'f Place) -> Result<&'f Fd> {
    place.root.as_ref().ok_or(Error::new(Call::Open, libc::EBADF))
}

/// Opens a directory of the root by its own name, made if it is missing. A link in its place is refused.
fn own_directory(place: &Place, name: &CStr) -> Result<Fd> {
    let root = root(place)?;
    let flags = fs::PLACE | fs::DIRECTORY | fs::NO_FOLLOW;
    match fs::open_at(At::Dir(root), name, flags) {
        Err(error) if error.is(libc::ENOENT) => {
            make(place, |top| fs::make_directory(At::Dir(top), name, 0o755))?;
            fs::open_at(At::Dir(root), name, flags)
        }
        done => done,
    }
}

/// Makes a mount point: in the container's view of the root, or, where that is read-only, in the host's.
fn make(place: &Place, make: impl Fn(&Fd) -> Result<()>) -> Result<()> {
    match (make(root(place)?), &place.source) {
        (Err(error), Some(source)) if error.is(libc::EROFS) => make(source),
        (done, _) => done,
    }
}

/// Opens `target` of the root, links inside it followed inside it, made as what `directory` says if it is missing.
fn mount_point(target: &[u8], directory: bool, place: &Place) -> Result<Fd> {
    let mut buffer = Path::new();
    let whole = path(target, &mut buffer)?;
    match fs::open_in(root(place)?, whole, fs::PLACE) {
        Err(error) if error.is(libc::ENOENT) => {}
        done => return done,
    }
    make(place, |top| make_under(top, target, directory))?;
    fs::open_in(root(place)?, whole, fs::PLACE)
}

/// mkdir -p inside `top`, the last name as a file unless `directory`. Each name is looked up inside `top`, and made
/// under the descriptor of the one before.
fn make_under(top: &Fd, target: &[u8], directory: bool) -> Result<()> {
    let mut buffer = Path::new();
    let mut end = 0;
    while end < target.len() {
        let start = end;
        end = target.iter().skip(start + 1).position(|&byte| byte == b'/').map_or(target.len(), |at| start + 1 + at);
        let name = target.get(start..end).unwrap_or_default();
        let name = if let [b'/', name @ ..] = name { name } else { name };
        if name.is_empty() {
            continue;
        }
        match fs::open_in(top, path(target.get(..end).unwrap_or_default(), &mut buffer)?, fs::PLACE) {
            Err(error) if error.is(libc::ENOENT) => {}
            Ok(_) => continue,
            Err(error) => return Err(error),
        }
        let before = path(target.get(..start).unwrap_or_default(), &mut buffer)?;
        let before = if before.is_empty() { c"/" } else { before };
        let parent = fs::open_in(top, before, fs::PLACE | fs::DIRECTORY)?;
        let name = path(name, &mut buffer)?;
        if end == target.len() && !directory {
            fs::open_at(At::Dir(&parent), name, fs::WRITE | fs::CREATE | fs::EXCLUSIVE | fs::NO_FOLLOW)?;
        } else {
            fs::make_directory(At::Dir(&parent), name, 0o755)?;
        }
    }
    Ok(())
}

/// Binds `source`, with what is mounted under it, on `target` of the root.
pub fn volume(source: &[u8], target: &[u8], read_only: bool, devices: bool, place: &Place) -> Result<()> {
    let mut buffer = Path::new();
    let tree = tree(path(source, &mut buffer)?, place)?;
    restrict(&tree, read_only, devices)?;
    let directory = fs::file_status(&tree)?.is_directory();
    mount::attach(&tree, At::Dir(&mount_point(target, directory, place)?), c"")
}

/// A fresh tmpfs on `target` of the root.
pub fn tmpfs(target: &[u8], words: &[u8], place: &Place) -> Result<()> {
    let mut data = options::Data::new();
    let parsed = options::parse(words, &mut data).ok_or(Error::new(Call::Mount, libc::E2BIG))?;
    fs::enter(&mount_point(target, true, place)?)?;
    let flags = parsed.flags | mount::NO_SUID | mount::NO_DEV;
    mount::mount(c"tmpfs", c".", c"tmpfs", flags, options::text(&data))
}

/// A fresh tmpfs on /dev with the nodes that programs expect, and the small file systems that lie in it.
pub fn devices(place: &mut Place) -> Result<()> {
    let root = root(place)?;
    let under = own_directory(place, c"dev")?;
    fs::enter(&under)?;
    mount::mount(c"tmpfs", c".", c"tmpfs", mount::NO_SUID, c"mode=755,size=64k")?;
    // By its name again, to stand in the tmpfs: whoever may write to the image could have put something else there.
    let dev = fs::open_at(At::Dir(root), c"dev", fs::READ | fs::DIRECTORY | fs::NO_FOLLOW)?;
    if !fs::file_system(&dev)?.is_tmpfs() || fs::file_status(&dev)?.same_file_system(&fs::file_status(&under)?) {
        return Err(Error::new(Call::Open, libc::ESTALE));
    }
    let here = At::Dir(&dev);
    if place.users == Users::Host {
        for &(name, major, minor, mode) in NODES {
            fs::make_device(here, name, mode, major, minor)?;
        }
    } else {
        bind_nodes(here, place)?;
    }
    // For masks: a volume may lie over /dev later.
    place.null = Some(fs::open_at(here, c"null", fs::PLACE | fs::NO_FOLLOW)?);
    for &(name, target) in &[
        (c"fd", c"/proc/self/fd"),
        (c"stdin", c"/proc/self/fd/0"),
        (c"stdout", c"/proc/self/fd/1"),
        (c"stderr", c"/proc/self/fd/2"),
        (c"ptmx", c"pts/ptmx"),
    ] {
        fs::make_link(target, here, name)?;
    }
    // Names in this tmpfs are ours alone: nobody else has seen it yet.
    fs::enter(&dev)?;
    for name in &[c"pts", c"shm", c"mqueue"] {
        fs::make_directory(here, name, 0o755)?;
    }
    // 5 is the group tty on every distribution, but nobody where one id is all there are.
    let pts = match place.users {
        Users::Caller => c"newinstance,ptmxmode=0666,mode=620",
        _ => c"newinstance,ptmxmode=0666,mode=620,gid=5",
    };
    mount::mount(c"devpts", c"pts", c"devpts", mount::NO_SUID | mount::NO_EXEC, pts)?;
    mount::mount(c"shm", c"shm", c"tmpfs", HARMLESS, c"mode=1777,size=64m")?;
    match mount::mount(c"mqueue", c"mqueue", c"mqueue", HARMLESS, c"") {
        // A kernel without POSIX message queues.
        Err(error) if error.is(libc::ENODEV) => fs::remove(here, c"mqueue", true),
        done => done,
    }
}

/// In a user namespace mknod(2) is EPERM: the host's nodes lie over empty files.
fn bind_nodes(here: At, place: &Place) -> Result<()> {
    let old_root = place.old_root.as_ref().ok_or(Error::new(Call::Open, libc::EBADF))?;
    let dev = fs::open_at(At::Dir(old_root), c"dev", fs::PLACE | fs::DIRECTORY)?;
    for &(name, major, minor, _) in NODES {
        let node = mount::clone_tree(At::Dir(&dev), name, false)?;
        if !fs::file_status(&node)?.is_device(major, minor) {
            return Err(Error::new(Call::Open, libc::ENODEV));
        }
        fs::make_file(here, name)?;
        mount::attach(&node, here, name)?;
    }
    Ok(())
}

pub fn pivot(place: &Place) -> Result<()> {
    fs::enter(root(place)?)?;
    mount::pivot_root_here()
}

/// /proc of the pid namespace that this process is PID 1 of.
pub fn proc(place: &Place) -> Result<()> {
    fs::enter(&own_directory(place, c"proc")?)?;
    mount::mount(c"proc", c".", c"proc", HARMLESS, c"")?;
    kernels_own(place, c"proc")
}

/// What stands at `name` now is the kernel's: whoever may write to the image could have put something else in its place.
fn kernels_own(place: &Place, name: &CStr) -> Result<()> {
    let top = fs::open_at(At::Dir(root(place)?), name, fs::PLACE | fs::DIRECTORY | fs::NO_FOLLOW)?;
    if fs::file_system(&top)?.is_kernels() { Ok(()) } else { Err(Error::new(Call::Open, libc::ESTALE)) }
}

pub fn sys(read_only: bool, place: &Place) -> Result<()> {
    let flags = HARMLESS | if read_only { mount::READ_ONLY } else { 0 };
    let attempt = || {
        fs::enter(&own_directory(place, c"sys")?)?;
        mount::mount(c"sysfs", c".", c"sysfs", flags, c"")
    };
    match attempt() {
        // The root came with a sysfs of the same network namespace (the host's own root, the host's network): the kernel
        // mounts nothing on itself.
        Err(error) if error.is(libc::EBUSY) => {
            mount::unmount(c".", true)?;
            attempt()?;
        }
        done => done?,
    }
    kernels_own(place, c"sys")
}

/// The host's own, with all that is mounted in it.
pub fn host_sys(read_only: bool, place: &Place) -> Result<()> {
    let old_root = place.old_root.as_ref().ok_or(Error::new(Call::Open, libc::EBADF))?;
    let tree = mount::clone_tree(At::Dir(old_root), c"sys", true)?;
    restrict(&tree, read_only, true)?;
    mount::attach(&tree, At::Dir(&own_directory(place, c"sys")?), c"")?;
    kernels_own(place, c"sys")
}

/// pivot_root(2) left the old root lying over the new one. Detached, it is gone for everyone in this namespace.
pub fn drop_old_root(place: &mut Place) -> Result<()> {
    let old = place.old_root.take().ok_or(Error::new(Call::Umount, libc::EBADF))?;
    fs::enter(&old)?;
    mount::unmount(c".", true)?;
    fs::change_directory(c"/")
}

/// Opens what lies at `path`, which is /proc/... or /sys/..., both fresh mounts of ours. None: this kernel has no such thing.
fn covered(path: &CStr, place: &Place) -> Result<Option<Fd>> {
    match fs::open_in(root(place)?, path, fs::PLACE) {
        Err(error) if error.is(libc::ENOENT) => Ok(None),
        done => done.map(Some),
    }
}

/// An empty read-only directory over a directory, the null device over a file.
pub fn mask(path: &CStr, place: &Place) -> Result<()> {
    let Some(target) = covered(path, place)? else { return Ok(()) };
    if fs::file_status(&target)?.is_directory() {
        fs::enter(&target)?;
        return mount::mount(c"tmpfs", c".", c"tmpfs", HARMLESS | mount::READ_ONLY, c"mode=555");
    }
    let null = place.null.as_ref().ok_or(Error::new(Call::Open, libc::EBADF))?;
    if !fs::file_status(null)?.is_device(1, 3) {
        return Err(Error::new(Call::Open, libc::ESTALE));
    }
    mount::attach(&mount::clone_tree(At::Dir(null), c"", false)?, At::Dir(&target), c"")
}

/// A read-only bind mount of `path` over itself.
pub fn make_read_only(path: &CStr, place: &Place) -> Result<()> {
    let Some(target) = covered(path, place)? else { return Ok(()) };
    let tree = mount::clone_tree(At::Dir(&target), c"", true)?;
    restrict(&tree, true, true)?;
    mount::attach(&tree, At::Dir(&target), c"")
}
