//! Values that are not arrays: strings, which are unescaped and NUL-terminated where they stand, and numbers.

use core::ffi::CStr;

use super::{Event, Reader, State, Value, begins_character, is_control, wrong};

impl<'a> Reader<'a> {
    /// Reads a value, or the opening of an array.
    pub(super) fn value(&mut self, item: bool) -> Event<'a> {
        let event = match *self.rest {
            [b'[', ..] if !item => {
                self.take(1);
                self.state = State::Item;
                return Event::Open;
            }
            [b'[', ..] => Event::Wrong(wrong::NESTED_LIST, &[]),
            [b'{', ..] => Event::Wrong(wrong::INLINE_TABLE, &[]),
            [quote @ (b'"' | b'\''), ..] => self.string(quote),
            [] | [b'\r' | b'\n' | b'#', ..] => Event::Wrong(wrong::NO_VALUE, &[]),
            _ => match self.skip_to(b" \t\r\n,]#=\"'{}[") {
                [] => Event::Wrong(wrong::NOT_A_VALUE, &[]),
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
            let end = self.rest.windows(3).position(|bytes| bytes == [quote; 3]);
            self.take(end.unwrap_or(self.rest.len()).saturating_add(3));
            return Event::Wrong(wrong::MULTI_LINE, &[]);
        }
        let mut escaped = true; // The opening quote closes nothing.
        let end = self.rest.iter().position(|&byte| {
            let closes = byte == b'\n' || byte == quote && !escaped;
            escaped = byte == b'\\' && quote == b'"' && !escaped;
            closes
        });
        let Some(end) = end.filter(|&end| self.rest.get(end) == Some(&quote)) else {
            return Event::Wrong(wrong::UNCLOSED_STRING, &[]);
        };
        let text = self.take(end.saturating_add(1)).split_first_mut().map(|(_, text)| text).unwrap_or_default();
        match unescape(text, quote) {
            Ok(length) => {
                let text = text.get(..=length).unwrap_or_default();
                CStr::from_bytes_with_nul(text)
                    .map_or(Event::Wrong(wrong::NUL, &[]), |text| Event::Value(Value::String(text)))
            }
            Err(Fault { what, from, to, column }) => {
                self.at.column = self.at.column.saturating_add(column);
                Event::Wrong(what, text.get(from..to).unwrap_or_default())
            }
        }
    }
}

/// What is wrong in a string: its bytes, and how many characters stand before them, with the quote.
struct Fault {
    what: &'static str,
    from: usize,
    to: usize,
    column: u16,
}

/// Unescapes `text`, which ends with its `quote`, in place, and ends it with a NUL. Its length without that.
fn unescape(text: &mut [u8], quote: u8) -> Result<usize, Fault> {
    let mut column = 1u16;
    let mut read = 0usize;
    let mut write = 0usize;
    let end = text.len().saturating_sub(1);
    while read < end {
        let rest = text.get(read..end).unwrap_or_default();
        let (what, used, character) = match *rest {
            [b'\\', kind, ..] if quote == b'"' => escape(kind, rest),
            [0, ..] => (wrong::NUL, 1, None),
            [byte, ..] if is_control(byte) => (wrong::CONTROL, 1, None),
            [byte, ..] => {
                if let Some(place) = text.get_mut(write) {
                    *place = byte;
                }
                column = column.saturating_add(u16::from(begins_character(byte)));
                read = read.saturating_add(1);
                write = write.saturating_add(1);
                continue;
            }
            [] => break,
        };
        let to = read.saturating_add(used).min(end);
        let Some(character) = character else {
            return Err(Fault { what, from: read, to, column });
        };
        let mut bytes = [0; 4];
        for byte in character.encode_utf8(&mut bytes).bytes() {
            // Never longer than its escape, so `write` stays behind `read`.
            if let Some(place) = text.get_mut(write) {
                *place = byte;
            }
            write = write.saturating_add(1);
        }
        column = column.saturating_add(used as u16);
        read = to;
    }
    if let Some(terminator) = text.get_mut(write) {
        *terminator = 0;
    }
    Ok(write)
}

