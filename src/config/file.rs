//! The config file: events of the TOML reader to a [`Config`], and every error in it told.

use super::keys::{Field, Key, Table};
use super::links::Link;
use super::{Config, Container, Mount, Restart, Root, Service, Set, wrong};
use crate::limits;
use crate::text::message::Message;
use crate::text::names;
use crate::text::toml::{Event, Place, Reader, parts};
use heapless::Vec;

/// One error, and where.
pub struct Problem<'p> {
    pub place: Place,
    /// The service that it is in; none: the file as a whole is unusable.
    pub service: Option<&'p str>,
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
        declared: Set::EMPTY,
        heads: [Place::default(); limits::SERVICES],
        contained: [0; limits::SERVICES],
    };
    let mut reader = Reader::new(text);
    loop {
        let event = reader.next();
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
    pub(super) key: Option<&'static Key>,
    /// Inside an array: where its words begin.
    pub(super) list: Option<usize>,
    /// How many items the array has so far, wrong ones too.
    pub(super) items: usize,
    /// Names of services, looked up at the end.
    pub(super) links: Vec<Link, { limits::LIST }>,
    /// The services with a table of their own, not only one of their container.
    declared: Set,
    /// Where the first table of each service began.
    pub(super) heads: [Place; limits::SERVICES],
    /// The fields that the container of each service has.
    pub(super) contained: [u64; limits::SERVICES],
}

