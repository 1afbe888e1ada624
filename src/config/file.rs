//! The config file: events of the TOML reader to a [`Config`], and every error in it told.

use super::keys::{Field, Table, Type};
use super::links::Link;
use super::wrong::Wrong;
use super::{Config, Container, Kind, Mount, Name, Ready, Restart, Root, Set};
use crate::limits;
use crate::text::bytes::all;
use crate::text::duration::Millis;
use crate::text::message::Message;
use crate::text::names;
use crate::text::packed::Packed;
use crate::text::toml::{Event, Place, Reader, is_bare, part};
use heapless::Vec;

/// One error, and where.
pub struct Problem<'p> {
    pub place: Place,
    /// The service that it is in; none: the file as a whole is unusable.
    pub service: Option<Name<'p>>,
    pub message: Message<'p>,
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub problems: u16,
    /// Every error was inside a service, which is marked as broken; the others can run.
    pub usable: bool,
}

/// Errors told of one file: what is not a config at all shall not flood the log.
const TOLD: u16 = 100;

/// `start-timeout` of a service that says when it is ready.
const READY_TIME: Millis = Millis(60_000);

/// The names that a table can begin with.
const TABLES: &str = "root mount service";

/// Reads `text` into `config`, which is empty.
///
/// The text is taken apart in place, and the config borrows from it.
pub fn parse<'a>(text: &'a mut [u8], config: &mut Config<'a>, report: &mut dyn FnMut(&Problem<'_>)) -> Verdict {
    let mut parser = Parser {
        config,
        report,
        verdict: Verdict { problems: 0, usable: true },
        here: Place::default(),
        section: Some(Table::Top),
        service: None,
        head: Place::default(),
        seen: 0,
        key: None,
        list: None,
        items: 0,
        links: Vec::new(),
        single_root: false,
        root: Place::default(),
        declared: Set::EMPTY,
        heads: [Place::default(); limits::SERVICES],
        contained: [0; limits::SERVICES],
    };
    let mut reader = Reader::new(text);
    loop {
        let event = reader.event();
        parser.here = reader.at();
        if let Event::End = event {
            break;
        }
        parser.take(event);
    }
    parser.finish_table();
    parser.finish();
    parser.verdict
}

/// A key of the table at hand.
#[derive(Clone, Copy)]
pub(super) struct Key<'a> {
    pub name: &'a [u8],
    pub kind: Type,
    pub field: Field,
}

pub(super) struct Parser<'a, 'c> {
    pub(super) config: &'c mut Config<'a>,
    report: &'c mut dyn FnMut(&Problem<'_>),
    verdict: Verdict,
    /// Of the event at hand.
    pub(super) here: Place,
    /// The table at hand; none: an unknown one, whose keys are passed over.
    pub(super) section: Option<Table>,
    /// The service that the table belongs to.
    pub(super) service: Option<usize>,
    /// Where the table began.
    head: Place,
    /// The fields that the table at hand has.
    pub(super) seen: u64,
    /// The key whose value is awaited; none: it was wrong.
    pub(super) key: Option<Key<'a>>,
    /// Inside an array: where its words begin.
    pub(super) list: Option<usize>,
    /// How many items the array has so far, wrong ones too.
    pub(super) items: usize,
    /// Names of services, looked up at the end.
    pub(super) links: Vec<Link, { limits::LIST }>,
    /// A root came as `[root]`, so it is the only one.
    single_root: bool,
    /// Where the last one began.
    pub(super) root: Place,
    /// The services with a table of their own, not only one of their container.
    declared: Set,
    /// Where the first table of each service began.
    pub(super) heads: [Place; limits::SERVICES],
    /// The fields that the container of each service has.
    pub(super) contained: [u64; limits::SERVICES],
}

