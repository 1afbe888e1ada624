//! Standard output, for words.

use super::exit;
use crate::sys::fd;
use crate::text::packed::Packed;
use crate::text::put::{Out, Word};

/// Standard output, written as it fills up.
pub struct Output {
    buffer: heapless::Vec<u8, 512>,
    failed: bool,
}

impl Output {
    pub fn new() -> Self {
        Output { buffer: heapless::Vec::new(), failed: false }
    }

    pub fn flush(&mut self) {
        let mut rest: &[u8] = &self.buffer;
        while !rest.is_empty() && !self.failed {
            match fd::write_to(1, rest) {
                Ok(n) if n > 0 => rest = rest.get(n..).unwrap_or_default(),
                _ => self.failed = true,
            }
        }
        self.buffer.clear();
    }

    /// The exit status, once all is written: a reader that went away is no failure of ours to hide.
    pub fn end(mut self) -> u8 {
        self.flush();
        if self.failed { exit::SYSTEM } else { 0 }
    }
}

impl Out for Output {
    fn write(&mut self, text: &[u8]) {
        for &byte in text {
            if self.buffer.push(byte).is_err() {
                self.flush();
                let _ = self.buffer.push(byte);
            }
        }
    }
}

/// Writes `text` to standard output.
pub fn print(text: Packed) -> u8 {
    let mut out = Output::new();
    text.write(&mut out);
    out.end()
}
