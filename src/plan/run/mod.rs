//! Where steps meet the kernel: one interpreter for the machine's set-up, services and containers.
//!
//! In a child it says nothing: what failed travels to the parent as (number of the step, errno) over a close-on-exec
//! pipe, and the parent, which has the same plan, says it. A last record says that execve is next: after it, a pipe that
//! closes means that execve succeeded; without it, that the child has died.

mod command;
mod isolation;
pub mod machine;

use core::cell::Cell;

use super::{Namespaces, Plan, Step};
use crate::container::reaper;
use crate::say;
use crate::sys::error::{Call, Errno, Error, Result};
use crate::sys::fd::{self, Fd};
use crate::sys::poll::Interest;
use crate::sys::process::{self, Forked, Pid};
use crate::sys::{args, fs, poll, signal};
use crate::text::duration::Millis;

/// Where a child's report goes: above standard error, and the only file that outlives `CloseFiles`.
const REPORT: i32 = 3;

/// What earlier steps left for later ones.
#[derive(Default)]
pub struct Place {
    /// The writing end of a service's log pipe.
    pub log: Option<Fd>,
    report: Option<Fd>,
    /// The root as the host sees it, and the container's own mount of it.
    source: Option<Fd>,
    /// The launcher's current directory, and our own null device.
    launch: Option<Fd>,
    null: Option<Fd>,
    root: Option<Fd>,
    old_root: Option<Fd>,
    identity: command::Identity,
    /// Our reaper has this child to end with.
    child: Option<Pid>,
}

/// A child on its way to its execve.
#[derive(Debug)]
pub struct Child {
    pub pid: Pid,
    pub report: Fd,
    /// All steps before its execve are taken.
    armed: Cell<bool>,
}

/// What a child reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    Executed,
    /// This step of its plan failed.
    Failed {
        step: usize,
        errno: i32,
    },
    /// It ended on its way to its execve, and could not say why: killed, as a rule.
    Died,
    /// Its pipe is empty and still open.
    Nothing,
}

/// What a child gets of a single processor before its parent goes on.
const HEAD_START: Millis = Millis(2);

/// Forks a child that carries `plan` out. Signals must be blocked: the child unblocks them by its own step.
pub fn spawn(plan: &Plan, cgroup: Option<&Fd>, log: Option<Fd>) -> Result<Child> {
    let (reader, writer) = fd::pipe(libc::O_NONBLOCK)?;
    match process::fork(flags(plan.namespaces), cgroup)? {
        Forked::Parent(pid) => {
            // The first of many services would wait until the last one is forked, for the one processor is ours until
            // we sleep. An execve from a disk that hangs is not waited for.
            if process::has_one_processor() {
                let _ = poll::wait(&mut [Interest::end_of(&reader)], Some(Millis(poll::now().0 + HEAD_START.0)));
            }
            Ok(Child { pid, report: reader, armed: Cell::new(false) })
        }
        Forked::Child => {
            drop(reader);
            child(plan, Place { log, report: Some(writer), ..Place::default() })
        }
    }
}

fn flags(namespaces: Namespaces) -> process::Namespaces {
    let mut flags = 0;
    if namespaces.container {
        flags |= process::NEW_MOUNT | process::NEW_PID | process::NEW_UTS | process::NEW_IPC;
    }
    if namespaces.net {
        flags |= process::NEW_NET;
    }
    process::Namespaces(flags)
}

/// The life of a child: the steps, of which the last is execve. It never returns.
fn child(plan: &Plan, mut place: Place) -> ! {
    for (number, step) in plan.steps.iter().enumerate() {
        if matches!(step, Step::Exec { .. }) {
            tell(&place, ARMED, 0);
        }
        if let Err(error) = take(step, &mut place) {
            tell(&place, number as u16, error.errno().0);
            process::exit(step.exit_status(i32::from(error.errno().0)));
        }
        if let Some(pid) = place.child {
            attend(pid);
        }
    }
    // A plan without an execve is a bug of its builder.
    process::exit(125)
}

/// Stands for the number of a step: the next is execve. A pipe that closes without it was closed by a death.
const ARMED: u16 = u16::MAX;

/// Writes a record: four bytes are one write to a pipe, or none when nobody is there to read them.
fn tell(place: &Place, step: u16, errno: u16) {
    let (step, errno) = (step.to_ne_bytes(), errno.to_ne_bytes());
    let record = [step[0], step[1], errno[0], errno[1]];
    match &place.report {
        Some(report) => drop(report.write(&record)),
        None => drop(fd::write_to(REPORT, &record)),
    }
}

/// This process is the container's PID 1 now: it keeps no file of anybody's, so that pipes end when the command ends them.
fn attend(pid: Pid) -> ! {
    // Out of the launcher's session: no terminal to type into, no signal that it gets by itself. Both can only fail
    // where they hold already.
    let _ = process::new_session();
    let _ = process::no_new_privileges();
    fd::close_from(0);
    // The launcher's words name paths of the host's, and other people's secrets; our child has its own copy.
    args::forget();
    match signal::open() {
        Ok(signals) => process::exit(reaper::attend(pid, &signals).status()),
        // Nothing is open, so a descriptor is to be had, or the kernel is out of memory: end, and the kernel ends the rest.
        Err(_) => process::exit(125),
    }
}

