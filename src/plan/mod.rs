//! What a process will do, as data: built by pure functions, printed by `tinyo plan`, carried out by one interpreter.

pub mod build;
mod hint;
pub mod limit;
pub mod machine;
pub mod run;
pub mod step;
pub mod wall;

use crate::limits;
pub use step::{Need, Step};

/// The namespaces that a process is born into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Namespaces {
    /// Mount, pid, uts, ipc and cgroup: what every container has.
    pub container: bool,
    pub net: bool,
    pub user: Users,
}

/// Whose the ids of a process are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Users {
    #[default]
    Host,
    /// A user namespace with one id, the caller's.
    Caller,
    /// A user namespace with a range of them.
    Range,
}

/// Steps in order, and the namespaces they are taken in.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan<'a> {
    pub namespaces: Namespaces,
    pub steps: heapless::Vec<Step<'a>, { limits::STEPS }>,
    /// There were more steps than [`limits::STEPS`]: not to be carried out.
    pub full: bool,
}

impl Default for Plan<'_> {
    /// Seven kilobytes, empty: made in one place.
    #[inline(never)]
    fn default() -> Self {
        Plan { namespaces: Namespaces::default(), steps: heapless::Vec::new(), full: false }
    }
}

impl<'a> Plan<'a> {
    pub fn push(&mut self, step: Step<'a>) {
        self.full |= self.steps.push(step).is_err();
    }

    pub fn extend(&mut self, steps: &[Step<'a>]) {
        self.full |= self.steps.extend_from_slice(steps).is_err();
    }
}
