//! Leaving the initramfs: everything is checked before anything is given up.

use core::ffi::CStr;

use super::root::{MOVED, PLACE};
use crate::probe::{executable, superblock};
use crate::say;
use crate::sys::error::{Call, Error, Result};
use crate::sys::fd::Fd;
use crate::sys::fs::{self, At, Names, Status};
use crate::sys::mount;
use crate::sys::process::{self, Forked, Namespaces};
use crate::text::bytes::{self, Path, terminated};
use crate::text::show::Show;

/// Deeper trees in an initramfs are left where they are: each level is an open directory and a kilobyte of stack.
const DEEPEST: usize = 40;

/// So many programs run each other at most (exec_binprm() of the kernel): scripts, then one with a loader.
const CHAIN: usize = 7;

/// The program at `init` of the new root can be executed there, and so can what runs it, be it of a `#!` line or a loader.
/// Links are followed inside the new root. An error is about the program whose path is in `about` then. Whether it is systemd,
/// by its own path.
#[inline(never)]
pub fn check_init(init: &CStr, about: &mut Path) -> Result<bool> {
    let mut systemd = false;
    const TOO_LONG: Error = Error::new(Call::Stat, libc::ENAMETOOLONG);
    let root = fs::open(PLACE, fs::PLACE | fs::DIRECTORY)?;
    let mut head = [0; executable::HEAD_BYTES];
    bytes::path(&[init.to_bytes()], about).ok_or(TOO_LONG)?;
    for _ in 0..CHAIN {
        let file = fs::open_in(&root, terminated(about).unwrap_or_default(), fs::PLACE)?;
        let status = fs::file_status(&file)?;
        let refused = match () {
            () if status.is_directory() => libc::EISDIR,
            () if !status.is_regular() => superblock::NO_FILE,
            () if !status.is_executable() => libc::EACCES,
            () if fs::file_system(&file)?.is_no_exec() => superblock::NO_EXEC,
            () => 0,
        };
        if refused != 0 {
            return Err(Error::new(Call::Stat, refused));
        }
        // Where it cannot be read (no /proc; a server that knows no root), execve(2) has the last word.
        let Ok(program) = fs::reopen(&file, fs::READ) else { return Ok(systemd) };
        let length = program.read_to_end(&mut head)?;
        let interpreter = executable::interpreter(head.get(..length).unwrap_or_default(), status.size());
        let interpreter = interpreter.ok_or(Error::new(Call::Execve, libc::ENOEXEC))?;
        if interpreter.is_empty() {
            return Ok(systemd);
        }
        bytes::path(&[interpreter], about).ok_or(TOO_LONG)?;
        let path = fs::read_link(At::Cwd, terminated(&file.name()).unwrap_or_default(), &mut head);
        systemd |= path.is_ok_and(|path| path.ends_with(b"/systemd/systemd"));
    }
    Err(Error::new(Call::Execve, libc::ELOOP))
}

/// The program at `init` of the new root is there, and in its /usr.
pub fn is_in_usr(init: &CStr) -> bool {
    let own = fs::open(PLACE, fs::PLACE | fs::DIRECTORY).and_then(|root| fs::open_in(&root, init, fs::PLACE));
    let Ok(file) = own else { return false };
    let mut path = [0; 256];
    let path = fs::read_link(At::Cwd, terminated(&file.name()).unwrap_or_default(), &mut path);
    path.is_ok_and(|path| path.starts_with(b"/newroot/usr/"))
}

/// Makes the new root the root: the early mounts move on, and nothing of the initramfs is left mounted. When it fails, all is
/// where it was.
#[inline(never)]
pub fn switch_root() -> Result<Left> {
    let old = fs::open(c"/", fs::READ | fs::DIRECTORY)?;
    let new = fs::open(PLACE, fs::PLACE | fs::DIRECTORY)?;
    let pivoted = move_all(&new).and_then(|()| take_over(&new)).inspect_err(|_| {
        // Wherever it is by now. In its place already, it is no mount that could be moved there: ELOOP.
        let _ = fs::enter(&new).and_then(|()| mount::mount(c".", PLACE, c"", mount::MOVE, c""));
        let _ = fs::change_directory(c"/");
        move_back(&new);
    })?;
    fs::enter(&old)?;
    if pivoted {
        mount::unmount(c".", true)?;
    } else {
        // What the new root had no place for stays in sight of nobody, unless it is let go of.
        for path in &MOVED {
            let _ = mount::unmount(relative(path), true);
        }
    }
    fs::change_directory(c"/")?;
    Ok(Left::behind(old, &new))
}