/// The character that the escape at the beginning of `text` stands for, and its length.
fn escape(kind: u8, text: &[u8]) -> (&'static str, usize, Option<char>) {
    let digits = match kind {
        b'b' => return ("", 2, Some('\u{8}')),
        b't' => return ("", 2, Some('\t')),
        b'n' => return ("", 2, Some('\n')),
        b'f' => return ("", 2, Some('\u{c}')),
        b'r' => return ("", 2, Some('\r')),
        b'"' | b'\\' => return ("", 2, Some(char::from(kind))),
        b'u' => 4usize,
        b'U' => 8,
        _ => {
            let more = text.iter().skip(2).take_while(|byte| !begins_character(**byte)).count();
            return (wrong::ESCAPE, more.saturating_add(2), None);
        }
    };
    let used = digits.saturating_add(2);
    let mut code = Some(0u32);
    for index in 2..used {
        let digit = text.get(index).and_then(|&byte| char::from(byte).to_digit(16));
        code = code.zip(digit).map(|(code, digit)| code << 4 | digit);
    }
    match code {
        Some(0) => (wrong::NUL, used, None),
        _ => (wrong::UNICODE, used, code.and_then(char::from_u32)),
    }
}

/// Reads what stands without quotes.
fn bare(text: &[u8]) -> Event<'_> {
    let written = core::str::from_utf8(text).unwrap_or_default();
    let unsigned = text.strip_prefix(b"+").or_else(|| text.strip_prefix(b"-")).unwrap_or(text);
    let mut halves = unsigned.splitn(2, |&byte| byte == b'.');
    let (whole, fraction) = (halves.next().unwrap_or_default(), halves.next());
    let what = match unsigned {
        b"true" if text.len() == 4 => return Event::Value(Value::Boolean(true)),
        b"false" if text.len() == 5 => return Event::Value(Value::Boolean(false)),
        b"inf" | b"nan" => wrong::NOT_FINITE,
        [b'0', b'x' | b'o' | b'b', ..] => wrong::BASE,
        [b'0'..=b'9', ..] if grouped(whole) && fraction.is_none_or(grouped) => match integer(text, whole) {
            _ if whole.len() > 1 && whole.first() == Some(&b'0') => wrong::ZERO,
            _ if fraction.is_some() => return Event::Value(Value::Decimal(written)),
            Some(value) => return Event::Value(Value::Integer(value, written)),
            None => wrong::RANGE,
        },
        [b'0'..=b'9', ..] if text.iter().all(|byte| b"0123456789_.+-eE".contains(byte)) && has(text, b"eE") => {
            wrong::EXPONENT
        }
        [b'0'..=b'9', ..] if has(unsigned, b"-:") => wrong::DATE,
        [b'0'..=b'9', ..] => wrong::NUMBER,
        _ if unsigned.len() < text.len() => wrong::NUMBER,
        _ => wrong::NO_QUOTES,
    };
    Event::Wrong(what, text)
}

fn has(text: &[u8], any: &[u8]) -> bool {
    text.iter().any(|byte| any.contains(byte))
}

/// Digits, with single underscores between them.
fn grouped(text: &[u8]) -> bool {
    text.split(|&byte| byte == b'_').all(|group| !group.is_empty() && group.iter().all(u8::is_ascii_digit))
}

fn integer(text: &[u8], digits: &[u8]) -> Option<i64> {
    let mut value = 0i64;
    for &byte in digits.iter().filter(|&&byte| byte != b'_') {
        // Downwards, for there is one negative number more.
        value = value.checked_mul(10)?.checked_sub(i64::from(byte.wrapping_sub(b'0')))?;
    }
    if text.first() == Some(&b'-') { Some(value) } else { value.checked_neg() }
}
