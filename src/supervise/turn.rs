//! One turn of the loop: what is waited for, and what is done about what has happened.

use super::service::{Event, State};
use super::{End, Loop, notify};
use crate::limits;
use crate::request::{self, Ending};
use crate::sys::fd::Fd;
use crate::sys::local;
use crate::sys::memory;
use crate::sys::poll::{self, Interest};
use crate::sys::process::{self, Waited};
use crate::sys::signal;
use crate::text::duration::Millis;
use crate::text::notify::{Notice, next};
use crate::watchdog;

/// Room for three files of each service, the clients, the signals, the control socket's own three, the events of devices.
const FILES: usize = 3 * limits::SERVICES + limits::CLIENTS + 5;

/// What is waited for, and once that is over, what there is.
pub struct Files(heapless::Vec<Interest, FILES>);

/// The status of a service that takes its own config anew, until it says otherwise or that it is ready.
const RELOADING: &[u8] = b"reloading";

impl Files {
    #[inline(never)]
    pub fn add(&mut self, file: Option<&Fd>) {
        if let Some(file) = file {
            let _ = self.0.push(Interest::readable(file));
        }
    }

    /// There is something in `file`. One that came to its number meanwhile is looked at too: none of them blocks.
    #[inline(never)]
    pub fn has(&self, file: Option<&Fd>) -> bool {
        let Some(file) = file else { return false };
        self.0.iter().any(|interest| interest.is_ready() && interest.is_for(file))
    }
}

/// Ends of processes that one turn looks at.
const MOST_ENDS: usize = 4 * limits::SERVICES;

/// Later than any deadline.
const NEVER: Millis = Millis(u64::MAX);

impl Loop<'_> {
    /// Waits for something to happen, and deals with all that has.
    pub(super) fn turn(&mut self) {
        let mut files = Files(heapless::Vec::new());
        files.add(Some(self.set.signals));
        for member in self.members.iter() {
            for file in member.files() {
                files.add(file);
            }
        }
        self.control.add_files(&mut files);
        files.add(self.set.events.socket());
        // Plans and messages go deep, and the wait may be long.
        if core::mem::take(&mut self.deep) {
            memory::release_stack();
        }
        // It can only fail for want of kernel memory: signals, ends and deadlines are looked at all the same.
        let _ = poll::wait(&mut files.0, self.deadline());
        self.obey_signals();
        for index in 0..self.members.len() {
            self.read_member(index, &files);
        }
        self.serve(&files);
        if files.has(self.set.events.socket()) {
            self.set.events.drain();
        }
        self.reap();
        self.expire();
    }

    fn deadline(&self) -> Option<Millis> {
        let now = poll::now();
        if self.crowded {
            return Some(now);
        }
        let ending = self.end.is_some();
        let waited_for = self.members.iter().any(|member| member.leaving);
        let limit = self.set.give_up_at.filter(|_| !ending && !self.is_up());
        let others = [limit, watchdog::feed(), self.control.again, self.reload_deadline()];
        let mut first = others.iter().flatten().copied().min().unwrap_or(NEVER);
        for member in self.members.iter() {
            first = first.min(member.deadline(ending || waited_for, now).unwrap_or(NEVER));
        }
        (first != NEVER).then_some(first)
    }

    fn is_up(&self) -> bool {
        self.members.iter().any(|member| matches!(member.state, State::Ready { .. }))
    }

    /// What there is in the files of a member.
    #[inline(never)]
    fn read_member(&mut self, index: usize, files: &Files) {
        let (Some(service), Some(member)) = (self.service(index), self.members.get_mut(index)) else { return };
        let [report, readiness, lines] = member.files().map(|file| files.has(file));
        let reported = if report { member.read_report(service, self.set) } else { None };
        let announced = if readiness { member.read_readiness() } else { None };
        if lines {
            self.read_lines(index, false);
        }
        for event in [reported, announced].iter().flatten() {
            self.handle(index, *event);
        }
    }

    /// Passes lines of a service on, to its ring and its followers: what is there; or, since its process has ended, all.
    pub(super) fn read_lines(&mut self, index: usize, ended: bool) {
        let (Some(service), Some(member)) = (self.service(index), self.members.get_mut(index)) else { return };
        let Some(lines) = &mut member.lines else { return };
        let slot = usize::from(member.slot);
        let (mut ring, control) = (self.rings.get_mut(slot), &*self.control);
        let hear = &mut |line: &[u8]| {
            if let Some(ring) = &mut ring {
                ring.keep(line);
            }
            control.hear(slot, service.name.as_bytes(), line);
        };
        if ended {
            lines.drain(service.name, hear);
        } else {
            lines.read(service.name, hear);
        }
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
        if self.reload_deadline().is_some_and(|at| at <= now) {
            self.give_up_check();
        }
        if self.control.again.is_some_and(|at| at <= now) {
            self.control.open();
        }
        if self.set.give_up_at.is_some_and(|limit| limit <= now) && !self.is_up() {
            self.finish(End { ending: Ending::Reboot, status: None });
        }
    }

    /// Notices of services, each from whoever the kernel says it is from.
    pub(super) fn read_notices(&mut self) {
        let mut buffer = [0u8; 1024];
        // No more than so many at once: the others' turn comes too.
        for _ in 0..limits::SERVICES {
            let Some(Ok((text, sender))) =
                self.control.notices.as_ref().map(|file| local::receive_from(file, &mut buffer))
            else {
                return;
            };
            let Some(index) = sender.and_then(|sender| notify::member_of(sender, self.members)) else { continue };
            let mut rest = Some(text);
            while let Some(notice) = next(&mut rest) {
                self.notice(index, notice);
            }
        }
    }

    fn notice(&mut self, index: usize, notice: Notice) {
        let Some(member) = self.members.get_mut(index) else { return };
        let event = match notice {
            Notice::Ready => {
                if member.status == RELOADING {
                    member.status.clear();
                }
                Event::Announced
            }
            Notice::Stopping => Event::Leaving,
            Notice::Watchdog => Event::Fed,
            Notice::WatchdogTrigger if matches!(member.state, State::Ready { .. }) => Event::Deadline,
            // The end of the machine waits no longer than the config says.
            Notice::Extend(more) if self.end.is_none() => Event::Extend(more),
            Notice::Status(text) => return member.set_status(text),
            Notice::Reloading => return member.set_status(RELOADING),
            Notice::WatchdogTrigger | Notice::Extend(_) => return,
        };
        self.handle(index, event);
    }

    /// Many deaths are one SIGCHLD: reap until there is no more, ours and strangers'. Who forks faster than we reap does not
    /// keep us from the rest: that is done in between.
    #[inline(never)]
    fn reap(&mut self) {
        self.crowded = true;
        for _ in 0..MOST_ENDS {
            let Waited::Ended(pid, exit) = process::reap() else {
                self.crowded = false;
                return;
            };
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
