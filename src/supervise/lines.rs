//! The output of a service on its way to the kernel's log, line by line.
//!
//! The pipe belongs to the service for as long as PID 1 lives: what an old process still writes is not lost, and a new
//! one finds it ready. PID 1 reads what is there and never waits for more.

use crate::config::Name;
use crate::limits::FLOOD_LINES;
use crate::log::{Level, Line};
use crate::say;
use crate::sys::error::Result;
use crate::sys::fd::{self, Fd};
use crate::sys::poll;
use crate::text::duration::Millis;
use crate::text::put::Out;

/// A longer line is split: each record stays well under the kernel's bound, with the name in front.
const LONGEST: usize = 512;

/// What a pipe holds (pipe(7)).
const PIPE: usize = 65_536;

/// [`FLOOD_LINES`] count within this time.
const FLOOD_TIME: u64 = 10_000;

#[repr(C)]
pub struct Lines {
    reader: Fd,
    writer: Fd,
    /// What is held was a line too many: only kept for the case that it was the last.
    stale: bool,
    /// Since when lines are counted, how many there were, and how many of them were too many.
    since: Millis,
    dropped: u32,
    count: u16,
    held: heapless::Vec<u8, LONGEST, u16>,
}

/// What else is done with each line: it is kept, and followers get it.
pub type Hear<'h> = dyn FnMut(&[u8]) + 'h;

impl Lines {
    pub fn new() -> Result<Self> {
        let (reader, writer) = fd::pipe(0)?;
        reader.set_non_blocking()?;
        Ok(Lines { reader, writer, held: heapless::Vec::new(), stale: false, since: Millis(0), count: 0, dropped: 0 })
    }

    pub fn reader(&self) -> &Fd {
        &self.reader
    }

    /// A writing end for the service's next process.
    pub fn writer(&self) -> Result<Fd> {
        fd::duplicate(self.writer.number())
    }

    /// Reads all that a process that has ended left behind: a pipe holds 64 KiB, whoever else writes to it meanwhile.
    pub fn drain(&mut self, name: Name, hear: &mut Hear) {
        for _ in 0..PIPE / LONGEST {
            if !self.read(name, hear) {
                break;
            }
        }
        self.flush(name, hear);
        self.admit_dropped(name);
        // Its last words are what it is asked for first.
        if core::mem::take(&mut self.stale) {
            self.send(name);
        }
    }

    /// Reads once, so that one talkative service cannot keep PID 1 from the others, and passes whole lines on. False:
    /// there was nothing.
    pub fn read(&mut self, name: Name, hear: &mut Hear) -> bool {
        let mut chunk = [0u8; LONGEST];
        // EAGAIN: it was read already. Anything else cannot happen to a pipe of our own.
        let Ok(n) = self.reader.read(&mut chunk) else { return false };
        for &byte in chunk.get(..n).unwrap_or_default() {
            // A character of several bytes is not split between two lines; so many bytes inside of one are none of UTF-8.
            let starts = byte & 0xc0 != 0x80;
            self.forget_stale();
            if byte == b'\n' || self.held.len() + if starts { 4 } else { 0 } >= LONGEST {
                self.flush(name, hear);
            }
            if byte != b'\n' {
                self.forget_stale();
                let _ = self.held.push(byte);
            }
        }
        n > 0
    }

    fn forget_stale(&mut self) {
        if core::mem::take(&mut self.stale) {
            self.held.clear();
        }
    }

    /// Passes on what is held as a line, even if it has no end.
    fn flush(&mut self, name: Name, hear: &mut Hear) {
        if self.held.last() == Some(&b'\r') {
            self.held.pop();
        }
        if self.held.is_empty() || self.stale {
            return;
        }
        hear(&self.held);
        let now = poll::now();
        if now.0.saturating_sub(self.since.0) >= FLOOD_TIME {
            self.admit_dropped(name);
            (self.since, self.count) = (now, 0);
        }
        if self.count < FLOOD_LINES {
            self.count += 1;
            self.send(name);
        } else {
            self.dropped = self.dropped.saturating_add(1);
            self.stale = true;
        }
    }

    fn send(&mut self, name: Name) {
        let mut line = Line::bare(Level::Info);
        for part in &[name.as_bytes(), b": ", &self.held] {
            line.write(part);
        }
        line.send();
        self.held.clear();
    }

    /// Says what was left out of the log.
    fn admit_dropped(&mut self, name: Name) {
        if self.dropped > 0 {
            say!(Warning, "{}: {} lines too many in 10 s, not in the kernel's log", name, self.dropped);
            self.dropped = 0;
        }
    }
}
