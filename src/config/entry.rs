//! One key of the config file and its value: whether they fit, and what to write when they do not.

use core::ffi::CStr;

use super::file::{Key, Parser};
use super::keys::{self, Field, Item, Table, Type};
use super::links::{Link, LinkKind};
use super::wrong::Wrong;
use super::{List, value};
use crate::limits;
use crate::text::names;
use crate::text::toml::Value;
use crate::text::{capability, signal};
use heapless::Vec;

impl<'a> Parser<'a, '_> {
    /// Begins a key.
    pub(super) fn name(&mut self, name: &'a [u8]) {
        self.key = None;
        self.list = None;
        let Some(table) = self.section else { return };
        match table.key(name) {
            None => self.unknown(table, name),
            Some((field, _)) if self.seen & field.bit() != 0 => self.wrong(Wrong::KeyTwice, name, &[]),
            Some((field, kind)) => {
                self.seen |= field.bit();
                self.key = Some(Key { name, kind, field });
            }
        }
    }

    /// Tells that `table` has no key `name`: where it belongs, or what was meant.
    fn unknown(&mut self, table: Table, name: &[u8]) {
        static ORDER: [(Table, Wrong); 7] = [
            (Table::Container, Wrong::UnderContainer),
            (Table::Service, Wrong::UnderService),
            (Table::Top, Wrong::AtTop),
            (Table::Root, Wrong::UnderRoot),
            (Table::Mount, Wrong::UnderMount),
            (Table::Service, Wrong::UnderService),
            (Table::Container, Wrong::UnderContainer),
        ];
        // In a service, a key of the other table of that service rather than one of the machine.
        let (order, service) = match self.service {
            Some(index) => (ORDER.get(..), self.config.name(index).as_bytes()),
            None => (ORDER.get(2..), b"NAME".as_slice()),
        };
        for (other, what) in order.unwrap_or_default() {
            if other.key(name).is_some() {
                return self.wrong(*what, name, service);
            }
        }
        // Of others only those of the same service: `device` is none of a root's, and `devices` would be nothing there.
        let others = if self.service.is_some() { [Table::Container, Table::Service] } else { [table; 2] };
        match names::nearest(name, &[table, others[0], others[1]].map(Table::keys)) {
            Some(near) => self.wrong(Wrong::UnknownKeyNear, name, near),
            None => self.wrong(Wrong::UnknownKey, name, table.keys().as_bytes()),
        }
    }

    /// Takes the value of a key, or an item of its list.
    pub(super) fn value(&mut self, value: Value<'a>) {
        let Some(key) = self.key else { return };
        let written = value.written();
        self.items = self.items.wrapping_add(1);
        let number = match (key.kind, value, self.list) {
            (Type::List(kind), Value::String(text), Some(_)) => return self.item(key, kind, text),
            (Type::List(_), _, Some(_)) => return self.wrong_value(key, Wrong::WantItem, written),
            (Type::Boolean, Value::Boolean(yes), None) => Some(u64::from(yes)),
            (kind, Value::Integer(number, _), None) => value::number(kind, number),
            (kind, value, None) => value::amount(kind, written, matches!(value, Value::String(_))),
            _ => None,
        };
        if let Some(number) = number {
            return self.config.set(self.service, key.field, number, c"", List::EMPTY);
        }
        match key.kind {
            Type::List(kind) => self.wrong_value(key, Wrong::WantList, &quote(written, kind == Item::Command)),
            Type::Boolean => {
                let yes = matches!(written, [b't' | b'T' | b'y' | b'Y' | b'1', ..] | b"on");
                self.wrong_value(key, Wrong::WantBoolean, if yes { b"true" } else { b"false" });
            }
            kind => match (value::check(kind, written), value, self.list) {
                (Err(what), _, _) => self.wrong_value(key, what, written),
                (Ok(_), Value::String(name), None) if kind == Type::Name => self.name_service(LinkKind::From, name),
                (Ok(number), Value::String(text), None) => {
                    let link = if kind == Type::Log { LinkKind::Log } else { LinkKind::Network };
                    if matches!(kind, Type::Log | Type::Network) && number == value::TO_SERVICE {
                        self.name_service(link, value::after_colon(text));
                    }
                    self.config.set(self.service, key.field, number, text, List::EMPTY);
                }
                _ => self.wrong_value(key, Wrong::WantString, written),
            },
        }
        // Enough is said about this key.
        self.key = None;
    }

    fn item(&mut self, key: Key, kind: Item, text: &'a CStr) {
        let link = if key.field == Field::After { LinkKind::After } else { LinkKind::Requires };
        if let Err(what) = value::check_item(kind, self.items == 1, text.to_bytes()) {
            self.wrong_value(key, what, text.to_bytes());
        } else if kind == Item::Address && self.items > limits::SOCKETS {
            self.wrong(Wrong::ManySockets, &[], &[]);
            self.key = None;
        } else if kind == Item::Names {
            self.name_service(link, text);
        } else if self.items > limits::LIST || self.config.words.push(text).is_err() {
            self.wrong(Wrong::ManyWords, &[], &[]);
            self.key = None;
        }
    }

    /// Keeps the name of a service, which may come later in the file.
    fn name_service(&mut self, kind: LinkKind, name: &'a CStr) {
        let word = self.config.words.len() as u16;
        let Some(service) = self.service else { return };
        let link = Link { kind, word, service: service as u8, place: self.here };
        if self.config.words.push(name).is_err() || self.links.push(link).is_err() {
            self.wrong(Wrong::ManyLinks, &[], &[]);
            self.key = None;
        }
    }

    pub(super) fn open(&mut self) {
        self.list = Some(self.config.words.len());
        self.items = 0;
    }

    pub(super) fn close(&mut self) {
        let (Some(start), Some(key)) = (self.list.take(), self.key.take()) else { return };
        match key.kind {
            Type::List(Item::Command) if self.items == 0 => self.wrong_value(key, Wrong::NoItems, &[]),
            Type::List(Item::Names) => {}
            Type::List(_) => {
                let len = self.config.words.len().wrapping_sub(start);
                let list = List { start: start as u16, len: len as u16 };
                self.config.set(self.service, key.field, 0, c"", list);
            }
            Type::Boolean => self.wrong_value(key, Wrong::WantBoolean, b"true"),
            Type::Umask | Type::Memory | Type::Cpus | Type::Pids | Type::OomScore => {
                self.wrong_value(key, Wrong::Amount, &[]);
            }
            _ => self.wrong_value(key, Wrong::WantString, b"..."),
        }
    }

    fn wrong_value(&mut self, key: Key, what: Wrong, written: &[u8]) {
        let written = match value::ip(written) {
            Err(field) if matches!(what, Wrong::Ip) => field,
            _ => written,
        };
        let known = match what {
            Wrong::Signal => signal::NAMES,
            Wrong::Capability => capability::NAMES,
            _ => "",
        };
        match names::nearest(written, &[known]) {
            Some(near) => self.tell(Wrong::Near.text(), [key.name, written, near]),
            None => self.tell(what.text(), [key.name, written, keys::words(key.kind).as_bytes()]),
        }
    }
}

/// `text` as items of a list, of a command each word as its own; cut where it is too long for a hint.
fn quote(text: &[u8], split: bool) -> Vec<u8, 200, u8> {
    let mut items = Vec::new();
    let _ = items.push(b'"');
    for byte in text {
        let piece = if split && *byte == b' ' { b"\", \"" } else { core::slice::from_ref(byte) };
        let _ = items.extend_from_slice(piece);
    }
    let _ = items.push(b'"');
    items
}
