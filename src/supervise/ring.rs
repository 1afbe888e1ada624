//! The last lines of a service, in memory: what `tinyo log` shows, and what a crash leaves to read. Pure.

use crate::limits::RING_BYTES;
use crate::text::bytes::cut;

/// Bytes that are written over from their beginning on. All zero when empty, so that it costs nothing in `.bss`.
pub struct Ring {
    bytes: [u8; RING_BYTES],
    /// Where the next byte goes.
    next: usize,
    /// It has been full once: what lies from `next` on is older than what lies before.
    wrapped: bool,
}

impl Ring {
    pub const fn new() -> Self {
        Ring { bytes: [0; RING_BYTES], next: 0, wrapped: false }
    }

    /// What is empty already is not written to: it has no page of its own yet.
    pub fn clear(&mut self) {
        if self.next != 0 || self.wrapped {
            (self.next, self.wrapped) = (0, false);
        }
    }

    /// Keeps a line, which has no newline.
    pub fn keep(&mut self, line: &[u8]) {
        line.iter().for_each(|byte| self.push(*byte));
        self.push(b'\n');
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.next) {
            *place = byte;
        }
        self.next = (self.next + 1) % RING_BYTES;
        self.wrapped |= self.next == 0;
    }

    /// The lines that are whole, oldest first, put together in `buffer`, with newlines between.
    pub fn text<'b>(&self, buffer: &'b mut [u8; RING_BYTES]) -> &'b [u8] {
        let (new, old) = self.bytes.split_at_checked(self.next).unwrap_or_default();
        let old = if self.wrapped { old } else { &[] };
        for (place, byte) in buffer.iter_mut().zip(old.iter().chain(new)) {
            *place = *byte;
        }
        let text = buffer.get(..(old.len() + new.len()).saturating_sub(1)).unwrap_or_default();
        // The first has lost its beginning.
        if self.wrapped { cut(text, b'\n').1.unwrap_or_default() } else { text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::lines::last;
    use proptest::prelude::*;
    use std::string::String;
    use std::vec::Vec;

    fn text(ring: &Ring) -> String {
        let text = String::from_utf8(ring.text(&mut [0; RING_BYTES]).to_vec()).unwrap();
        if text.is_empty() { text } else { text + "\n" }
    }

    #[test]
    fn keeps_what_is_last() {
        let mut ring = Ring::new();
        assert_eq!(text(&ring), "");
        ring.keep(b"one");
        ring.keep(b"");
        ring.keep(b"three");
        assert_eq!(text(&ring), "one\n\nthree\n");
        ring.clear();
        assert_eq!(text(&ring), "");
    }

    proptest! {
        /// As a list of lines that forgets its first while there are too many bytes. None is empty: they are not kept.
        #[test]
        fn as_its_naive_twin(lengths in prop::collection::vec(1usize..600, 0..40), count in 1usize..5) {
            let mut ring = Ring::new();
            let mut lines: Vec<String> = Vec::new();
            for (number, length) in lengths.into_iter().enumerate() {
                let line: String = std::iter::repeat_n(char::from(b'a' + (number % 26) as u8), length).collect();
                ring.keep(line.as_bytes());
                lines.push(line + "\n");
            }
            let all: String = lines.concat();
            let kept = text(&ring);
            prop_assert!(all.ends_with(&kept));
            prop_assert!(kept.is_empty() || kept.ends_with('\n'));
            // No line is left out that would have fitted with its beginning.
            let left = lines.len() - kept.matches('\n').count();
            let with_one_more: usize = lines[left.saturating_sub(1)..].iter().map(String::len).sum();
            prop_assert!(left == 0 || with_one_more >= RING_BYTES, "{} bytes kept", kept.len());
            let tail: String = lines[left..].iter().rev().take(count).rev().cloned().collect();
            let kept_last = last(kept.trim_end().as_bytes(), count).unwrap();
            prop_assert_eq!(kept_last, tail.trim_end().as_bytes());
        }
    }
}
