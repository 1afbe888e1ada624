//! Steps into a container.
//!
//! The image is hostile: no name in it is ever followed out of it, and nothing is mounted on a name that it controls.
//! Names are opened under the root's own descriptor (O_NOFOLLOW, or openat2 with RESOLVE_IN_ROOT), and mounts are made
//! on descriptors, or on `.` after fchdir.

use core::ffi::CStr;

use super::bind::{bind, restrict};
use super::machine;
use super::{Place, users};
use crate::config::Network;
use crate::sys::error::{Call, Error, Result};
use crate::sys::fd::Fd;
use crate::sys::fs::{self, At};
use crate::sys::{mount, net, process, user};
use crate::text::bytes::{self, Path};
use crate::text::options;

pub(super) const HARMLESS: u64 = mount::NO_SUID | mount::NO_DEV | mount::NO_EXEC;

/// `bytes` with a NUL behind them.
pub(super) fn path<'b>(bytes: &[u8], buffer: &'b mut Path) -> Result<&'b CStr> {
    bytes::path(&[bytes], buffer).ok_or(Error::new(Call::Open, libc::ENAMETOOLONG))
}

/// The network that it is given, the one at a path, or the new one that it was born with.
pub fn enter_network(network: Network, place: &Place) -> Result<()> {
    let opened;
    let namespace = match (place.network, network) {
        (Some(given), _) => given,
        (None, Network::Netns(path)) => {
            // A fifo in its place blocks nobody.
            opened = fs::open(path, fs::READ | fs::NON_BLOCK)?;
            &opened
        }
        (None, Network::Service(_)) => return Err(Error::new(Call::Setns, libc::ESRCH)),
        (None, _) => return net::loopback_up(),
    };
    process::join(namespace, process::NEW_NET)
}

/// Into all namespaces of a process: at once (Linux 5.8), else one after the other, each opened before the first is joined.
pub fn join(place: &Place) -> Result<()> {
    const FILES: [&CStr; 7] = [c"ns/user", c"ns/cgroup", c"ns/ipc", c"ns/uts", c"ns/net", c"ns/pid", c"ns/mnt"];
    const KINDS: u64 = process::NEW_CGROUP
        | process::NEW_IPC
        | process::NEW_UTS
        | process::NEW_NET
        | process::NEW_PID
        | process::NEW_MOUNT;
    let (pid, directory) = place.process.ok_or(Error::new(Call::Setns, libc::EBADF))?;
    // Who may not is in there with what the step that gives it a user leaves it.
    let _ = user::set_groups(&[]);
    let whole = process::descriptor_of(pid);
    // Its directory is that of one process for good: if it lives still, the number was its own all the time.
    let user = fs::open_at(At::Dir(directory), c"ns/user", fs::READ)?;
    // The kernel refuses the user namespace that one is in.
    let own = fs::is_same(&user, c"/proc/self/ns/user");
    match whole.and_then(|whole| process::join(&whole, KINDS | if own { 0 } else { process::NEW_USER })) {
        Err(error) if error.is(libc::ENOSYS) || error.is(libc::EINVAL) => {
            let mut files = heapless::Vec::<Fd, { FILES.len() }>::new();
            for name in FILES.get(usize::from(own)..).unwrap_or_default() {
                let _ = files.push(fs::open_at(At::Dir(directory), name, fs::READ)?);
            }
            files.iter().try_for_each(|file| process::join(file, 0))?;
        }
        done => done?,
    }
    if !own {
        // The host's root is still who owns the host's files: whoever is inside would have us open what they cannot. Nor could
        // anybody in there be given what we make.
        user::act_as_root();
    }
    Ok(())
}

/// Mounts made from here on are seen by nobody else, and nobody else's by us.
pub fn make_private() -> Result<()> {
    mount::mount(c"none", c"/", c"", mount::RECURSIVE | mount::PRIVATE, c"")
}

/// From here on the current directory is wherever the last step needed it: what is relative to the launcher's is meant from
/// here.
pub fn hold_directory(place: &mut Place) -> Result<()> {
    place.launch = Some(fs::open(c".", fs::PLACE | fs::DIRECTORY)?);
    Ok(())
}

