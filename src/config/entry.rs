//! One key of the config file and its value: whether they fit, and what to write when they do not.

use core::ffi::CStr;

use super::file::Parser;
use super::keys::{self, Field, Item, KEYS, Key, Table, Type};
use super::links::{Link, LinkKind};
use super::{List, value, wrong};
use crate::limits;
use crate::text::toml::Value;
use crate::text::{capability, names, signal};
use heapless::Vec;

impl<'a> Parser<'a, '_> {
    /// Begins a key.
    pub(super) fn name(&mut self, name: &str) {
        self.key = None;
        self.list = None;
        let Some(table) = self.section else { return };
        let Some(key) = KEYS.iter().find(|key| key.table == table && key.name == name) else {
            return self.unknown(table, name);
        };
        if key.kind == Type::NotYet {
            return self.wrong(wrong::NOT_YET, [name.as_bytes(), &[], &[]]);
        }
        if self.seen & key.field.bit() != 0 {
            return self.wrong(wrong::KEY_TWICE, [name.as_bytes(), &[], &[]]);
        }
        self.seen |= key.field.bit();
        self.key = Some(key);
    }

    /// Tells that `table` has no key `name`: where it belongs, or what was meant.
    fn unknown(&mut self, table: Table, name: &str) {
        static MACHINE: [Table; 5] = [Table::Top, Table::Root, Table::Mount, Table::Service, Table::Container];
        static SERVICE: [Table; 5] = [Table::Container, Table::Service, Table::Top, Table::Root, Table::Mount];
        let (order, service) = match self.service {
            Some(index) => (&SERVICE, self.config.name(index)),
            None => (&MACHINE, "NAME"),
        };
        let with = |text| [name.as_bytes(), text, &[]];
        let has = |table: Table| KEYS.iter().any(|key| key.table == table && key.name == name);
        if let Some(&other) = order.iter().find(|&&table| has(table)) {
            let what = match other {
                Table::Top => wrong::AT_TOP,
                Table::Root => wrong::UNDER_ROOT,
                Table::Mount => wrong::UNDER_MOUNT,
                Table::Service => wrong::UNDER_SERVICE,
                Table::Container => wrong::UNDER_CONTAINER,
            };
            return self.wrong(what, with(service.as_bytes()));
        }
        if keys::LATER.split(' ').any(|later| later == name) {
            return self.wrong(wrong::NOT_YET, with(&[]));
        }
        let here = KEYS.iter().filter(|key| key.table == table);
        let elsewhere = KEYS.iter().filter(|key| key.table != table);
        if let Some(near) = names::nearest(name.as_bytes(), &mut here.chain(elsewhere).map(|key| key.name)) {
            return self.wrong(wrong::UNKNOWN_KEY_NEAR, with(near.as_bytes()));
        }
        let mut known: Vec<u8, 200, u8> = Vec::new();
        for key in KEYS.iter().filter(|key| key.table == table) {
            // What does not fit is left out: a hint need not be whole.
            if !known.is_empty() {
                let _ = known.push(b' ');
            }
            let _ = known.extend_from_slice(key.name.as_bytes());
        }
        self.wrong(wrong::UNKNOWN_KEY, with(&known));
    }

    /// Takes the value of a key, or an item of its list.
    pub(super) fn value(&mut self, value: Value<'a>) {
        let Some(key) = self.key else { return };
        let in_list = self.list.is_some();
        self.items = self.items.saturating_add(1);
        match (key.kind, value) {
            (Type::List(kind), Value::String(text)) if in_list => return self.item(key, kind, text),
            (Type::List(_), _) if in_list => return self.wrong_value(key, wrong::WANT_ITEM, value.written()),
            (Type::Boolean, Value::Boolean(yes)) if !in_list => {
                return self.config.set(self.service, key.field, u64::from(yes), c"", List::EMPTY);
            }
            (Type::Time | Type::Wait, Value::Integer(seconds, _)) if !in_list => {
                let time = u64::try_from(seconds).ok().and_then(|seconds| seconds.checked_mul(1000));
                if let Some(time) = time {
                    return self.config.set(self.service, key.field, time, c"", List::EMPTY);
                }
            }
            _ => {}
        }
        let written = value.written();
        match (key.kind, value) {
            (Type::List(kind), _) => {
                let words = quote(written, kind == Item::Command);
                self.wrong_value(key, wrong::WANT_LIST, &words);
            }
            (Type::Boolean, _) => {
                let yes = matches!(written, [b't' | b'T' | b'y' | b'Y' | b'1', ..] | b"on");
                self.wrong_value(key, wrong::WANT_BOOLEAN, if yes { b"true" } else { b"false" });
            }
            (kind, _) => match (value::check(kind, written), value) {
                (Ok(number), Value::String(text)) if !in_list => self.set(key, number, text),
                (Ok(_), _) => self.wrong_value(key, wrong::WANT_STRING, written),
                (Err(what), _) => self.wrong_value(key, what, written),
            },
        }
        // Enough is said about this key.
        self.key = None;
    }

    fn set(&mut self, key: &Key, number: u64, text: &'a CStr) {
        if key.kind == Type::Name {
            self.name_service(LinkKind::From, text);
        } else {
            self.config.set(self.service, key.field, number, text, List::EMPTY);
        }
    }

    fn item(&mut self, key: &Key, kind: Item, text: &'a CStr) {
        if let Err(what) = value::check_item(kind, self.items == 1, text.to_bytes()) {
            return self.wrong_value(key, what, text.to_bytes());
        }
        if self.items > limits::LIST {
            self.wrong_value(key, wrong::MANY_ITEMS, &[]);
            self.key = None;
        } else if kind == Item::Names {
            let link = if key.field == Field::After { LinkKind::After } else { LinkKind::Requires };
            self.name_service(link, text);
        } else if self.config.words.push(text).is_err() {
            self.wrong_value(key, wrong::MANY_WORDS, &[]);
            self.key = None;
        }
    }

    /// Keeps the name of a service, which may come later in the file.
    fn name_service(&mut self, kind: LinkKind, name: &'a CStr) {
        let word = self.config.words.len() as u16;
        let Some(service) = self.service else { return };
        if self.config.words.push(name).is_err() {
            self.wrong(wrong::MANY_WORDS, [&[]; 3]);
        } else if self.links.push(Link { kind, word, service: service as u8, place: self.here }).is_err() {
            self.wrong(wrong::MANY_LINKS, [&[]; 3]);
        }
    }

    pub(super) fn open(&mut self) {
        self.list = Some(self.config.words.len());
        self.items = 0;
    }

    pub(super) fn close(&mut self) {
        let (Some(start), Some(key)) = (self.list.take(), self.key.take()) else { return };
        match key.kind {
            Type::List(Item::Command) if self.items == 0 => self.wrong_value(key, wrong::NO_ITEMS, &[]),
            Type::List(Item::Names) => {}
            Type::List(_) => {
                let len = self.config.words.len().saturating_sub(start);
                let list = List { start: start as u16, len: len as u16 };
                self.config.set(self.service, key.field, 0, c"", list);
            }
            Type::Boolean => self.wrong_value(key, wrong::WANT_BOOLEAN, b"true"),
            _ => self.wrong_value(key, wrong::WANT_STRING, b"..."),
        }
    }

    fn wrong_value(&mut self, key: &Key, what: &'static str, written: &[u8]) {
        let near = match key.kind {
            Type::Signal => names::nearest(written, &mut signal::all()),
            Type::List(Item::Capability) => names::nearest(written, &mut capability::all()),
            _ => None,
        };
        match near {
            Some(near) => self.wrong(wrong::NEAR, [key.name.as_bytes(), written, near.as_bytes()]),
            None => self.wrong(what, [key.name.as_bytes(), written, keys::words(key.kind).as_bytes()]),
        }
    }
}

/// `text` as items of a list, of a command each word as its own; cut where it is too long for a hint.
fn quote(text: &[u8], split: bool) -> Vec<u8, 120, u8> {
    let mut items = Vec::new();
    let _ = items.push(b'"');
    for &byte in text {
        let piece = if split && byte == b' ' { b"\", \"" } else { core::slice::from_ref(&byte) };
        let _ = items.extend_from_slice(piece);
    }
    let _ = items.push(b'"');
    items
}
