//! The life of one service: (state, event, now) to (state, action). Pure.
//!
//! ```text
//! Waiting -> Starting -> Ready -> (ended) -> Backoff -> Starting ...
//!               |          |                 Done | Failed
//!               +----------+-> Stopping -> Stopped | Backoff | Done | Failed
//! ```

use crate::config::{Kind, Ready, Restart, Service};
use crate::sys::process::Exit;
use crate::text::duration::Millis;

/// Where a service is. A state carries its own data, so that a deadline cannot outlive it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// For what it comes after.
    Waiting,
    /// Its process is there: set up by us, not yet its own program, not yet ready, or a oneshot at work.
    Starting {
        until: Option<Millis>,
    },
    Ready {
        since: Millis,
        /// Its watchdog: it says that it is alive by then.
        fed_until: Option<Millis>,
    },
    /// Told to end, or about to. No time: killed, and nothing more can be done to it.
    Stopping {
        kill_at: Option<Millis>,
        then: Then,
    },
    Stopped,
    Backoff {
        until: Millis,
    },
    /// Ended well, and is not started again.
    Done,
    Failed,
}

/// What follows once a service that is stopping has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Stopped: somebody wants it so.
    Stay,
    /// It starts again: somebody wants it so.
    Start,
    /// What follows any end: it goes by itself.
    Judge,
    /// What follows a failure, however it ends now: it was too late.
    Fail,
}

impl State {
    /// There is a process of it.
    pub const fn is_running(self) -> bool {
        matches!(self, State::Starting { .. } | State::Ready { .. } | State::Stopping { .. })
    }

    /// Nothing of it runs, and nothing will by itself.
    pub const fn is_at_rest(self) -> bool {
        matches!(self, State::Stopped | State::Done | State::Failed)
    }

    /// When [`Event::Deadline`] is due.
    pub const fn deadline(self) -> Option<Millis> {
        match self {
            State::Starting { until } => until,
            State::Ready { fed_until, .. } => fed_until,
            State::Stopping { kill_at, .. } => kill_at,
            State::Backoff { until } => Some(until),
            _ => None,
        }
    }

    /// The word for it, in the log and everywhere else.
    pub const fn name(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Starting { .. } => "starting",
            State::Ready { .. } => "ready",
            State::Stopping { .. } => "stopping",
            State::Stopped => "stopped",
            State::Backoff { .. } => "backoff",
            State::Done => "done",
            State::Failed => "failed",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Somebody wants it: as at the boot, it waits for what it comes after.
    Want,
    /// What it comes after is there.
    Start,
    /// What it requires has failed.
    RequirementFailed,
    /// Its process could not be made.
    NotSpawned,
    /// Its execve succeeded.
    Executed,
    /// It says that it is ready.
    Announced,
    /// It says that it is alive.
    Fed,
    /// It asks for more time to start or to stop.
    Extend(Millis),
    /// It says that it ends by itself.
    Leaving,
    /// Its process has ended.
    Ended(Exit),
    Stop,
    Restart,
    /// The state's deadline has passed.
    Deadline,
}

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    None,
    Spawn,
    /// Ask it to end: the stop signal, or the stop command.
    Ask,
    /// SIGABRT: it hangs, and a core would say where.
    Abort,
    /// SIGKILL to every process of it.
    Kill,
    /// It has ended for good: kill what it left behind, and see about `on-exit`.
    Over,
    /// It crashed too often: kill what it left behind, and see about `on-failure`.
    GiveUp,
    /// It will start again: kill what it left behind.
    Clear,
}

/// What the config says about this life.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub kind: Kind,
    pub restart: Restart,
    /// Ready only once it says so; else once its execve has succeeded.
    pub announces: bool,
    pub start_timeout: Option<Millis>,
    pub stop_timeout: Millis,
    pub watchdog: Option<Millis>,
    /// Crashes, and the time within which they count.
    pub crash_limit: Option<(u16, Millis)>,
}

impl Rules {
    pub fn of(service: &Service) -> Self {
        Rules {
            kind: service.kind,
            restart: service.restart,
            announces: service.ready != Ready::None,
            start_timeout: service.start_timeout,
            stop_timeout: service.stop_timeout,
            watchdog: service.watchdog,
            crash_limit: service.crash_limit.map(|limit| (limit.count, limit.within)),
        }
    }
}

/// What is remembered from one start to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Ends in a row that came too soon.
    tries: u8,
    /// The first crash that still counts, and how many.
    window: Millis,
    crashes: u16,
    /// Starts after the first one.
    pub restarts: u32,
}

/// So many ends in a row that came too soon are a crash loop, which `quiet` must not hide.
const CRASH_LOOP: u8 = 5;

impl History {
    pub const NEW: History = History { tries: 0, window: Millis(0), crashes: 0, restarts: 0 };

    pub const fn is_crash_loop(&self) -> bool {
        self.tries >= CRASH_LOOP
    }
}

/// The second restart in a row waits this long, each further one twice as long as the one before: a crash loop has used
/// a few milliseconds of the machine by then, and a person has not noticed yet.
const FIRST_DELAY: u64 = 100;
/// The pace of a service that never comes up: often enough to heal by itself once its cause is gone.
const LONGEST_DELAY: u64 = 30_000;
/// Up for so long, a service counts as healthy: its next end is the first one again.
const HEALTHY: u64 = 10_000;

