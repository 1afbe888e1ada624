//! Bytes on their way from one file to another. Pure.

/// A terminal holds and gives no more at once (N_TTY_BUF_SIZE).
const ROOM: usize = 4096;

/// What was read and is not written yet. More is only read once it is empty: whoever writes faster than the other side reads
/// waits, and nothing grows.
pub struct Queue {
    bytes: [u8; ROOM],
    start: usize,
    end: usize,
}

impl Queue {
    pub const fn new() -> Self {
        Queue { bytes: [0; ROOM], start: 0, end: 0 }
    }

    pub const fn is_empty(&self) -> bool {
        self.start >= self.end
    }

    /// Where to read to; none until it is empty.
    pub fn room(&mut self) -> &mut [u8] {
        if self.is_empty() { &mut self.bytes } else { &mut [] }
    }

    /// So many bytes were read to its [`room`](Self::room).
    pub fn fill(&mut self, count: usize) {
        (self.start, self.end) = (0, count.min(ROOM));
    }

    /// What is to be written.
    pub fn rest(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// So many bytes of the [`rest`](Self::rest) were.
    pub fn take(&mut self, count: usize) {
        self.start = self.start.saturating_add(count);
    }

    /// Nobody will read it.
    pub fn clear(&mut self) {
        self.start = self.end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    proptest! {
        /// All bytes come through, once and in order, however they are read and written.
        #[test]
        fn loses_nothing(turns in prop::collection::vec((0usize..5000, 1usize..3000), 1..64)) {
            let (mut queue, mut source) = (Queue::new(), (0..=250u8).cycle());
            let (mut read, mut written) = (Vec::new(), Vec::new());
            for (arrives, leaves) in turns {
                let room = queue.room();
                let count = arrives.min(room.len());
                if count > 0 {
                    room[..count].fill_with(|| source.next().unwrap());
                    read.extend_from_slice(&room[..count]);
                    queue.fill(count);
                }
                let count = leaves.min(queue.rest().len());
                written.extend_from_slice(&queue.rest()[..count]);
                queue.take(count);
                prop_assert_eq!(queue.is_empty(), queue.rest().is_empty());
                prop_assert_eq!([&written[..], queue.rest()].concat(), &read[..]);
            }
        }
    }

    #[test]
    fn has_bounds() {
        let mut queue = Queue::new();
        queue.fill(usize::MAX);
        assert_eq!((queue.rest().len(), queue.room().len()), (ROOM, 0));
        queue.take(usize::MAX);
        assert!(queue.is_empty() && queue.rest().is_empty() && queue.room().len() == ROOM);
        queue.fill(3);
        queue.clear();
        assert!(queue.is_empty());
    }
}
