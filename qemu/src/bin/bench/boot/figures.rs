//! From what guests said to figures.

use std::sync::LazyLock;

use regex::Regex;
use tinyo_qemu::guest::Outcome;

use super::setup::Clock;

/// Of one row. What has no value could not be measured, and `failure` says why.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// "Run /init" to main, in microseconds of the guest's clock.
    virtual_times: Vec<u64>,
    wall_times: Vec<u64>,
    /// Power on to main, in microseconds of the virtual clock.
    totals: Vec<u64>,
    /// A whole boot, QEMU's start and end included, in milliseconds of ours.
    walls: Vec<u64>,
    /// What the guest wrote to its console by then.
    pub console: usize,
    pub failure: Option<String>,
}

static FOUND: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?m)^@ ([a-z]+) ([0-9]+)$").unwrap());

/// The probe's figure of that name.
pub fn found(text: &str, name: &str) -> Option<u64> {
    FOUND.captures_iter(text).find(|found| &found[1] == name)?[2].parse().ok()
}

impl Figures {
    /// None, for this reason.
    pub fn without(why: Option<String>) -> Figures {
        Figures { failure: why, ..Figures::default() }
    }

    pub fn add(&mut self, clock: Clock, outcome: &Outcome) {
        let text = &outcome.transcript;
        let Some(time) = found(text, "start") else {
            self.failure = Some(why(outcome));
            return;
        };
        self.console = text.find("\n@ ").unwrap_or(text.len());
        match clock {
            Clock::Virtual => {
                self.virtual_times.push(time);
                self.totals.extend(found(text, "clock"));
            }
            Clock::Wall => {
                self.wall_times.push(time);
                self.walls.push(outcome.took.as_millis() as u64);
            }
        }
    }

    /// The least, as of all figures here: what a busy host does between a guest's request and its disk's answer only adds.
    pub fn time(&self) -> Option<u64> {
        self.virtual_times.iter().min().copied()
    }

    pub fn total(&self) -> Option<u64> {
        self.totals.iter().min().copied()
    }

    pub fn wall_time(&self) -> Option<u64> {
        self.wall_times.iter().min().copied()
    }

    pub fn wall(&self) -> Option<u64> {
        self.walls.iter().min().copied()
    }
}

/// The last that tinyo said, or else how the guest ended.
fn why(outcome: &Outcome) -> String {
    let said = outcome.transcript.lines().rfind(|line| line.contains("tinyo: ") && !line.contains("boot failed"));
    let said = said.and_then(|line| line.split_once("tinyo: "));
    said.map_or_else(|| outcome.to_string(), |(_, text)| text.to_owned())
}

#[cfg(test)]
pub mod tests {
    use std::time::Duration;

    use tinyo_qemu::expect::End;

    use super::*;

    pub fn outcome(transcript: &str) -> Outcome {
        let took = Duration::from_millis(1500);
        let transcript = transcript.to_owned();
        Outcome { end: End::Gone, status: None, qemu: Some(33), transcript, took, has_command: false }
    }

    #[test]
    fn a_clock_has_figures_of_its_own() {
        let mut figures = Figures::default();
        for time in [700, 900, 800] {
            figures.add(Clock::Virtual, &outcome(&format!("x\n\n@ start {time}\n\n@ clock 9000\n")));
        }
        figures.add(Clock::Wall, &outcome("x\n\n@ start 5000\n"));
        assert_eq!((figures.time(), figures.total()), (Some(700), Some(9000)));
        assert_eq!((figures.wall_time(), figures.wall(), figures.console), (Some(5000), Some(1500), 2));
    }

    #[test]
    fn a_boot_that_does_not_arrive_says_why() {
        let mut figures = Figures::default();
        figures.add(Clock::Virtual, &outcome("[1.0] tinyo: mount x: no\n[1.1] tinyo: boot failed: reboot\n"));
        assert_eq!((figures.time(), figures.failure.as_deref()), (None, Some("mount x: no")));
    }
}