impl<'a> Parser<'a, '_> {
    #[inline(never)]
    fn take(&mut self, event: Event<'a>) {
        match event {
            Event::Table { path, array } => {
                self.finish_table();
                self.table(path, array);
            }
            Event::Key(name) => self.name(name),
            Event::Value(value) => self.value(value),
            Event::Open => self.open(),
            Event::Close => self.close(),
            Event::Wrong(what, text) => self.tell(what.text(), [text, &[], &[]]),
            Event::End => {}
        }
    }

    /// Tells what is wrong with the event at hand, with two texts.
    #[inline(never)]
    pub(super) fn wrong(&mut self, what: Wrong, first: &[u8], second: &[u8]) {
        self.tell(what.text(), [first, second, &[]]);
    }

    /// Tells an error at the event at hand, in the service at hand.
    #[inline(never)]
    pub(super) fn tell(&mut self, what: Packed, with: [&[u8]; 3]) {
        let service = match self.service.and_then(|index| self.config.services.get_mut(index)) {
            Some(service) => {
                service.broken = true;
                Some(service.name)
            }
            None => {
                self.verdict.usable = false;
                None
            }
        };
        self.verdict.problems = self.verdict.problems.saturating_add(1);
        let message = match self.verdict.problems {
            ..TOLD => Message { what, with },
            TOLD => Message { what: Wrong::TooMuch.text(), with },
            _ => return,
        };
        (self.report)(&Problem { place: self.here, service, message });
    }

    /// Begins a table.
    fn table(&mut self, path: &'a [u8], array: bool) {
        self.section = None;
        self.service = None;
        self.head = self.here;
        self.seen = 0;
        if path.is_empty() {
            // Its line was wrong; so is the file, whatever table came before.
            self.verdict.usable = false;
            return;
        }
        let (table, rest) = part(path);
        match (names::position(TABLES, table), rest) {
            (Some(0), None) => {
                self.single_root |= !array;
                if self.single_root && !self.config.roots.is_empty() {
                    self.wrong(Wrong::RootTwice, &[], &[]);
                }
                self.section = Some(Table::Root);
                self.root = self.head;
                self.limit(self.config.roots.len() < limits::ROOTS);
                let _ = self.config.roots.push(Root::new(c""));
            }
            (Some(1), None) => {
                if !array {
                    self.wrong(Wrong::WriteArray, path, &[]);
                }
                self.section = Some(Table::Mount);
                self.limit(self.config.mounts.len() < limits::MOUNTS);
                let _ = self.config.mounts.push(Mount::new(c"", c""));
            }
            (Some(2), Some(rest)) => self.service_table(path, rest, array),
            (Some(2), None) => self.wrong(Wrong::NamelessService, &[], &[]),
            _ => match names::nearest(table, &[TABLES]).and_then(|near| names::position(TABLES, near)) {
                Some(near) => {
                    let near = names::at("[root] [[mount]] [service.NAME]", b' ', near);
                    self.wrong(Wrong::UnknownTableNear, path, near.as_bytes());
                }
                None => self.wrong(Wrong::UnknownTable, path, &[]),
            },
        }
    }

    /// Passes over a table that there is no room for.
    fn limit(&mut self, room: bool) {
        if !room {
            self.section = None;
            self.wrong(Wrong::ManyTables, &[], &[]);
        }
    }

    /// Begins `[service.NAME]` or `[service.NAME.container]`.
    fn service_table(&mut self, path: &[u8], rest: &'a [u8], array: bool) {
        let (name, rest) = part(rest);
        if rest.is_some_and(|rest| part(rest) != (b"container", None)) {
            return self.wrong(Wrong::UnknownPart, path, name);
        }
        let Some(index) = self.find_service(name) else { return };
        let Some(service) = self.config.services.get_mut(index) else { return };
        self.service = Some(index);
        let twice = if rest.is_some() {
            self.section = Some(Table::Container);
            service.container.replace(Container::new(c"")).is_some()
        } else {
            self.section = Some(Table::Service);
            let twice = self.declared.contains(index);
            self.declared.insert(index);
            twice
        };
        if twice {
            self.wrong(Wrong::TableTwice, path, &[]);
        }
        if array {
            self.wrong(Wrong::WriteTable, path, &[]);
        }
    }

    /// The index of the service called `name`, which may be new.
    fn find_service(&mut self, name: &'a [u8]) -> Option<usize> {
        let index = self.config.service(name);
        if index.is_some() {
            return index;
        }
        let known = name.first().is_some_and(u8::is_ascii_alphanumeric) && all(name, is_bare);
        if !known || name.len() > limits::NAME_BYTES {
            self.wrong(Wrong::ServiceName, &[], name);
            return None;
        }
        let index = self.config.services.len();
        let head = self.heads.get_mut(index);
        let (Some(head), Some(_)) = (head, self.config.add_service(name)) else {
            self.wrong(Wrong::ManyTables, &[], &[]);
            return None;
        };
        *head = self.here;
        Some(index)
    }

    /// Sees whether the table that ends here has what it must.
    fn finish_table(&mut self) {
        static NEEDS: [(Table, Field, &str, &str); 5] = [
            (Table::Root, Field::RootSource, "source", "\"/dev/...\""),
            (Table::Mount, Field::MountSource, "source", "\"/dev/...\""),
            (Table::Mount, Field::MountTarget, "target", "\"/...\""),
            (Table::Service, Field::Exec, "exec", "[\"/path/of/program\"]"),
            (Table::Container, Field::ContainerRoot, "root", "\"/...\""),
        ];
        self.key = None;
        self.list = None;
        let Some(table) = self.section else { return };
        let here = core::mem::replace(&mut self.here, self.head);
        let mut seen = self.seen;
        if table == Table::Root && seen & Field::RootImage.bit() != 0 {
            seen |= Field::RootSource.bit();
        }
        let mut taken = false;
        if let Some(service) = self.service.and_then(|index| self.config.services.get_mut(index))
            && let Some(contained) = self.service.and_then(|index| self.contained.get_mut(index))
        {
            if table == Table::Container {
                *contained = seen;
                if seen & Field::From.bit() != 0 {
                    seen |= Field::ContainerRoot.bit();
                }
            } else {
                if seen & Field::Restart.bit() == 0 {
                    service.restart = Restart::of(service.kind);
                }
                // Whoever waits for a word of it shall not wait for ever.
                if seen & Field::StartTimeout.bit() == 0 && service.ready != Ready::None {
                    service.start_timeout = Some(READY_TIME);
                }
                // Sockets are at 3 and up (sd_listen_fds(3)).
                let sockets = service.listen.len().saturating_add(3);
                taken = matches!(service.ready, Ready::Fd(number) if usize::from(number) < sockets);
            }
        }
        if taken {
            self.wrong(Wrong::ReadyTaken, &[], &[]);
        }
        self.tell_idle(table);
        for (of, field, name, example) in &NEEDS {
            if *of == table && seen & field.bit() == 0 {
                self.wrong(Wrong::Missing, name.as_bytes(), example.as_bytes());
            }
        }
        self.here = here;
    }

    /// After the last table: what needs all of them.
    #[inline(never)]
    fn finish(&mut self) {
        for index in 0..self.config.services.len() {
            if !self.declared.contains(index) {
                self.at_service(index);
                let name = self.config.name(index);
                self.wrong(Wrong::MissingService, name.as_bytes(), &[]);
            }
            // It would have to run inside, which nothing can enter yet.
            let Some(service) = self.config.services.get(index) else { continue };
            let stop_inside = service.container.is_some() && !service.stop.is_empty();
            let ready_oneshot = service.kind == Kind::Oneshot && service.ready != Ready::None;
            if stop_inside {
                self.at_service(index);
                self.wrong(Wrong::StopInside, b"stop", &[]);
            }
            if ready_oneshot {
                self.at_service(index);
                self.wrong(Wrong::ReadyOneshot, b"ready", &[]);
            }
        }
        self.link();
        self.tell_handed_over();
        for index in 0..self.config.services.len() {
            let shared = self.config.services.get(index).and_then(|service| self.config.shared_setting(service));
            if let Some(word) = shared {
                self.at_service(index);
                self.wrong(Wrong::SharedSetting, &[], word.to_bytes());
            }
        }
    }

    /// What is told next is in the service at `index`, where its first table is.
    #[inline(never)]
    pub(super) fn at_service(&mut self, index: usize) {
        self.service = Some(index);
        self.here = self.heads.get(index).copied().unwrap_or_default();
    }
}
