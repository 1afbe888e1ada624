//! The output of a service on its way to the kernel's log, line by line.
//!
//! The pipe belongs to the service for as long as PID 1 lives: what an old process still writes is not lost, and a new
//! one finds it ready. PID 1 reads what is there and never waits for more.

use crate::config::Name;
use crate::log::{Level, Line};
use crate::sys::error::Result;
use crate::sys::fd::{self, Fd};
use crate::text::put::Out;

/// A longer line is split: each record stays well under the kernel's bound, with the name in front.
const LONGEST: usize = 512;

/// What a pipe holds (pipe(7)).
const PIPE: usize = 65_536;

pub struct Lines {
    reader: Fd,
    writer: Fd,
    held: heapless::Vec<u8, LONGEST>,
}

impl Lines {
    pub fn new() -> Result<Self> {
        let (reader, writer) = fd::pipe(0)?;
        reader.set_non_blocking()?;
        Ok(Lines { reader, writer, held: heapless::Vec::new() })
    }

    pub fn reader(&self) -> &Fd {
        &self.reader
    }

    /// A writing end for the service's next process.
    pub fn writer(&self) -> Result<Fd> {
        fd::duplicate(self.writer.number())
    }

    /// Reads all that a process that has ended left behind: a pipe holds 64 KiB, whoever else writes to it meanwhile.
    pub fn drain(&mut self, name: Name) {
        for _ in 0..PIPE / LONGEST {
            if !self.read(name) {
                break;
            }
        }
    }

    /// Reads once, so that one talkative service cannot keep PID 1 from the others, and passes whole lines on. False:
    /// there was nothing.
    pub fn read(&mut self, name: Name) -> bool {
        let mut chunk = [0u8; LONGEST];
        // EAGAIN: it was read already. Anything else cannot happen to a pipe of our own.
        let Ok(n) = self.reader.read(&mut chunk) else { return false };
        for &byte in chunk.get(..n).unwrap_or_default() {
            if byte == b'\n' || self.held.push(byte).is_err() {
                self.flush(name);
                if byte != b'\n' {
                    // There is room: it was just emptied.
                    let _ = self.held.push(byte);
                }
            }
        }
        n > 0
    }

    /// Passes on what is held as a line, even if it has no end.
    pub fn flush(&mut self, name: Name) {
        let text = match self.held.as_slice() {
            [text @ .., b'\r'] => text,
            text => text,
        };
        if !text.is_empty() {
            let mut line = Line::bare(Level::Info);
            line.write(name.as_bytes());
            line.write(b": ");
            line.write(text);
            line.send();
        }
        self.held.clear();
    }
}
