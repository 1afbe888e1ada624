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

    pub fn clear(&mut self) {
        (self.next, self.wrapped) = (0, false);
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

    /// The lines that are whole, oldest first, in two pieces.
    pub fn lines(&self) -> [&[u8]; 2] {
        let (new, old) = self.bytes.split_at_checked(self.next).unwrap_or_default();
        if !self.wrapped {
            return [&[], new];
        }
        // The first of the old ones has lost its beginning.
        match old.iter().position(|&byte| byte == b'\n') {
            Some(end) => [old.get(end + 1..).unwrap_or_default(), new],
            None => {
                [&[], new.iter().position(|&byte| byte == b'\n').and_then(|end| new.get(end + 1..)).unwrap_or_default()]
            }
        }
    }

    /// The last `count` lines of it, oldest first, each a piece of at most two.
    pub fn last(&self, count: usize) -> [&[u8]; 2] {
        let [old, new] = self.lines();
        let (new, left) = tail(new, count);
        [if left > 0 { tail(old, left).0 } else { &[] }, new]
    }
}

/// The last `count` lines of `text`, and how many are missing to that.
fn tail(text: &[u8], mut count: usize) -> (&[u8], usize) {
    let ends = text.iter().enumerate().rev().skip(1).filter(|(_, byte)| **byte == b'\n');
    for (at, _) in ends {
        count -= 1;
        if count == 0 {
            return (text.get(at + 1..).unwrap_or_default(), 0);
        }
    }
    (text, if text.is_empty() { count } else { count - 1 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::String;
    use std::vec::Vec;

    fn text(pieces: [&[u8]; 2]) -> String {
        String::from_utf8(pieces.concat()).unwrap()
    }

    #[test]
    fn keeps_what_is_last() {
        let mut ring = Ring::new();
        assert_eq!(text(ring.lines()), "");
        ring.keep(b"one");
        ring.keep(b"");
        ring.keep(b"three");
        assert_eq!(text(ring.lines()), "one\n\nthree\n");
        assert_eq!(text(ring.last(1)), "three\n");
        assert_eq!(text(ring.last(2)), "\nthree\n");
        assert_eq!(text(ring.last(9)), "one\n\nthree\n");
        ring.clear();
        assert_eq!(text(ring.lines()), "");
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
            let kept = text(ring.lines());
            prop_assert!(all.ends_with(&kept));
            prop_assert!(kept.is_empty() || kept.ends_with('\n'));
            // No line is left out that would have fitted with its beginning.
            let left = lines.len() - kept.matches('\n').count();
            let with_one_more: usize = lines[left.saturating_sub(1)..].iter().map(String::len).sum();
            prop_assert!(left == 0 || with_one_more >= RING_BYTES, "{} bytes kept", kept.len());
            let tail: String = lines[left..].iter().rev().take(count).rev().cloned().collect();
            prop_assert_eq!(text(ring.last(count)), tail);
        }
    }
}
