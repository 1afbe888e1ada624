//! The supervisor: services started in order, reaped, restarted, stopped.
//!
//! Pure: `service` (one life), `order` (who may start and stop), `request` (what a signal means). The rest meets the
//! machine, in one loop that waits for signals, reports and output, with one computed deadline and no other timer.

mod cgroup;
mod finish;
mod lines;
mod member;
mod order;
mod service;

pub use finish::end;

use crate::config::{self, Config, OnExit, OnFailure, Service};
use crate::request::{self, Ending};
use crate::say;
use crate::sys::fd::Fd;
use crate::sys::poll::{self, Interest};
use crate::sys::process::{self, Waited};
use crate::sys::signal;
use crate::text::duration::Millis;
use crate::watchdog;
use cgroup::Cgroups;
use core::ffi::CStr;
use member::Member;
use order::Verdict;
use service::{Action, Event, State};

/// Room for two files of each service, and the signals.
const FILES: usize = 2 * crate::limits::SERVICES + 1;

/// A killed process is gone in microseconds, unless the kernel holds it (a dead disk, a lost NFS server): that long it
/// is waited for at a shutdown.
const HELD_BY_KERNEL: Millis = Millis(2_000);

/// Everything that the loop knows, as large as 64 services need: in `.bss`, paid for by the page as it is used.
pub struct Supervisor {
    members: heapless::Vec<Member, { crate::limits::SERVICES }>,
}

impl Supervisor {
    pub const fn new() -> Self {
        Supervisor { members: heapless::Vec::new() }
    }
}

impl Default for Supervisor {
    fn default() -> Self {
        Self::new()
    }
}

/// Why the loop ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    pub ending: Ending,
    /// The status of the service whose end this is.
    pub status: Option<u8>,
}

/// What the loop works with.
pub struct Set<'s> {
    pub config: &'s Config<'s>,
    pub signals: &'s Fd,
    /// PID 1 of the machine, not of a container.
    pub machine: bool,
    /// TERM for services, as the kernel gave it to us.
    pub term: Option<&'s CStr>,
    /// Nothing is Ready by then: reboot. The rescue shell's time limit.
    pub give_up_at: Option<Millis>,
}

struct Loop<'s> {
    set: &'s Set<'s>,
    members: &'s mut [Member],
    cgroups: Option<Cgroups>,
    end: Option<End>,
}

/// Runs the services of the config until something ends the machine and all of them are down.
pub fn run(supervisor: &mut Supervisor, set: &Set) -> End {
    let wanted = order::wanted(&set.config.services);
    supervisor.members.clear();
    for (index, service) in set.config.services.iter().enumerate() {
        let state = match service.broken {
            true => State::Failed,
            false if wanted.contains(index) => State::Waiting,
            false => State::Stopped,
        };
        if service.broken {
            say!(Failure, "{}: failed: its part of the config has errors", service.name);
        }
        // As many as the config can hold.
        let _ = supervisor.members.push(Member::new(state));
    }
    if wanted == config::Set::EMPTY {
        say!(Failure, "no service to run; waiting for a signal to end");
    }
    // In a pid namespace of somebody's the cgroups may be seen by others too, who may have services of the same names.
    let cgroups = if set.machine { Cgroups::open() } else { None };
    let mut this = Loop { set, members: &mut supervisor.members, cgroups, end: None };
    for service in set.config.services.iter().filter(|service| service.broken) {
        this.over(service, None);
    }
    loop {
        this.schedule();
        if let Some(end) = this.end.filter(|_| this.is_down()) {
            return end;
        }
        this.turn();
    }
}

impl<'s> Loop<'s> {
    /// The service of member `index`: always there, for members were made from the services, one each.
    fn service(&self, index: usize) -> Option<&'s Service<'s>> {
        let set: &'s Set<'s> = self.set;
        set.config.services.get(index)
    }

    fn state(&self, index: usize) -> State {
        self.members.get(index).map_or(State::Failed, |member| member.state)
    }

    /// There is a process of it that can be waited for.
    fn is_running(&self, index: usize, now: Millis) -> bool {
        self.members.get(index).is_some_and(|member| member.state.is_running() && !member.is_stuck(now))
    }

    fn may_start(&self, index: usize) -> Verdict {
        self.service(index).map_or(Verdict::Wait, |service| order::may_start(service, |i| self.state(i)))
    }

    /// Starts whoever may start; once the machine ends, stops whoever may stop. Until nothing moves any more.
    fn schedule(&mut self) {
        let now = poll::now();
        let mut moved = true;
        while moved {
            moved = false;
            for index in 0..self.members.len() {
                let event = match (self.end, self.state(index)) {
                    (Some(_), State::Stopping { .. } | State::Stopped | State::Done | State::Failed) => continue,
                    // No process: nobody's turn has to be waited for, and no restart may come in between.
                    (Some(_), State::Waiting | State::Backoff { .. }) => Event::Stop,
                    (Some(_), _) => {
                        match order::may_stop(index, &self.set.config.services, |i| self.is_running(i, now)) {
                            true => Event::Stop,
                            false => continue,
                        }
                    }
                    (None, State::Waiting) => match self.may_start(index) {
                        Verdict::Go => Event::Start,
                        Verdict::Wait => continue,
                        Verdict::Never(other) => {
                            let (name, required) = (self.set.config.name(index), self.set.config.name(other));
                            let state = self.state(other).name();
                            say!(Failure, "{}: failed: it requires {}, which is {}", name, required, state);
                            Event::RequirementFailed
                        }
                    },
                    (None, _) => continue,
                };
                self.handle(index, event);
                moved = true;
            }
        }
    }

