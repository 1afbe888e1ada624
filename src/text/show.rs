//! Foreign bytes in a message. What a file, a command line or a disk says is shown so that it can neither break a log
//! line nor speak to a terminal.

use core::ffi::CStr;

use super::bytes::character;
use super::put::{self, Out, Piece};

/// The longest text shown, in bytes of it; what is longer ends in `...`.
pub const SHOWN: usize = 200;

/// Shows bytes: control characters and what is not UTF-8 as `\xNN`.
#[derive(Clone, Copy)]
pub struct Show<'a>(pub &'a [u8]);

impl<'a> From<&'a CStr> for Show<'a> {
    fn from(text: &'a CStr) -> Self {
        Show(text.to_bytes())
    }
}

impl<'a> From<&'a str> for Show<'a> {
    fn from(text: &'a str) -> Self {
        Show(text.as_bytes())
    }
}

impl put::Word for Show<'_> {
    #[inline(always)]
    fn piece(&self) -> Piece<'_> {
        Piece::Show(*self)
    }

    fn write(&self, out: &mut dyn Out) {
        let mut rest = self.0;
        while let [first, ..] = rest {
            if self.0.len().wrapping_sub(rest.len()) >= SHOWN {
                return out.write(b"...");
            }
            let (character, tail) = rest.split_at_checked(character(rest)).unwrap_or_default();
            if is_harmless(character) {
                out.write(character);
                rest = tail;
            } else {
                escape(*first, out);
                rest = rest.get(1..).unwrap_or_default();
            }
        }
    }
}

/// A character, and not a control character (C0, DEL, C1), a line or paragraph separator, or one that turns the direction of writing.
fn is_harmless(character: &[u8]) -> bool {
    !matches!(
        character,
        [] | [..=0x1f | 0x7f] | [0xc2, ..=0x9f] | [0xe2, 0x80, 0xa8..=0xae] | [0xe2, 0x81, 0xa6..=0xa9]
    )
}

fn escape(byte: u8, out: &mut dyn Out) {
    let digit = |half: u8| if half < 10 { half.wrapping_add(b'0') } else { half.wrapping_add(b'a' - 10) };
    out.write(&[b'\\', b'x', digit(byte >> 4), digit(byte & 15)]);
}

/// Shows bytes that somebody wrote as one word: an empty one must not look like nothing.
#[derive(Clone, Copy)]
pub struct Word<'a>(pub &'a [u8]);

impl put::Word for Word<'_> {
    #[inline(always)]
    fn piece(&self) -> Piece<'_> {
        Piece::Word(*self)
    }

    fn write(&self, out: &mut dyn Out) {
        match self.0 {
            b"" => out.write(b"\"\""),
            word => Show(word).write(out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::String;

    fn show(text: &[u8]) -> String {
        put::shown(&Show(text))
    }

    #[test]
    fn what_is_harmless_stays() {
        for text in ["", "plain / text", "größe €😀", "a\\b", "\u{a0}"] {
            assert_eq!(show(text.as_bytes()), text);
        }
    }

    #[test]
    fn what_is_not_is_shown() {
        let table: [(&[u8], &str); 10] = [
            (b"a\nb", "a\\x0ab"),
            (b"\x1b[2J", "\\x1b[2J"),
            (b"\x7f\0", "\\x7f\\x00"),
            ("\u{85}\u{9b}".as_bytes(), "\\xc2\\x85\\xc2\\x9b"),
            (b"\xff\xfe", "\\xff\\xfe"),
            (b"\xc3", "\\xc3"),
            (b"\xc3x", "\\xc3x"),
            (b"\xe2\x82", "\\xe2\\x82"),
            ("\u{202e}".as_bytes(), "\\xe2\\x80\\xae"),
            ("\u{2066}\u{2028}".as_bytes(), "\\xe2\\x81\\xa6\\xe2\\x80\\xa8"),
        ];
        for (text, shown) in table {
            assert_eq!(show(text), shown);
        }
    }

    #[test]
    fn what_is_long_is_cut() {
        assert_eq!(show(&[b'a'; SHOWN]), "a".repeat(SHOWN));
        assert_eq!(show(&[b'a'; SHOWN + 1]), "a".repeat(SHOWN) + "...");
    }

    proptest! {
        #[test]
        fn one_line_of_printable_text(text in prop::collection::vec(any::<u8>(), 0..300)) {
            let shown = show(&text);
            prop_assert!(shown.len() <= 4 * (SHOWN + 4) + 3);
            prop_assert!(shown.chars().all(|character| !character.is_control()));
        }
    }
}
