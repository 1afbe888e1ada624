//! The cgroup of a container that has limits: where it may be, and that it is gone afterwards.
//!
//! A controller is on for what is below a cgroup only while no process is in it (cgroups(7), "no internal processes"), so that the
//! launcher's own will not do, as a rule: the shell is in it. It does where the launcher is alone, as in a scope that was
//! delegated for it: it steps aside into a leaf. Elsewhere root makes it at the top, as docker's cgroupfs driver does, where the
//! rule does not hold; what limits the launcher's own cgroup then does not limit the container, which has limits of its own.

use core::ffi::CStr;

use crate::config::{Config, Limits, Service};
use crate::probe::cgroup::own;
use crate::say;
use crate::supervise::How;
use crate::supervise::cgroup::{self, Cgroup, OutOfMemory};
use crate::sys::fd::Fd;
use crate::sys::fs::{self, At, Names};
use crate::sys::process::{self, Exit, Pid};
use crate::sys::user;
use crate::text::bytes::{Path, after, path};
use crate::text::number;
use crate::text::put::{Out, Word};

/// In front of the launcher's pid: the name of a cgroup of ours.
const PREFIX: &[u8] = b"tinyo-run-";

/// Where the launcher itself goes, beside them.
const ASIDE: &CStr = c"tinyo-run";

/// The cgroup of one container, if it has limits.
pub struct Limited {
    parent: Option<Fd>,
    pub cgroup: Option<Cgroup>,
}

impl Limited {
    /// None: a limit cannot be had, which was said.
    #[inline(never)]
    pub fn of(config: &Config, service: &Service) -> Option<Limited> {
        let mut limited = Limited { parent: None, cgroup: None };
        if service.limits == Limits::NONE {
            return Some(limited);
        }
        limited.parent = parent();
        if let Some(parent) = &limited.parent {
            sweep(parent);
        }
        limited.cgroup = cgroup::of_container(limited.parent.as_ref(), name(&mut Path::new()), config, service);
        limited.cgroup.is_some().then_some(limited)
    }

    /// After the container's end, which had this exit status. The kernel says of a process only that it was killed.
    #[inline(never)]
    pub fn end(&mut self, status: u8, limits: &Limits) {
        const KILLED: u8 = 128 + libc::SIGKILL as u8;
        if status != 0 && self.cgroup.as_mut().is_some_and(Cgroup::ran_out_of_memory) {
            let exit = if status == KILLED { Exit::Signal(libc::SIGKILL as u8) } else { Exit::Code(status) };
            say!(Failure, "run: {}", How(exit, Some(OutOfMemory(limits))));
        }
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        if let Some(parent) = &self.parent {
            // Nobody is in it: the end of the first process was that of its pid namespace.
            let _ = fs::remove(At::Dir(parent), name(&mut Path::new()), true);
        }
    }
}

fn name(buffer: &mut Path) -> &CStr {
    let mut pid = heapless::Vec::<u8, 10>::new();
    process::id().write(&mut pid);
    path(&[PREFIX, &pid], buffer).unwrap_or(ASIDE)
}

/// Where a container's cgroup can be made, with its controllers. None: there is no cgroup v2.
fn parent() -> Option<Fd> {
    const TOP: &CStr = c"/sys/fs/cgroup";
    let (mut text, mut buffer) = ([0; 4096], Path::new());
    let text = fs::read_file(c"/proc/self/cgroup", &mut text).ok()?;
    let place = path(&[TOP.to_bytes(), own(text).unwrap_or_default()], &mut buffer)?;
    let own = open(place);
    if own.as_ref().is_some_and(|own| is_alone(own) && step_aside(own)) {
        return own;
    }
    if user::is_root() { open(TOP) } else { own }
}

fn open(path: &CStr) -> Option<Fd> {
    let place = fs::open(path, fs::READ | fs::DIRECTORY).ok()?;
    fs::file_system(&place).is_ok_and(|system| system.is_cgroup2()).then_some(place)
}

/// The only process in it is this one.
fn is_alone(own: &Fd) -> bool {
    let (mut text, mut line) = ([0; 32], heapless::Vec::<u8, 11>::new());
    process::id().write(&mut line);
    line.write(b"\n");
    let read = fs::open_at(At::Dir(own), c"cgroup.procs", fs::READ).and_then(|file| file.read_to_end(&mut text));
    read.is_ok_and(|count| text.get(..count) == Some(&line[..]))
}

fn step_aside(own: &Fd) -> bool {
    let made = fs::make_directory(At::Dir(own), ASIDE, 0o755);
    made.and_then(|()| fs::write_file(At::Dir(own), c"tinyo-run/cgroup.procs", b"0")).is_ok()
}

/// Removes what launchers that were killed have left behind. The kernel keeps one that anybody is in.
fn sweep(parent: &Fd) {
    let Ok(directory) = fs::open_at(At::Dir(parent), c".", fs::READ | fs::DIRECTORY) else { return };
    let mut names = Names::of(&directory);
    while let Some((name, _)) = names.next_name() {
        let pid = after(name.to_bytes(), PREFIX).and_then(number::decimal).and_then(Pid::of);
        // Between its mkdir and its clone the cgroup of one that lives is empty too.
        if pid.is_some_and(|pid| {
            pid.number() == process::id() || process::kill(pid, 0).is_err_and(|error| error.is(libc::ESRCH))
        }) {
            let _ = fs::remove(At::Dir(parent), name, true);
        }
    }
}
