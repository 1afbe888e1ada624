//! Where steps meet the kernel: one interpreter for the machine's set-up, services and containers.
//!
//! In a child it says nothing: what failed travels to the parent as (number of the step, errno) over a close-on-exec
//! pipe, and the parent, which has the same plan, says it. A last record says that execve is next: after it, a pipe that
//! closes means that execve succeeded; without it, that the child has died.

pub mod bind;
mod command;
mod cover;
mod devices;
mod environment;
mod handed;
mod identity;
mod isolation;
pub mod machine;
pub mod root;
pub mod users;

use core::cell::Cell;

pub use command::DEFAULT_PATH;
pub use handed::Handed;

use super::{Namespaces, Plan, Step, Users};
use crate::container::reaper::{self, Manner, Stops};
use crate::limits;
use crate::say;
use crate::sys::error::LINES;
use crate::sys::error::{Call, Errno, Error, Result};
use crate::sys::fd::{self, Fd};
use crate::sys::poll::Interest;
use crate::sys::process::{self, Forked, Pid};
use crate::sys::{args, fs, local, memory, poll, signal, user};
use crate::text::duration::Millis;
use crate::text::show::Show;
use crate::text::ulimit;

/// What earlier steps left for later ones.
#[derive(Default)]
pub struct Place<'p> {
    /// The writing end of the pipe that its output goes to, and the reading end of the one that its input comes from.
    log: Option<Fd>,
    input: Option<Fd>,
    sockets: &'p [Fd],
    ready: Option<Fd>,
    terminal: Option<Fd>,
    network: Option<&'p Fd>,
    process: Option<(Pid, &'p Fd)>,
    told: handed::Told<'p>,
    /// Where a child's report goes.
    report: Option<Fd>,
    users: Users,
    /// Where the outer process (see `users`) sends what it did for us.
    outer: Option<Fd>,
    /// The root as the host sees it, and the container's own mount of it.
    source: Option<Fd>,
    /// The launcher's current directory.
    launch: Option<Fd>,
    /// The container's own /dev, which nobody else has seen until the root is pivoted to, and the null device in it.
    dev: Option<Fd>,
    null: Option<Fd>,
    root: Option<Fd>,
    /// Its own mounts of proc and sysfs, and the number of the one that is the current directory; 0: neither.
    proc: Option<Fd>,
    sys: Option<Fd>,
    inside: i32,
    spot: bind::Spot,
    identity: identity::Identity,
    /// Of files.
    variables: environment::Variables,
    /// The step at hand.
    step: u16,
}

/// A child on its way to its execve.
#[derive(Debug)]
pub struct Child {
    pub pid: Pid,
    pub report: Fd,
    /// The namespace that was made for it, if whoever made it keeps that.
    pub network: Option<Fd>,
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

/// A mount point that a step is about to make in the image: what is missing begins at `start` of its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Made {
    pub step: usize,
    pub start: usize,
}

/// What a child gets of a single processor before its parent goes on.
const HEAD_START: Millis = Millis(2);

/// Forks a child that carries `plan` out. Signals must be blocked: the child unblocks them by its own step.
pub fn spawn(plan: &Plan, handed: Handed) -> Result<Child> {
    let (reader, writer) = fd::pipe(libc::O_NONBLOCK)?;
    let users = plan.namespaces.user;
    let (outer, ours) =
        if users == Users::Range { local::pair(true).map(|(a, b)| (Some(a), Some(b)))? } else { (None, None) };
    // One of a namespace that is there costs next to nothing, one to make is half of a launch.
    let namespaces = Namespaces { net: plan.namespaces.net && handed.network.is_none(), ..plan.namespaces };
    match process::fork(flags(namespaces), handed.cgroup)? {
        Forked::Parent(pid) => {
            drop(writer);
            // Before the child may have ended: a zombie is in none.
            let network =
                if namespaces.net && handed.keeps_network { process::open(pid, "ns/net", fs::READ).ok() } else { None };
            if let Some(socket) = ours {
                // Whose other end is the child's alone: without its outer process that sees its end, and ends.
                drop(outer);
                users::serve(plan, pid, socket, handed.block)?;
            }
            // The first of many services would wait until the last one is forked, for the one processor is ours until
            // we sleep: until its execve, which ends our sleep in the middle, but not for one from a disk that hangs.
            if handed.alone {
                let _ = poll::wait(&mut [Interest::end_of(&reader)], Some(Millis(poll::now().0 + HEAD_START.0)));
            }
            Ok(Child { pid, report: reader, network, armed: Cell::new(false) })
        }
        Forked::Child => {
            // Closed with the rest, or by execve.
            reader.leak();
            // Or it would be what keeps it waiting where the outer process has died.
            drop(ours);
            let Handed { log, input, sockets, ready, terminal, network, process, .. } = handed;
            let (report, given) = (Some(writer), Place { network, process, users, outer, ..Place::default() });
            live(plan, 0, &mut Place { log, input, sockets, ready, terminal, report, ..given })
        }
    }
}

