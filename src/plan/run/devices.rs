//! The /dev of a container.

use super::Place;
use super::bind::bind;
use super::isolation::{HARMLESS, make_under, own_directory, path, root};
use super::machine::NODES;
use crate::config::value::Device;
use crate::plan::Users;
use crate::put;
use crate::sys::error::{Call, Error, Result};
use crate::sys::fd::Fd;
use crate::sys::fs::{self, At};
use crate::sys::{local, mount, tty};
use crate::text::bytes::{self, Path};

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

/// A terminal of the devpts that the container sees, as large as the caller's; in a new one its slave is also /dev/console, as
/// with docker.
pub fn terminal(place: &mut Place) -> Result<()> {
    let missing = Error::new(Call::Plan, libc::EBADF);
    let socket = place.terminal.as_ref().ok_or(missing)?;
    let (master, slave) = match (&place.dev, place.process) {
        (Some(dev), _) => tty::open_pair(At::Dir(dev), c"pts/ptmx")?,
        (None, Some((_, directory))) => joined_terminal(directory)?,
        _ => return Err(missing),
    };
    tty::copy_size(&master);
    local::send_file(socket, 0, Some(&master))?;
    if let Some(dev) = &place.dev {
        let console = fs::open_at(At::Dir(dev), c"console", fs::WRITE | fs::CREATE | fs::EXCLUSIVE)?;
        bind(At::Dir(&slave), c"", &console, false, &mut place.spot)?;
    }
    place.identity.has_terminal = true;
    slave.onto_standard()
}

/// One of a container that was joined, which may have put anything in that place: a device that opening starts, too. So it is
/// looked at first, and what was looked at is opened. The number alone will do: its driver makes a terminal of the devpts
/// beside it, or says ENODEV.
fn joined_terminal(directory: &Fd) -> Result<(Fd, Fd)> {
    let root = fs::open(c"/", fs::PLACE | fs::DIRECTORY)?;
    let ptmx = fs::open_in(&root, c"dev/pts/ptmx", fs::PLACE)?;
    if !fs::file_status(&ptmx)?.is_device(5, 2) {
        return Err(Error::new(Call::Open, libc::ENODEV));
    }
    // `directory` is of the host's /proc; the container's may be anything, and knows nothing of us.
    let mut path = heapless::Vec::<u8, 24>::new();
    put!(&mut path, "../self/fd/{}\0", ptmx.number() as u32);
    tty::open_pair(At::Dir(directory), bytes::terminated(&path).unwrap_or_default())
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
        fs::make_file(here, name, 0o600)?;
        mount::attach(&node, here, name)?;
    }
    Ok(())
}
