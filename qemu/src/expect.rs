//! What a guest has said on its serial line, and what can be read from it: expected words, failure marks, its end.

use std::sync::LazyLock;

use regex::bytes::Regex;

/// How a guest came to its end, as its own words or their absence tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    PowerOff,
    Reboot,
    Halt,
    /// A panic, an oops or a second start of /init: the line that says so.
    Broken(String),
    /// QEMU ended and the guest had said nothing of an end.
    Gone,
    TimedOut,
}

/// The kernel's words, where it writes them: at the start of a line, after its time stamp.
static MARK: LazyLock<Regex> =
    LazyLock::new(|| regex(r"^(\[[ 0-9.]+\] )?(Kernel panic - |Internal error: |Oops: |BUG: |tinyo: bug at )"));
static START: LazyLock<Regex> = LazyLock::new(|| regex(r"Run /init as init process"));
static LAST: LazyLock<Regex> = LazyLock::new(|| regex(r"reboot: (Power down|Restarting system|System halted)"));
static STATUS: LazyLock<Regex> = LazyLock::new(|| regex(r"tinyo: exit status ([0-9]+)$"));

#[derive(Debug, Default)]
pub struct Transcript {
    bytes: Vec<u8>,
    /// Up to here `find` has consumed what was said.
    cursor: usize,
    /// Up to here the lines are read: each once, however small the pieces they come in.
    read: usize,
    starts: usize,
    end: Option<End>,
    status: Option<i32>,
}

impl Transcript {
    /// Carriage returns are dropped: they are the terminal's, and would stand before every end of line.
    pub fn push(&mut self, chunk: &[u8]) {
        self.bytes.extend(chunk.iter().filter(|b| **b != b'\r'));
        while let Some(length) = self.bytes[self.read..].iter().position(|b| *b == b'\n') {
            let line = self.bytes[self.read..self.read + length].to_vec();
            self.read += length + 1;
            self.read_line(&line);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The first match after the last one found: its first group, or all of it.
    pub fn find(&mut self, pattern: &Regex) -> Option<String> {
        let found = pattern.captures_at(&self.bytes, self.cursor)?;
        self.cursor = found.get(0).map_or(self.cursor, |m| m.end());
        let wanted = found.get(1).or(found.get(0))?;
        Some(String::from_utf8_lossy(wanted.as_bytes()).into_owned())
    }

    /// The first line that says the machine is broken.
    pub fn failure(&self) -> Option<&str> {
        match &self.end {
            Some(End::Broken(line)) => Some(line),
            _ => None,
        }
    }

    /// What the kernel said last, unless it said that it is broken.
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// The status of the command after `--`, which tinyo prints whatever else carries it.
    pub fn status(&self) -> Option<i32> {
        self.status
    }

    fn read_line(&mut self, line: &[u8]) {
        let text = || String::from_utf8_lossy(line).into_owned();
        if self.failure().is_some() {
            return; // what follows a panic, a reboot for one, is its consequence
        }
        self.starts += usize::from(START.is_match(line));
        // A second start of /init is a machine that rebooted where it should have stopped.
        if MARK.is_match(line) || self.starts > 1 {
            self.end = Some(End::Broken(text()));
        } else if let Some(said) = LAST.captures(line) {
            self.end = Some(match &said[1] {
                b"Power down" => End::PowerOff,
                b"Restarting system" => End::Reboot,
                _ => End::Halt,
            });
        } else if let Some(said) = STATUS.captures(line) {
            self.status = String::from_utf8_lossy(&said[1]).parse().ok();
        }
    }
}

/// The patterns of this crate and its tests are literals: a bad one is a bug there.
#[allow(clippy::expect_used)]
pub fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect(pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Transcript {
        let mut transcript = Transcript::default();
        transcript.push(text.as_bytes());
        transcript
    }

    #[test]
    fn find_consumes_and_prefers_the_group() {
        let mut t = said("pid 12\r\npid 34\r\n");
        let pid = regex(r"pid (\d+)\n");
        assert_eq!(t.find(&pid).as_deref(), Some("12"));
        assert_eq!(t.find(&pid).as_deref(), Some("34"));
        assert_eq!(t.find(&pid), None);
    }

    #[test]
    fn ends_are_told_apart() {
        assert_eq!(said("[    1.0] reboot: Power down\n").end(), Some(&End::PowerOff));
        assert_eq!(said("reboot: Restarting system\n").end(), Some(&End::Reboot));
        assert_eq!(said("reboot: System halted\n").end(), Some(&End::Halt));
        assert_eq!(said("still here\n").end(), None);
    }

    #[test]
    fn a_panic_is_no_clean_end() {
        let t = said("[    0.9] Kernel panic - not syncing: Attempted to kill init!\nreboot: Restarting system\n");
        assert!(matches!(t.end(), Some(End::Broken(line)) if line.contains("kill init")));
    }

    #[test]
    fn marks_count_where_the_kernel_writes_them_only() {
        assert_eq!(said("$ echo 'Kernel panic - no'\n").failure(), None);
        assert!(said("[    0.9] BUG: unable to handle page fault\n").failure().is_some());
        assert_eq!(said("Run /init as init process\n").failure(), None);
        assert!(said("Run /init as init process\nRun /init as init process\n").failure().is_some());
    }

    #[test]
    fn a_line_counts_once_however_it_comes() {
        let mut t = Transcript::default();
        for byte in b"Run /init as init process\r\nreboot: Power down\r\n" {
            assert_eq!(t.end(), None);
            t.push(&[*byte]);
        }
        assert_eq!(t.end(), Some(&End::PowerOff));
    }

    #[test]
    fn the_status_is_the_last_one_printed() {
        assert_eq!(said("[ 1.2] tinyo: exit status 7\n").status(), Some(7));
        assert_eq!(said("tinyo: exit status\n").status(), None);
    }
}