fn flags(namespaces: Namespaces) -> process::Namespaces {
    let mut flags = 0;
    if namespaces.container {
        flags |= process::NEW_MOUNT | process::NEW_PID | process::NEW_UTS | process::NEW_IPC | process::NEW_CGROUP;
    }
    if namespaces.net {
        flags |= process::NEW_NET;
    }
    if namespaces.user != Users::Host {
        flags |= process::NEW_USER;
    }
    process::Namespaces(flags)
}

/// The life of a child: the steps from one on, of which the last is execve. It never returns.
fn live<'p>(plan: &'p Plan, from: usize, place: &mut Place<'p>) -> ! {
    for (number, step) in plan.steps.iter().enumerate().skip(from) {
        // The parent would take this child for dead whatever becomes of it: let it be.
        if step.is_last() && !tell(place, ARMED, 0) {
            process::exit(125);
        }
        place.step = number as u16;
        let taken = match step {
            // Another process goes on, and this one stays until it has ended.
            Step::Reaper { apart: true } => match process::fork(process::Namespaces::default(), None) {
                Ok(Forked::Parent(pid)) => attend(pid),
                done => done.map(drop),
            },
            Step::Reaper { .. } | Step::Inside => {
                process::lend(&mut || live(plan, number + 1, place)).map(|pid| attend(pid))
            }
            _ => take(step, place),
        };
        if let Err(error) = taken {
            tell(place, place.step, error.errno().0);
            process::exit(step.exit_status(i32::from(error.errno().0)));
        }
    }
    // A plan without an execve is a bug of its builder.
    process::exit(125)
}

/// Stands for the number of a step: the next is execve. A pipe that closes without it was closed by a death. Nor does
/// anybody execute anything whose launcher has died: nobody reads the pipe then.
const ARMED: u16 = u16::MAX;

/// With the number of a step: it is about to make a mount point, from the offset that stands where an errno would.
const MAKING: u16 = 1 << 15;

/// Says that the step at hand is about to make its mount point from `start` of its path on: a launch that fails after all
/// takes it away again.
fn tell_making(place: &Place, start: usize) {
    tell(place, place.step | MAKING, start as u16);
}

/// Writes a record: four bytes are one write to a pipe, or none (false) when nobody is there to read
/// them, or the kernel has no page for the pipe.
fn tell(place: &Place, step: u16, errno: u16) -> bool {
    let (step, errno) = (step.to_ne_bytes(), errno.to_ne_bytes());
    let record = [step[0], step[1], errno[0], errno[1]];
    place.report.as_ref().is_none_or(|report| report.write(&record).is_ok())
}

