//! Lines of a file that is larger than the memory for it: read piece by piece through one bounded buffer.

use super::bytes::{before, shift};

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
    if buffer.is_empty() {
        return Err(Stop::TooLong);
    }
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
        loop {
            let length = before(rest, b'\n').len();
            if length == rest.len() {
                break;
            }
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
        shift(buffer.get_mut(..held).unwrap_or_default(), held.saturating_sub(left));
        held = left;
    }
}

/// The last `count` lines of `text`, which has newlines between its lines. None: not one is wanted.
pub fn last(text: &[u8], count: usize) -> Option<&[u8]> {
    let mut left = count.checked_sub(1)?;
    let mut head = text;
    while let [rest @ .., byte] = head {
        if *byte == b'\n' {
            let Some(less) = left.checked_sub(1) else { break };
            left = less;
        }
        head = rest;
    }
    text.get(head.len()..)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::String;
    use std::vec::Vec;

    /// The lines of `text`, read `step` bytes at a time through `size` bytes.
    fn lines(text: &[u8], size: usize, step: usize, most: usize) -> (Vec<String>, Result<(), Stop<&'static str>>) {
        let mut buffer = std::vec![0; size];
        let mut rest = text;
        let mut lines = Vec::new();
        let result = each(
            &mut buffer,
            &mut |room| {
                let count = room.len().min(step).min(rest.len());
                room[..count].copy_from_slice(&rest[..count]);
                rest = &rest[count..];
                Ok(count)
            },
            &mut |line| {
                lines.push(String::from_utf8_lossy(line).into_owned());
                lines.len() < most
            },
        );
        (lines, result)
    }

    #[test]
    fn what_is_last() {
        for (count, expected) in
            [(0, None), (1, Some("three")), (2, Some("\nthree")), (3, Some("one\n\nthree")), (9, Some("one\n\nthree"))]
        {
            assert_eq!(last(b"one\n\nthree", count), expected.map(str::as_bytes), "{count}");
        }
        assert_eq!(last(b"", 3), Some(&b""[..]));
    }

    #[test]
    fn gives_lines() {
        for step in 1..8 {
            assert_eq!(
                lines(b"ab\n\ncd\ne", 3, step, 9),
                (std::vec!["ab".into(), "".into(), "cd".into(), "e".into()], Ok(())),
                "{step}"
            );
            assert_eq!(lines(b"ab\n\ncd\ne", 3, step, 2), (std::vec!["ab".into(), "".into()], Ok(())), "{step}");
            assert_eq!(lines(b"", 3, step, 9), (std::vec![], Ok(())));
        }
    }

    #[test]
    fn passes_over_what_is_too_long() {
        for step in 1..9 {
            let (found, result) = lines(b"a\nlonger\nb\nmuchlonger", 4, step, 9);
            assert_eq!((found, result), (std::vec!["a".into(), "b".into()], Err(Stop::TooLong)), "{step}");
        }
    }

    #[test]
    fn tells_what_read_tells() {
        let result = each(&mut [0; 4], &mut |_| Err("no"), &mut |_| true);
        assert_eq!(result, Err(Stop::Read("no")));
        assert_eq!(each::<()>(&mut [], &mut |_| Ok(0), &mut |_| true), Err(Stop::TooLong));
    }

    proptest! {
        #[test]
        fn as_its_naive_twin(text in "[ab\n]{0,40}", size in 1usize..12, step in 1usize..12) {
            let (found, result) = lines(text.as_bytes(), size, step, usize::MAX);
            let all: Vec<_> = text.strip_suffix('\n').unwrap_or(&text).split('\n').filter(|_| !text.is_empty()).collect();
            // A line needs room for its newline, but for the last, which may have none.
            let short: Vec<_> = all.iter().copied().filter(|line| line.len() < size).collect();
            prop_assert_eq!(found, short.clone());
            prop_assert_eq!(result.is_ok(), short.len() == all.len());
        }
    }
}
