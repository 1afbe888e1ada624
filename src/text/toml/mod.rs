//! A strict subset of TOML 1.0, read as events over one text that is taken apart in place.
//!
//! Tables, arrays of tables, bare keys, basic and literal strings of one line, integers, plain decimals, booleans and
//! arrays of those. Everything else is refused by name, with what to write. What is read here, every TOML reader reads
//! alike. Names are not remembered: that a key or a table comes twice is for the caller to see.

#[cfg(test)]
mod law;
mod scalar;
#[cfg(test)]
mod tests;
pub mod wrong;

use core::ffi::CStr;

use super::bytes::{all, character, cut, span, trim};
use wrong::Wrong;

/// A place in the text, both counted from 1; a column is a character.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub line: u32,
    pub column: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// `[a.b]` or `[[a.b]]`; see [`part`]. The path is empty when the line was wrong, which was said before.
    Table {
        path: &'a [u8],
        array: bool,
    },
    Key(&'a [u8]),
    /// Of a key, or an item of its array.
    Value(Value<'a>),
    Open,
    Close,
    /// What is wrong, and the text that is; the next event is of the next thing that can be read. An array that this was
    /// in may end without its `Close`.
    Wrong(Wrong, &'a [u8]),
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    String(&'a CStr),
    /// And as it is written.
    Integer(i64, &'a [u8]),
    Decimal(&'a [u8]),
    Boolean(bool),
}

impl<'a> Value<'a> {
    /// As it is written, a string without its quotes.
    pub fn written(self) -> &'a [u8] {
        match self {
            Value::String(text) => text.to_bytes(),
            Value::Integer(_, text) | Value::Decimal(text) => text,
            Value::Boolean(true) => b"true",
            Value::Boolean(false) => b"false",
        }
    }
}

/// The first name in the path of a table, and what is behind its dot.
pub fn part(path: &[u8]) -> (&[u8], Option<&[u8]>) {
    let (first, rest) = cut(path, b'.');
    (trim(first), rest)
}

pub struct Reader<'a> {
    rest: &'a mut [u8],
    /// Of the first byte of `rest`.
    here: Place,
    /// Of the event given last.
    at: Place,
    /// The line that the event given last ended on: a thing on a later line is the first on its own.
    last: u32,
    state: State,
    /// The first byte that is not UTF-8.
    foreign: Option<Place>,
}

/// What may come next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// A key or a table.
    Line,
    /// The value of a key.
    Value,
    /// An item of an array, or its end.
    Item,
    /// A comma, or the end of the array.
    Comma,
    /// The end of the line.
    After,
    /// Nothing yet: a table follows whose name could not be read.
    Nameless,
}

impl<'a> Reader<'a> {
    pub fn new(text: &'a mut [u8]) -> Self {
        let foreign = replace_foreign(text);
        let mut reader = Reader { rest: text, here: START, at: START, last: 0, state: State::Line, foreign };
        if reader.rest.starts_with(b"\xef\xbb\xbf") {
            reader.take(3);
            reader.here = START;
        }
        reader
    }

    /// Where the event given last began.
    pub fn at(&self) -> Place {
        self.at
    }

    /// The next event; after [`Event::End`], that again.
    pub fn event(&mut self) -> Event<'a> {
        if let Some(place) = self.foreign.take() {
            self.at = place;
            return Event::Wrong(Wrong::Encoding, &[]);
        }
        let event = self.read();
        self.last = self.here.line;
        event
    }

    #[inline(never)]
    fn read(&mut self) -> Event<'a> {
        loop {
            self.skip_blanks();
            self.at = self.here;
            match (self.state, &*self.rest) {
                (State::Nameless, _) => {
                    self.state = State::After;
                    return Event::Table { path: &[], array: false };
                }
                (State::Value, _) => {
                    self.state = State::After;
                    return self.value(false);
                }
                (State::Item | State::Comma, []) => {
                    self.state = State::Line;
                    return Event::Wrong(Wrong::UnclosedList, &[]);
                }
                (_, []) => return Event::End,
                (_, [b'\n', ..] | [b'\r', b'\n', ..]) => {
                    self.skip_to(b"\n");
                    self.take(1);
                    if self.state == State::After {
                        self.state = State::Line;
                    }
                }
                (_, [b'#', ..]) => {
                    if let Some(wrong) = self.comment() {
                        return wrong;
                    }
                }
                (State::Item | State::Comma, _) if self.here.line != self.last && self.starts_line() => {
                    self.state = State::Line;
                    return Event::Wrong(Wrong::UnclosedList, &[]);
                }
                (State::Line, [b'[', ..]) => return self.table(),
                (State::Line, _) => return self.key(),
                (State::Item | State::Comma, [b']', ..]) => {
                    self.take(1);
                    self.state = State::After;
                    return Event::Close;
                }
                (State::Comma, [b',', ..]) => {
                    self.take(1);
                    self.last = self.here.line;
                    self.state = State::Item;
                }
                (State::Comma, [b'"' | b'\'', ..]) => {
                    self.state = State::Item;
                    return Event::Wrong(Wrong::NoComma, &[]);
                }
                (State::Item, _) => {
                    self.state = State::Comma;
                    return self.value(true);
                }
                (state, _) => {
                    self.state = State::After;
                    let text = trim_end(self.skip_to(b"#\n"));
                    return Event::Wrong(if state == State::Comma { Wrong::UnclosedList } else { Wrong::After }, text);
                }
            }
        }
    }

    /// Whether what follows reads like a key or a table rather than an item: the array before it was never closed.
    fn starts_line(&self) -> bool {
        match &*self.rest {
            [b'[', next, ..] => *next == b'[' || next.is_ascii_alphabetic(),
            _ => {
                let name = span(self.rest, is_bare);
                let after = self.rest.get(name..).unwrap_or_default();
                name > 0 && after.get(span(after, is_blank)) == Some(&b'=')
            }
        }
    }

    /// Skips a comment, and checks it: TOML has no control characters there either.
    fn comment(&mut self) -> Option<Event<'a>> {
        let count = span(self.rest, |byte| !is_control(byte));
        self.take(count);
        if matches!(*self.rest, [] | [b'\n', ..] | [b'\r', b'\n', ..]) {
            return None;
        }
        self.at = self.here;
        self.skip_to(b"\n");
        Some(Event::Wrong(Wrong::ControlInComment, &[]))
    }

    /// Reads `[path]` or `[[path]]`.
    fn table(&mut self) -> Event<'a> {
        let array = self.rest.starts_with(b"[[");
        self.take(usize::from(array).wrapping_add(1));
        let path = trim(self.skip_to(b"]#\r\n"));
        let mut named = true;
        let mut rest = Some(path);
        while let Some((name, more)) = rest.map(part) {
            named &= !name.is_empty() && all(name, is_bare);
            rest = more;
        }
        let closed = self.rest.starts_with(if array { b"]]" } else { b"]" });
        if closed && named {
            self.take(usize::from(array).wrapping_add(1));
            self.state = State::After;
            return Event::Table { path, array };
        }
        self.skip_to(b"\n");
        self.state = State::Nameless;
        let what = match (named, array) {
            (true, false) => Wrong::UnclosedTable,
            (true, true) => Wrong::UnclosedTables,
            _ if all(path, |byte| !matches!(byte, b'"' | b'\'')) => Wrong::Table,
            _ => Wrong::QuotedTable,
        };
        Event::Wrong(what, path)
    }

    /// Reads `key =`.
    fn key(&mut self) -> Event<'a> {
        let count = span(self.rest, is_bare);
        let key: &'a [u8] = self.take(count);
        self.skip_blanks();
        let what = match (key, &*self.rest) {
            ([_, ..], [b'=', ..]) => {
                self.take(1);
                self.state = State::Value;
                return Event::Key(key);
            }
            ([_, ..], [b'.', ..]) => Wrong::DottedKey,
            ([_, ..], _) => Wrong::NoEquals,
            (_, [b'"' | b'\'', ..]) => Wrong::QuotedKey,
            (_, [b'=', ..]) => Wrong::NoKey,
            _ => Wrong::NotAKey,
        };
        self.state = State::After;
        let rest = trim_end(self.skip_to(b"\n"));
        Event::Wrong(what, if key.is_empty() { rest } else { key })
    }

    fn skip_blanks(&mut self) {
        self.take(span(self.rest, is_blank));
    }

    /// Takes what comes before the first of `stops`.
    fn skip_to(&mut self, stops: &[u8]) -> &'a [u8] {
        let mut rest: &[u8] = self.rest;
        while let [first, tail @ ..] = rest
            && stops.iter().all(|stop| stop != first)
        {
            rest = tail;
        }
        self.take(self.rest.len().wrapping_sub(rest.len()))
    }

    /// Takes `count` bytes, or what is left.
    fn take(&mut self, count: usize) -> &'a mut [u8] {
        let head = self.split(count);
        self.here.walk(head);
        head
    }

    /// The same, without moving over them.
    fn split(&mut self, count: usize) -> &'a mut [u8] {
        let rest = core::mem::take(&mut self.rest);
        let count = count.min(rest.len());
        let (head, tail) = rest.split_at_mut_checked(count).unwrap_or_default();
        self.rest = tail;
        head
    }
}

