//! What `tinyo status` and its like say to PID 1, and what it answers. Pure.
//!
//! A packet is fields of text, a NUL behind each, so that one look at `strace` shows what was said:
//!
//! ```text
//! to PID 1:    1 VERB [FLAG] NAME...     1 is the version; FLAG is "wait", "follow" or empty
//! from PID 1:  say TEXT                  for the person who waits
//!              log NAME LINES            lines of a service that it has written, oldest first
//!              line NAME LINE            one that it writes now
//!              service NAME STATE ...    see [`SERVICE`]
//!              phase NAME ...            see [`PHASE`]
//!              end CODE                  the last packet: the exit status
//! ```
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable
    )
)]

use crate::limits;
use crate::text::put::{Out, Piece, Word};
use crate::text::{bytes, names, number};
use heapless::Vec;

/// Where PID 1 listens.
pub const CONTROL: &core::ffi::CStr = c"/run/tinyo/control";

/// Bytes of a packet: a request with the name of every service, or all that the ring of one service holds.
pub const PACKET: usize = 2560;
const _: () = assert!(PACKET >= 32 + limits::SERVICES * (limits::NAME_BYTES + 1));
const _: () = assert!(PACKET >= limits::RING_BYTES + limits::NAME_BYTES + 8);

/// What can be asked for, in the order of [`VERBS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Status,
    Start,
    Stop,
    Restart,
    Log,
    Reload,
    Timeline,
    Poweroff,
    Reboot,
    Halt,
}

pub const VERBS: &str = "status start stop restart log reload timeline poweroff reboot halt";

const ALL: [Verb; 10] = [
    Verb::Status,
    Verb::Start,
    Verb::Stop,
    Verb::Restart,
    Verb::Log,
    Verb::Reload,
    Verb::Timeline,
    Verb::Poweroff,
    Verb::Reboot,
    Verb::Halt,
];

impl Verb {
    pub fn parse(word: &[u8]) -> Option<Verb> {
        ALL.get(names::position(VERBS, word)?).copied()
    }

    pub fn name(self) -> &'static str {
        names::name(VERBS, self as usize).unwrap_or_default()
    }
}

/// The fields of a packet. None: its last one has no end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fields<'p>(&'p [u8]);

impl<'p> Fields<'p> {
    pub fn of(packet: &'p [u8]) -> Option<Fields<'p>> {
        matches!(packet, [.., 0]).then_some(Fields(packet))
    }
}

impl<'p> Iterator for Fields<'p> {
    type Item = &'p [u8];

    fn next(&mut self) -> Option<&'p [u8]> {
        let (field, rest) = bytes::cut(self.0, 0);
        self.0 = rest?;
        Some(field)
    }
}

/// What a client asks for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'p> {
    pub verb: Verb,
    /// Answer when it has happened, not when it was asked for.
    pub wait: bool,
    /// Lines as they come.
    pub follow: bool,
    /// Names of services.
    pub names: Fields<'p>,
}

impl<'p> Request<'p> {
    /// None: it is not from this version of tinyo, or broken.
    pub fn parse(packet: &'p [u8]) -> Option<Request<'p>> {
        let mut fields = Fields::of(packet)?;
        let (version, verb, flag) = (fields.next()?, fields.next()?, fields.next()?);
        let flag = names::position("wait follow", flag);
        (version == b"1").then_some(())?;
        Some(Request { verb: Verb::parse(verb)?, wait: flag == Some(0), follow: flag == Some(1), names: fields })
    }
}

/// A packet in the making.
pub struct Packet {
    bytes: Vec<u8, PACKET>,
    /// It did not fit: not to be sent.
    full: bool,
}

impl Packet {
    /// A packet with these fields.
    pub fn of(fields: &[Piece]) -> Self {
        let mut packet = Packet { bytes: Vec::new(), full: false };
        for field in fields {
            packet.add(field);
        }
        packet
    }

    /// Adds a field; a NUL in it, which would end it, is a question mark.
    pub fn add(&mut self, field: &Piece) {
        field.write(self);
        self.full |= self.bytes.push(0).is_err();
    }

    /// None: it was too much for one packet.
    pub fn bytes(&self) -> Option<&[u8]> {
        if self.full { None } else { Some(&self.bytes) }
    }
}

impl Out for Packet {
    fn write(&mut self, text: &[u8]) {
        for &byte in text {
            self.full |= self.bytes.push(if byte == 0 { b'?' } else { byte }).is_err();
        }
    }
}

/// The fields of a record about a service, with `#` before those that are numbers. Times are milliseconds since the
/// kernel started; 0, as of a pid: none. `since_ms`: in this state. `exit`: how its last process ended. `began_ms`,
/// `ready_ms` and `ended_ms`: its first start, when it first was Ready, and when its last process ended. `root`: of its
/// container. `status`: what it said of itself (sd_notify(3) STATUS=).
pub const SERVICE: &str = "name state #pid #since_ms #restarts #began_ms #ready_ms #ended_ms exit root status";

/// Of one about a part of the boot.
pub const PHASE: &str = "name #began_ms #ended_ms";

/// What a `service` or a `phase` packet says behind its first word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record<'p> {
    pub names: &'static str,
    fields: Vec<&'p [u8], 11>,
}

