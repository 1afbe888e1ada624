//! Bind mounts, and what holds for them and for all under them.
//!
//! open_tree(2) and move_mount(2) make them without a name, and mount_setattr(2) says what holds for all of a tree at once.
//! Before Linux 5.2 (5.12) mount(2) does each piece, on names that nobody else can change.

use core::ffi::CStr;

use crate::limits;
use crate::probe::{keyed, mountinfo};
use crate::sys::error::{Call, Error, Result};
use crate::sys::fd::Fd;
use crate::sys::fs::{self, At};
use crate::sys::mount;
use crate::text::bytes::{self, Path, terminated};
use crate::text::lines::{self, Stop};
use crate::text::options;

/// A tmpfs of our own over `/`. Whatever starts at the root starts below it: only `/..` leads there, so that it hides nothing
/// and nobody comes by.
#[derive(Default)]
pub struct Spot {
    directory: Option<Fd>,
}

impl Spot {
    /// Makes it the current directory, and makes it if need be: names in it are ours alone.
    #[inline(never)]
    pub fn enter(&mut self) -> Result<()> {
        if self.directory.is_none() {
            let flags = mount::NO_SUID | mount::NO_DEV | mount::NO_EXEC;
            mount::mount(c"tmpfs", c"/", c"tmpfs", flags, c"mode=700,size=64k")?;
            // Who takes all of the host's root as theirs would take this along.
            mount::mount(c"none", c"/..", c"", mount::UNBINDABLE, c"")?;
            self.directory = Some(fs::open(c"/..", fs::PLACE | fs::DIRECTORY)?);
        }
        self.directory.as_ref().map_or(Ok(()), fs::enter)
    }

    pub const fn is_there(&self) -> bool {
        self.directory.is_some()
    }

    /// Takes it away, and what is still mounted in it.
    pub fn leave(&mut self) -> Result<()> {
        let Some(directory) = self.directory.take() else { return Ok(()) };
        fs::enter(&directory)?;
        mount::unmount(c".", true)
    }
}

/// Binds what lies at `path` (an empty path: `at` itself) over `target`, with what is mounted under it when `recursive`: the
/// new mount.
pub fn bind(at: At, path: &CStr, target: &Fd, recursive: bool, spot: &mut Spot) -> Result<Fd> {
    match mount::clone_tree(at, path, recursive) {
        Ok(tree) => mount::attach(&tree, At::Dir(target), c"").map(|()| tree),
        Err(error) if error.is(libc::ENOSYS) => bind_by_name(at, path, target, recursive, spot),
        Err(error) => Err(error),
    }
}

/// By way of our own tmpfs: where it is bound first, its name is ours, and opens it, not what it lies over.
#[inline(never)]
fn bind_by_name(at: At, path: &CStr, target: &Fd, recursive: bool, spot: &mut Spot) -> Result<Fd> {
    let opened;
    let source = match at {
        At::Dir(itself) if path.is_empty() => itself,
        _ => {
            opened = fs::open_at(at, path, fs::PLACE)?;
            &opened
        }
    };
    let directory = fs::file_status(source)?.is_directory();
    let name = if directory { c"directory" } else { c"file" };
    spot.enter()?;
    if directory {
        fs::make_directory(At::Cwd, name, 0o700)?;
    } else {
        fs::open(name, fs::WRITE | fs::CREATE)?;
    }
    let recursive = if recursive { mount::RECURSIVE } else { 0 };
    mount::mount(text(&source.name()), name, c"", mount::BIND | recursive, c"")?;
    let tree = fs::open(name, fs::PLACE)?;
    mount::mount(text(&tree.name()), text(&target.name()), c"", mount::MOVE, c"")?;
    Ok(tree)
}

fn text(name: &[u8]) -> &CStr {
    terminated(name).unwrap_or_default()
}

/// What holds for an attached mount and all under it. An image may ship the nodes of disks: without `devices` none of them
/// opens.
pub fn restrict(tree: &Fd, read_only: bool, devices: bool) -> Result<()> {
    let set = if read_only { mount::READ_ONLY } else { 0 } | if devices { 0 } else { mount::NO_DEV };
    if set == 0 {
        return Ok(());
    }
    match mount::set_attributes(At::Dir(tree), c"", true, set) {
        Err(error) if error.is(libc::ENOSYS) => restrict_each(tree, set),
        done => done,
    }
}

