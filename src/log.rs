//! What tinyo says: one line, `tinyo: WHAT NAME: REASON; HINT`, to the kernel's log, or to standard error before there is one.
//!
//! Saying something never fails and never waits for a reader: /dev/kmsg takes a record or drops it.

use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, Ordering};

use crate::limits;
use crate::sys::fd::{self, Fd};
use crate::sys::fs::{self, At};
use crate::sys::poll::{self, Interest};
use crate::sys::tty;
use crate::text::duration::Millis;
use crate::text::packed::Packed;
use crate::text::put::{Out, Piece, put};

/// printk levels: `quiet` on the kernel command line shows those below 4 on the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something failed, or a person must know: failures, long waits, exit statuses.
    Failure = 3,
    Warning = 4,
    /// Progress, and the lines of services.
    Info = 6,
    /// Each step as it is taken.
    Debug = 7,
}

const STANDARD_ERROR: i32 = 2;

/// The number of our /dev/kmsg, or [`STANDARD_ERROR`].
static SINK: AtomicI32 = AtomicI32::new(STANDARD_ERROR);

/// By default the kernel drops what comes faster than ten lines in five seconds from one who opened /dev/kmsg. Whoever says no more
/// than this, an init that soon hands over, leaves that as it is.
const FEW: u8 = 4;
/// How many lines went to /dev/kmsg, up to [`FEW`]. Children count on from ours.
static LINES: AtomicU8 = AtomicU8::new(0);
static LIMIT: AtomicU8 = AtomicU8::new(Level::Info as u8);

/// From here on everything goes to `kmsg`, which stays open for good.
pub fn to_kmsg(kmsg: Fd) {
    SINK.store(kmsg.leak(), Ordering::Relaxed);
}

static MUTED: AtomicBool = AtomicBool::new(false);
static IMPATIENT: AtomicBool = AtomicBool::new(false);
/// Where standard error is written to.
static TERMINAL: AtomicI32 = AtomicI32::new(STANDARD_ERROR);

/// From here on a line that standard error does not take at once is left out: whoever should read it must not stop a
/// supervisor. (/dev/kmsg never makes anybody wait.)
pub fn never_wait() {
    IMPATIENT.store(true, Ordering::Relaxed);
    // A terminal with room for one byte counts as writable, and a longer write then waits for the rest. Opened anew, for its
    // flags are those of everybody who has this one.
    if tty::is_terminal_at(STANDARD_ERROR)
        && let Ok(terminal) = fs::open(c"/proc/self/fd/2", fs::WRITE | fs::NON_BLOCK | libc::O_NOCTTY)
    {
        TERMINAL.store(terminal.leak(), Ordering::Relaxed);
    }
}

/// Says nothing at all until it is unmuted: what would be said was said before, by the process that this one was.
pub fn mute(muted: bool) {
    MUTED.store(muted, Ordering::Relaxed);
}

/// Drops what is less urgent than `level`.
pub fn set_limit(level: Level) {
    LIMIT.store(level as u8, Ordering::Relaxed);
}

pub fn shows(level: Level) -> bool {
    level as u8 <= LIMIT.load(Ordering::Relaxed) && !MUTED.load(Ordering::Relaxed)
}

/// One line in the making. Its parts are bounded where they are made (`Show`), so that it fits; what would not is dropped.
pub struct Line {
    level: Level,
    text: heapless::Vec<u8, { limits::LINE_BYTES }>,
}

/// `<N>`: read by the kernel, cut off for people.
const MARK: usize = 3;

impl Line {
    /// A line of tinyo's own.
    pub fn new(level: Level) -> Self {
        let mut line = Line::bare(level);
        line.write(b"tinyo: ");
        line
    }

    /// A line without `tinyo: ` in front.
    pub fn bare(level: Level) -> Self {
        let mut text = heapless::Vec::new();
        // Three bytes always fit into an empty line.
        let _ = text.extend_from_slice(&[b'<', b'0' + level as u8, b'>']);
        Line { level, text }
    }

    /// Ends the line, with `...` where it was cut: its bytes as people read them.
    pub fn end(&mut self) -> &[u8] {
        if self.text.len() + 1 == self.text.capacity()
            && let Some(last) = self.text.last_chunk_mut()
        {
            *last = *b"...";
        }
        let _ = self.text.push(b'\n');
        self.text.get(MARK..).unwrap_or_default()
    }

    pub fn send(&mut self) {
        if !shows(self.level) {
            return;
        }
        self.end();
        let (mut sink, mut from) = (SINK.load(Ordering::Relaxed), 0);
        if sink == STANDARD_ERROR {
            (sink, from) = (TERMINAL.load(Ordering::Relaxed), MARK);
        } else {
            let lines = LINES.load(Ordering::Relaxed);
            if lines < FEW {
                LINES.store(lines + 1, Ordering::Relaxed);
            }
            if lines + 1 == FEW {
                // EINVAL: the command line fixed it (printk.devkmsg=).
                let _ = fs::write_file(At::Cwd, c"/proc/sys/kernel/printk_devkmsg", b"on\n");
            }
        }
        if IMPATIENT.load(Ordering::Relaxed) && from != 0 {
            let mut files = [Interest::writable(sink)];
            let _ = poll::wait(&mut files, Some(Millis(0)));
            if !files.iter().any(Interest::is_ready) {
                return;
            }
        }
        // A log that cannot be written has nowhere to be reported.
        let _ = fd::write_to(sink, self.text.get(from..).unwrap_or_default());
    }
}

impl Out for Line {
    /// Bytes as they are, but for control bytes: a service's could forge a line or drive a terminal.
    fn write(&mut self, text: &[u8]) {
        for &byte in text {
            let shown = if byte < b' ' && byte != b'\t' || byte == 0x7f { b'?' } else { byte };
            // One place is kept for the line's end.
            if self.text.len() + 1 < self.text.capacity() {
                let _ = self.text.push(shown);
            }
        }
    }
}

/// See [`say!`](crate::say). The level is no argument: a hundred callers would load it each.
#[inline(never)]
pub fn say<const LEVEL: u8>(text: Packed, words: &[Piece]) {
    let level = match LEVEL {
        3 => Level::Failure,
        4 => Level::Warning,
        6 => Level::Info,
        _ => Level::Debug,
    };
    say_at(text, words, level);
}

#[inline(never)]
fn say_at(text: Packed, words: &[Piece], level: Level) {
    let mut line = Line::new(level);
    put(&mut line, text, words);
    line.send();
}

/// Says one line: `say!(Info, "{}: ready", name)`.
#[macro_export]
macro_rules! say {
    ($level:ident, $text:literal $(, $word:expr)* $(,)?) => {
        $crate::log::say::<{ $crate::log::Level::$level as u8 }>($crate::text::packed::packed!($text), &[$($crate::text::put::Word::piece(&$word)),*])
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_at_the_kernels_bound_and_still_ends() {
        let mut line = Line::new(Level::Info);
        line.write(&[b'x'; 3000]);
        assert_eq!(line.text.len(), limits::LINE_BYTES - 1);
        assert!(line.text.starts_with(b"<6>tinyo: xxx"));
        assert!(line.end().ends_with(b"xx...\n"));
        assert_eq!(line.text.len(), limits::LINE_BYTES);
    }

    #[test]
    fn control_bytes_never_reach_the_log() {
        let mut line = Line::bare(Level::Info);
        line.write(b"a\x1b[2J\nb\tc\x7f\xc3\xa9");
        assert_eq!(&line.text[..], b"<6>a?[2J?b\tc?\xc3\xa9");
    }
}
