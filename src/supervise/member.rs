//! One service at work: its state, its process, its files.

mod kill;

use super::cgroup::{self, Cgroup, Cgroups, OutOfMemory, Unlimited};
use super::control::Client;
use super::lines::Lines;
use super::listen::Sockets;
use super::service::{self, Action, Event, History, Rules, State};
use super::words::{How, say_change, say_failure};
use super::{HELD_BY_KERNEL, Set};
use crate::config::{Kind, Limits, Log, Ready, Service};
use crate::limits;
use crate::plan::build::{self, Command, Parent};
use crate::plan::run::{self, Child, Handed, Report};
use crate::plan::{Plan, Users};
use crate::say;
use crate::sys::error::{Call, Error};
use crate::sys::fd::{self, Fd};
use crate::sys::poll;
use crate::sys::process::{Exit, Pid};
use crate::text::bytes;
use crate::text::duration::Millis;
use crate::text::put::{Piece, Word};

/// In this order: what is within 127 bytes of the beginning is reached by shorter instructions.
#[repr(C)]
pub struct Member {
    pub state: State,
    /// When it came to this state; when it first started and was Ready; when its last process ended, and how.
    since: Millis,
    began: Millis,
    ready: Millis,
    ended: Millis,
    pub history: History,
    pub pid: Option<Pid>,
    /// The process group of its last process: all that there is of it without a cgroup.
    group: Option<Pid>,
    /// Where it writes a newline once it is ready.
    readiness: Option<Fd>,
    pub exit: Option<Exit>,
    /// For want of memory.
    starved: bool,
    /// Its ring, among those of the supervisor.
    pub slot: u8,
    /// To be stopped, once nobody among those who are and came after it runs any more.
    pub leaving: bool,
    /// A reload has changed it, or it is gone: once it is down, it is made anew, or goes.
    pub outdated: bool,
    /// An outdated one that starts again: nobody wanted it down.
    pub comes_again: bool,
    killed: Option<Millis>,
    /// Of the process that is being set up.
    report: Option<Child>,
    /// Its stop command at work.
    stopper: Option<Child>,
    cgroup: Option<Cgroup>,
    /// The network namespace that was made with its first process.
    pub network: Option<Fd>,
    /// Its standard input, which services with `log = "service:NAME"` write to: the reading and the writing end.
    inbox: Option<(Fd, Fd)>,
    pub name: heapless::Vec<u8, { limits::NAME_BYTES }, u8>,
    /// What it said of itself last.
    pub status: heapless::Vec<u8, { limits::STATUS_BYTES }, u8>,
    sockets: Sockets,
    pub lines: Option<Lines>,
}

/// Ends of pipes between services, for a process in the making.
#[derive(Default)]
pub struct Pipes {
    pub input: Option<Fd>,
    pub output: Option<Fd>,
    /// The network that it shares.
    pub network: Option<Fd>,
}

impl Member {
    pub fn new(service: &Service, slot: u8, state: State) -> Self {
        let never = Millis(0);
        Member {
            // As long as a service's name can be.
            name: heapless::Vec::from_slice(service.name.as_bytes()).unwrap_or_default(),
            slot,
            state,
            pid: None,
            status: heapless::Vec::new(),
            leaving: false,
            outdated: false,
            comes_again: false,
            history: History::NEW,
            since: poll::now(),
            began: never,
            ready: never,
            ended: never,
            exit: None,
            starved: false,
            report: None,
            lines: None,
            readiness: None,
            sockets: Sockets::new(),
            cgroup: None,
            network: None,
            killed: None,
            group: None,
            stopper: None,
            inbox: None,
        }
    }

    /// Makes it anew, for a new config; whoever writes to its standard input does not notice. One that does not start again
    /// keeps what is known of its last life.
    pub fn renew(&mut self, service: &Service, state: State) {
        let mut new = Member::new(service, self.slot, state);
        (new.inbox, new.network) = (self.inbox.take(), self.network.take());
        if state.is_at_rest() {
            (new.since, new.began, new.ready, new.ended) = (self.since, self.began, self.ready, self.ended);
            (new.exit, new.starved, new.history) = (self.exit, self.starved, self.history);
        }
        *self = new;
    }

    /// What the loop waits for: its report, its readiness, its lines.
    pub fn files(&self) -> [Option<&Fd>; 3] {
        let report = self.report.as_ref().map(|child| &child.report);
        [report, self.readiness.as_ref(), self.lines.as_ref().map(Lines::reader)]
    }

