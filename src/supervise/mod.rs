//! The supervisor: services started in order, reaped, restarted, stopped.
//!
//! Pure: `service` (one life), `order` (who may start and stop), `ring`, `request` (what a signal means), `wire` (what a
//! client says). The rest meets the machine, in one loop that waits for signals, reports, output, notices and clients,
//! with one computed deadline and no other timer.

pub mod cgroup;
mod control;
mod finish;
pub mod lines;
mod listen;
mod member;
mod network;
mod notify;
mod order;
mod reload;
mod requests;
mod ring;
mod service;
mod turn;
mod words;

pub use finish::end;
pub use reload::text_of;
pub use words::How;

use crate::boot::device::Events;
use crate::config::{Config, Log, OnExit, OnFailure, Service, Userns};
use crate::limits;
use crate::plan::run::users::Refusal;
use crate::request::{self, Ending};
use crate::say;
use crate::sys::error::Error;
use crate::sys::fd::{self, Fd};
use crate::sys::poll;
use crate::text::duration::Millis;
use crate::text::lines::last;
use cgroup::Cgroups;
use control::Control;
use core::ffi::CStr;
use member::{Member, Pipes};
use order::Verdict;
use reload::Reload;
use ring::Ring;
use service::{Action, Event, State};

/// A killed process is gone in microseconds, unless the kernel holds it (a dead disk, a lost NFS server): that long it
/// is waited for at a shutdown.
const HELD_BY_KERNEL: Millis = Millis(2_000);

/// The exit status of a service that never came to its command, as of `docker run`.
const NEVER_RAN: u8 = 125;

/// Everything that outlives a config, as large as 64 services need: in `.bss`, paid for by the page as it is used, and so
/// in this order.
#[repr(C)]
pub struct Supervisor {
    control: Control,
    members: heapless::Vec<Member, { limits::SERVICES }>,
    rings: [Ring; limits::SERVICES],
}

impl Supervisor {
    pub const fn new() -> Self {
        Supervisor {
            members: heapless::Vec::new(),
            rings: [const { Ring::new() }; limits::SERVICES],
            control: Control::new(),
        }
    }
}

impl Default for Supervisor {
    fn default() -> Self {
        Self::new()
    }
}

/// Why the loop ended.
#[derive(Debug)]
pub enum Outcome {
    End(End),
    /// Go on with the config in this file, which was checked: what it changes is down.
    Reload(Fd),
}

/// How the machine ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    pub ending: Ending,
    /// The status of the service whose end this is.
    pub status: Option<u8>,
}

/// A part of the boot, for `tinyo timeline`.
#[derive(Clone, Copy, Debug)]
pub struct Phase {
    pub name: &'static str,
    pub began: Millis,
    pub ended: Millis,
}

/// What the loop works with.
pub struct Set<'s> {
    pub config: &'s Config<'s>,
    pub signals: &'s Fd,
    /// PID 1 of the machine, not of a container.
    pub machine: bool,
    /// There is one processor, for us and the services.
    pub alone: bool,
    /// TERM for services, as the kernel gave it to us.
    pub term: Option<&'s CStr>,
    /// Nothing is Ready by then: reboot. The rescue shell's time limit.
    pub give_up_at: Option<Millis>,
    pub phases: &'s [Phase],
    /// Of devices, for which modules are loaded.
    pub events: &'s Events,
    /// The file that a reload reads; else why there is none.
    pub source: Result<&'static CStr, &'static str>,
}

struct Loop<'s> {
    set: &'s Set<'s>,
    members: &'s mut heapless::Vec<Member, { limits::SERVICES }>,
    rings: &'s mut [Ring; limits::SERVICES],
    control: &'s mut Control,
    cgroups: Option<Cgroups>,
    reload: Option<Reload>,
    end: Option<End>,
    /// There may be more ends of processes than one turn looks at.
    crowded: bool,
    /// Something was done since the last wait, which used more stack than waiting does.
    deep: bool,
}

