//! Values that are not arrays: strings, which are unescaped and NUL-terminated where they stand, and numbers.

use core::ffi::CStr;

use super::{Event, Reader, State, Value, Wrong, begins_character, characters, is_control};
use crate::text::bytes::{cut, span};
use crate::text::number;

impl<'a> Reader<'a> {
    /// Reads a value, or the opening of an array.
    pub(super) fn value(&mut self, item: bool) -> Event<'a> {
        let event = match *self.rest {
            [b'[', ..] if !item => {
                self.take(1);
                self.state = State::Item;
                return Event::Open;
            }
            [b'[', ..] => Event::Wrong(Wrong::NestedList, &[]),
            [b'{', ..] => Event::Wrong(Wrong::InlineTable, &[]),
            [quote @ (b'"' | b'\''), ..] => self.string(quote),
            [] | [b'\r' | b'\n' | b'#', ..] => Event::Wrong(Wrong::NoValue, &[]),
            _ => match self.skip_to(b" \t\r\n,]#=\"'{}[") {
                [] => Event::Wrong(Wrong::NotAValue, &[]),
                text => bare(text),
            },
        };
        // After what is wrong, go on behind it: at the next item of an array, else at the next line.
        if let Event::Wrong(..) = event {
            self.skip_to(if item { b",]\n" } else { b"#\n" });
            if item && self.rest.first() == Some(&b'\n') {
                self.state = State::Item;
            }
        }
        event
    }

    fn string(&mut self, quote: u8) -> Event<'a> {
        if self.rest.starts_with(&[quote; 3]) {
            self.take(3);
            while !self.rest.is_empty() && !self.rest.starts_with(&[quote; 3]) {
                self.take(1);
            }
            self.take(3);
            return Event::Wrong(Wrong::MultiLine, &[]);
        }
        let mut column = 1u32;
        let mut read = 1usize;
        let mut write = 0usize;
        let mut fault = None;
        let closed = loop {
            let rest = self.rest.get(read..).unwrap_or_default();
            let mut bytes = [0; 4];
            let (used, made) = match *rest {
                [] | [b'\r' | b'\n', ..] => break false,
                [byte, ..] if byte == quote => break true,
                [b'\\', ref rest @ ..] if quote == b'"' => escape(rest, &mut bytes),
                [0, ..] => (1, Err(Wrong::Nul)),
                [byte, ..] if is_control(byte) => (1, Err(Wrong::Control)),
                [byte, ..] => {
                    bytes = [byte, 0, 0, 0];
                    (1, Ok(1))
                }
            };
            let (from, before) = (read, column);
            read = read.wrapping_add(used);
            column = column.wrapping_add(characters(rest.get(..used).unwrap_or_default()));
            match made {
                Ok(count) => {
                    // It stays behind what is read: an escape is longer than what it stands for. What is wrong is kept.
                    for byte in bytes.get(..count).filter(|_| fault.is_none()).unwrap_or_default() {
                        if let Some(place) = self.rest.get_mut(write) {
                            *place = *byte;
                        }
                        write = write.wrapping_add(1);
                    }
                }
                Err(what) => fault = fault.or(Some((what, from, read, before))),
            }
        };
        // Counted here: what was written may have line breaks in it.
        self.here.column = self.here.column.wrapping_add(column).wrapping_add(u32::from(closed));
        let text = self.split(read.wrapping_add(usize::from(closed)));
        match fault {
            _ if !closed => Event::Wrong(Wrong::UnclosedString, &[]),
            Some((what, from, to, before)) => {
                self.at.column = self.at.column.wrapping_add(before);
                Event::Wrong(what, text.get(from..to).unwrap_or_default())
            }
            None => {
                if let Some(terminator) = text.get_mut(write) {
                    *terminator = 0;
                }
                Event::Value(Value::String(CStr::from_bytes_until_nul(text).unwrap_or_default()))
            }
        }
    }
}

/// What the escape stands for, of which `text` is what follows its backslash: its length with that, and how many `bytes`
/// it makes.
fn escape(text: &[u8], bytes: &mut [u8; 4]) -> (usize, Result<usize, Wrong>) {
    let [first, ..] = bytes;
    let (kind, digits) = text.split_first().unwrap_or((&0, &[]));
    let most = match kind {
        b'u' => 4usize,
        b'U' => 8,
        _ => {
            *first = match kind {
                b'b' => 8,
                b't' => b'\t',
                b'n' => b'\n',
                b'f' => 12,
                b'r' => b'\r',
                b'"' | b'\\' => *kind,
                // A line break is none of the string.
                ..b' ' => return (1, Err(Wrong::Escape)),
                _ => {
                    let more = span(digits, |byte| !begins_character(byte));
                    return (more.wrapping_add(2), Err(Wrong::Escape));
                }
            };
            return (2, Ok(1));
        }
    };
    let count = span(digits.get(..most).unwrap_or(digits), |byte| byte.is_ascii_hexdigit());
    let code = number::digits(digits.get(..count).unwrap_or_default(), 16).filter(|_| count == most);
    let made = match code.and_then(|code| char::from_u32(code as u32)) {
        Some('\0') => Err(Wrong::Nul),
        Some(character) => Ok(character.encode_utf8(bytes).len()),
        None => Err(Wrong::Unicode),
    };
    (count.wrapping_add(2), made)
}

/// Reads what stands without quotes.
fn bare(text: &[u8]) -> Event<'_> {
    let unsigned = match text {
        b"true" => return Event::Value(Value::Boolean(true)),
        b"false" => return Event::Value(Value::Boolean(false)),
        [b'+' | b'-', rest @ ..] => rest,
        _ => text,
    };
    let (whole, fraction) = cut(unsigned, b'.');
    let what = match unsigned {
        [b'0', b'x' | b'o' | b'b', ..] => Wrong::Base,
        [b'0'..=b'9', ..] if is_grouped(whole) && fraction.is_none_or(is_grouped) => match integer(text, whole) {
            _ if matches!(whole, [b'0', _, ..]) => Wrong::Zero,
            _ if fraction.is_some() => return Event::Value(Value::Decimal(text)),
            Some(value) => return Event::Value(Value::Integer(value, text)),
            None => Wrong::Range,
        },
        [b'0'..=b'9', ..] => match unsigned.get(span(unsigned, is_decimal)..) {
            Some([b'e' | b'E', b'0'..=b'9' | b'+' | b'-', ..]) => Wrong::Exponent,
            Some([b'-' | b':', ..]) => Wrong::Date,
            _ => Wrong::Number,
        },
        _ => Wrong::NoQuotes,
    };
    Event::Wrong(what, text)
}

/// Of a number without an exponent.
fn is_decimal(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'.' | b'_')
}

/// Digits, with single underscores between them.
fn is_grouped(mut text: &[u8]) -> bool {
    loop {
        match text {
            [b'0'..=b'9'] => return true,
            [b'0'..=b'9', b'_', rest @ ..] | [b'0'..=b'9', rest @ ..] => text = rest,
            _ => return false,
        }
    }
}

fn integer(text: &[u8], digits: &[u8]) -> Option<i64> {
    let mut value = 0i64;
    for &byte in digits {
        if byte != b'_' {
            // Downwards, for there is one negative number more.
            value = value.checked_mul(10)?.checked_sub(i64::from(byte.wrapping_sub(b'0')))?;
        }
    }
    if text.first() == Some(&b'-') { Some(value) } else { value.checked_neg() }
}
