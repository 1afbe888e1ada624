//! Whole numbers, strictly: digits only, no sign, no leading zero, no overflow. A user id, a port or a limit that is not
//! quite a number must never become another one.

use super::bytes::{alike, cut, span};

/// `text` as a decimal number.
pub fn decimal(text: &[u8]) -> Option<u64> {
    if text.len() > 1 && text.first() == Some(&b'0') {
        return None;
    }
    digits(text, 10)
}

/// `text` as a decimal number, or a hexadecimal one with `0x` before it: a port, as hardware people write it.
pub fn any_base(text: &[u8]) -> Option<u64> {
    match text {
        [b'0', b'x' | b'X', digits @ ..] => self::digits(digits, 16),
        _ => decimal(text),
    }
}

/// Digits of `base`, as many as there are.
pub fn digits(text: &[u8], base: u32) -> Option<u64> {
    let mut value: Option<u64> = None;
    for &byte in text {
        let digit = char::from(byte).to_digit(base)?;
        value = Some(value.unwrap_or(0).checked_mul(u64::from(base))?.checked_add(u64::from(digit))?);
    }
    value
}

/// `text` as a decimal number that may be negative.
pub fn signed(text: &[u8]) -> Option<i32> {
    match text {
        [b'-', rest @ ..] => i32::try_from(decimal(rest)?).ok()?.checked_neg(),
        _ => i32::try_from(decimal(text)?).ok(),
    }
}

/// A number with one of `units` behind it: each a lower-case name and its factor. Letters of either case.
pub fn scaled(text: &[u8], units: &[(&str, u64)]) -> Option<u64> {
    let (number, unit) = text.split_at_checked(span(text, |byte| byte.is_ascii_digit()))?;
    let (_, factor) = units.iter().find(|(name, _)| alike(unit, name.as_bytes()))?;
    decimal(number)?.checked_mul(*factor)
}

/// A plain decimal, like `0.5`, in hundred thousandths: neither a sign nor more places, which would be lost.
pub fn decimal_places(text: &[u8]) -> Option<u64> {
    let (whole, places) = cut(text, b'.');
    let places = places.unwrap_or(b"0");
    let unit = [100_000, 10_000, 1_000, 100, 10, 1].get(places.len())?;
    decimal(whole)?.checked_mul(100_000)?.checked_add(digits(places, 10)?.checked_mul(*unit)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn strictly() {
        for (text, value) in
            [("0", Some(0)), ("7", Some(7)), ("18446744073709551615", Some(u64::MAX)), ("", None), ("+1", None)]
        {
            assert_eq!(decimal(text.as_bytes()), value, "{text}");
        }
        for text in ["18446744073709551616", "-1", "01", "00", " 1", "1 ", "1x", "0x1", "\u{661}"] {
            assert_eq!(decimal(text.as_bytes()), None, "{text}");
        }
        assert_eq!(
            (any_base(b"0xF4"), any_base(b"244"), any_base(b"0x"), any_base(b"f4")),
            (Some(244), Some(244), None, None)
        );
        assert_eq!(
            (signed(b"-1"), signed(b"10"), signed(b"-2147483647"), signed(b"-"), signed(b"--1")),
            (Some(-1), Some(10), Some(-2147483647), None, None)
        );
        assert_eq!((signed(b"2147483648"), signed(b"-2147483648")), (None, None));
    }
    #[test]
    fn places() {
        for (text, value) in [
            ("0.5", Some(50_000)),
            ("2", Some(200_000)),
            ("1.00001", Some(100_001)),
            ("0.0", Some(0)),
            ("0.123456", None),
            ("1.", None),
            (".5", None),
            ("-1.5", None),
            ("+1", None),
            ("1e3", None),
            ("1_0.5", None),
            ("1.5.5", None),
            ("01.5", None),
            ("184467440737096", None),
        ] {
            assert_eq!(decimal_places(text.as_bytes()), value, "{text}");
        }
    }

    proptest! {
        #[test]
        fn places_as_floats_have_them(whole in 0u32..1 << 20, fraction in "[0-9]{1,5}") {
            let text = std::format!("{whole}.{fraction}");
            let float: f64 = text.parse().unwrap();
            prop_assert_eq!(decimal_places(text.as_bytes()), Some((float * 1e5).round() as u64));
        }
    }
}
