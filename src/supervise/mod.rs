//! The supervisor: services started in order, reaped, restarted, stopped.
//!
//! Pure: `service` (one life), `order` (who may start and stop), `ring`, `request` (what a signal means), `wire` (what a
//! client says). The rest meets the machine, in one loop that waits for signals, reports, output, notices and clients,
//! with one computed deadline and no other timer.

mod cgroup;
mod control;
mod finish;
mod lines;
mod listen;
mod member;
mod notify;
mod order;
mod reload;
mod requests;
mod ring;
mod service;
mod words;

pub use finish::end;
pub use reload::text_of;

use crate::config::{self, Config, Log, Name, OnExit, OnFailure, Service};
use crate::limits;
use crate::request::{self, Ending};
use crate::say;
use crate::sys::error::Error;
use crate::sys::fd::{self, Fd};
use crate::sys::local;
use crate::sys::poll::{self, Interest};
use crate::sys::process::{self, Waited};
use crate::sys::signal;
use crate::text::duration::Millis;
use crate::text::notify::Notice;
use crate::watchdog;
use cgroup::Cgroups;
use control::Control;
use core::ffi::CStr;
use member::{Member, Pipes};
use order::Verdict;
use reload::Reload;
use ring::Ring;
use service::{Action, Event, State};

/// Room for three files of each service, the clients, the signals, the control socket's own three.
const FILES: usize = 3 * limits::SERVICES + limits::CLIENTS + 4;

/// A killed process is gone in microseconds, unless the kernel holds it (a dead disk, a lost NFS server): that long it
/// is waited for at a shutdown.
const HELD_BY_KERNEL: Millis = Millis(2_000);

/// Everything that outlives a config, as large as 64 services need: in `.bss`, paid for by the page as it is used.
pub struct Supervisor {
    members: heapless::Vec<Member, { limits::SERVICES }>,
    rings: [Ring; limits::SERVICES],
    control: Control,
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
    /// TERM for services, as the kernel gave it to us.
    pub term: Option<&'s CStr>,
    /// Nothing is Ready by then: reboot. The rescue shell's time limit.
    pub give_up_at: Option<Millis>,
    pub phases: &'s [Phase],
    /// The file that a reload reads; else why there is none.
    pub source: Result<&'static CStr, &'static str>,
}

struct Loop<'s> {
    set: &'s Set<'s>,
    members: &'s mut heapless::Vec<Member, { limits::SERVICES }>,
    rings: &'s mut [Ring; limits::SERVICES],
    control: &'s mut Control,
    cgroups: Option<Cgroups>,
    /// To be stopped, each once nobody among them who came after it runs any more.
    leaving: config::Set,
    reload: Option<Reload>,
    end: Option<End>,
}