/// Mounts of one tree, each with its place in the table of mounts: a volume has a few, the host's `/` a few dozen.
const MOST: usize = 512;

/// A mount that is found elsewhere than in its place.
const MOVED: Error = Error::new(Call::Mount, libc::ESTALE);

/// Mount by mount, from the kernel's table, each with what it had before: taking anything back might not be ours.
#[inline(never)]
fn restrict_each(tree: &Fd, set: u64) -> Result<()> {
    let top = id(tree)?;
    let mut known = heapless::Vec::<u32, MOST>::new();
    let mut point = Path::new();
    let mut data = options::Data::new();
    each_mount(&mut |mount| {
        let point_of = mount.mount_point.to_bytes();
        if mount.id == top {
            point.clear();
            point.extend_from_slice(point_of).map_err(|_| MOVED)?;
        } else if !known.contains(&mount.parent) {
            return Ok(true);
        }
        known.push(mount.id).map_err(|_| Error::new(Call::Mount, libc::ENOSPC))?;
        let mut buffer = Path::new();
        // `/` itself is no prefix with a slash behind it.
        let prefix: &[u8] = if *point == *b"/" { b"" } else { &point };
        let below = bytes::after(point_of, prefix).ok_or(MOVED)?;
        let below = bytes::path(&[below], &mut buffer).ok_or(MOVED)?;
        let opened;
        let place = match mount.id == top {
            true => tree,
            false => {
                opened = fs::open_in(tree, below, fs::PLACE)?;
                &opened
            }
        };
        let found = id(place)?;
        if found != mount.id {
            // Another mount of the table lies on top of it, in its very place: out of reach.
            return if is_at(found, point_of)? { Ok(true) } else { Err(MOVED) };
        }
        let had = options::parse(mount.options.to_bytes(), &mut data).ok_or(MOVED)?.flags & mount::OF_A_MOUNT;
        let name = place.name();
        mount::mount(c"none", text(&name), c"", mount::REMOUNT | mount::BIND | had | set, c"").map(|()| true)
    })?;
    if known.is_empty() { Err(MOVED) } else { Ok(()) }
}

/// Whether the mount `wanted` has this mount point.
fn is_at(wanted: u32, point: &[u8]) -> Result<bool> {
    let mut is = false;
    each_mount(&mut |mount| {
        is |= mount.id == wanted && mount.mount_point.to_bytes() == point;
        Ok(!is)
    })?;
    Ok(is)
}

/// Gives `each` every line of our table of mounts until it has seen enough (`false`) or fails.
fn each_mount(each: &mut dyn FnMut(mountinfo::Mount) -> Result<bool>) -> Result<()> {
    let table = fs::open(c"/proc/self/mountinfo", fs::READ)?;
    let mut buffer = [0u8; 2 * limits::PATH_BYTES];
    let mut done = Ok(true);
    let seen = lines::each(&mut buffer, &mut |buffer| table.read(buffer), &mut |line| {
        done = mountinfo::parse(line).map_or(Err(MOVED), &mut *each);
        done == Ok(true)
    });
    match seen {
        Err(Stop::Read(error)) => Err(error),
        Err(Stop::TooLong) => Err(MOVED),
        Ok(()) => done.map(drop),
    }
}

/// The mount that an open file is of, as the table numbers it: proc_pid_fdinfo(5).
fn id(place: &Fd) -> Result<u32> {
    let mut buffer = [0u8; 256];
    let mut path = Path::new();
    let number = place.name();
    let number = bytes::last_part(text(&number).to_bytes());
    let path = bytes::path(&[b"/proc/self/fdinfo/", number], &mut path).ok_or(MOVED)?;
    let info = fs::read_file(path, &mut buffer)?;
    keyed::number_of(info, b"mnt_id:\t").map(|id| id as u32).ok_or(MOVED)
}