/// This process is the container's PID 1 now: it keeps no file of anybody's, so that pipes end when the command ends them.
///
/// Its rights are those of the command, which `tinyo exec` looks at.
fn attend(pid: Pid) -> ! {
    // The launcher's words name paths of the host's, and other people's secrets; our child has its own copy. First: it is quick.
    args::forget();
    // Out of the launcher's session: no terminal to type into, no signal that it gets by itself. It can only fail where it
    // holds already.
    let _ = process::new_session();
    fd::close_from(0);
    memory::release_stack();
    // The command may run already, and nobody is there to tell: a second is what the kernel gets to find memory in. After
    // that, or without a descriptor by its own limit, this is the end, and the kernel ends the rest.
    match (0..100).find_map(|_| signal::open().inspect_err(|_| poll::pause()).ok()) {
        Some(signals) => {
            let manner = Manner { stops: Stops::All, ..Manner::default() };
            process::exit(reaper::attend(pid, &signals, manner, true).status())
        }
        None => process::exit(125),
    }
}

impl Child {
    /// What the child has reported so far. Never blocks.
    pub fn report(&self) -> Report {
        self.report_and(false, &mut |_| {})
    }

    /// The same; `making` gets each mount point that the child is about to make. `ended`: the pipe is known to be at its end,
    /// so that one read has all of it.
    pub fn report_and(&self, ended: bool, making: &mut dyn FnMut(Made)) -> Report {
        loop {
            // One for each step, that it is armed, and how it failed after that; as a rule.
            let mut records = [0u8; 4 * (limits::STEPS + 2)];
            let read = match self.report.read(&mut records) {
                Err(error) if error.is(libc::EAGAIN) => return Report::Nothing,
                read => read.unwrap_or(0),
            };
            for record in records.get(..read).unwrap_or_default().as_chunks().0 {
                let &[step0, step1, value0, value1] = record;
                let (step, value) = (u16::from_ne_bytes([step0, step1]), u16::from_ne_bytes([value0, value1]));
                match step {
                    ARMED => self.armed.set(true),
                    MAKING.. => making(Made { step: usize::from(step & !MAKING), start: value.into() }),
                    _ => return Report::Failed { step: step.into(), errno: value.into() },
                }
            }
            if read == 0 || ended && read < records.len() {
                return if self.armed.get() { Report::Executed } else { Report::Died };
            }
        }
    }
}

/// `tinyo: WHO: STEP: REASON; HINT`; an empty `who` is the machine itself. Past the errnos are lines of the step's file.
pub fn say_failure(who: &[u8], step: &Step, errno: Errno) {
    let hint = match step {
        Step::MapCaller { .. } | Step::MapRange => users::hint(Some(step), errno),
        _ => step.hint(i32::from(errno.0)),
    };
    let after_who = if who.is_empty() { "" } else { ": " };
    let (before_errno, before_hint) = match i32::from(errno.0) {
        LINES.. => (":", ": "),
        _ if hint.is_empty() => (": ", ""),
        _ => (": ", "; "),
    };
    say!(Failure, "{}{}{}{}{}{}{}", Show(who), after_who, *step, before_errno, errno, before_hint, hint);
}

/// Takes one step that needs nothing of another.
#[inline(never)]
pub fn take_alone(step: &Step) -> Result<()> {
    take(step, &mut Place::default())
}

