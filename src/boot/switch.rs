//! Leaving the initramfs: everything is checked before anything is given up.

use core::ffi::CStr;

use super::root::{MOVED, PLACE};
use crate::say;
use crate::sys::error::{Call, Error, Result};
use crate::sys::fd::Fd;
use crate::sys::fs::{self, At, Names, Status};
use crate::sys::{mount, process};
use crate::text::bytes::terminated;
use crate::text::show::Show;

/// Deeper trees in an initramfs are left where they are: each level is an open directory and a kilobyte of stack.
const DEEPEST: usize = 40;

/// There is a program at `init` of the new root, its links followed inside it.
pub fn check_init(init: &CStr) -> Result<()> {
    let root = fs::open(PLACE, fs::PLACE | fs::DIRECTORY)?;
    let file = fs::open_in(&root, init, fs::PLACE)?;
    let status = fs::file_status(&file)?;
    if !status.is_regular() {
        return Err(Error::new(Call::Stat, libc::EISDIR));
    }
    if status.is_executable() { Ok(()) } else { Err(Error::new(Call::Stat, libc::EACCES)) }
}

/// Makes the new root the root: the early mounts move on, the initramfs is emptied, and nothing of it is left mounted.
#[inline(never)]
pub fn switch_root() -> Result<()> {
    let old = fs::open(c"/", fs::READ | fs::DIRECTORY)?;
    let new = fs::open(PLACE, fs::PLACE | fs::DIRECTORY)?;
    for path in &MOVED {
        move_into(&new, path);
    }
    fs::enter(&new)?;
    let pivoted = match mount::pivot_root_here() {
        Ok(()) => true,
        // The bare rootfs cannot be pivoted away from: lay the new root over it.
        Err(error) if error.is(libc::EINVAL) => {
            mount::mount(c".", c"/", c"", mount::MOVE, c"")?;
            fs::change_root(c".")?;
            false
        }
        Err(error) => return Err(error),
    };
    empty(&old, &new);
    if pivoted {
        fs::enter(&old)?;
        mount::unmount(c".", true)?;
    }
    fs::change_directory(c"/")
}

/// Moves the mount at `path` to the same place in the new root. A root without that place goes without the mount.
#[inline(never)]
fn move_into(new: &Fd, path: &CStr) {
    let name = path.to_bytes_with_nul().get(1..).and_then(terminated).unwrap_or(path);
    let _ = fs::make_directory(At::Dir(new), name, 0o755);
    let moved = fs::open_at(At::Dir(new), name, fs::PLACE | fs::DIRECTORY | fs::NO_FOLLOW)
        .and_then(|target| fs::enter(&target))
        .and_then(|()| mount::mount(path, c".", c"", mount::MOVE, c""));
    if let Err(error) = moved {
        say!(
            Warning,
            "root: moving {} into the new root: {}; has it that directory?",
            Show(path.to_bytes()),
            error.errno()
        );
        let _ = mount::unmount(path, true);
    }
}

/// Gives the initramfs's memory back: only as PID 1, only in memory, only on its own file system, and only if the new
/// root is another one. Nothing of a real disk can be met on the way.
fn empty(old: &Fd, new: &Fd) {
    let (Ok(system), Ok(here), Ok(there)) = (fs::file_system(old), fs::file_status(old), fs::file_status(new)) else {
        return;
    };
    if process::id() != 1 || !system.is_memory() || here.same_file_system(&there) {
        return;
    }
    if let Ok(directory) = fs::open_at(At::Dir(old), c".", fs::READ | fs::DIRECTORY) {
        empty_directory(directory, &here, 0);
    }
}

/// Removes what is in `directory` and on the file system `own`. Best effort: what stays only costs memory.
fn empty_directory(directory: Fd, own: &Status, depth: usize) {
    if depth > DEEPEST {
        return;
    }
    let Ok(handle) = fs::open_at(At::Dir(&directory), c".", fs::PLACE | fs::DIRECTORY) else { return };
    let mut names = Names::of(directory);
    while let Some((name, is_directory)) = names.next_name() {
        if !is_directory {
            let _ = fs::remove(At::Dir(&handle), name, false);
            continue;
        }
        let flags = fs::READ | fs::DIRECTORY | fs::NO_FOLLOW;
        let Ok(child) = fs::open_at(At::Dir(&handle), name, flags) else { continue };
        if fs::file_status(&child).is_ok_and(|status| status.same_file_system(own)) {
            empty_directory(child, own, depth + 1);
            let _ = fs::remove(At::Dir(&handle), name, true);
        }
    }
}
