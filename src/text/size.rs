//! Sizes: `N[b|k|m|g]` of either case, a bare number is bytes.

use super::number;
use super::put::{Out, Word};
use crate::put;

/// Bytes.
pub fn parse(text: &[u8]) -> Option<u64> {
    const UNITS: [(&str, u64); 5] = [("", 1), ("b", 1), ("k", 1 << 10), ("m", 1 << 20), ("g", 1 << 30)];
    number::scaled(text, &UNITS)
}

/// Bytes in the largest unit that leaves no rest: as a person would write them.
pub struct Size(pub u64);

impl Word for Size {
    fn write(&self, out: &mut dyn Out) {
        let mut number = self.0;
        let mut units = ["", "K", "M", "G"].iter();
        let mut unit = units.next();
        while number > 0 && number & 1023 == 0 && units.len() > 0 {
            number >>= 10;
            unit = units.next();
        }
        put!(out, "{}{}", number, *unit.unwrap_or(&""));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::String;

    fn shown(bytes: u64) -> String {
        crate::text::put::shown(&Size(bytes))
    }

    #[test]
    fn units() {
        let table = [
            ("0", 0),
            ("4096", 4096),
            ("5b", 5),
            ("64M", 64 << 20),
            ("64m", 64 << 20),
            ("1k", 1024),
            ("2G", 2 << 30),
            ("17179869183G", 0xffff_ffff_c000_0000),
        ];
        for (text, value) in table {
            assert_eq!(parse(text.as_bytes()), Some(value), "{text}");
        }
        for text in ["", "M", "64 M", "64MB", "64Mi", "1T", "-1M", "1.5G", "064M", "17179869184G", "0x10"] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn as_a_person_would_write_it() {
        for (bytes, text) in [(0, "0"), (1, "1"), (1025, "1025"), (1536, "1536"), (64 << 20, "64M"), (1 << 40, "1024G")]
        {
            assert_eq!(shown(bytes), text);
        }
    }

    proptest! {
        #[test]
        fn there_and_back(number in 0u64..1 << 40, unit in 0u32..3) {
            let bytes = number << (10 * unit);
            prop_assert_eq!(parse(shown(bytes).as_bytes()), Some(bytes));
        }
    }
}
