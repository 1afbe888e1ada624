//! Steps into a container.
//!
//! The image is hostile: no name in it is ever followed out of it, and nothing is mounted on a name that it controls.
//! Names are opened under the root's own descriptor (O_NOFOLLOW, or openat2 with RESOLVE_IN_ROOT), and mounts are made
//! on descriptors, or on `.` after fchdir.

use core::ffi::CStr;

use super::bind::{bind, restrict};
use super::machine::{self, NODES};
use super::{Place, users};
use crate::config::Network;
use crate::config::value::Device;
use crate::plan::Users;
use crate::put;
use crate::sys::error::{Call, Error, Result};
use crate::sys::fd::Fd;
use crate::sys::fs::{self, At};
use crate::sys::{local, mount, net, process, tty};
use crate::text::bytes::{self, Path};
use crate::text::options;

const HARMLESS: u64 = mount::NO_SUID | mount::NO_DEV | mount::NO_EXEC;

/// `bytes` with a NUL behind them.
fn path<'b>(bytes: &[u8], buffer: &'b mut Path) -> Result<&'b CStr> {
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
    let whole = process::descriptor_of(pid);
    // Its directory is that of one process for good: if it lives still, the number was its own all the time.
    let user = fs::open_at(At::Dir(directory), c"ns/user", fs::READ)?;
    // The kernel refuses the user namespace that one is in.
    let own = fs::is_same(&user, c"/proc/self/ns/user");
    match whole.and_then(|whole| process::join(&whole, KINDS | if own { 0 } else { process::NEW_USER })) {
        Err(error) if error.is(libc::ENOSYS) || error.is(libc::EINVAL) => {}
        done => return done,
    }
    let mut files = heapless::Vec::<Fd, { FILES.len() }>::new();
    for name in FILES.get(usize::from(own)..).unwrap_or_default() {
        let _ = files.push(fs::open_at(At::Dir(directory), name, fs::READ)?);
    }
    files.iter().try_for_each(|file| process::join(file, 0))
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

fn root<'f>(place: &'f Place) -> Result<&'f Fd> {
    place.root.as_ref().ok_or(Error::new(Call::Open, libc::EBADF))
}

/// Opens a directory of the root by its own name, made if it is missing. A link in its place is refused.
fn own_directory(place: &Place, name: &CStr) -> Result<Fd> {
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
    fs::open_in(root(place)?, whole, fs::PLACE)
}

/// mkdir -p inside `top`, the last name as a file unless `directory`. Each name is looked up inside `top`, and made
/// under the descriptor of the one before.
fn make_under(top: &Fd, target: &[u8], directory: bool, place: Option<&Place>) -> Result<()> {
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
        if let Some(place) = place.filter(|_| !told) {
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

/// A fresh tmpfs on /dev with the nodes that programs expect, and the small file systems that lie in it.
pub fn devices(guarded: bool, place: &mut Place) -> Result<()> {
    let root = root(place)?;
    let under = own_directory(place, c"dev")?;
    fs::enter(&under)?;
    mount::mount(c"tmpfs", c".", c"tmpfs", mount::NO_SUID, c"mode=755,size=64k")?;
    // By its name again, to stand in the tmpfs: whoever may write to the image could have put something else there. An image
    // in a tmpfs of that size would have no room for a program.
    let dev = fs::open_at(At::Dir(root), c"dev", fs::PLACE | fs::DIRECTORY | fs::NO_FOLLOW)?;
    if !fs::file_system(&dev)?.is_tmpfs_of(64 << 10) {
        return Err(Error::new(Call::Open, libc::ESTALE));
    }
    // Names in this tmpfs are ours alone: nobody else has seen it yet.
    fs::enter(&dev)?;
    let here = At::Dir(&dev);
    if place.users == Users::Host {
        make_nodes(here, guarded)?;
    } else {
        bind_nodes(here)?;
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
    let done = match mount::mount(c"mqueue", c"mqueue", c"mqueue", HARMLESS, c"") {
        // A kernel without POSIX message queues.
        Err(error) if error.is(libc::ENODEV) => fs::remove(here, c"mqueue", true),
        done => done,
    };
    place.dev = Some(dev);
    // Closed with the rest.
    under.leak();
    done
}

/// Binds a device of the host's, which is no node that anybody makes, on a file of the fresh /dev.
pub fn device(device: &Device, place: &mut Place) -> Result<()> {
    let dev = place.dev.as_ref().ok_or(Error::new(Call::Plan, libc::EBADF))?;
    let mut buffer = Path::new();
    let node = fs::open(path(device.source, &mut buffer)?, fs::PLACE)?;
    if !fs::file_status(&node)?.is_any_device() {
        return Err(Error::new(Call::Open, libc::EINVAL));
    }
    let name = device.target.get(b"/dev".len()..).unwrap_or_default();
    make_under(dev, name, false, None)?;
    let target = fs::open_in(dev, path(name, &mut buffer)?, fs::PLACE)?;
    bind(At::Dir(&node), c"", &target, false, &mut place.spot).map(drop)
}

/// A terminal of the devpts that the container sees, as large as the caller's; its slave is also /dev/console, as with docker.
pub fn terminal(place: &mut Place) -> Result<()> {
    let missing = Error::new(Call::Plan, libc::EBADF);
    let (dev, socket) = (place.dev.as_ref().ok_or(missing)?, place.terminal.as_ref().ok_or(missing)?);
    let (master, slave) = tty::open_pair(At::Dir(dev), c"pts/ptmx")?;
    tty::copy_size(&master);
    local::send_file(socket, 0, Some(&master))?;
    let console = fs::open_at(At::Dir(dev), c"console", fs::WRITE | fs::CREATE | fs::EXCLUSIVE)?;
    bind(At::Dir(&slave), c"", &console, false, &mut place.spot)?;
    place.identity.has_terminal = true;
    slave.onto_standard()
}

/// Those that programs expect. `guarded`: none but these opens.
fn make_nodes(here: At, guarded: bool) -> Result<()> {
    for &(name, major, minor, mode) in NODES {
        fs::make_device(here, name, mode, major, minor)?;
        if guarded {
            // A mount of its own, which is not nodev.
            mount::mount(name, name, c"", mount::BIND, c"")?;
        }
    }
    let flags = mount::REMOUNT | mount::BIND | mount::NO_SUID | mount::NO_DEV;
    if guarded { mount::mount(c"none", c".", c"", flags, c"") } else { Ok(()) }
}

/// In a user namespace mknod(2) is EPERM: the host's nodes lie over empty files.
fn bind_nodes(here: At) -> Result<()> {
    let dev = fs::open(c"/dev", fs::PLACE | fs::DIRECTORY)?;
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

/// We stand in the root from here on.
pub fn pivot(place: &Place) -> Result<()> {
    fs::enter(root(place)?)?;
    mount::pivot_root_here()
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
