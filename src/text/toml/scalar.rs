//! Values that are not arrays: strings, which are unescaped and NUL-terminated where they stand, and numbers.

use core::ffi::CStr;

use super::{Event, Reader, State, Value, Wrong, begins_character, is_control};
use crate::text::bytes::{all, cut};

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
            Ok(length) => match CStr::from_bytes_with_nul(text.get(..=length).unwrap_or_default()) {
                Ok(text) => Event::Value(Value::String(text)),
                Err(_) => Event::Wrong(Wrong::Nul, &[]),
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
    let mut column = 1u32;
    let mut read = 0usize;
    let mut write = 0usize;
    let mut bytes = [0; 4];
    let end = text.len().wrapping_sub(1);
    while read < end {
        let (used, result) = match *text.get(read..end).unwrap_or_default() {
            [b'\\', kind, ref digits @ ..] if quote == b'"' => escape(kind, digits),
            [byte, ..] if byte == 0 => (1, Err(Wrong::Nul)),
            [byte, ..] if is_control(byte) => (1, Err(Wrong::Control)),
            [byte, ..] => {
                // One byte of a character stays as it is.
                column = column.wrapping_add(u32::from(begins_character(byte)));
                (1, Ok(None))
            }
            [] => break,
        };
        let to = read.wrapping_add(used);
        let written: &[u8] = match result {
            Err(what) => return Err(Fault { what, from: read, to, column }),
            Ok(Some(character)) => {
                column = column.wrapping_add(used as u32);
                character.encode_utf8(&mut bytes).as_bytes()
            }
            Ok(None) => {
                bytes = [text.get(read).copied().unwrap_or_default(), 0, 0, 0];
                bytes.get(..1).unwrap_or_default()
            }
        };
        for byte in written {
            // Never longer than its escape, so `write` stays behind `read`.
            if let Some(place) = text.get_mut(write) {
                *place = *byte;
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