impl<'a> Parser<'a, '_> {
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
            Event::Wrong(what, text) => self.wrong(what, [text, &[], &[]]),
            Event::End => {}
        }
    }

    /// Tells an error at the event at hand, in the service at hand.
    pub(super) fn wrong(&mut self, what: &'static str, with: [&[u8]; 3]) {
        let services = &mut self.config.services;
        let service = self.service.and_then(|index| services.get_mut(index));
        match &service {
            Some(_) => {}
            None => self.verdict.usable = false,
        }
        let service = service.map(|service| {
            service.broken = true;
            service.name
        });
        self.verdict.problems = self.verdict.problems.saturating_add(1);
        let message = match self.verdict.problems {
            ..TOLD => Message { what, with },
            TOLD => Message { what: wrong::TOO_MUCH, with: [&[]; 3] },
            _ => return,
        };
        (self.report)(&Problem { place: self.here, service, message });
    }

    /// Begins a table.
    fn table(&mut self, path: &'a str, array: bool) {
        self.section = None;
        self.service = None;
        self.head = self.here;
        self.seen = 0;
        if path.is_empty() {
            // Its line was wrong; so is the file, whatever table came before.
            self.verdict.usable = false;
            return;
        }
        let mut parts = parts(path);
        let (table, name, part, more) = (parts.next().unwrap_or_default(), parts.next(), parts.next(), parts.next());
        let with = [path.as_bytes(), name.unwrap_or_default().as_bytes(), &[]];
        match (table, name, part) {
            ("root", None, _) => {
                if !array && !self.config.roots.is_empty() {
                    self.wrong(wrong::ROOT_TWICE, with);
                }
                self.section = Some(Table::Root);
                if self.config.roots.push(Root::new(c"")).is_err() {
                    self.section = None;
                    self.wrong(wrong::MANY_ROOTS, with);
                }
            }
            ("mount", None, _) => {
                if !array {
                    self.wrong(wrong::WRITE_ARRAY, with);
                }
                self.section = Some(Table::Mount);
                if self.config.mounts.push(Mount::new(c"", c"")).is_err() {
                    self.section = None;
                    self.wrong(wrong::MANY_MOUNTS, with);
                }
            }
            ("service", None, _) => self.wrong(wrong::NAMELESS_SERVICE, with),
            ("service", Some(name), None) => self.service_table(path, name, array),
            ("service", Some(name), Some("container")) if more.is_none() => self.container_table(path, name, array),
            ("service", Some(_), Some(_)) => self.wrong(wrong::UNKNOWN_PART, with),
            _ => {
                let near = names::nearest(table.as_bytes(), &mut ["root", "mount", "service"].into_iter());
                let what = if near.is_some() { wrong::UNKNOWN_TABLE_NEAR } else { wrong::UNKNOWN_TABLE };
                let near = near.map(|near| if near == "service" { "service.NAME" } else { near });
                self.wrong(what, [path.as_bytes(), near.unwrap_or_default().as_bytes(), &[]]);
            }
        }
    }

    fn service_table(&mut self, path: &str, name: &'a str, array: bool) {
        let Some(index) = self.find_service(path, name, array) else { return };
        if self.declared.contains(index) {
            self.wrong(wrong::TABLE_TWICE, [path.as_bytes(), &[], &[]]);
        }
        self.declared.insert(index);
        self.section = Some(Table::Service);
    }

    fn container_table(&mut self, path: &str, name: &'a str, array: bool) {
        let Some(index) = self.find_service(path, name, array) else { return };
        let Some(service) = self.config.services.get_mut(index) else { return };
        let twice = service.container.is_some();
        service.container = Some(Container::new(c""));
        if twice {
            self.wrong(wrong::TABLE_TWICE, [path.as_bytes(), &[], &[]]);
        }
        self.section = Some(Table::Container);
    }

    /// The index of the service called `name`, which may be new.
    fn find_service(&mut self, path: &str, name: &'a str, array: bool) -> Option<usize> {
        let with = [path.as_bytes(), name.as_bytes(), &[]];
        if name.len() > limits::NAME_BYTES || !name.starts_with(|first: char| first.is_ascii_alphanumeric()) {
            self.wrong(wrong::SERVICE_NAME, with);
            return None;
        }
        let index = match self.config.service(name.as_bytes()) {
            Some(index) => index,
            None => {
                let index = self.config.services.len();
                if self.config.services.push(Service::new(name)).is_err() {
                    self.wrong(wrong::MANY_SERVICES, with);
                    return None;
                }
                if let Some(head) = self.heads.get_mut(index) {
                    *head = self.here;
                }
                index
            }
        };
        self.service = Some(index);
        if array {
            self.wrong(wrong::WRITE_TABLE, with);
        }
        Some(index)
    }

    /// Sees whether the table that ends here has what it must.
    fn finish_table(&mut self) {
        self.key = None;
        self.list = None;
        let Some(table) = self.section else { return };
        let seen = self.seen;
        let here = core::mem::replace(&mut self.here, self.head);
        let missing = |field: Field| seen & field.bit() == 0;
        match table {
            Table::Top => {}
            Table::Root if missing(Field::RootSource) => self.wrong(wrong::MISSING, [b"source", b"/dev/...", &[]]),
            Table::Mount => {
                if missing(Field::MountSource) {
                    self.wrong(wrong::MISSING, [b"source", b"/dev/...", &[]]);
                }
                if missing(Field::MountTarget) {
                    self.wrong(wrong::MISSING, [b"target", b"/...", &[]]);
                }
            }
            Table::Service => {
                if missing(Field::Exec) {
                    self.wrong(wrong::MISSING_EXEC, [&[]; 3]);
                }
                if missing(Field::Restart)
                    && let Some(service) = self.service.and_then(|index| self.config.services.get_mut(index))
                {
                    service.restart = Restart::of(service.kind);
                }
            }
            Table::Container => {
                if missing(Field::ContainerRoot) && missing(Field::From) {
                    self.wrong(wrong::MISSING, [b"root", b"/...", &[]]);
                }
                if let Some(fields) = self.service.and_then(|index| self.contained.get_mut(index)) {
                    *fields = seen;
                }
            }
            Table::Root => {}
        }
        self.here = here;
    }

    /// After the last table: what needs all of them.
    fn finish(&mut self) {
        for index in 0..self.config.services.len() {
            if self.declared.contains(index) {
                continue;
            }
            self.service = Some(index);
            self.here = self.heads.get(index).copied().unwrap_or_default();
            let name = self.config.name(index);
            self.wrong(wrong::MISSING_SERVICE, [name.as_bytes(), &[], &[]]);
        }
        self.link();
    }
}