/// Runs the services of the config until something ends the machine and all of them are down, or until a new config is
/// to be taken.
pub fn run(supervisor: &mut Supervisor, set: &Set) -> Outcome {
    let Supervisor { members, rings, control } = supervisor;
    // In a pid namespace of somebody's the cgroups may be seen by others too, who may have services of the same names.
    let cgroups = if set.machine { Cgroups::open() } else { None };
    if set.machine && cgroups.is_none() {
        say!(Warning, "no cgroup2 in /sys/fs/cgroup: a service is its process group, and has no limits");
    }
    control.open();
    let mut this = Loop { set, members, rings, control, cgroups, reload: None, end: None, crowded: false, deep: true };
    this.adopt();
    for service in set.config.services.iter().filter(|service| service.broken) {
        this.over(service, NEVER_RAN);
    }
    loop {
        this.schedule();
        this.answer();
        if let Some(end) = this.end.filter(|_| this.is_down()) {
            return Outcome::End(end);
        }
        if let Some(file) = this.reloaded() {
            return Outcome::Reload(file);
        }
        this.turn();
    }
}

impl<'s> Loop<'s> {
    /// The service of member `index`: always there, for members are made from the services, one each.
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
        let state = |i: usize| match self.members.get(i) {
            // It comes again, with the new config.
            Some(member) if member.outdated => State::Waiting,
            _ => self.state(i),
        };
        self.service(index).map_or(Verdict::Wait, |service| order::may_start(service, state))
    }

    fn is_leaving(&self, index: usize) -> bool {
        self.members.get(index).is_some_and(|member| member.leaving)
    }

    fn set_leaving(&mut self, index: usize, leaving: bool) {
        if let Some(member) = self.members.get_mut(index) {
            member.leaving = leaving;
        }
    }

    /// Starts whoever may start, stops whoever is to stop and may. Until nothing moves any more.
    #[inline(never)]
    fn schedule(&mut self) {
        let now = poll::now();
        let mut moved = true;
        while moved {
            moved = false;
            for index in 0..self.members.len() {
                let event = match (self.is_leaving(index), self.state(index)) {
                    (true, State::Starting { .. } | State::Ready { .. } | State::Stopping { .. }) => {
                        let stops = |i| self.is_leaving(i) || matches!(self.state(i), State::Stopping { .. });
                        let runs = |i| stops(i) && self.is_running(i, now);
                        if !order::may_stop(index, &self.set.config.services, runs) {
                            continue;
                        }
                        Event::Stop
                    }
                    // No process: nobody's turn has to be waited for, and no restart may come in between.
                    (true, _) => Event::Stop,
                    (false, State::Waiting) => match self.may_start(index) {
                        Verdict::Go => Event::Start,
                        Verdict::Wait => continue,
                        Verdict::Never(other) => {
                            let (name, required) = (self.set.config.name(index), self.set.config.name(other));
                            let state = self.state(other).name();
                            say!(Failure, "{}: failed: it requires {}, which is {}", name, required, state);
                            Event::RequirementFailed
                        }
                    },
                    (false, _) => continue,
                };
                self.set_leaving(index, false);
                self.handle(index, event);
                moved = true;
            }
        }
    }

    /// One event of one service: the machine says what follows, and it is done.
    #[inline(never)]
    fn handle(&mut self, index: usize, event: Event) {
        let Some(service) = self.service(index) else { return };
        self.deep = true;
        if service.broken && matches!(event, Event::Want | Event::Restart) {
            // What could be read of it is not what its author meant.
            return;
        }
        let mut status = NEVER_RAN;
        if let Event::Ended(exit) = event {
            self.read_lines(index, true);
            status = exit.status();
        }
        let Some(member) = self.members.get_mut(index) else { return };
        let action = member.apply(event, poll::now(), service);
        if action == Action::Spawn {
            if let Err(problem) = self.start(index, service) {
                if let Some(error) = problem {
                    let mapped = service.container.is_some_and(|container| container.userns == Userns::Auto);
                    say!(Failure, "{}: {}", service.name, Refusal(error, mapped));
                }
                self.handle(index, Event::NotSpawned);
            }
            return;
        }
        member.perform(action, service, self.set, self.cgroups.as_ref());
        // A reload makes it anew: this is not the end of it.
        let outdated = member.outdated;
        if let (Event::Ended(_), true, Some(end)) = (event, service.on_exit != OnExit::None, &mut self.end) {
            // The machine ends already, for another reason: its status still is this one's.
            end.status = end.status.or(Some(status));
        }
        if matches!(action, Action::Over | Action::GiveUp) {
            self.drop_networks();
        }
        match action {
            Action::Over if !outdated => self.over(service, status),
            Action::GiveUp => self.gave_up(index, service, status),
            _ => {}
        }
    }

    fn start(&mut self, index: usize, service: &Service) -> Result<(), Option<Error>> {
        let pipes = self.pipes(index, service)?;
        match self.members.get_mut(index) {
            Some(member) => member.start(service, self.set, self.cgroups.as_ref(), pipes),
            None => Ok(()),
        }
    }

    /// The pipes between services that the process of `service` is born with.
    #[inline(never)]
    fn pipes(&mut self, index: usize, service: &Service) -> Result<Pipes, Option<Error>> {
        let services = &self.set.config.services;
        let is_read = |name: &CStr| name.to_bytes() == service.name.as_bytes();
        let mut pipes = Pipes::default();
        if services.iter().any(|other| matches!(other.log, Log::Service(name) if is_read(name)))
            && let Some(member) = self.members.get_mut(index)
        {
            pipes.input = Some(fd::duplicate(member.inbox()?.0.number())?);
        }
        if let Log::Service(name) = service.log
            && let Some(reader) = self.set.config.service(name.to_bytes())
            && let Some(member) = self.members.get_mut(reader)
        {
            pipes.output = Some(fd::duplicate(member.inbox()?.1.number())?);
        }
        pipes.network = self.shared_network(index)?;
        Ok(pipes)
    }

    /// A service ended for good: that may be the end of the machine.
    fn over(&mut self, service: &Service, status: u8) {
        let ending = match service.on_exit {
            OnExit::None => return,
            OnExit::Poweroff => Ending::Poweroff,
            OnExit::Reboot => Ending::Reboot,
            OnExit::Halt => Ending::Halt,
        };
        self.finish(End { ending, status: Some(status) });
    }

    #[inline(never)]
    fn gave_up(&mut self, index: usize, service: &Service, status: u8) {
        /// Of its lines: what a person reads first, on a console where `quiet` hid them.
        const LAST: usize = 5;
        say!(Failure, "{}: crashed too often (crash-limit)", service.name);
        let mut buffer = [0; limits::RING_BYTES];
        let ring = self.members.get(index).and_then(|member| self.rings.get(usize::from(member.slot)));
        let text = ring.and_then(|ring| last(ring.text(&mut buffer), LAST)).unwrap_or_default();
        for line in text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            say!(Failure, "{}: last words: {}", service.name, crate::text::show::Show(line));
        }
        let ending = match service.on_failure {
            // A rescue shell beside the services that still run would be one more console: reboot is what helps.
            OnFailure::Rescue => Some(Ending::Reboot),
            other => request::after_failure(other),
        };
        if let Some(ending) = ending {
            self.finish(End { ending, status: Some(status) });
        }
    }

    /// The first wish to end is the one that counts: nothing later can turn a power-off into a reboot.
    fn finish(&mut self, end: End) {
        if self.end.is_none() {
            say!(Info, "{}: stopping services", end.ending.name());
            self.end = Some(end);
            for (member, service) in self.members.iter_mut().zip(&self.set.config.services) {
                member.leaving = true;
                member.hurry(service.stop_timeout);
            }
            self.cancel_reload();
        }
    }

    /// Nothing is left that could be waited for.
    fn is_down(&self) -> bool {
        let now = poll::now();
        (0..self.members.len()).all(|index| !self.is_running(index, now))
    }
}
