//! One service at work: its state, its process, its files.

use super::cgroup::{Cgroup, Cgroups};
use super::lines::Lines;
use super::service::{self, Action, Event, History, Rules, State};
use super::{HELD_BY_KERNEL, Set};
use crate::config::{Kind, Log, Service};
use crate::plan::Plan;
use crate::plan::build::{self, Command, Parent};
use crate::plan::run::{self, Child, Report};
use crate::say;
use crate::sys::error::{Call, Errno, Error};
use crate::sys::fd::Fd;
use crate::sys::memory;
use crate::sys::poll;
use crate::sys::process::{self, Exit, Pid};
use crate::text::duration::Millis;
use crate::text::signal;
use ufmt::{Formatter, uDisplay, uWrite, uwrite};

/// How a process ended, in words.
struct How(Exit);

impl uDisplay for How {
    fn fmt<W: uWrite + ?Sized>(&self, f: &mut Formatter<'_, W>) -> Result<(), W::Error> {
        match self.0 {
            Exit::Code(code) => uwrite!(f, "exited with status {}", code),
            Exit::Signal(number) => match signal::name(number) {
                Some(signal) => uwrite!(f, "killed by SIG{}", signal),
                None => uwrite!(f, "killed by signal {}", number),
            },
        }
    }
}

pub struct Member {
    pub state: State,
    pub pid: Option<Pid>,
    history: History,
    /// Of the process that is being set up.
    report: Option<Child>,
    lines: Option<Lines>,
    cgroup: Option<Cgroup>,
    killed: Option<Millis>,
    /// The process group of its last process: all that there is of it without a cgroup.
    group: Option<Pid>,
    /// Its stop command at work.
    stopper: Option<Child>,
}

impl Member {
    pub const fn new(state: State) -> Self {
        let history = History::NEW;
        Member {
            state,
            pid: None,
            history,
            report: None,
            lines: None,
            cgroup: None,
            killed: None,
            group: None,
            stopper: None,
        }
    }

    /// What the loop waits for.
    pub fn files(&self) -> impl Iterator<Item = &Fd> {
        self.report.as_ref().map(|child| &child.report).into_iter().chain(self.lines.as_ref().map(Lines::reader))
    }

    /// When the loop must look again. A killed process that does not end only matters while `ending`, and only until
    /// it is given up.
    pub fn deadline(&self, ending: bool, now: Millis) -> Option<Millis> {
        let held = self.killed.filter(|_| ending && self.state.is_running());
        let given_up = held.map(|killed| Millis(killed.0.saturating_add(HELD_BY_KERNEL.0)));
        self.state.deadline().or(given_up.filter(|&at| at > now))
    }

    /// It was killed and the kernel does not let go of it.
    pub fn is_stuck(&self, now: Millis) -> bool {
        self.killed.is_some_and(|killed| now.0.saturating_sub(killed.0) >= HELD_BY_KERNEL.0)
    }

    /// The machine's answer to `event`, said aloud.
    #[inline(never)]
    pub fn apply(&mut self, event: Event, now: Millis, service: &Service) -> Action {
        let (next, action) = service::step(self.state, event, now, &Rules::of(service), &mut self.history);
        let before = core::mem::replace(&mut self.state, next);
        let name = service.name;
        if let Event::Ended(exit) = event {
            if let Some(lines) = &mut self.lines {
                lines.drain(name);
                lines.flush(name);
            }
            self.say_end(before, exit, now, name);
        } else if next != before {
            let pid = self.pid.map_or(0, Pid::number);
            match next {
                State::Ready { .. } => say!(Info, "{}: ready, pid {}", name, pid),
                State::Starting => say!(Debug, "{}: starting", name),
                State::Stopping { kill_at: None } => {
                    say!(Warning, "{}: still there after {} ms; killing it", name, service.stop_timeout.0);
                }
                other => say!(Debug, "{}: {}", name, other.name()),
            }
        }
        action
    }

    /// How a process ended, and what follows.
    #[inline(never)]
    fn say_end(&self, before: State, exit: Exit, now: Millis, name: &str) {
        let how = How(exit);
        match self.state {
            State::Backoff { until } => {
                let wait = until.0.saturating_sub(now.0);
                match (self.history.is_crash_loop(), exit.is_success(), wait) {
                    (true, ..) => say!(Failure, "{}: {}; crash loop, next start in {} ms", name, how, wait),
                    (_, false, 0) => say!(Warning, "{}: {}; starting again at once", name, how),
                    (_, false, _) => say!(Warning, "{}: {}; starting again in {} ms", name, how, wait),
                    (_, true, _) => say!(Info, "{}: {}; starting again in {} ms", name, how, wait),
                }
            }
            State::Done => say!(Info, "{}: done", name),
            State::Failed => say!(Failure, "{}: failed: {}", name, how),
            State::Stopped if matches!(before, State::Stopping { .. }) => say!(Info, "{}: stopped", name),
            _ => say!(Info, "{}: {}", name, how),
        }
    }

