//! The life of one service: (state, event, now) to (state, action). Pure.
//!
//! ```text
//! Waiting -> Starting -> Ready -> (ended) -> Backoff -> Starting ...
//!               |          |                 Done | Failed
//!               +----------+-> Stopping -> Stopped
//! ```

use crate::config::{Kind, Restart, Service};
use crate::sys::process::Exit;
use crate::text::duration::Millis;

/// Where a service is. A state carries its own data, so that a deadline cannot outlive it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// For what it comes after.
    Waiting,
    /// Its process is there: set up by us, not yet its own program, or a oneshot at work.
    Starting,
    Ready {
        since: Millis,
    },
    /// Told to end. None: killed, and nothing more can be done to it.
    Stopping {
        kill_at: Option<Millis>,
    },
    Stopped,
    Backoff {
        until: Millis,
    },
    /// Ended well, and is not started again.
    Done,
    Failed,
}

impl State {
    /// There is a process of it.
    pub const fn is_running(self) -> bool {
        matches!(self, State::Starting | State::Ready { .. } | State::Stopping { .. })
    }

    /// When [`Event::Deadline`] is due.
    pub const fn deadline(self) -> Option<Millis> {
        match self {
            State::Stopping { kill_at } => kill_at,
            State::Backoff { until } => Some(until),
            _ => None,
        }
    }

    /// The word for it, in the log and everywhere else.
    pub const fn name(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Starting => "starting",
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
    /// What it comes after is there, or somebody asks for it.
    Start,
    /// What it requires has failed.
    RequirementFailed,
    /// Its process could not be made.
    NotSpawned,
    /// Its execve succeeded.
    Executed,
    /// Its process has ended.
    Ended(Exit),
    Stop,
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
    pub stop_timeout: Millis,
    /// Crashes, and the time within which they count.
    pub crash_limit: Option<(u16, Millis)>,
}

impl Rules {
    pub fn of(service: &Service) -> Self {
        Rules {
            kind: service.kind,
            restart: service.restart,
            stop_timeout: service.stop_timeout,
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

/// The next state and what to do. An event that means nothing in a state changes nothing.
pub fn step(state: State, event: Event, now: Millis, rules: &Rules, history: &mut History) -> (State, Action) {
    match (state, event) {
        (State::Waiting | State::Backoff { .. } | State::Stopped | State::Done | State::Failed, Event::Start)
        | (State::Backoff { .. }, Event::Deadline) => (State::Starting, Action::Spawn),
        (State::Waiting, Event::RequirementFailed) => (State::Failed, Action::Over),

        (State::Waiting | State::Backoff { .. }, Event::Stop) => (State::Stopped, Action::None),
        (State::Starting | State::Ready { .. }, Event::Stop) => {
            (State::Stopping { kill_at: Some(Millis(now.0.saturating_add(rules.stop_timeout.0))) }, Action::Ask)
        }

        (State::Starting, Event::Executed) if rules.kind != Kind::Oneshot => {
            (State::Ready { since: now }, Action::None)
        }
        (State::Starting, Event::NotSpawned) => ended(state, Exit::Code(125), now, rules, history),
        (State::Starting | State::Ready { .. }, Event::Ended(exit)) => ended(state, exit, now, rules, history),

        (State::Stopping { .. }, Event::Ended(_)) => (State::Stopped, Action::Over),
        (State::Stopping { kill_at: Some(_) }, Event::Deadline) => (State::Stopping { kill_at: None }, Action::Kill),

        (state, _) => (state, Action::None),
    }
}

/// A process ended that nobody had asked to.
fn ended(state: State, exit: Exit, now: Millis, rules: &Rules, history: &mut History) -> (State, Action) {
    let success = exit.is_success();
    let again = match (rules.kind, rules.restart) {
        (_, Restart::Never) => false,
        // A oneshot that has done its work is done.
        (_, Restart::OnFailure) | (Kind::Oneshot, Restart::Always) => !success,
        (_, Restart::Always) => true,
    };
    if !again {
        return if success { (State::Done, Action::Over) } else { (State::Failed, Action::Over) };
    }
    if matches!(state, State::Ready { since } if now.0.saturating_sub(since.0) >= HEALTHY) {
        history.tries = 0;
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