impl Child {
    /// What the child has reported so far. Never blocks.
    pub fn report(&self) -> Report {
        loop {
            let mut record = [0u8; 4];
            return match self.report.read(&mut record) {
                Ok(4) => match u16::from_ne_bytes([record[0], record[1]]) {
                    ARMED => {
                        self.armed.set(true);
                        continue;
                    }
                    step => Report::Failed {
                        step: usize::from(step),
                        errno: i32::from(u16::from_ne_bytes([record[2], record[3]])),
                    },
                },
                Err(error) if error.is(libc::EAGAIN) => Report::Nothing,
                _ if self.armed.get() => Report::Executed,
                _ => Report::Died,
            };
        }
    }
}

/// `tinyo: WHO: STEP: REASON; HINT`; an empty `who` is the machine itself.
pub fn say_failure(who: &str, step: &Step, errno: Errno) {
    let hint = step.hint(i32::from(errno.0));
    let after_who = if who.is_empty() { "" } else { ": " };
    let before_hint = if hint.is_empty() { "" } else { "; " };
    say!(Failure, "{}{}{}: {}{}{}", who, after_who, step, errno, before_hint, hint);
}

/// Takes one step that needs nothing of another.
#[inline(never)]
pub fn take_alone(step: &Step) -> Result<()> {
    take(step, &mut Place::default())
}

/// Takes one step in this process.
pub fn take(step: &Step, place: &mut Place) -> Result<()> {
    match *step {
        Step::OwnRoot => machine::own_root(),
        Step::Mount(mount, need) => machine::mount(mount, need),
        Step::MountDev => machine::mount_dev(),
        Step::Link { target, path } => machine::link(target, path),
        Step::Sysctl(word) => machine::sysctl(word.to_bytes()),
        Step::Hostname(name) => crate::sys::user::set_hostname(name),
        // The boot's own: they need a device to come, and time. It takes them itself.
        Step::Module(_) | Step::MountRoot(_) | Step::HandOver { .. } => Err(Error::new(Call::Plan, libc::ENOSYS)),

        Step::Session { terminal } => command::session(terminal),
        Step::Stdio(log) => command::stdio(log, place.log.as_ref()),
        Step::Terminal(tty) => command::terminal(tty),
        Step::ModeMask(mask) => {
            fs::set_mode_mask(mask);
            Ok(())
        }
        Step::Bounding(set) => command::bound(set),
        Step::User(user) => command::become_user(user.to_bytes(), &mut place.identity),
        Step::Capabilities(set) => command::keep(set, &place.identity),
        Step::Workdir(path) => command::work_in(path),
        Step::ResetSignals => {
            signal::reset();
            Ok(())
        }
        Step::Ask => command::ask(),
        Step::Exec { argv, env, term } => Err(command::execute(argv, env, term, &place.identity)),
        Step::DieWithParent => {
            process::die_with_parent(libc::SIGKILL as u8)?;
            parent_lives()
        }
        Step::Keyring => process::new_keyring(),
        Step::Undumpable => process::make_undumpable(),
        Step::NoNewPrivileges => process::no_new_privileges(),
        Step::Reaper => {
            if let Forked::Parent(pid) = process::fork(process::Namespaces::default(), None)? {
                place.child = Some(pid);
            }
            Ok(())
        }
        Step::CloseFiles => close_files(place),

        Step::PrivateMounts => isolation::make_private(place),
        Step::Root { path, read_only, devices } => isolation::take_root(path, read_only, devices, place),
        Step::Volume { source, target, read_only, devices } => {
            isolation::volume(source, target, read_only, devices, place)
        }
        Step::Tmpfs { target, options } => isolation::tmpfs(target, options, place),
        Step::Devices => isolation::devices(place),
        Step::Pivot => isolation::pivot(place),
        Step::Proc => isolation::proc(place),
        Step::Sys { read_only } => isolation::sys(read_only, place),
        Step::DropOldRoot => isolation::drop_old_root(place),
        Step::Mask(path) => isolation::mask(path, place),
        Step::ReadOnly(path) => isolation::make_read_only(path, place),
        Step::Loopback => crate::sys::net::loopback_up(),
    }
}

/// Everything but standard input, output, error and the report pipe.
fn close_files(place: &mut Place) -> Result<()> {
    if let Some(report) = place.report.take() {
        report.dup_onto(REPORT, true)?;
        // On that number already: the copy is the file itself, and must not be closed as the other one.
        if report.number() == REPORT {
            report.leak();
        }
    }
    // Their numbers are closed below, all at once.
    let Place { log, source, launch, null, root, old_root, .. } = place;
    for file in [log, source, launch, null, root, old_root] {
        file.take().map(Fd::leak);
    }
    fd::close_from(REPORT + 1);
    Ok(())
}

/// The parent may have died before PDEATHSIG was set: then nobody holds the reading end of the report pipe.
fn parent_lives() -> Result<()> {
    let report = fd::duplicate(REPORT)?;
    let mut files = [Interest::readable(&report)];
    poll::wait(&mut files, Some(Millis(0)))?;
    if files[0].is_hung_up() { Err(Error::new(Call::Prctl, libc::ESRCH)) } else { Ok(()) }
}
