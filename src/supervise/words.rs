//! What is said about a service: how it changed, how it ended, which step of its set-up failed.

use super::Set;
use super::cgroup::OutOfMemory;
use super::member::Member;
use super::service::{Event, State, Then};
use crate::config::Service;
use crate::plan::Plan;
use crate::plan::build::{self, Command, Parent};
use crate::plan::run;
use crate::sys::error::Errno;
use crate::sys::process::{Exit, Pid};
use crate::text::duration::Millis;
use crate::text::put::{Out, Word};
use crate::text::show::Show;
use crate::text::signal;
use crate::{put, say};

/// How a process ended, in words.
pub struct How<'s>(pub Exit, pub Option<OutOfMemory<'s>>);

impl Word for How<'_> {
    fn write(&self, out: &mut dyn Out) {
        match self.0 {
            Exit::Code(code) => put!(out, "exited with status {}", code),
            Exit::Signal(number) => match signal::name(number) {
                Some(signal) => put!(out, "killed by SIG{}", signal),
                None => put!(out, "killed by signal {}", number),
            },
        }
        if let Some(why) = &self.1 {
            why.write(out);
        }
    }
}

/// What `event` did to `member`, which was in `before`.
#[inline(never)]
pub fn say_change(member: &Member, before: State, event: Event, now: Millis, service: &Service) {
    let (name, next) = (service.name, member.state);
    if let Event::Ended(exit) = event {
        return say_end(member, before, member.how(exit, service), now);
    }
    if next == before {
        return;
    }
    let late = service.start_timeout.unwrap_or_default().0;
    match (next, event) {
        (State::Ready { .. }, Event::Fed) => {}
        (State::Ready { .. }, _) => say!(Info, "{}: ready, pid {}", name, member.pid.map_or(0, Pid::number)),
        (State::Stopping { kill_at: None, .. }, _) => {
            say!(Warning, "{}: still there after {} ms; killing it", name, service.stop_timeout.0);
        }
        (State::Stopping { then: Then::Fail, .. }, _) if matches!(before, State::Starting { .. }) => {
            say!(Failure, "{}: not ready after {} ms; stopping it", name, late);
        }
        (State::Stopping { then: Then::Fail, .. }, _) => {
            let silence = service.watchdog.unwrap_or_default().0;
            say!(Failure, "{}: no sign of life for {} ms; aborting it", name, silence);
        }
        (other, _) => say!(Debug, "{}: {}", name, other.name()),
    }
}

/// How a process ended, and what follows.
#[inline(never)]
fn say_end(member: &Member, before: State, how: How, now: Millis) {
    let (name, wanted) = (Show(&member.name), matches!(before, State::Stopping { then: Then::Stay | Then::Start, .. }));
    match member.state {
        State::Backoff { .. } if wanted => say!(Info, "{}: stopped; starting again", name),
        State::Backoff { until } => {
            let wait = until.0.saturating_sub(now.0);
            match (member.history.is_crash_loop(), how.0.is_success(), wait) {
                (true, ..) => say!(Failure, "{}: {}; crash loop, next start in {} ms", name, how, wait),
                (_, false, 0) => say!(Warning, "{}: {}; starting again at once", name, how),
                (_, true, 0) => say!(Info, "{}: {}; starting again at once", name, how),
                (_, false, _) => say!(Warning, "{}: {}; starting again in {} ms", name, how, wait),
                (_, true, _) => say!(Info, "{}: {}; starting again in {} ms", name, how, wait),
            }
        }
        State::Done => say!(Info, "{}: done", name),
        State::Failed => say!(Failure, "{}: failed: {}", name, how),
        State::Stopped if wanted => say!(Info, "{}: stopped", name),
        _ => say!(Info, "{}: {}", name, how),
    }
}

/// The step that failed, from the plan that the child had too.
pub fn say_failure(set: &Set, service: &Service, command: Command, number: usize, errno: i32) {
    let mut plan = Plan::default();
    build::service(&mut plan, set.config, service, command, Parent::Init, set.term);
    let Some(step) = plan.steps.get(number) else { return };
    run::say_failure(service.name.as_bytes(), step, Errno(errno as u16));
}