pub(super) fn root<'f>(place: &'f Place) -> Result<&'f Fd> {
    place.root.as_ref().ok_or(Error::new(Call::Open, libc::EBADF))
}

/// Opens a directory of the root by its own name, made if it is missing. A link in its place is refused.
pub(super) fn own_directory(place: &Place, name: &CStr) -> Result<Fd> {
    let root = root(place)?;
    let flags = fs::PLACE | fs::DIRECTORY | fs::NO_FOLLOW;
    match fs::open_at(At::Dir(root), name, flags) {
        Err(error) if error.is(libc::ENOENT) => {
            super::tell_making(place, 0);
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
    make(place, |top| make_under(top, target, directory, Some(place)))?;
    fs::open_in(root(place)?, whole, fs::PLACE).map_err(|error| match error.is(libc::ENOENT) {
        // Made in the image, where a read-only volume lies over it.
        true => Error::new(Call::Openat2, libc::EROFS),
        false => error,
    })
}

/// mkdir -p inside `top`, the last name as a file unless `directory`. Each name is looked up inside `top`, and made
/// under the descriptor of the one before.
pub(super) fn make_under(top: &Fd, target: &[u8], directory: bool, place: Option<&Place>) -> Result<()> {
    let mut buffer = Path::new();
    let (mut end, mut told) = (0, false);
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
        if let (Some(place), false) = (place, told)
            && is_images(&parent, before, place)?
        {
            super::tell_making(place, start);
            told = true;
        }
        let name = path(name, &mut buffer)?;
        if end == target.len() && !directory {
            fs::open_at(At::Dir(&parent), name, fs::WRITE | fs::CREATE | fs::EXCLUSIVE | fs::NO_FOLLOW)?;
        } else {
            fs::make_directory(At::Dir(&parent), name, 0o755)?;
        }
    }
    Ok(())
}

/// `directory` of the root, at `path`, is the image's own: nothing that an earlier step mounted lies over it. What is made there
/// is made in the image, which may have something of that name below the mount.
/// Where nobody can tell, nothing is made.
fn is_images(directory: &Fd, path: &CStr, place: &Place) -> Result<bool> {
    let Some(source) = &place.source else { return Ok(false) };
    match fs::open_in(source, path, fs::PLACE) {
        Ok(own) => Ok(fs::file_status(&own)?.is(&fs::file_status(directory)?)),
        Err(error) if [libc::ENOENT, libc::ENOTDIR, libc::ELOOP].iter().any(|&none| error.is(none)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Binds `source`, with what is mounted under it, on `target` of the root.
pub fn volume(source: &[u8], target: &[u8], read_only: bool, devices: bool, place: &mut Place) -> Result<()> {
    let mut buffer = Path::new();
    let source = path(source, &mut buffer)?;
    let tree = match &place.outer {
        // In a user namespace of root's it comes from outside, with its ids mapped.
        Some(outer) => {
            let tree = users::receive_tree(outer)?;
            let target = mount_point(target, fs::file_status(&tree)?.is_directory(), place)?;
            mount::attach(&tree, At::Dir(&target), c"")?;
            tree
        }
        None => {
            let from = place.launch.as_ref().map_or(At::Cwd, At::Dir);
            let target = mount_point(target, fs::status(from, source)?.is_directory(), place)?;
            bind(from, source, &target, true, &mut place.spot)?
        }
    };
    restrict(&tree, read_only, devices)
}

/// A fresh tmpfs on `target` of the root.
pub fn tmpfs(target: &[u8], words: &[u8], place: &Place) -> Result<()> {
    let mut data = options::Data::new();
    let parsed = options::parse(words, &mut data).ok_or(Error::new(Call::Mount, libc::E2BIG))?;
    fs::enter(&mount_point(target, true, place)?)?;
    let flags = parsed.flags | mount::NO_SUID | mount::NO_DEV;
    mount::mount(c"tmpfs", c".", c"tmpfs", flags, options::text(&data))
}

/// We stand in the root from here on.
pub fn pivot(place: &Place) -> Result<()> {
    fs::enter(root(place)?)?;
    mount::pivot_root(c".")
}

/// Mounts a file system of the kernel's at `name` of the root, which we stand in: a link in its place leads nowhere but
/// into the container, and is met by the look after it, as is whatever somebody who may write to the image puts there
/// meanwhile.
fn kernels(name: &CStr, fstype: &CStr, flags: u64, place: &Place) -> Result<Fd> {
    let attempt = || mount::mount(fstype, name, fstype, flags, c"");
    match attempt() {
        Err(error) if error.is(libc::ENOENT) => {
            own_directory(place, name)?;
            attempt()?;
        }
        // The root came with a sysfs of the same network namespace (the host's own root, the host's network): the kernel
        // mounts nothing on itself.
        Err(error) if error.is(libc::EBUSY) => {
            mount::unmount(name, true)?;
            attempt()?;
        }
        done => done?,
    }
    kernels_own(name, place)
}

fn kernels_own(name: &CStr, place: &Place) -> Result<Fd> {
    let top = fs::open_at(At::Dir(root(place)?), name, fs::PLACE | fs::DIRECTORY | fs::NO_FOLLOW)?;
    if fs::file_system(&top)?.is_kernels() { Ok(top) } else { Err(Error::new(Call::Open, libc::ESTALE)) }
}

/// In our own /proc, and nowhere above its sys.
pub fn own_sysctl(word: &[u8], place: &Place) -> Result<()> {
    let proc = place.proc.as_ref().ok_or(Error::new(Call::Open, libc::EBADF))?;
    let mut buffer = Path::new();
    let (path, value) = machine::setting(b"sys/", word, &mut buffer)?;
    fs::open_in(proc, path, fs::WRITE)?.write(value).map(drop)
}

/// The host's own, with all that is mounted in it, while we still stand outside.
pub fn host_sys(read_only: bool, place: &mut Place) -> Result<()> {
    let tree = mount::clone_tree(At::Cwd, c"/sys", true)?;
    restrict(&tree, read_only, true)?;
    mount::attach(&tree, At::Dir(&own_directory(place, c"sys")?), c"")?;
    place.sys = Some(kernels_own(c"sys", place)?);
    Ok(())
}

/// What programs read to find how much memory and how many CPUs they have. clone3(2) makes a cgroup namespace of where the
/// parent is, not of where the child is put, so it is made here.
pub fn own_cgroup(place: &Place) -> Result<()> {
    let mounted = process::unshare(process::Namespaces(process::NEW_CGROUP)).and_then(|()| {
        fs::enter(&fs::open_in(root(place)?, c"/sys/fs/cgroup", fs::PLACE | fs::DIRECTORY)?)?;
        mount::mount(c"cgroup2", c".", c"cgroup2", HARMLESS | mount::READ_ONLY, c"")
    });
    match mounted {
        // A wall less is no matter here: where it has limits they hold, seen or not.
        Err(error) if machine::is_absent(&error) || error.is(libc::EINVAL) => Ok(()),
        done => done,
    }
}

/// /proc of the pid namespace that this process is PID 1 of.
pub fn proc(place: &mut Place) -> Result<()> {
    place.proc = Some(kernels(c"proc", c"proc", HARMLESS, place)?);
    Ok(())
}

pub fn sys(read_only: bool, place: &mut Place) -> Result<()> {
    let flags = HARMLESS | if read_only { mount::READ_ONLY } else { 0 };
    place.sys = Some(kernels(c"sys", c"sysfs", flags, place)?);
    Ok(())
}

/// pivot_root(2) left the old root lying over the new one, and so over where we stand. Detached, it is gone for everyone in
/// this namespace.
pub fn drop_old_root(place: &mut Place) -> Result<()> {
    if place.spot.is_there() {
        // Over the old root, or its own turn would take this instead.
        place.spot.leave()?;
        fs::enter(root(place)?)?;
    }
    mount::unmount(c".", true)
}
