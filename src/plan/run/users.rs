//! The ids of a container in a user namespace of its own (user_namespaces(7)).
//!
//! A single id is mapped by the container's process itself: the kernel lets it, there is nobody to wait for, and it takes
//! no call more. A range takes rights outside, which that process has just given up. They stay with one that is forked
//! beside it, the outer one: it has the ranges written (for root itself, for others by newuidmap(1) and newgidmap(1)), and
//! for root opens the container's trees, with the same map on them. Each thing that it did goes over a socket, in the order
//! of the steps that wait for it, or why not; its end is the end of the socket, so that nobody waits for the dead.

use core::ffi::CStr;

use super::Place;
use super::command;
use super::identity::{self, Groups, Identity, look_up};
use crate::container::idmap::{self, Map};
use crate::limits;
use crate::plan::build::NOTIFY;
use crate::plan::{Plan, Step, Users};
use crate::put;
use crate::sys::error::{Call, Errno, Error, Result};
use crate::sys::fd::{self, Fd};
use crate::sys::fs::{self, At};
use crate::sys::process::{self, Exit, Forked, Pid, Room, Waited, Words};
use crate::sys::{args, local, mount, signal, user};
use crate::text::bytes::{self, Path};
use crate::text::packed::{Packed, packed};
use crate::text::passwd;
use crate::text::put::{Out, Word};

/// [`Step::MapCaller`]: `user` of the image in `root` is the caller's `uid` and `gid`.
#[inline(never)]
pub fn map_caller(user: &CStr, root: &CStr, uid: u32, gid: u32) -> Result<()> {
    let (inside, inside_group) = match user.to_bytes() {
        // As a rule, and no table changes it.
        b"0:0" => (0, 0),
        _ => match fs::open(root, fs::PLACE | fs::DIRECTORY) {
            Ok(top) => {
                let (mut identity, mut groups) = (Identity::default(), Groups::new());
                identity::find(Some(user), &[], Some(&top), &mut identity, &mut groups)?.unwrap_or_default()
            }
            // Taking the root fails next, and says so.
            Err(_) => (0, 0),
        },
    };
    // Groups that keep somebody out of a file could be left otherwise (CVE-2014-8989).
    fs::write_file(At::Cwd, c"/proc/self/setgroups", b"deny")?;
    write_map(At::Cwd, c"/proc/self/uid_map", &Map::one(inside, uid))?;
    write_map(At::Cwd, c"/proc/self/gid_map", &Map::one(inside_group, gid))
}

/// The kernel takes a map as a whole, once.
fn write_map(at: At, file: &CStr, map: &Map) -> Result<()> {
    // Of 9 ranges with three numbers each.
    let mut text = Path::new();
    map.write(b" ", b"\n", &mut text);
    fs::write_file(at, file, &text)
}

/// [`Step::MapRange`], once the outer process has done it. Whoever we were has no id here, and could make no file.
pub fn take_range(place: &mut Place) -> Result<()> {
    let outer = place.outer.take().ok_or(Error::new(Call::Plan, libc::EBADF))?;
    receive(&outer)?;
    user::set_groups(&[])?;
    user::become_user(0, 0)?;
    if user::is_root() {
        // Another id made us undumpable, and /proc/self not ours; that comes later.
        process::make_dumpable(true)?;
        place.outer = Some(outer);
    }
    Ok(())
}

/// The next that the outer process has for us.
pub fn receive(outer: &Fd) -> Result<Option<Fd>> {
    match local::receive_file(outer)? {
        Some((0, file)) => Ok(file),
        Some((errno, _)) => Err(Error::new(Call::Recvmsg, errno.into())),
        None => Err(Error::new(Call::Recvmsg, libc::ESRCH)),
    }
}

/// The same, where that is a tree.
pub fn receive_tree(outer: &Fd) -> Result<Fd> {
    receive(outer)?.ok_or(Error::new(Call::OpenTree, libc::EBADF))
}

/// Forks the outer process for `child`, which waits at the other end of `socket`.
pub fn serve(plan: &Plan, child: Pid, socket: Fd, block: u32) -> Result<()> {
    if let Forked::Child = process::fork(process::Namespaces::default(), None)? {
        // What others wait for the end of is not kept open here. A newuidmap that hangs outlives nobody's patience.
        let socket = fd::close_all_but(socket);
        let _ = process::die_with_parent(libc::SIGKILL as u8);
        // Nobody is there to hear of an error that cannot be sent.
        let _ = outer(plan, child, &socket, block);
        process::exit(0);
    }
    Ok(())
}

