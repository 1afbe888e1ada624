//! The last lines of a service, in memory: what `tinyo log` shows, and what a crash leaves to read. Pure.

use crate::limits::RING_BYTES;

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
        for &byte in line.iter().chain(b"\n") {
            if let Some(place) = self.bytes.get_mut(self.next) {
                *place = byte;
            }
            self.next = (self.next + 1) % RING_BYTES;
            self.wrapped |= self.next == 0;
        }
    }

    /// The lines that are whole, oldest first, put together in `buffer`.
    pub fn text<'b>(&self, buffer: &'b mut [u8; RING_BYTES]) -> &'b [u8] {
        *buffer = self.bytes;
        if !self.wrapped {
            return buffer.get(..self.next).unwrap_or_default();
        }
        buffer.rotate_left(self.next);
        // The first has lost its beginning.
        let end = buffer.iter().position(|&byte| byte == b'\n');
        end.and_then(|end| buffer.get(end + 1..)).unwrap_or_default()
    }
}

/// The last `count` lines of `text`.
pub fn last(text: &[u8], count: usize) -> &[u8] {
    let mut ends = text.iter().rev().skip(1).enumerate().filter(|(_, byte)| **byte == b'\n');
    let length = ends.nth(count - 1).map_or(text.len(), |(from_end, _)| from_end + 1);
    text.get(text.len() - length..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::String;
    use std::vec::Vec;

    fn text(ring: &Ring) -> String {
        String::from_utf8(ring.text(&mut [0; RING_BYTES]).to_vec()).unwrap()
    }

    #[test]
    fn keeps_what_is_last() {
        let mut ring = Ring::new();
        assert_eq!(text(&ring), "");
        ring.keep(b"one");
        ring.keep(b"");
        ring.keep(b"three");
        assert_eq!(text(&ring), "one\n\nthree\n");
        for (count, expected) in [(1, "three\n"), (2, "\nthree\n"), (3, "one\n\nthree\n"), (9, "one\n\nthree\n")] {
            assert_eq!(last(text(&ring).as_bytes(), count), expected.as_bytes(), "{count}");
        }
        ring.clear();
        assert_eq!(text(&ring), "");
        assert_eq!(last(b"", 3), b"");
    }

    proptest! {
        /// As a list of lines that forgets its first while there are too many bytes.
        #[test]
        fn as_its_naive_twin(lengths in prop::collection::vec(0usize..600, 0..40), count in 1usize..5) {
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
            prop_assert_eq!(last(kept.as_bytes(), count), tail.as_bytes());
        }
    }
}
