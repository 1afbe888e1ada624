//! A strict subset of TOML 1.0, read as events over one text that is taken apart in place.
//!
//! Tables, arrays of tables, bare keys, basic and literal strings of one line, integers, plain decimals, booleans and
//! arrays of those. Everything else is refused by name, with what to write. What is read here, every TOML reader reads
//! alike. Names are not remembered: that a key or a table comes twice is for the caller to see.

mod scalar;
pub mod wrong;

use core::ffi::CStr;

/// A place in the text, both counted from 1; a column is a character. Saturating: a config file is 64 KiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub line: u16,
    pub column: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// `[a.b]` or `[[a.b]]`; see [`parts`]. The path is empty when the line was wrong, which was said before.
    Table {
        path: &'a str,
        array: bool,
    },
    Key(&'a str),
    /// Of a key, or an item of its array.
    Value(Value<'a>),
    Open,
    Close,
    /// What is wrong, with `%1` for the text that is; the next event is of the next thing that can be read. An array that
    /// this was in may end without its `Close`.
    Wrong(&'static str, &'a [u8]),
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    String(&'a CStr),
    /// And as it is written.
    Integer(i64, &'a str),
    Decimal(&'a str),
    Boolean(bool),
}

impl<'a> Value<'a> {
    /// As it is written, a string without its quotes.
    pub fn written(self) -> &'a [u8] {
        match self {
            Value::String(text) => text.to_bytes(),
            Value::Integer(_, text) | Value::Decimal(text) => text.as_bytes(),
            Value::Boolean(true) => b"true",
            Value::Boolean(false) => b"false",
        }
    }
}

/// The names in the path of a table.
pub fn parts(path: &str) -> impl Iterator<Item = &str> {
    path.split('.').map(|part| part.trim_matches([' ', '\t']))
}

pub struct Reader<'a> {
    rest: &'a mut [u8],
    /// Of the first byte of `rest`.
    here: Place,
    /// Of the event given last.
    at: Place,
    /// The line that the event given last ended on: a thing on a later line is the first on its own.
    last: u16,
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
        let start = Place { line: 1, column: 1 };
        let mut reader = Reader { rest: text, here: start, at: start, last: 0, state: State::Line, foreign };
        if reader.rest.starts_with(b"\xef\xbb\xbf") {
            reader.take(3);
            reader.here = start;
        }
        reader
    }

    /// Where the event given last began.
    pub fn at(&self) -> Place {
        self.at
    }

    /// The next event; after [`Event::End`], that again.
    pub fn next(&mut self) -> Event<'a> {
        if let Some(place) = self.foreign.take() {
            self.at = place;
            return Event::Wrong(wrong::ENCODING, &[]);
        }
        let event = self.event();
        self.last = self.here.line;
        event
    }

    fn event(&mut self) -> Event<'a> {
        if self.state == State::Nameless {
            self.state = State::After;
            return Event::Table { path: "", array: false };
        }
        loop {
            self.skip_blanks();
            self.at = self.here;
            if self.state == State::Value {
                self.state = State::After;
                return self.value(false);
            }
            match *self.rest {
                [] => return self.end(),
                [b'\n', ..] | [b'\r', b'\n', ..] => {
                    self.skip_to(b"\n");
                    self.take(1);
                    if self.state == State::After {
                        self.state = State::Line;
                    }
                    continue;
                }
                [b'#', ..] => match self.comment() {
                    Some(event) => return event,
                    None => continue,
                },
                _ => {}
            }
            if self.in_array() && self.here.line != self.last && self.starts_line() {
                self.state = State::Line;
                return Event::Wrong(wrong::UNCLOSED_LIST, &[]);
            }
            match (self.state, self.rest.first()) {
                (State::Line, Some(b'[')) => return self.table(),
                (State::Line, _) => return self.key(),
                (State::Item | State::Comma, Some(b']')) => {
                    self.take(1);
                    self.state = State::After;
                    return Event::Close;
                }
                (State::Comma, Some(b',')) => {
                    self.take(1);
                    self.last = self.here.line;
                    self.state = State::Item;
                }
                (State::Comma, Some(b'"' | b'\'')) => {
                    self.state = State::Item;
                    return Event::Wrong(wrong::NO_COMMA, &[]);
                }
                (State::Item, _) => {
                    self.state = State::Comma;
                    return self.value(true);
                }
                (state, _) => {
                    let text = self.skip_to(b"#\n").trim_ascii_end();
                    self.state = State::After;
                    let what = if state == State::Comma { wrong::UNCLOSED_LIST } else { wrong::AFTER };
                    return Event::Wrong(what, text);
                }
            }
        }
    }

    fn end(&mut self) -> Event<'a> {
        if self.in_array() {
            self.state = State::Line;
            return Event::Wrong(wrong::UNCLOSED_LIST, &[]);
        }
        Event::End
    }

    fn in_array(&self) -> bool {
        matches!(self.state, State::Item | State::Comma)
    }

    /// Whether what follows reads like a key or a table rather than an item: the array before it was never closed.
    fn starts_line(&self) -> bool {
        match *self.rest {
            [b'[', next, ..] => next == b'[' || next.is_ascii_alphabetic(),
            _ => {
                let name = self.rest.iter().take_while(|&&byte| is_bare(byte)).count();
                let after = self.rest.iter().skip(name).find(|byte| !is_blank(**byte));
                name > 0 && after == Some(&b'=')
            }
        }
    }

    /// Skips a comment, and checks it: TOML has no control characters there either.
    fn comment(&mut self) -> Option<Event<'a>> {
        let text: &[u8] = self.rest;
        let end = text.iter().position(|&byte| byte == b'\n').unwrap_or(text.len());
        let text = text.get(..end).and_then(|line| line.strip_suffix(b"\r").or(Some(line))).unwrap_or_default();
        let bad = text.iter().position(|&byte| is_control(byte));
        self.take(bad.unwrap_or(end));
        bad?;
        self.at = self.here;
        Some(Event::Wrong(wrong::CONTROL_IN_COMMENT, self.skip_to(b"\n").get(..1).unwrap_or_default()))
    }

    /// Reads `[path]` or `[[path]]`.
    fn table(&mut self) -> Event<'a> {
        let array = self.rest.starts_with(b"[[");
        let width = if array { 2 } else { 1 };
        self.take(width);
        let path = core::str::from_utf8(self.skip_to(b"]#\n")).unwrap_or_default().trim_matches([' ', '\t', '\r']);
        let closed = self.rest.iter().take(width).filter(|&&byte| byte == b']').count() == width;
        let named = parts(path).all(|part| !part.is_empty() && part.bytes().all(is_bare));
        if closed && named {
            self.take(width);
            self.state = State::After;
            return Event::Table { path, array };
        }
        self.skip_to(b"\n");
        self.state = State::Nameless;
        let what = match (named, array) {
            (true, false) => wrong::UNCLOSED_TABLE,
            (true, true) => wrong::UNCLOSED_TABLES,
            _ if path.contains(['"', '\'']) => wrong::QUOTED_TABLE,
            _ => wrong::TABLE,
        };
        Event::Wrong(what, path.as_bytes())
    }

    /// Reads `key =`.
    fn key(&mut self) -> Event<'a> {
        let length = self.rest.iter().take_while(|&&byte| is_bare(byte)).count();
        let key: &'a [u8] = self.take(length);
        self.skip_blanks();
        let what = match (key, self.rest.first()) {
            ([_, ..], Some(b'=')) => {
                self.take(1);
                self.state = State::Value;
                return Event::Key(core::str::from_utf8(key).unwrap_or_default());
            }
            ([_, ..], Some(b'.')) => wrong::DOTTED_KEY,
            ([_, ..], _) => wrong::NO_EQUALS,
            (_, Some(b'"' | b'\'')) => wrong::QUOTED_KEY,
            (_, Some(b'=')) => wrong::NO_KEY,
            _ => wrong::NOT_A_KEY,
        };
        self.state = State::After;
        let rest = self.skip_to(b"\n").trim_ascii_end();
        Event::Wrong(what, if key.is_empty() { rest } else { key })
    }

    fn skip_blanks(&mut self) {
        let count = self.rest.iter().take_while(|&&byte| is_blank(byte)).count();
        self.take(count);
    }

    /// Takes what comes before the first of `stops`.
    fn skip_to(&mut self, stops: &[u8]) -> &'a [u8] {
        let count = self.rest.iter().position(|byte| stops.contains(byte)).unwrap_or(self.rest.len());
        self.take(count)
    }

    /// Takes `count` bytes, or what is left.
    fn take(&mut self, count: usize) -> &'a mut [u8] {
        let rest = core::mem::take(&mut self.rest);
        let count = count.min(rest.len());
        let (head, tail) = rest.split_at_mut_checked(count).unwrap_or_default();
        self.rest = tail;
        self.here.walk(head);
        head
    }
}

impl Place {
    /// Moves over `text`.
    fn walk(&mut self, text: &[u8]) {
        for &byte in text {
            if byte == b'\n' {
                self.line = self.line.saturating_add(1);
                self.column = 1;
            } else if begins_character(byte) {
                self.column = self.column.saturating_add(1);
            }
        }
    }
}

/// Whether `byte` of UTF-8 is the first, or the only one, of its character.
fn begins_character(byte: u8) -> bool {
    byte & 0xc0 != 0x80
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn is_bare(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && byte != b'\t'
}

/// Puts `?` for each byte that is not UTF-8, so that the rest can be read and its errors told too. Where the first was.
fn replace_foreign(text: &mut [u8]) -> Option<Place> {
    let mut first = None;
    let mut from = 0usize;
    while let Some(tail) = text.get_mut(from..)
        && let Err(error) = core::str::from_utf8(tail)
    {
        let valid = error.valid_up_to();
        if first.is_none() {
            let mut place = Place { line: 1, column: 1 };
            place.walk(tail.get(..valid).unwrap_or_default());
            first = Some(place);
        }
        if let Some(byte) = tail.get_mut(valid) {
            *byte = b'?';
        }
        from = from.saturating_add(valid).saturating_add(1);
    }
    first
}