fn outer(plan: &Plan, child: Pid, socket: &Fd, block: u32) -> Result<()> {
    let send = |done: Result<Option<Fd>>| match done {
        Ok(file) => local::send_file(socket, 0, file.as_ref()),
        Err(error) => local::send_file(socket, error.errno().0, None),
    };
    if !user::is_root() {
        return send(map_subordinate(child).map(|()| None));
    }
    let users = map_block(child, block);
    send(users.as_ref().map(|_| None).map_err(|error| *error))?;
    let users = users?;
    for step in &plan.steps {
        let source = match *step {
            Step::Root { path, .. } => path.to_bytes(),
            Step::Volume { source, .. } => source,
            _ => continue,
        };
        send(mapped_tree(source, &users).map(Some))?;
    }
    Ok(())
}

/// Gives `child` the range `block`, and gives its user namespace.
#[inline(never)]
fn map_block(child: Pid, block: u32) -> Result<Fd> {
    let mut path = Path::new();
    put!(&mut path, "/proc/{}\0", child.number());
    let process = fs::open(bytes::terminated(&path).unwrap_or_default(), fs::PLACE | fs::DIRECTORY)?;
    for file in [c"uid_map", c"gid_map"] {
        write_map(At::Dir(&process), file, &Map::block(block))?;
    }
    fs::open_at(At::Dir(&process), c"ns/user", fs::READ)
}

/// What lies at `source`, with all that is mounted there, with the ids that it has there inside too.
#[inline(never)]
fn mapped_tree(source: &[u8], users: &Fd) -> Result<Fd> {
    let mut buffer = Path::new();
    let path = bytes::path(&[source], &mut buffer).ok_or(Error::new(Call::Open, libc::ENAMETOOLONG))?;
    let tree = mount::clone_tree(At::Cwd, path, true)?;
    // For everybody, and on a tmpfs, which knows no map before Linux 6.3.
    if source != NOTIFY {
        mount::set_id_map(&tree, users).map_err(|error| match error.is(libc::EINVAL) {
            true => Error::new(Call::MountSetattr, libc::EOPNOTSUPP),
            false => error,
        })?;
    }
    Ok(tree)
}

/// Gives `child` what /etc/subuid and /etc/subgid have for the caller, behind the caller, who is root inside.
#[inline(never)]
fn map_subordinate(child: Pid) -> Result<()> {
    let (uid, gid) = (user::effective(), user::effective_group());
    let mut name = Path::new();
    look_up(None, c"/etc/passwd", true, &mut |line| {
        let found = passwd::user(line).filter(|user| user.uid == uid);
        if let Some(user) = &found {
            name.write(user.name);
        }
        found.is_none()
    })?;
    for (tool, table, own) in [(c"newuidmap", c"/etc/subuid", uid), (c"newgidmap", c"/etc/subgid", gid)] {
        let mut map = Map::one(0, own);
        let (mut some, mut fits) = (false, true);
        look_up(None, table, true, &mut |line| {
            if let Some((start, count)) = idmap::subordinate(line, &name, uid) {
                some = true;
                fits &= map.append(start, count);
            }
            fits
        })?;
        match (some, fits) {
            (false, _) => return Err(Error::new(Call::Lookup, libc::ENODATA)),
            (_, false) => return Err(Error::new(Call::Lookup, libc::E2BIG)),
            _ => run_tool(tool, child, &map)?,
        }
    }
    Ok(())
}

/// newuidmap(1) or newgidmap(1), which say themselves why not.
#[inline(never)]
fn run_tool(tool: &CStr, child: Pid, map: &Map) -> Result<()> {
    let mut text = Path::new();
    text.write(tool.to_bytes_with_nul());
    put!(&mut text, "{}\0", child.number());
    map.write(b"\0", b"\0", &mut text);
    let (mut words, mut none) = (Room::<32>::new(), Room::<1>::new());
    let (mut words, mut environment) = (Words::of(&mut words), Words::of(&mut none));
    for word in bytes::Words(&text).filter_map(bytes::terminated) {
        words.push(word)?;
    }
    words.end()?;
    environment.end()?;
    match process::fork(process::Namespaces::default(), None)? {
        Forked::Child => {
            signal::unblock_all();
            let error = command::search(tool, args::variable(b"PATH"), &mut |file| {
                process::execute(file, &words, &environment)
            });
            process::exit(if error.is(libc::ENOENT) { 127 } else { 126 })
        }
        Forked::Parent(pid) => match process::wait(pid) {
            Waited::Ended(_, Exit::Code(0)) => Ok(()),
            Waited::Ended(_, Exit::Code(127)) => Err(Error::new(Call::Execve, libc::ENOENT)),
            _ => Err(Error::new(Call::Execve, libc::EPERM)),
        },
    }
}

