//! Values that are not arrays: strings, which are unescaped and NUL-terminated where they stand, and numbers.

use super::{Event, Reader, State, Value, Wrong, begins_character, is_control};
use crate::text::bytes::{cut, span, terminated};

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
        let mut rest = self.rest.get(1..).unwrap_or_default();
        while let [first, tail @ ..] = rest
            && !matches!(first, b'\n' | b'\r')
            && *first != quote
        {
            rest = match tail {
                [escaped, tail @ ..] if *first == b'\\' && quote == b'"' && *escaped >= b' ' => tail,
                _ => tail,
            };
        }
        if rest.first() != Some(&quote) {
            return Event::Wrong(Wrong::UnclosedString, &[]);
        }
        let count = self.rest.len().wrapping_sub(rest.len()).wrapping_add(1);
        let text = self.take(count).get_mut(1..).unwrap_or_default();
        match unescape(text, quote) {
            Ok(length) => match terminated(text.get(..=length).unwrap_or_default()) {
                Some(text) => Event::Value(Value::String(text)),
                None => Event::Wrong(Wrong::Nul, &[]),
            },
            Err(Fault { what, from, to, column }) => {
                self.at.column = self.at.column.wrapping_add(column);
                Event::Wrong(what, text.get(from..to).unwrap_or_default())
            }
        }
    }
}

/// What is wrong in a string: its bytes, and how many characters stand before them, with the quote.
struct Fault {
    what: Wrong,
    from: usize,
    to: usize,
    column: u32,
}

/// Unescapes `text`, which ends with its `quote`, in place, and ends it with a NUL. Its length without that.
fn unescape(text: &mut [u8], quote: u8) -> Result<usize, Fault> {
    let mut column = 1;
    let mut read = 0usize;
    let mut write = 0usize;
    let end = text.len().wrapping_sub(1);
    while let Some(rest @ [first, ..]) = text.get(read..end) {
        let mut bytes = [*first, 0, 0, 0];
        let (used, made) = match *rest {
            [b'\\', ref rest @ ..] if quote == b'"' => escape(rest, &mut bytes),
            [0, ..] => (1, Err(Wrong::Nul)),
            [byte, ..] if is_control(byte) => (1, Err(Wrong::Control)),
            _ => (1, Ok(1)),
        };
        let to = read.wrapping_add(used);
        let count = match made {
            Err(what) => return Err(Fault { what, from: read, to, column }),
            Ok(count) => count,
        };
        for &byte in rest.get(..used).unwrap_or_default() {
            column = column.wrapping_add(u32::from(begins_character(byte)));
        }
        for &byte in bytes.get(..count).unwrap_or_default() {
            // Never longer than its escape, so `write` stays behind `read`.
            if let Some(place) = text.get_mut(write) {
                *place = byte;
            }
            write = write.wrapping_add(1);
        }
        read = to;
    }
    if let Some(terminator) = text.get_mut(write) {
        *terminator = 0;
    }
    Ok(write)
}

/// What the escape stands for, of which `text` is what follows its backslash: its length with that, and how many `bytes`
/// it makes.
fn escape(text: &[u8], bytes: &mut [u8; 4]) -> (usize, Result<usize, Wrong>) {
    let (kind, digits) = text.split_first().unwrap_or((&0, &[]));
    let count = match kind {
        b'u' => 4usize,
        b'U' => 8,
        _ => {
            let [first, ..] = bytes;
            *first = match kind {
                b'b' => 8,
                b't' => b'\t',
                b'n' => b'\n',
                b'f' => 12,
                b'r' => b'\r',
                b'"' | b'\\' => *kind,
                _ => {
                    let more = digits.iter().take_while(|byte| !begins_character(**byte)).count();
                    return (more.wrapping_add(2), Err(Wrong::Escape));
                }
            };
            return (2, Ok(1));
        }
    };
    let used = count.wrapping_add(2);
    let mut code = Some(0u32);
    for index in 0..count {
        let digit = digits.get(index).and_then(|&byte| char::from(byte).to_digit(16));
        code = digit.and_then(|digit| Some(code? << 4 | digit));
    }
    match code.and_then(char::from_u32) {
        Some('\0') => (used, Err(Wrong::Nul)),
        Some(character) => (used, Ok(character.encode_utf8(bytes).len())),
        None => (used.min(text.len().wrapping_add(1)), Err(Wrong::Unicode)),
    }
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
