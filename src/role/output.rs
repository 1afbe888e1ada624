//! Standard output, for words.

use core::convert::Infallible;

use super::exit;
use crate::sys::fd;
use ufmt::uWrite;

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

    /// Writes bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if self.buffer.push(byte).is_err() {
                self.flush();
                let _ = self.buffer.push(byte);
            }
        }
    }

    /// The exit status, once all is written: a reader that went away is no failure of ours to hide.
    pub fn end(mut self) -> u8 {
        self.flush();
        if self.failed { exit::SYSTEM } else { 0 }
    }
}

impl uWrite for Output {
    type Error = Infallible;

    fn write_str(&mut self, text: &str) -> Result<(), Infallible> {
        self.bytes(text.as_bytes());
        Ok(())
    }
}

/// Writes `text` to standard output.
pub fn print(text: &str) -> u8 {
    let mut out = Output::new();
    let Ok(()) = out.write_str(text);
    out.end()
}
