//! What is known of one launcher. A figure without a value could not be measured.

use std::collections::BTreeMap;

#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Why there are none.
    pub skipped: Option<String>,
    pub small: Times,
    pub busybox: Times,
    /// Nanoseconds from the start of the launcher to the main of its command.
    pub mains: Vec<u64>,
    /// System calls of all its processes, by number.
    pub calls: Option<BTreeMap<u64, usize>>,
    pub kept: Option<Kept>,
    /// Nanoseconds for a hundred, and for a thousand, at once.
    pub hundred: Many,
    pub thousand: Many,
    pub alive: Option<Alive>,
}

/// Of launches one after the other.
#[derive(Clone, Debug, Default)]
pub struct Times {
    /// Nanoseconds.
    pub walls: Vec<u64>,
    pub cpus: Vec<u64>,
    /// Launches that did not work.
    pub failed: usize,
}

impl Times {
    pub fn least(&self) -> Option<u64> {
        least(&self.walls)
    }

    /// How many times the floor's. The least of each: what is above it is the machine's other work.
    pub fn over(&self, floor: &Times) -> Option<f64> {
        ratio(self.least(), floor.least())
    }
}

/// Beside the command, while it runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    pub processes: usize,
    /// KiB that no other container shares: Private_Clean and Private_Dirty (proc_pid_smaps_rollup(5)).
    pub private: u64,
}

#[derive(Clone, Debug, Default)]
pub struct Many {
    pub walls: Vec<u64>,
    pub failed: usize,
}

impl Many {
    pub fn add(&mut self, more: Many) {
        self.walls.extend(more.walls);
        self.failed += more.failed;
    }

    pub fn least(&self) -> Option<u64> {
        least(&self.walls).filter(|_| self.failed == 0)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alive {
    pub asked: usize,
    pub up: usize,
    /// Nanoseconds until all were.
    pub wall: u64,
    /// KiB of the machine's memory for each.
    pub memory: u64,
}

impl Figures {
    pub fn calls(&self) -> Option<usize> {
        Some(self.calls.as_ref()?.values().sum())
    }

    pub fn failed(&self) -> usize {
        self.small.failed + self.busybox.failed
    }
}

pub fn least(values: &[u64]) -> Option<u64> {
    values.iter().min().copied()
}

pub fn median(values: &[u64]) -> Option<u64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied()
}

pub fn ratio(value: Option<u64>, floor: Option<u64>) -> Option<f64> {
    match (value?, floor?) {
        (_, 0) => None,
        (value, floor) => Some(value as f64 / floor as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_the_middle_and_how_many_times() {
        assert_eq!((least(&[3, 1, 2]), median(&[3, 1, 2]), median(&[4, 1])), (Some(1), Some(2), Some(4)));
        assert_eq!((least(&[]), median(&[])), (None, None));
        assert_eq!(ratio(Some(3), Some(2)), Some(1.5));
        assert_eq!((ratio(Some(3), Some(0)), ratio(None, Some(1)), ratio(Some(1), None)), (None, None, None));
    }

    #[test]
    fn what_was_not_measured_has_no_sum() {
        assert_eq!(Figures::default().calls(), None);
        let calls = Some(BTreeMap::from([(1, 2), (9, 3)]));
        assert_eq!(Figures { calls, ..Figures::default() }.calls(), Some(5));
    }
}