/// Whether the old root lies over the new one now; else it is under it.
fn take_over(new: &Fd) -> Result<bool> {
    fs::enter(new)?;
    match mount::pivot_root(c".") {
        // The bare rootfs cannot be pivoted away from: lay the new root over it.
        Err(error) if error.is(libc::EINVAL) => {
            mount::mount(c".", c"/", c"", mount::MOVE, c"")?;
            fs::change_root(c".").map(|()| false)
        }
        done => done.map(|()| true),
    }
}

/// Moves the early mounts to the same places in `new`, which is to be the root. Where it has no such place and cannot be
/// given one, that is said, and it goes without. When it fails, some have moved.
#[inline(never)]
pub fn move_all(new: &Fd) -> Result<()> {
    for path in &MOVED {
        let name = relative(path);
        let there = open_place(new, name).or_else(|_| {
            fs::make_directory(At::Dir(new), name, 0o755)?;
            open_place(new, name)
        });
        match there.and_then(|place| fs::enter(&place)) {
            Ok(()) => match mount::mount(path, c".", c"", mount::MOVE, c"") {
                // Nothing is mounted there.
                Err(error) if error.is(libc::EINVAL) => {}
                done => done?,
            },
            Err(error) => {
                let path = Show(path.to_bytes());
                say!(Warning, "root: moving {} into the new root: {}; has it that directory?", path, error.errno());
            }
        }
    }
    Ok(())
}

/// Moves back what [`move_all`] moved. What it did not is no mount there.
pub fn move_back(new: &Fd) {
    for path in &MOVED {
        let _ = open_place(new, relative(path))
            .and_then(|moved| fs::enter(&moved))
            .and_then(|()| mount::mount(c".", path, c"", mount::MOVE, c""));
    }
    let _ = fs::change_directory(c"/");
}

fn open_place(new: &Fd, name: &CStr) -> Result<Fd> {
    fs::open_at(At::Dir(new), name, fs::PLACE | fs::DIRECTORY | fs::NO_FOLLOW)
}

/// `path` without the slash before it.
fn relative(path: &CStr) -> &CStr {
    path.to_bytes_with_nul().get(1..).and_then(terminated).unwrap_or(path)
}

/// The initramfs, when it is nobody's root any more. None: it is not to be emptied.
pub struct Left(Option<(Fd, Status)>);

impl Left {
    /// Only as PID 1, only in memory, only on its own file system, and only if the new root is another one: nothing of a real
    /// disk can be met on the way.
    fn behind(old: Fd, new: &Fd) -> Left {
        let safe = || {
            let (system, own, there) = (fs::file_system(&old), fs::file_status(&old), fs::file_status(new));
            let own = own.ok().filter(|own| there.is_ok_and(|there| !own.same_file_system(&there)));
            own.filter(|_| process::id() == 1 && system.is_ok_and(|system| system.is_memory()))
        };
        Left(safe().map(|own| (old, own)))
    }

    /// Gives its memory back.
    pub fn empty(&self) {
        if let Left(Some((old, own))) = self
            && let Ok(directory) = fs::open_at(At::Dir(old), c".", fs::READ | fs::DIRECTORY)
        {
            empty_directory(&directory, own, 0);
        }
    }

    /// The same beside the init that we are about to become, which does not wait for it: a millisecond for a small image. That
    /// init gets a child that it never made, as orphans are, and as it does from switch_root(8). The child holds what we have
    /// open, so nothing of that may be for one holder only.
    pub fn empty_beside(&self) {
        match process::fork(Namespaces::default(), None) {
            Ok(Forked::Parent(_)) => {}
            Ok(Forked::Child) => {
                self.empty();
                process::exit(0)
            }
            Err(_) => self.empty(),
        }
    }
}

/// Removes what is in `directory` and on the file system `own`. Best effort: what stays only costs memory.
fn empty_directory(directory: &Fd, own: &Status, depth: usize) {
    if depth > DEEPEST {
        return;
    }
    let mut names = Names::of(directory);
    while let Some((name, is_directory)) = names.next_name() {
        // Most are empty: mount points, and those from which all was moved.
        if fs::remove(At::Dir(directory), name, is_directory).is_ok() || !is_directory {
            continue;
        }
        let flags = fs::READ | fs::DIRECTORY | fs::NO_FOLLOW;
        let Ok(child) = fs::open_at(At::Dir(directory), name, flags) else { continue };
        if fs::file_status(&child).is_ok_and(|status| status.same_file_system(own)) {
            empty_directory(&child, own, depth + 1);
            let _ = fs::remove(At::Dir(directory), name, true);
        }
    }
}