/// How long to wait before the next start, after `tries` ends in a row.
fn delay(tries: u8) -> u64 {
    match tries {
        0 => 0,
        // The tenth would be over the longest; far beyond it the shift would lose its bit.
        n @ 1..10 => FIRST_DELAY << (n - 1),
        _ => LONGEST_DELAY,
    }
}

/// `limit` from `now` on.
fn from(now: Millis, limit: Option<Millis>) -> Option<Millis> {
    limit.map(|limit| Millis(now.0.saturating_add(limit.0)))
}

/// The next state and what to do. An event that means nothing in a state changes nothing.
#[inline(never)]
pub fn step(state: State, event: Event, now: Millis, rules: &Rules, history: &mut History) -> (State, Action) {
    let kill_at = from(now, Some(rules.stop_timeout));
    if matches!(state, State::Ready { since, .. } if now.0.saturating_sub(since.0) >= HEALTHY) {
        history.tries = 0;
    }
    match (state, event) {
        (State::Stopped | State::Done | State::Failed, Event::Want | Event::Restart) => (State::Waiting, Action::None),
        (State::Waiting, Event::Start)
        | (State::Backoff { .. }, Event::Deadline | Event::Want | Event::Restart | Event::Start) => {
            (State::Starting { until: from(now, rules.start_timeout) }, Action::Spawn)
        }
        (State::Waiting, Event::RequirementFailed) => (State::Failed, Action::Over),

        (State::Waiting, Event::Stop) => (State::Stopped, Action::None),
        (State::Backoff { .. }, Event::Stop) => (State::Stopped, Action::Over),
        (State::Starting { .. } | State::Ready { .. }, Event::Stop) => {
            (State::Stopping { kill_at, then: Then::Stay }, Action::Ask)
        }
        (State::Starting { .. } | State::Ready { .. }, Event::Restart) => {
            (State::Stopping { kill_at, then: Then::Start }, Action::Ask)
        }
        (State::Stopping { kill_at, .. }, Event::Stop) => (State::Stopping { kill_at, then: Then::Stay }, Action::None),
        (State::Stopping { kill_at, .. }, Event::Want | Event::Restart) => {
            (State::Stopping { kill_at, then: Then::Start }, Action::None)
        }

        (State::Starting { .. }, Event::Executed) if rules.kind != Kind::Oneshot && !rules.announces => {
            (State::Ready { since: now, fed_until: from(now, rules.watchdog) }, Action::None)
        }
        (State::Starting { .. }, Event::Announced) if rules.kind != Kind::Oneshot && rules.announces => {
            (State::Ready { since: now, fed_until: from(now, rules.watchdog) }, Action::None)
        }
        (State::Ready { since, .. }, Event::Fed) => {
            (State::Ready { since, fed_until: from(now, rules.watchdog) }, Action::None)
        }
        (State::Starting { until }, Event::Extend(more)) => {
            (State::Starting { until: until.max(until.and(from(now, Some(more)))) }, Action::None)
        }
        (State::Stopping { kill_at, then }, Event::Extend(more)) => {
            (State::Stopping { kill_at: kill_at.max(kill_at.and(from(now, Some(more)))), then }, Action::None)
        }
        (State::Ready { .. }, Event::Leaving) => (State::Stopping { kill_at, then: Then::Judge }, Action::None),

        (State::Starting { .. }, Event::Deadline) => (State::Stopping { kill_at, then: Then::Fail }, Action::Ask),
        (State::Ready { .. }, Event::Deadline) => (State::Stopping { kill_at, then: Then::Fail }, Action::Abort),
        (State::Stopping { kill_at: Some(_), then }, Event::Deadline) => {
            (State::Stopping { kill_at: None, then }, Action::Kill)
        }

        (State::Starting { .. }, Event::NotSpawned) => ended(false, now, rules, history),
        (State::Starting { .. } | State::Ready { .. }, Event::Ended(exit)) => {
            ended(exit.is_success(), now, rules, history)
        }
        (State::Stopping { then, .. }, Event::Ended(exit)) => match then {
            Then::Stay => (State::Stopped, Action::Over),
            Then::Start => {
                history.restarts = history.restarts.saturating_add(1);
                (State::Backoff { until: now }, Action::Clear)
            }
            Then::Judge => ended(exit.is_success(), now, rules, history),
            Then::Fail => ended(false, now, rules, history),
        },

        (state, _) => (state, Action::None),
    }
}

/// A process ended that nobody had asked to.
fn ended(success: bool, now: Millis, rules: &Rules, history: &mut History) -> (State, Action) {
    let again = match (rules.kind, rules.restart) {
        (_, Restart::Never) => false,
        // A oneshot that has done its work is done.
        (_, Restart::OnFailure) | (Kind::Oneshot, Restart::Always) => !success,
        (_, Restart::Always) => true,
    };
    if !again {
        return if success { (State::Done, Action::Over) } else { (State::Failed, Action::Over) };
    }
    if let Some((count, within)) = rules.crash_limit {
        if history.crashes == 0 || now.0.saturating_sub(history.window.0) > within.0 {
            (history.window, history.crashes) = (now, 0);
        }
        history.crashes = history.crashes.saturating_add(1);
        if history.crashes >= count {
            history.crashes = 0;
            return (State::Failed, Action::GiveUp);
        }
    }
    history.restarts = history.restarts.saturating_add(1);
    let wait = delay(history.tries);
    history.tries = history.tries.saturating_add(1);
    (State::Backoff { until: Millis(now.0.saturating_add(wait)) }, Action::Clear)
}

#[cfg(test)]
#[path = "service_tests.rs"]
mod tests;