/// Takes one step in this process.
pub fn take<'p>(step: &Step<'p>, place: &mut Place<'p>) -> Result<()> {
    match *step {
        Step::OwnRoot => machine::own_root(),
        Step::Mount(mount, need) => machine::mount(mount, need),
        Step::MountDev => machine::mount_dev(),
        Step::Link { target, path } => machine::link(target, path),
        Step::Sysctl(word) => machine::sysctl(word.to_bytes()),
        Step::Hostname(name) => crate::sys::user::set_hostname(name),
        // The boot's own: they need a device to come, and time. It takes them itself.
        Step::Module(_) | Step::Ip(_) | Step::Seed(_) | Step::Watchdog(_) | Step::MountRoot(_) | Step::HandOver(_) | Step::GoOn
        // And those that two processes come out of.
        | Step::Reaper { .. } | Step::Inside => Err(Error::new(Call::Plan, libc::ENOSYS)),

        Step::Session { terminal } => command::session(terminal),
        Step::Stdio { log, fed } => command::stdio(log, fed, place),
        Step::Terminal(tty) => command::terminal(tty),
        Step::ModeMask(mask) => {
            fs::set_mode_mask(mask);
            Ok(())
        }
        Step::Bounding(set) => identity::bound(set),
        Step::EnvFile(path) => place.variables.read(path),
        // The config's words were checked.
        Step::Ulimit(word) => ulimit::parse(word.to_bytes()).map_or(Ok(()), process::set_limit),
        Step::OomScore(score) => command::set_oom_score(score),
        Step::User { user, groups } => identity::become_user(user, groups, place.users, &mut place.identity),
        Step::KeepCapabilities => user::keep_capabilities(),
        Step::Capabilities { set, ambient } => identity::keep(set, ambient, &place.identity),
        Step::Workdir(path) => command::work_in(path),
        // None is ignored: whoever made this process saw to that (`signal::ignore_none`).
        Step::ResetSignals => {
            signal::unblock_all();
            Ok(())
        }
        Step::Group => command::group(),
        Step::RestoreSignals { blocked, child_ignored } => {
            signal::restore(blocked, child_ignored);
            Ok(())
        }
        Step::Ask => command::ask(),
        Step::Exec { argv, env, term } => Err(command::execute(argv, env, term, place)),
        Step::ExecGiven { name, skip } => Err(command::execute_given(name, skip)),
        // Who has died before this step is met where the child says that it is armed.
        Step::DieWithParent => process::die_with_parent(libc::SIGKILL as u8),
        Step::Keyring => process::new_keyring(),
        Step::Undumpable => process::make_dumpable(false),
        Step::NoNewPrivileges => process::no_new_privileges(),
        Step::Seccomp(set) => command::filter_calls(set),
        // Its pid namespace is for children: as in a new one, whoever made it stays outside of the command's way.
        Step::Join(_) => isolation::join(place),
        Step::Sockets(words) => {
            place.told.sockets = words;
            given(place.sockets.len() == words.len() && handed::are_in_order(place.sockets))
        }
        Step::Readiness(number) => {
            place.told.readiness = Some(number);
            given(place.ready.is_some())
        }
        Step::Preserve(count) => {
            place.told.preserved = count;
            Ok(())
        }
        Step::Notify(watchdog) => {
            (place.told.notify, place.told.watchdog) = (true, watchdog);
            Ok(())
        }
        Step::CloseFiles => handed::close_files(place),

        Step::MapCaller { user, root, uid, gid } => users::map_caller(user, root, uid, gid),
        Step::MapRange => users::take_range(place),
        Step::PrivateMounts => isolation::make_private(),
        Step::HoldDirectory => isolation::hold_directory(place),
        Step::Root { path, read_only, devices } => root::take(path, read_only, devices, place),
        Step::Lower(path) => root::lower(path, false, place),
        Step::Overlay { layers, read_only, devices } => root::overlay(layers, read_only, devices, place),
        Step::Volume { source, target, read_only, devices } => {
            isolation::volume(source, target, read_only, devices, place)
        }
        Step::Tmpfs { target, options } => isolation::tmpfs(target, options, place),
        Step::Devices { guarded } => devices::devices(guarded, place),
        Step::Device(device) => devices::device(&device, place),
        Step::Pty => devices::terminal(place),
        Step::Pivot => isolation::pivot(place),
        Step::Proc => isolation::proc(place),
        Step::Sys { read_only } => isolation::sys(read_only, place),
        Step::OwnSysctl(word) => isolation::own_sysctl(word.to_bytes(), place),
        Step::OwnCgroup => isolation::own_cgroup(place),
        Step::HostSys { read_only } => isolation::host_sys(read_only, place),
        Step::DropOldRoot => isolation::drop_old_root(place),
        Step::Mask(path) => cover::mask(path, place),
        Step::ReadOnly(path) => cover::make_read_only(path, place),
        Step::Network(network) => isolation::enter_network(network, place),
    }
}

/// The parent has the same plan: that it gave something else is a bug of its own.
fn given(all: bool) -> Result<()> {
    if all { Ok(()) } else { Err(Error::new(Call::Plan, libc::EBADF)) }
}