    /// Does what the machine asks for. What it says follows is an event at once.
    pub fn perform(
        &mut self,
        action: Action,
        service: &Service,
        set: &Set,
        cgroups: Option<&Cgroups>,
    ) -> Option<Event> {
        match action {
            Action::None => {}
            Action::Spawn => {
                self.killed = None;
                match self.spawn(Command::Exec, service, set, cgroups) {
                    Ok(child) => {
                        (self.pid, self.group) = (Some(child.pid), Some(child.pid));
                        self.report = Some(child);
                        // The plan was the deepest that the loop goes.
                        memory::release_stack();
                    }
                    Err(error) => {
                        say!(Failure, "{}: {}", service.name, error);
                        return Some(Event::NotSpawned);
                    }
                }
            }
            Action::Ask => self.ask(service, set, cgroups),
            Action::Kill => {
                self.killed = Some(poll::now());
                self.kill();
            }
            Action::Over | Action::GiveUp | Action::Clear => {
                self.report = None;
                self.kill_left();
            }
        }
        None
    }

    fn spawn(
        &mut self,
        command: Command,
        service: &Service,
        set: &Set,
        cgroups: Option<&Cgroups>,
    ) -> Result<Child, Error> {
        let mut plan = Plan::default();
        build::service(&mut plan, set.config, service, command, Parent::Init, set.term);
        if plan.full {
            return Err(Error::new(Call::Plan, libc::E2BIG));
        }
        if self.lines.is_none() && service.log == Log::Kmsg && service.kind != Kind::Console {
            self.lines = Some(Lines::new()?);
        }
        let mut attempt = || {
            let cgroup = self.cgroup.take().or_else(|| cgroups?.service(service.name).ok());
            let log = self.lines.as_ref().map(Lines::writer).transpose()?;
            let child = run::spawn(&plan, cgroup.as_ref().map(Cgroup::main), log)?;
            self.cgroup = cgroup;
            Ok(child)
        };
        // Somebody may have removed its cgroup, or given it children: made anew, or done without, it may do.
        attempt().or_else(|_| attempt())
    }

    /// Asks the service to end: by its own stop command, and, once that is over or if there is none, by its stop signal.
    fn ask(&mut self, service: &Service, set: &Set, cgroups: Option<&Cgroups>) {
        if !service.stop.is_empty() {
            match self.spawn(Command::Stop, service, set, cgroups) {
                Ok(child) => {
                    self.stopper = Some(child);
                    return;
                }
                Err(error) => say!(Failure, "{}: stop: {}", service.name, error),
            }
        }
        self.signal(service);
    }

    /// `pid` has ended: if that was the stop command, the rest is the stop signal's.
    pub fn stopper_ended(&mut self, pid: Pid, exit: Exit, service: &Service, set: &Set) -> bool {
        let Some(child) = self.stopper.take_if(|stopper| stopper.pid == pid) else { return false };
        if matches!(self.state, State::Stopping { .. }) {
            match child.report() {
                Report::Failed { step, errno } => say_failure(set, service, Command::Stop, step, errno),
                _ if exit.is_success() => {}
                _ => say!(Warning, "{}: stop: ended with status {}", service.name, exit.status()),
            }
            self.signal(service);
        }
        true
    }

    fn signal(&self, service: &Service) {
        let Some(pid) = self.pid else { return };
        if service.kind == Kind::Console {
            // An interactive shell ignores TERM; that its terminal hangs up is what it ends for.
            let _ = process::kill_group(pid, libc::SIGHUP as u8);
        }
        // A container's PID 1 passes it on; a plain service is its process group, a shell's children included.
        if service.container.is_some() || process::kill_group(pid, service.stop_signal).is_err() {
            let _ = process::kill(pid, service.stop_signal);
        }
        // One that was stopped could not obey.
        let _ = process::kill(pid, libc::SIGCONT as u8);
    }

    /// SIGKILL to all of it.
    fn kill(&mut self) {
        if let Some(pid) = self.pid {
            let _ = process::kill_group(pid, libc::SIGKILL as u8);
            let _ = process::kill(pid, libc::SIGKILL as u8);
        }
        self.kill_left();
    }

    /// SIGKILL to what its process left behind.
    fn kill_left(&mut self) {
        match (&self.cgroup, self.group) {
            (Some(cgroup), _) => cgroup.kill(),
            // ESRCH as a rule: nobody is left in it. Its number is not given to another group while somebody is.
            (None, Some(group)) => drop(process::kill_group(group, libc::SIGKILL as u8)),
            (None, None) => {}
        }
    }

    /// Reads what is there. `ready` says it for each of [`Member::files`].
    pub fn read(&mut self, service: &Service, set: &Set, ready: &mut impl Iterator<Item = bool>) -> Option<Event> {
        let reported = self.report.is_some() && ready.next().unwrap_or(true);
        if let Some(lines) = &mut self.lines
            && ready.next().unwrap_or(true)
        {
            lines.read(service.name);
        }
        if reported { self.read_report(service, set) } else { None }
    }

    /// What the process in the making has to say.
    pub fn read_report(&mut self, service: &Service, set: &Set) -> Option<Event> {
        let child = self.report.take()?;
        match child.report() {
            Report::Nothing => {
                self.report = Some(child);
                None
            }
            // Its end says the rest.
            Report::Died => None,
            Report::Executed => Some(Event::Executed),
            Report::Failed { step, errno } => {
                say_failure(set, service, Command::Exec, step, errno);
                None
            }
        }
    }
}

/// The step that failed, from the plan that the child had too.
fn say_failure(set: &Set, service: &Service, command: Command, number: usize, errno: i32) {
    let mut plan = Plan::default();
    build::service(&mut plan, set.config, service, command, Parent::Init, set.term);
    let Some(step) = plan.steps.get(number) else { return };
    run::say_failure(service.name, step, Errno(errno as u16));
}
