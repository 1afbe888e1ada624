//! Lines of a file that is larger than the memory for it: read piece by piece through one bounded buffer.

/// Why not all lines were seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop<E> {
    /// `read` failed.
    Read(E),
    /// Some lines were longer than the buffer, and were passed over.
    TooLong,
}

/// Gives `each` every line of what `read` reads, without its newline, until that says that it has seen enough (`false`).
///
/// `read` fills the beginning of what it is given and says how much; 0 is the end.
pub fn each<E>(
    buffer: &mut [u8],
    read: &mut dyn FnMut(&mut [u8]) -> Result<usize, E>,
    each: &mut dyn FnMut(&mut [u8]) -> bool,
) -> Result<(), Stop<E>> {
    let mut held = 0usize;
    let mut skipping = false;
    let mut skipped = false;
    loop {
        let room = buffer.get_mut(held..).unwrap_or_default();
        let full = room.is_empty();
        let got = if full { 0 } else { read(room).map_err(Stop::Read)?.min(room.len()) };
        let end = !full && got == 0;
        held = held.saturating_add(got);
        let mut rest = buffer.get_mut(..held).unwrap_or_default();
        while let Some(length) = rest.iter().position(|&byte| byte == b'\n') {
            let (line, tail) = rest.split_at_mut_checked(length).unwrap_or_default();
            rest = tail.get_mut(1..).unwrap_or_default();
            if !core::mem::take(&mut skipping) && !each(line) {
                return Ok(());
            }
        }
        let left = rest.len();
        if end {
            if left > 0 && !skipping {
                each(rest);
            }
            return if skipped { Err(Stop::TooLong) } else { Ok(()) };
        }
        if full && left == held {
            // One line fills the buffer.
            skipping = true;
            skipped = true;
            held = 0;
            continue;
        }
        buffer.copy_within(held.saturating_sub(left)..held, 0);
        held = left;
    }
}