impl<'p> Record<'p> {
    /// From the fields behind the first. None: they are not these.
    pub fn parse(names: &'static str, fields: Fields<'p>) -> Option<Record<'p>> {
        let mut record = Record { names, fields: Vec::new() };
        for field in fields {
            let name = names::name(names, record.fields.len())?.as_bytes();
            if let [b'#', ..] = name {
                number::decimal(field)?;
            }
            record.fields.push(field).ok()?;
        }
        (names::name(names, record.fields.len()).is_none()).then_some(record)
    }

    pub fn fields(&self) -> &[&'p [u8]] {
        &self.fields
    }

    /// Empty: there is no such field in it.
    pub fn text(&self, name: &str) -> &'p [u8] {
        let index = names::position(self.names, name.as_bytes());
        index.and_then(|index| self.fields.get(index)).copied().unwrap_or_default()
    }

    /// 0: there is no such number in it.
    pub fn number(&self, name: &str) -> u64 {
        number::decimal(self.text(name)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    #[test]
    fn a_request_is_its_verb_its_flag_and_its_names() {
        let request = Request::parse(b"1\0start\0wait\0web\0db\0").unwrap();
        assert_eq!((request.verb, request.wait, request.follow), (Verb::Start, true, false));
        assert_eq!(request.names.collect::<Vec<_>>(), [b"web".as_slice(), b"db"]);
        assert!(Request::parse(b"1\0log\0follow\0").unwrap().follow);
        for bad in ["", "\0", "1\0start\0", "1\0start\0wait", "2\0start\0\0", "1\0sing\0\0", "1\0start\0\0web"] {
            assert!(Request::parse(bad.as_bytes()).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn every_verb_has_its_name() {
        for verb in ALL {
            assert_eq!(Verb::parse(verb.name().as_bytes()), Some(verb));
        }
        assert_eq!(names::name(VERBS, ALL.len()), None);
    }

    #[test]
    fn a_packet_that_does_not_fit_is_none() {
        assert_eq!(Packet::of(&[Piece::Text(b"log"), Piece::Text(&[b'x'; PACKET])]).bytes(), None);
        let end = Packet::of(&[Piece::Text(b"end"), Piece::Number(u64::MAX)]);
        assert_eq!(end.bytes(), Some(&b"end\x0018446744073709551615\0"[..]));
        assert_eq!(Packet::of(&[Piece::Text(b"a\0b")]).bytes(), Some(&b"a?b\0"[..]));
    }

    #[test]
    fn a_phase_is_read() {
        let record = Record::parse(PHASE, Fields::of(b"root\x005\x0077\0").unwrap()).unwrap();
        assert_eq!(
            (record.text("name"), record.number("#began_ms"), record.number("#ended_ms")),
            (&b"root"[..], 5, 77)
        );
        assert_eq!((record.text("state"), record.number("#ready_ms")), (&b""[..], 0));
        for bad in ["root\x005\0x\0", "root\x005\0", "root\x005\x006\x007\0", "\0"] {
            assert_eq!(Record::parse(PHASE, Fields::of(bad.as_bytes()).unwrap()), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn a_record_comes_back_as_it_was(
            texts in prop::collection::vec("[^\0]{0,40}", 11), numbers in prop::collection::vec(any::<u64>(), 11),
        ) {
            let is_number = |index: usize| SERVICE.split(' ').nth(index).unwrap().starts_with('#');
            let piece = |index: usize| match is_number(index) {
                true => Piece::Number(numbers[index]),
                false => Piece::Text(texts[index].as_bytes()),
            };
            let mut packet = Packet::of(&[Piece::Text(b"service")]);
            (0..11).for_each(|index| packet.add(&piece(index)));
            let mut fields = Fields::of(packet.bytes().unwrap()).unwrap();
            prop_assert_eq!(fields.next(), Some(&b"service"[..]));
            let record = Record::parse(SERVICE, fields).unwrap();
            for (index, name) in SERVICE.split(' ').enumerate() {
                match is_number(index) {
                    true => prop_assert_eq!(record.number(name), numbers[index]),
                    false => prop_assert_eq!(record.text(name), texts[index].as_bytes()),
                }
            }
        }

        /// Whatever comes, nothing breaks, and fields are what a split at NULs says.
        #[test]
        fn fields_are_as_their_naive_twin(packet in prop::collection::vec(prop::sample::select(&b"1\0ab"[..]), 0..40)) {
            let _ = Request::parse(&packet);
            let naive = packet.strip_suffix(b"\0").map(|body| body.split(|&byte| byte == 0).collect::<Vec<_>>());
            prop_assert_eq!(Fields::of(&packet).map(Iterator::collect::<Vec<_>>), naive);
        }
    }
}