    /// What it says of itself, as much as fits.
    pub fn set_status(&mut self, text: &[u8]) {
        self.status.clear();
        let end = text.len().min(self.status.capacity());
        let _ = self.status.extend_from_slice(text.get(..end).unwrap_or_default());
    }

    /// The end of the machine waits no longer than the config says, whatever it was granted before.
    pub fn hurry(&mut self, stop_timeout: Millis) {
        if let State::Stopping { kill_at: Some(at), .. } = &mut self.state {
            *at = (*at).min(Millis(poll::now().0.saturating_add(stop_timeout.0)));
        }
    }

    /// When the loop must look again. A killed process that does not end only matters to others who are `ending`, and only
    /// until it is given up.
    pub fn deadline(&self, ending: bool, now: Millis) -> Option<Millis> {
        let held = self.killed.filter(|_| ending && self.state.is_running());
        let given_up = held.map(|killed| Millis(killed.0.saturating_add(HELD_BY_KERNEL.0)));
        self.state.deadline().or(given_up.filter(|&at| at > now))
    }

    /// It was killed and the kernel does not let go of it.
    pub fn is_stuck(&self, now: Millis) -> bool {
        self.killed.is_some_and(|killed| now.0.saturating_sub(killed.0) >= HELD_BY_KERNEL.0)
    }