const START: Place = Place { line: 1, column: 1 };

impl Place {
    /// Moves over `text`.
    fn walk(&mut self, text: &[u8]) {
        for byte in text {
            self.column = self.column.wrapping_add(characters(core::slice::from_ref(byte)));
            if *byte == b'\n' {
                self.line = self.line.wrapping_add(1);
                self.column = 1;
            }
        }
    }
}

/// How many characters begin in `text`.
fn characters(text: &[u8]) -> u32 {
    let mut count = 0u32;
    for byte in text {
        count = count.wrapping_add(u32::from(begins_character(*byte)));
    }
    count
}

/// Whether `byte` of UTF-8 is the first, or the only one, of its character.
fn begins_character(byte: u8) -> bool {
    byte & 0xc0 != 0x80
}

/// The rest of a line without what cannot be seen at its end.
fn trim_end(text: &[u8]) -> &[u8] {
    trim(if let [text @ .., b'\r'] = text { text } else { text })
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Of a key.
pub fn is_bare(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && byte != b'\t'
}

/// Puts `?` for each byte that is not UTF-8, so that the rest can be read and its errors told too. Where the first was.
fn replace_foreign(text: &mut [u8]) -> Option<Place> {
    let mut first = None;
    let mut place = START;
    let mut rest = text;
    while !rest.is_empty() {
        let length = character(rest);
        let (head, tail) = rest.split_at_mut_checked(length.max(1))?;
        if length == 0 {
            head.fill(b'?');
            first = first.or(Some(place));
        }
        place.walk(head);
        rest = tail;
    }
    first
}
