//! From what guests said to figures.

use std::sync::LazyLock;

use regex::Regex;
use tinyo_qemu::{expect::End, guest::Outcome};

/// What a guest is booted for; the probe's `Mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boot {
    Start,
    Work,
    Obey,
    Stubborn,
}

impl Boot {
    pub const ALL: [Boot; 4] = [Boot::Start, Boot::Work, Boot::Obey, Boot::Stubborn];

    /// In `probe.mode=`.
    pub fn word(self) -> &'static str {
        match self {
            Boot::Start => "start",
            Boot::Work => "work",
            Boot::Obey => "obey",
            Boot::Stubborn => "stubborn",
        }
    }
}

/// Of one init. A figure that has no value could not be measured: the init has no such thing, or failed at it.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    pub boots: usize,
    /// Microseconds.
    pub starts: Vec<u64>,
    pub restarts: Vec<u64>,
    pub agains: Vec<u64>,
    /// Per second.
    pub reaped: Vec<u64>,
    /// kB.
    pub anon: Option<u64>,
    pub pss: Option<u64>,
    pub helpers: Option<u64>,
    pub helpers_pss: Option<u64>,
    pub wakeups: Option<u64>,
    /// Microseconds.
    pub obey: Option<Ending>,
    pub stubborn: Option<Ending>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    After(u64),
    /// The stubborn service outlived its init's patience, or the guest ours.
    Never,
}

static FOUND: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?m)^@ ([a-z_]+) ([0-9]+)$").unwrap());
static ASKED: LazyLock<Regex> = LazyLock::new(|| stamp("probe: end"));
static DOWN: LazyLock<Regex> = LazyLock::new(|| stamp("reboot: Power down"));

/// A record of the kernel's, as the console shows it: `[seconds.microseconds] TEXT`.
fn stamp(text: &str) -> Regex {
    Regex::new(&format!(r"\[ *([0-9]+)\.([0-9]{{6}})\] {text}")).unwrap()
}

impl Figures {
    pub fn add(&mut self, boot: Boot, outcome: &Outcome) {
        self.boots += 1;
        let text = &outcome.transcript;
        match boot {
            Boot::Start | Boot::Work => self.read(boot, text),
            Boot::Obey => self.obey = Some(ending(text, &outcome.end)),
            Boot::Stubborn => self.stubborn = Some(ending(text, &outcome.end)),
        }
    }

    fn read(&mut self, boot: Boot, text: &str) {
        for found in FOUND.captures_iter(text) {
            let Ok(number) = found[2].parse() else { continue };
            match &found[1] {
                "start" if boot == Boot::Start => self.starts.push(number),
                "restart" => self.restarts.push(number),
                "again" => self.agains.push(number),
                "orphans" => self.reaped.push(number),
                "anon" => self.anon = Some(number),
                "pss" => self.pss = Some(number),
                "helpers" => self.helpers = Some(number),
                "helpers_pss" => self.helpers_pss = Some(number),
                "wakeups" => self.wakeups = Some(number),
                _ => {}
            }
        }
    }

    pub fn start(&self) -> Option<u64> {
        median(&self.starts)
    }

    pub fn restart(&self) -> Option<u64> {
        median(&self.restarts)
    }

    pub fn again(&self) -> Option<u64> {
        median(&self.agains)
    }

    pub fn orphans(&self) -> Option<u64> {
        median(&self.reaped)
    }
}

fn ending(text: &str, end: &End) -> Ending {
    let time = |pattern: &Regex| {
        let found = pattern.captures(text)?;
        Some(found[1].parse::<u64>().ok()? * 1_000_000 + found[2].parse::<u64>().ok()?)
    };
    match (time(&ASKED), time(&DOWN)) {
        (Some(asked), Some(down)) if *end == End::PowerOff && !text.contains("\n@ never 1\n") => {
            Ending::After(down.saturating_sub(asked))
        }
        _ => Ending::Never,
    }
}

fn median(values: &[u64]) -> Option<u64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_between_other_lines() {
        let mut figures = Figures::default();
        figures.read(Boot::Work, "x\n@ restart 900\n[ 1.0] y\n\n@ restart 700\n@ restart 800\n@ anon 28\n@ start 5\n");
        assert_eq!((figures.restart(), figures.anon, figures.start()), (Some(800), Some(28), None));
        figures.read(Boot::Start, "@ start 5\n@ start x\n");
        assert_eq!((figures.start(), figures.again()), (Some(5), None));
    }

    #[test]
    fn an_end_is_between_two_records() {
        let text = "[   20.500000] probe: end\n@ x 1\n[   22.512345] reboot: Power down\n";
        assert_eq!(ending(text, &End::PowerOff), Ending::After(2_012_345));
        assert_eq!(ending(text, &End::TimedOut), Ending::Never);
        assert_eq!(ending(&format!("{text}\n@ never 1\n"), &End::PowerOff), Ending::Never);
        assert_eq!(ending("[ 1.000000] reboot: Power down\n", &End::PowerOff), Ending::Never);
    }
}