    /// How its last process ended.
    pub fn how<'s>(&self, exit: Exit, service: &'s Service) -> How<'s> {
        How(exit, self.starved.then_some(OutOfMemory(&service.limits)))
    }

    /// Sends what `status` shows of it, and what `timeline` does: a [`SERVICE`](crate::wire::SERVICE). False: it did not
    /// arrive.
    #[inline(never)]
    pub fn send_record(&self, client: &Client, root: &[u8], service: &Service) -> bool {
        let how = self.exit.map(|exit| self.how(exit, service));
        client.send(&[
            Piece::Text(b"service"),
            Piece::Text(&self.name),
            Piece::Text(self.state.name().as_bytes()),
            Piece::Number(self.pid.map_or(0, |pid| pid.number().into())),
            Piece::Number(self.since.0),
            Piece::Number(self.history.restarts.into()),
            Piece::Number(self.began.0),
            Piece::Number(self.ready.0),
            Piece::Number(self.ended.0),
            how.as_ref().map_or(Piece::Text(b""), Word::piece),
            Piece::Text(root),
            Piece::Text(&self.status),
        ])
    }

    /// The machine's answer to `event`, said aloud.
    #[inline(never)]
    pub fn apply(&mut self, event: Event, now: Millis, service: &Service) -> Action {
        if let Event::Ended(exit) = event {
            (self.pid, self.exit, self.ended) = (None, Some(exit), now);
            self.readiness = None;
            self.status.clear();
            self.starved = !exit.is_success() && self.cgroup.as_mut().is_some_and(Cgroup::ran_out_of_memory);
        }
        let (next, action) = service::step(self.state, event, now, &Rules::of(service), &mut self.history);
        let before = core::mem::replace(&mut self.state, next);
        if before.name() != next.name() {
            self.since = now;
            match next {
                State::Starting { .. } if self.began == Millis(0) => self.began = now,
                State::Ready { .. } if self.ready == Millis(0) => self.ready = now,
                _ => {}
            }
        }
        say_change(self, before, event, now, service);
        action
    }

    /// Starts its process. Else why not, unless that was said.
    pub fn start(
        &mut self,
        service: &Service,
        set: &Set,
        cgroups: Option<&Cgroups>,
        pipes: Pipes,
    ) -> Result<(), Option<Error>> {
        self.killed = None;
        cgroup::limit(&mut self.cgroup, cgroups, service, set).map_err(|Unlimited| None)?;
        self.sockets.open(set.config, service).map_err(|_| None)?;
        let child = self.spawn(Command::Exec, service, set, cgroups, pipes)?;
        (self.pid, self.group) = (Some(child.pid), Some(child.pid));
        self.report = Some(child);
        Ok(())
    }

    /// Does what else the machine asks for.
    pub fn perform(&mut self, action: Action, service: &Service, set: &Set, cgroups: Option<&Cgroups>) {
        match action {
            Action::None | Action::Spawn => {}
            Action::Ask => self.ask(service, set, cgroups),
            Action::Abort => self.signal(service, libc::SIGABRT as u8),
            Action::Kill => {
                self.killed = Some(poll::now());
                self.kill();
            }
            Action::Over | Action::GiveUp | Action::Clear => {
                self.report = None;
                self.kill_left();
                // Nobody is in it any more: soon its number may be somebody else's.
                self.group = None;
                if action != Action::Clear {
                    self.sockets.close(set.config, service);
                }
            }
        }
    }

    #[inline(never)]
    fn spawn(
        &mut self,
        command: Command,
        service: &Service,
        set: &Set,
        cgroups: Option<&Cgroups>,
        pipes: Pipes,
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
            let log = match &pipes.output {
                Some(output) => Some(fd::duplicate(output.number())?),
                None => self.lines.as_ref().map(Lines::writer).transpose()?,
            };
            let input = pipes.input.as_ref().map(|input| fd::duplicate(input.number())).transpose()?;
            // One of a user namespace that is gone is nobody's to enter from another.
            let own = self.network.as_ref().filter(|_| plan.namespaces.net && plan.namespaces.user == Users::Host);
            let network = pipes.network.as_ref().or(own);
            let given = Handed { network, keeps_network: true, block: self.slot.into(), ..Handed::default() };
            let mut handed = Handed { log, input, alone: set.alone, ..given };
            if command == Command::Exec {
                handed.sockets = self.sockets.files();
                if let Ready::Fd(_) = service.ready {
                    let (reader, writer) = fd::pipe(0)?;
                    reader.set_non_blocking()?;
                    (self.readiness, handed.ready) = (Some(reader), Some(writer));
                }
            }
            let cgroup = self.cgroup.take().or_else(|| cgroups?.service(service.name).ok());
            handed.cgroup = cgroup.as_ref().map(Cgroup::main);
            let child = run::spawn(&plan, handed);
            // A stop command that cannot be made leaves the service where it is.
            if child.is_ok() || command == Command::Stop {
                self.cgroup = cgroup;
            }
            child
        };
        // Somebody may have removed its cgroup, or given it children: made anew, or done without, it may do. One with limits
        // gets a new one at its next start.
        attempt().or_else(|error| if service.limits == Limits::NONE { attempt() } else { Err(error) })
    }

    /// The pipe to its standard input, made when it is first asked for and held for good.
    pub fn inbox(&mut self) -> Result<&(Fd, Fd), Error> {
        if self.inbox.is_none() {
            self.inbox = Some(fd::pipe(0)?);
        }
        self.inbox.as_ref().ok_or(Error::new(Call::Pipe2, libc::EMFILE))
    }

    /// Asks the service to end: by its own stop command, and, once that is over or if there is none, by its stop signal.
    fn ask(&mut self, service: &Service, set: &Set, cgroups: Option<&Cgroups>) {
        if !service.stop.is_empty() {
            match self.spawn(Command::Stop, service, set, cgroups, Pipes::default()) {
                Ok(child) => {
                    self.stopper = Some(child);
                    return;
                }
                Err(error) => say!(Failure, "{}: stop: {}", service.name, error),
            }
        }
        self.stop(service);
    }

    /// `pid` has ended: if that was the stop command, the rest is the stop signal's.
    pub fn stopper_ended(&mut self, pid: Pid, exit: Exit, service: &Service, set: &Set) -> bool {
        let Some(child) = self.stopper.take_if(|stopper| stopper.pid == pid) else { return false };
        if matches!(self.state, State::Stopping { .. }) {
            match child.report() {
                Report::Failed { step, errno } => say_failure(set, service, Command::Stop, step, errno),
                _ if exit.is_success() => {}
                _ => say!(Warning, "{}: stop: {}", service.name, How(exit, None)),
            }
            self.stop(service);
        }
        true
    }

    /// What the process in the making has to say, if there is something.
    pub fn read_report(&mut self, service: &Service, set: &Set) -> Option<Event> {
        let report = self.report.as_ref()?.report();
        if report == Report::Nothing {
            return None;
        }
        let child = self.report.take()?;
        match report {
            Report::Executed => {
                // Before, nobody knows whether `lo` came up in it.
                self.network = child.network.or(self.network.take());
                return Some(Event::Executed);
            }
            Report::Failed { step, errno } => say_failure(set, service, Command::Exec, step, errno),
            // Its end says the rest.
            _ => {}
        }
        None
    }

    /// A newline says that it is ready; what comes before is for people who are not there, the end for nobody.
    pub fn read_readiness(&mut self) -> Option<Event> {
        let mut text = [0u8; 64];
        let event = match self.readiness.as_ref()?.read(&mut text) {
            Err(error) if error.is(libc::EAGAIN) => return None,
            Ok(n) if n > 0 && !bytes::has(text.get(..n)?, b'\n') => return None,
            Ok(n) if n > 0 => Some(Event::Announced),
            _ => None,
        };
        self.readiness = None;
        event
    }
}