/// A range for a container of `tinyo run`: the first from our own number on whose name nobody holds, which we do for as long
/// as we live. Ids on disks are what they were, by the maps on the mounts: so a range need not be the same one tomorrow, only
/// nobody else's today, and neither a file of the host's nor a lock in it says which. A supervisor's services have
/// the first ones, by their slots.
pub fn block(plan: &Plan) -> Result<u32> {
    const TAKEN: u32 = limits::SERVICES as u32;
    if plan.namespaces.user != Users::Range || !user::is_root() {
        return Ok(0);
    }
    for number in process::id()..u32::MAX {
        let block = TAKEN + number % (idmap::BLOCKS - TAKEN);
        let mut name = Path::new();
        put!(&mut name, "\0tinyo/ids/{}", block);
        match local::take_name(&name) {
            Err(error) if error.is(libc::EADDRINUSE) && number - process::id() < idmap::BLOCKS => {}
            held => return held.map(Fd::leak).map(|_| block),
        }
    }
    Ok(0)
}

const HINTS: Packed = packed!(
    "is it in the passwd or group file there, and /proc mounted?
give the caller a line in /etc/subuid and in /etc/subgid, or leave userns out
install newuidmap and newgidmap (Debian's package uidmap), or leave userns out
at most 8 ranges of one user in /etc/subuid and /etc/subgid
newuidmap and newgidmap have the ranges to give, unless they say why not
the host keeps user namespaces for root; set kernel.unprivileged_userns_clone=1
the host has user namespaces turned off; set user.max_user_namespaces above 0
AppArmor keeps them from programs without a profile; set kernel.apparmor_restrict_unprivileged_userns=0
as many as user.max_user_namespaces says are in use, or 32 lie in each other
a seccomp filter forbids user namespaces, as Docker's does; start that container without it
the kernel makes no user namespace in a chroot; is this one?
this kernel has no user namespaces (CONFIG_USER_NS)
"
);

/// Why a process could not be made, and, where it was to have a user namespace, what forbids that.
pub struct Refusal(pub Error, pub bool);

impl Word for Refusal {
    fn write(&self, out: &mut dyn Out) {
        self.0.write(out);
        let hint = hint(None, self.0.errno());
        if self.1 && !hint.is_empty() {
            out.write(b"; ");
            hint.write(out);
        }
    }
}

/// What keeps a container from its user namespace, by what the host's switches say now: at clone(2), or at the step that
/// maps its ids. Empty: nothing is known of it.
pub fn hint(step: Option<&Step>, errno: Errno) -> Packed {
    let at = match (step, i32::from(errno.0)) {
        (Some(Step::MapCaller { .. }), libc::ENOENT) => Some(0),
        (Some(Step::MapRange), libc::ENODATA) => Some(1),
        (Some(Step::MapRange), libc::ENOENT) => Some(2),
        (Some(Step::MapRange), libc::E2BIG) => Some(3),
        (Some(Step::MapRange), libc::EPERM) => Some(4),
        _ => switch(errno, process::is_filtered(), &mut |path| {
            let mut text = [0; 24];
            fs::read_file(path, &mut text).ok().and_then(|text| text.first().copied())
        }),
    };
    at.map_or(Packed::EMPTY, |at| HINTS.line(at))
}

/// `filtered`: a filter of system calls is at work. `first` gives the first byte of a setting.
fn switch(errno: Errno, filtered: bool, first: &mut dyn FnMut(&CStr) -> Option<u8>) -> Option<usize> {
    if ![libc::EPERM, libc::EACCES, libc::ENOSPC, libc::EINVAL].iter().any(|&known| errno.is(known)) {
        return None;
    }
    let known = [
        (c"/proc/sys/kernel/unprivileged_userns_clone", b'0'),
        (c"/proc/sys/user/max_user_namespaces", b'0'),
        (c"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", b'1'),
    ];
    match known.iter().position(|(path, off)| first(path) == Some(*off)) {
        Some(at) => Some(5 + at),
        None if errno.is(libc::ENOSPC) => Some(8),
        None if errno.is(libc::EINVAL) => Some(11),
        None if filtered => Some(9),
        None => Some(10),
    }
}

#[cfg(test)]
#[path = "users_tests.rs"]
mod tests;
