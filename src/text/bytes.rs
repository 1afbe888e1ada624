//! The few ways in which every grammar here takes bytes apart. Not generic: each is in the binary once.

use core::cell::Cell;
use core::ffi::CStr;

use crate::limits;
use heapless::Vec;

/// How many bytes at the beginning of `text` are of a kind.
#[inline(never)]
pub fn span(text: &[u8], kind: fn(u8) -> bool) -> usize {
    let mut rest = text;
    while let [first, tail @ ..] = rest
        && kind(*first)
    {
        rest = tail;
    }
    text.len().saturating_sub(rest.len())
}

/// What is before the first `at` in `text`. Eight bytes at a time: tables of modules have a megabyte.
#[inline(never)]
pub fn before(text: &[u8], at: u8) -> &[u8] {
    const ONES: u64 = u64::MAX / 0xff;
    // A byte of it is 0 where `at` is; taking 1 from each then sets a top bit that was clear.
    let lacks = |eight: &&[u8; 8]| {
        let eight = u64::from_ne_bytes(**eight) ^ ONES.wrapping_mul(u64::from(at));
        eight.wrapping_sub(ONES) & !eight & (ONES << 7) == 0
    };
    let passed = text.as_chunks().0.iter().take_while(lacks).count().wrapping_mul(8);
    let rest = text.get(passed..).unwrap_or_default();
    let end = rest.iter().position(|byte| *byte == at).unwrap_or(rest.len());
    text.get(..passed.wrapping_add(end)).unwrap_or_default()
}

/// `text` at the first `at`: what is before it, and what behind it if it is there.
///
/// Inlined: four words would come back in memory, and most callers want two of them.
#[inline(always)]
pub fn cut(text: &[u8], at: u8) -> (&[u8], Option<&[u8]>) {
    let before = before(text, at);
    (before, text.get(before.len().wrapping_add(1)..))
}

/// What is behind `start` in `text`; None when it starts otherwise.
pub fn after<'t>(text: &'t [u8], start: &[u8]) -> Option<&'t [u8]> {
    let (head, tail) = text.split_at_checked(start.len())?;
    if head == start { Some(tail) } else { None }
}

/// What is behind the last `/` of `path`.
pub fn last_part(mut path: &[u8]) -> &[u8] {
    while let (_, Some(rest)) = cut(path, b'/') {
        path = rest;
    }
    path
}

/// `bytes` as a string of C: its only NUL is the last byte.
pub fn terminated(bytes: &[u8]) -> Option<&CStr> {
    let text = CStr::from_bytes_until_nul(bytes).ok()?;
    if text.to_bytes_with_nul().len() == bytes.len() { Some(text) } else { None }
}

/// The words of a text that has a NUL behind each, with it; only the last may lack it.
#[derive(Clone)]
pub struct Words<'t>(pub &'t [u8]);

impl<'t> Iterator for Words<'t> {
    type Item = &'t [u8];

    #[inline(never)]
    fn next(&mut self) -> Option<&'t [u8]> {
        let end = before(self.0, 0).len().wrapping_add(1);
        let (word, rest) = self.0.split_at_checked(end).unwrap_or((self.0, &[]));
        self.0 = rest;
        if word.is_empty() { None } else { Some(word) }
    }
}

/// A path in the making.
pub type Path = Vec<u8, { limits::PATH_BYTES }>;

/// `parts` one behind the other as a path; None when that is too long, or has a NUL.
pub fn path<'b>(parts: &[&[u8]], buffer: &'b mut Path) -> Option<&'b CStr> {
    buffer.clear();
    for part in parts {
        buffer.extend_from_slice(part).ok()?;
    }
    buffer.push(0).ok()?;
    terminated(buffer)
}

/// Moves what is behind the first `from` bytes to the beginning.
pub fn shift(text: &mut [u8], from: usize) {
    let cells = Cell::from_mut(text).as_slice_of_cells();
    for (to, byte) in cells.iter().zip(cells.get(from..).unwrap_or_default()) {
        to.set(byte.get());
    }
}

/// How long the character of UTF-8 is that `text` begins with; 0 when it begins with none.
pub fn character(text: &[u8]) -> usize {
    let [first, rest @ ..] = text else { return 0 };
    let (more, least) = match first {
        ..=0x7f => return 1,
        0xc0..=0xdf => (1usize, 0x80),
        0xe0..=0xef => (2, 0x800),
        0xf0..=0xf7 => (3, 0x1_0000),
        _ => return 0,
    };
    let mut code = u32::from(first & (0x3f >> more));
    let Some(rest) = rest.get(..more) else { return 0 };
    for byte in rest {
        if byte & 0xc0 != 0x80 {
            return 0;
        }
        code = code << 6 | u32::from(byte & 0x3f);
    }
    if code >= least && char::from_u32(code).is_some() { more.wrapping_add(1) } else { 0 }
}

/// Whether all of `text` is of a kind.
pub fn all(text: &[u8], kind: fn(u8) -> bool) -> bool {
    span(text, kind) == text.len()
}

/// Whether `text` has this byte.
pub fn has(text: &[u8], byte: u8) -> bool {
    cut(text, byte).1.is_some()
}

/// `text` without the spaces and tabs around it.
pub fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// Whether two texts are the same but for the case of their letters.
pub fn alike(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.eq_ignore_ascii_case(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn before_as_its_naive_twin(text in prop::collection::vec(prop_oneof![0u8..3, 0x7fu8..0x82, Just(255)], 0..40), at: u8) {
            for at in [at, 0, 1, 0x80, 0x81] {
                let end = text.iter().position(|&byte| byte == at).unwrap_or(text.len());
                prop_assert_eq!(before(&text, at), &text[..end]);
            }
        }

        /// As the standard library has it.
        #[test]
        fn characters(bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0x80u8..0xc0, 0xe0u8..0xf8], 0..6)) {
            let length = character(&bytes);
            let first = |n: usize| core::str::from_utf8(bytes.get(..n)?).ok().filter(|text| text.chars().count() == 1);
            prop_assert_eq!((1..5).find(|n| first(*n).is_some()).unwrap_or(0), length);
        }

        #[test]
        fn every_character(character: char) {
            let mut bytes = [0; 5];
            let length = character.encode_utf8(&mut bytes).len();
            prop_assert_eq!(super::character(&bytes), length);
            prop_assert_eq!(super::character(&bytes[..length - 1]), 0);
        }
    }

    #[test]
    fn takes_apart() {
        assert_eq!(span(b"12ab3", |byte| byte.is_ascii_digit()), 2);
        assert_eq!(span(b"", |_| true), 0);
        assert_eq!(cut(b"a:b:c", b':'), (&b"a"[..], Some(&b"b:c"[..])));
        assert_eq!(cut(b"a:", b':'), (&b"a"[..], Some(&b""[..])));
        assert_eq!(cut(b"", b':'), (&b""[..], None));
        assert_eq!(trim(b" \ta b\t "), b"a b");
        assert_eq!(trim(b"  "), b"");
        assert!(has(b"a=b", b'=') && !has(b"ab", b'='));
        assert!(all(b"", |_| false) && all(b"aa", |byte| byte == b'a') && !all(b"ab", |byte| byte == b'a'));
        assert!(alike(b"TeRm", b"tErM") && !alike(b"term", b"ter") && !alike(b"a", b"b"));
    }
}
