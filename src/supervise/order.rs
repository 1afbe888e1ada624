//! Who may start, and who may stop, given where everybody is. Pure.

use super::service::State;
use crate::config::{Service, Set};

/// What `after` and `requires` say about a waiting service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Go,
    Wait,
    /// This one, which it requires, cannot be had any more.
    Never(usize),
}

/// `after`: Ready, Done, Failed, or not to be started at all. `requires`: Ready or Done, and nothing else will do.
pub fn may_start(service: &Service, state: impl Fn(usize) -> State) -> Verdict {
    let mut verdict = Verdict::Go;
    for other in members(service.requires) {
        match state(other) {
            State::Ready { .. } | State::Done => {}
            State::Failed | State::Stopped => return Verdict::Never(other),
            _ => verdict = Verdict::Wait,
        }
    }
    for other in members(service.after) {
        if !matches!(state(other), State::Ready { .. } | State::Done | State::Failed | State::Stopped) {
            verdict = Verdict::Wait;
        }
    }
    verdict
}

/// Stopping goes the other way: nobody who came after `index` is running any more.
pub fn may_stop(index: usize, services: &[Service], is_running: impl Fn(usize) -> bool) -> bool {
    services.iter().enumerate().all(|(other, service)| {
        let follows = service.after.contains(index) || service.requires.contains(index);
        !follows || !is_running(other)
    })
}

/// The services to start at boot: those with `autostart`, and what they require.
pub fn wanted(services: &[Service]) -> Set {
    let mut set = Set::EMPTY;
    for (index, _) in services.iter().enumerate().filter(|(_, service)| service.autostart) {
        set.insert(index);
    }
    with_required(set, services)
}

/// `set` and all that it requires.
pub fn with_required(mut set: Set, services: &[Service]) -> Set {
    // Each round adds the requirements of those added before: no chain is longer than the list.
    for _ in services {
        for (index, service) in services.iter().enumerate() {
            if set.contains(index) {
                set.0 |= service.requires.0;
            }
        }
    }
    set
}

/// `set` and all that requires it.
pub fn with_dependents(mut set: Set, services: &[Service]) -> Set {
    for _ in services {
        for (index, service) in services.iter().enumerate() {
            if service.requires.0 & set.0 != 0 {
                set.insert(index);
            }
        }
    }
    set
}

/// Those in `set`, from the first on.
pub fn members(set: Set) -> Members {
    Members(set)
}

pub struct Members(Set);

impl Iterator for Members {
    type Item = usize;

    #[inline(never)]
    fn next(&mut self) -> Option<usize> {
        let index = self.0.first()?;
        self.0.remove(index);
        Some(index)
    }
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
