//! What `tinyo status` and its like say to PID 1, and what it answers. Pure.
//!
//! A packet is fields of text, a NUL behind each, so that one look at `strace` shows what was said:
//!
//! ```text
//! to PID 1:    1 VERB [FLAG] NAME...     1 is the version; FLAG is "wait", "follow" or empty
//! from PID 1:  say TEXT                  for the person who waits
//!              log NAME LINES            lines of a service, oldest first
//!              service NAME STATE ...    see [`Record`]
//!              phase NAME BEGAN ENDED    a part of the boot
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
use crate::text::put::Word;
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
#[derive(Clone, Copy, Debug)]
pub struct Fields<'p>(&'p [u8]);

impl<'p> Fields<'p> {
    pub fn of(packet: &'p [u8]) -> Option<Fields<'p>> {
        matches!(packet, [.., 0]).then_some(Fields(packet))
    }

    fn number(&mut self) -> Option<u64> {
        number::decimal(self.next()?)
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
#[derive(Default)]
pub struct Packet {
    bytes: Vec<u8, PACKET>,
    /// It did not fit: not to be sent.
    full: bool,
}

impl Packet {
    /// A packet that begins with `word`.
    pub fn new(word: &str) -> Self {
        let mut packet = Packet::default();
        packet.text(word.as_bytes());
        packet
    }

    /// Adds a field; a NUL in it, which would end it, is a question mark.
    pub fn text(&mut self, text: &[u8]) -> &mut Self {
        for &byte in text {
            self.full |= self.bytes.push(if byte == 0 { b'?' } else { byte }).is_err();
        }
        self.full |= self.bytes.push(0).is_err();
        self
    }

    pub fn number(&mut self, number: u64) -> &mut Self {
        // Twenty digits are the largest number there is.
        let mut text = Vec::<u8, 20>::new();
        number.write(&mut text);
        self.text(&text)
    }

    /// None: it was too much for one packet.
    pub fn bytes(&self) -> Option<&[u8]> {
        if self.full { None } else { Some(&self.bytes) }
    }
}

/// A service, as `status` and `timeline` show it. Times are milliseconds since the kernel started; 0: never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Record<'p> {
    pub name: &'p [u8],
    pub state: &'p [u8],
    /// 0: none.
    pub pid: u64,
    /// In this state.
    pub since: u64,
    pub restarts: u64,
    /// How its last process ended; empty: none did.
    pub exit: &'p [u8],
    /// Its first start, when it first was Ready, and when its last process ended.
    pub began: u64,
    pub ready: u64,
    pub ended: u64,
    /// Of its container; empty: none.
    pub root: &'p [u8],
    /// What it said of itself (sd_notify(3) STATUS=).
    pub status: &'p [u8],
}

impl<'p> Record<'p> {
    pub fn packet(&self) -> Packet {
        let mut packet = Packet::new("service");
        packet.text(self.name).text(self.state);
        packet.number(self.pid).number(self.since).number(self.restarts).text(self.exit);
        packet.number(self.began).number(self.ready).number(self.ended).text(self.root).text(self.status);
        packet
    }

    /// From the fields behind the first.
    pub fn parse(mut fields: Fields<'p>) -> Option<Record<'p>> {
        Some(Record {
            name: fields.next()?,
            state: fields.next()?,
            pid: fields.number()?,
            since: fields.number()?,
            restarts: fields.number()?,
            exit: fields.next()?,
            began: fields.number()?,
            ready: fields.number()?,
            ended: fields.number()?,
            root: fields.next()?,
            status: fields.next()?,
        })
    }
}

/// A part of the boot, from the fields behind the first.
pub fn phase<'p>(mut fields: Fields<'p>) -> Option<(&'p [u8], u64, u64)> {
    Some((fields.next()?, fields.number()?, fields.number()?))
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
        let mut packet = Packet::new("log");
        packet.text(&[b'x'; PACKET]);
        assert_eq!(packet.bytes(), None);
        assert_eq!(Packet::new("end").number(u64::MAX).bytes(), Some(&b"end\x0018446744073709551615\0"[..]));
    }

    #[test]
    fn a_phase_is_read() {
        assert_eq!(phase(Fields::of(b"root\x005\x0077\0").unwrap()), Some((&b"root"[..], 5, 77)));
        assert_eq!(phase(Fields::of(b"root\x005\0x\0").unwrap()), None);
    }

    proptest! {
        #[test]
        fn a_record_comes_back_as_it_was(
            texts in prop::collection::vec("[^\0]{0,40}", 5), numbers in prop::collection::vec(any::<u64>(), 6),
        ) {
            let text = |index: usize| texts[index].as_bytes();
            let record = Record {
                name: text(0), state: text(1), pid: numbers[0], since: numbers[1], restarts: numbers[2], exit: text(2),
                began: numbers[3], ready: numbers[4], ended: numbers[5], root: text(3), status: text(4),
            };
            let packet = record.packet();
            let mut fields = Fields::of(packet.bytes().unwrap()).unwrap();
            prop_assert_eq!(fields.next(), Some(&b"service"[..]));
            prop_assert_eq!(Record::parse(fields), Some(record));
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