/// Runs the services of the config until something ends the machine and all of them are down, or until a new config is
/// to be taken.
pub fn run(supervisor: &mut Supervisor, set: &Set) -> Outcome {
    let Supervisor { members, rings, control } = supervisor;
    // In a pid namespace of somebody's the cgroups may be seen by others too, who may have services of the same names.
    let cgroups = if set.machine { Cgroups::open() } else { None };
    control.open();
    let mut this = Loop { set, members, rings, control, cgroups, leaving: config::Set::EMPTY, reload: None, end: None };
    this.adopt();
    for service in set.config.services.iter().filter(|service| service.broken) {
        this.over(service, None);
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
        self.service(index).map_or(Verdict::Wait, |service| order::may_start(service, |i| self.state(i)))
    }

    /// Starts whoever may start, stops whoever is to stop and may. Until nothing moves any more.
    fn schedule(&mut self) {
        let now = poll::now();
        let mut moved = true;
        while moved {
            moved = false;
            for index in 0..self.members.len() {
                let event = match (self.leaving.contains(index), self.state(index)) {
                    (true, State::Starting { .. } | State::Ready { .. } | State::Stopping { .. }) => {
                        let stops = |i| self.leaving.contains(i) || matches!(self.state(i), State::Stopping { .. });
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
                self.leaving.remove(index);
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
            let ring = self.rings.get_mut(usize::from(member.slot));
            let action = member.apply(event, poll::now(), service, &mut ear(ring, self.control, index, service.name));
            let pipes = match action {
                Action::Spawn => self.pipes(index, service),
                _ => Ok(Pipes::default()),
            };
            let Some(member) = self.members.get_mut(index) else { return };
            next = match pipes {
                Ok(pipes) => member.perform(action, service, self.set, self.cgroups.as_ref(), pipes),
                Err(error) => {
                    say!(Failure, "{}: {}", service.name, error);
                    Some(Event::NotSpawned)
                }
            };
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
                (Action::GiveUp, _) => self.gave_up(index, service),
                _ => {}
            }
        }
    }

    /// The pipes between services that the process of `service` is born with.
    fn pipes(&mut self, index: usize, service: &Service) -> Result<Pipes, Error> {
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
        Ok(pipes)
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

    fn gave_up(&mut self, index: usize, service: &Service) {
        /// Of its lines: what a person reads first, on a console where `quiet` hid them.
        const LAST: usize = 5;
        say!(Failure, "{}: crashed too often (crash-limit)", service.name);
        let mut buffer = [0; limits::RING_BYTES];
        let ring = self.members.get(index).and_then(|member| self.rings.get(usize::from(member.slot)));
        let text = ring.map_or(&[][..], |ring| ring::last(ring.text(&mut buffer), LAST));
        for line in text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            say!(Failure, "{}: last words: {}", service.name, crate::text::show::Show(line));
        }
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
            self.leaving = config::Set(u64::MAX);
            self.cancel_reload();
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
        of_members.into_iter().chain(limit).chain(self.control.again).min()
    }

    fn is_up(&self) -> bool {
        self.members.iter().any(|member| matches!(member.state, State::Ready { .. }))
    }

    /// Waits for something to happen, and deals with all that has.
    fn turn(&mut self) {
        let mut files = heapless::Vec::<Interest, FILES>::new();
        let _ = files.push(Interest::readable(self.set.signals));
        for file in self.members.iter().flat_map(Member::files).chain(self.control.files()) {
            let _ = files.push(Interest::readable(file));
        }
        // It can only fail for want of kernel memory: then signals, deaths and deadlines are looked at all the same.
        let _ = poll::wait(&mut files, self.deadline().into_iter().chain(watchdog::feed()).min());
        self.obey_signals();
        let mut ready = files.get(1..).unwrap_or_default().iter();
        for index in 0..self.members.len() {
            let (Some(service), Some(member)) = (self.service(index), self.members.get_mut(index)) else { continue };
            let ring = self.rings.get_mut(usize::from(member.slot));
            let events = {
                let hear = &mut ear(ring, self.control, index, service.name);
                member.read(service, self.set, &mut ready.by_ref().map(Interest::is_ready), hear)
            };
            for event in events.into_iter().flatten() {
                self.handle(index, event);
            }
        }
        self.serve(ready);
        self.reap();
        self.expire();
    }

    fn obey_signals(&mut self) {
        while let Ok(Some(number)) = signal::next(self.set.signals) {
            if let Some(ending) = request::ending(number, self.set.machine) {
                self.finish(End { ending, status: None });
            }
        }
    }

    /// Deadlines that have passed.
    fn expire(&mut self) {
        let now = poll::now();
        for index in 0..self.members.len() {
            let state = self.state(index);
            // What the end of the machine finds between two starts is not started again.
            let ending = self.end.is_some() && matches!(state, State::Backoff { .. });
            if !ending && state.deadline().is_some_and(|deadline| deadline <= now) {
                self.handle(index, Event::Deadline);
            }
        }
        if self.control.again.is_some_and(|at| at <= now) {
            self.control.open();
        }
        if self.set.give_up_at.is_some_and(|limit| limit <= now) && !self.is_up() {
            self.finish(End { ending: Ending::Reboot, status: None });
        }
    }

    /// Notices of services, each from whoever the kernel says it is from.
    fn read_notices(&mut self) {
        let mut buffer = [0u8; 1024];
        // No more than so many at once: the others' turn comes too.
        for _ in 0..limits::SERVICES {
            let Some(Ok((text, sender))) = self.control.notices.as_ref().map(|file| local::receive(file, &mut buffer))
            else {
                return;
            };
            let Some(index) = sender.and_then(|sender| notify::member_of(sender, self.members)) else { continue };
            let mut rest = Some(text);
            while let Some(notice) = crate::text::notify::next(&mut rest) {
                self.notice(index, notice);
            }
        }
    }

    fn notice(&mut self, index: usize, notice: Notice) {
        let Some(member) = self.members.get_mut(index) else { return };
        let event = match notice {
            Notice::Ready => Event::Announced,
            Notice::Stopping => Event::Leaving,
            Notice::Watchdog => Event::Fed,
            Notice::WatchdogTrigger if matches!(member.state, State::Ready { .. }) => Event::Deadline,
            // The end of the machine waits no longer than the config says.
            Notice::Extend(more) if self.end.is_none() => Event::Extend(more),
            Notice::Status(text) => {
                member.status.clear();
                let end = text.len().min(member.status.capacity());
                let _ = member.status.extend_from_slice(text.get(..end).unwrap_or_default());
                return;
            }
            Notice::Reloading | Notice::WatchdogTrigger | Notice::Extend(_) => return,
        };
        self.handle(index, event);
    }

    /// Many deaths are one SIGCHLD: reap until there is no more, ours and strangers'.
    fn reap(&mut self) {
        while let Waited::Ended(pid, exit) = process::reap() {
            if self.check_ended(pid, exit) {
                continue;
            }
            let mut members = self.members.iter_mut().zip(&self.set.config.services);
            if members.any(|(member, service)| member.stopper_ended(pid, exit, service, self.set)) {
                continue;
            }
            let Some(index) = self.members.iter().position(|member| member.pid == Some(pid)) else { continue };
            let (Some(service), Some(member)) = (self.service(index), self.members.get_mut(index)) else { continue };
            // Its report before its death: it may have written the one and died since we last looked.
            if let Some(event) = member.read_report(service, self.set) {
                self.handle(index, event);
            }
            self.handle(index, Event::Ended(exit));
        }
    }
}

/// What is done with each line of a service beside logging it.
fn ear<'e>(
    mut ring: Option<&'e mut Ring>,
    control: &'e Control,
    index: usize,
    name: Name<'e>,
) -> impl FnMut(&[u8]) + use<'e> {
    move |line| {
        if let Some(ring) = &mut ring {
            ring.keep(line);
        }
        control.hear(index, name.as_bytes(), line);
    }
}