    /// One event of one service: the machine says what follows, and it is done.
    fn handle(&mut self, index: usize, event: Event) {
        let Some(service) = self.service(index) else { return };
        let mut next = Some(event);
        while let Some(event) = next.take() {
            let Some(member) = self.members.get_mut(index) else { return };
            let action = member.apply(event, poll::now(), service);
            next = member.perform(action, service, self.set, self.cgroups.as_ref());
            if let (Event::Ended(exit), Some(end)) = (event, &mut self.end)
                && service.on_exit != OnExit::None
            {
                // The machine ends already, for another reason: its status still is this one's.
                end.status.get_or_insert(exit.status());
            }
            match (action, event) {
                (Action::Over, Event::Ended(exit)) => self.over(service, Some(exit.status())),
                // It never came to its command.
                (Action::Over, Event::NotSpawned) => self.over(service, Some(125)),
                (Action::Over, _) => self.over(service, None),
                (Action::GiveUp, _) => self.gave_up(service),
                _ => {}
            }
        }
    }

    /// A service ended for good: that may be the end of the machine.
    fn over(&mut self, service: &Service, status: Option<u8>) {
        let ending = match service.on_exit {
            OnExit::None => return,
            OnExit::Poweroff => Ending::Poweroff,
            OnExit::Reboot => Ending::Reboot,
            OnExit::Halt => Ending::Halt,
        };
        self.finish(End { ending, status });
    }

    fn gave_up(&mut self, service: &Service) {
        let ending = match service.on_failure {
            // A rescue shell beside the services that still run would be one more console: reboot is what helps.
            OnFailure::Rescue => Some(Ending::Reboot),
            other => request::after_failure(other),
        };
        if let Some(ending) = ending {
            self.finish(End { ending, status: None });
        }
    }

    /// The first wish to end is the one that counts: nothing later can turn a power-off into a reboot.
    fn finish(&mut self, end: End) {
        if self.end.is_none() {
            say!(Info, "{}: stopping services", end.ending.name());
            self.end = Some(end);
        }
    }

    /// Nothing is left that could be waited for.
    fn is_down(&self) -> bool {
        let now = poll::now();
        (0..self.members.len()).all(|index| !self.is_running(index, now))
    }

    fn deadline(&self) -> Option<Millis> {
        let (ending, now) = (self.end.is_some(), poll::now());
        let of_members = self.members.iter().filter_map(|member| member.deadline(ending, now)).min();
        let limit = self.set.give_up_at.filter(|_| self.end.is_none() && !self.is_up());
        of_members.into_iter().chain(limit).min()
    }

    fn is_up(&self) -> bool {
        self.members.iter().any(|member| matches!(member.state, State::Ready { .. }))
    }

    /// Waits for something to happen, and deals with all that has.
    fn turn(&mut self) {
        let mut files = heapless::Vec::<Interest, FILES>::new();
        let _ = files.push(Interest::readable(self.set.signals));
        for member in self.members.iter() {
            for file in member.files() {
                let _ = files.push(Interest::readable(file));
            }
        }
        // It can only fail for want of kernel memory: then everything is looked at, as if all had happened.
        let _ = poll::wait(&mut files, self.deadline().into_iter().chain(watchdog::feed()).min());
        while let Ok(Some(number)) = signal::next(self.set.signals) {
            if let Some(ending) = request::ending(number, self.set.machine) {
                self.finish(End { ending, status: None });
            }
        }
        let mut ready = files.iter().skip(1).map(Interest::is_ready);
        for index in 0..self.members.len() {
            let (Some(service), Some(member)) = (self.service(index), self.members.get_mut(index)) else { continue };
            if let Some(event) = member.read(service, self.set, &mut ready) {
                self.handle(index, event);
            }
        }
        self.reap();
        let now = poll::now();
        for index in 0..self.members.len() {
            let state = self.state(index);
            // What the end of the machine finds between two starts is not started again.
            let ending = self.end.is_some() && matches!(state, State::Backoff { .. });
            if !ending && state.deadline().is_some_and(|deadline| deadline <= now) {
                self.handle(index, Event::Deadline);
            }
        }
        if self.set.give_up_at.is_some_and(|limit| limit <= now) && !self.is_up() {
            self.finish(End { ending: Ending::Reboot, status: None });
        }
    }

    /// Many deaths are one SIGCHLD: reap until there is no more, ours and strangers'.
    fn reap(&mut self) {
        while let Waited::Ended(pid, exit) = process::reap() {
            let mut members = self.members.iter_mut().zip(&self.set.config.services);
            if members.any(|(member, service)| member.stopper_ended(pid, exit, service, self.set)) {
                continue;
            }
            let Some(index) = self.members.iter().position(|member| member.pid == Some(pid)) else { continue };
            let (Some(service), Some(member)) = (self.service(index), self.members.get_mut(index)) else { continue };
            // Its report before its death: it may have written the one and died since we last looked.
            let event = member.read_report(service, self.set);
            member.pid = None;
            if let Some(event) = event {
                self.handle(index, event);
            }
            self.handle(index, Event::Ended(exit));
        }
    }
}
