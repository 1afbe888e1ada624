//! Whole numbers, strictly: digits only, no sign, no leading zero, no overflow. A user id, a port or a limit that is not
//! quite a number must never become another one.

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

fn digits(text: &[u8], base: u32) -> Option<u64> {
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
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    let (_, factor) = units.iter().find(|(name, _)| unit.eq_ignore_ascii_case(name.as_bytes()))?;
    decimal(number)?.checked_mul(*factor)
}

/// `value` as decimal digits, in `buffer`.
pub fn show(mut value: u64, buffer: &mut [u8; 20]) -> &[u8] {
    let mut start = buffer.len();
    for (index, slot) in buffer.iter_mut().enumerate().rev() {
        *slot = b'0'.wrapping_add((value % 10) as u8);
        value /= 10;
        start = index;
        if value == 0 {
            break;
        }
    }
    buffer.get(start..).unwrap_or(&[])
}
