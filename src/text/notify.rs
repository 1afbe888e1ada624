//! What a service says of itself: sd_notify(3)'s datagrams, `NAME=VALUE` on each line.

use super::bytes::{after, cut};
use super::duration::Millis;
use super::{names, number};

/// One thing said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice<'a> {
    Ready,
    /// It ends by itself.
    Stopping,
    Reloading,
    /// For people.
    Status(&'a [u8]),
    /// It is alive.
    Watchdog,
    /// It knows that it is not.
    WatchdogTrigger,
    /// It needs so much more time to start or to stop.
    Extend(Millis),
}

/// The next notice of `rest`, which loses it. What is not ours, or makes no sense, is passed over: the protocol grows.
pub fn next<'a>(rest: &mut Option<&'a [u8]>) -> Option<Notice<'a>> {
    while let Some((line, more)) = rest.map(|rest| cut(rest, b'\n')) {
        *rest = more;
        if let Some(index) = names::position(FIXED, line) {
            return NOTICES.get(index).copied();
        }
        if let Some(text) = after(line, b"STATUS=") {
            return Some(Notice::Status(text));
        }
        if let Some(microseconds) = after(line, b"EXTEND_TIMEOUT_USEC=").and_then(number::decimal) {
            return Some(Notice::Extend(Millis(microseconds.div_ceil(1000))));
        }
    }
    None
}

/// Lines that say one thing, and in the same order, which.
const FIXED: &str = "READY=1 STOPPING=1 RELOADING=1 WATCHDOG=1 WATCHDOG=trigger";
const NOTICES: [Notice; 5] =
    [Notice::Ready, Notice::Stopping, Notice::Reloading, Notice::Watchdog, Notice::WatchdogTrigger];

/// The service whose cgroup a process is in, by its /proc/PID/cgroup (cgroups(7)): NAME of `0::/tinyo/NAME/main...`.
pub fn service_of(cgroup: &[u8]) -> Option<&[u8]> {
    const OURS: &[u8] = b"0::/tinyo/";
    let line = cgroup.split(|&byte| byte == b'\n').find(|line| line.starts_with(OURS))?;
    Some(cut(line.get(OURS.len()..)?, b'/').0)
}

/// The parent, in digits, of a process, by its /proc/PID/stat (proc(5)): the second field behind the name, which may hold
/// anything but ends with the last parenthesis.
pub fn parent(stat: &[u8]) -> Option<&[u8]> {
    let name = stat.iter().rposition(|&byte| byte == b')')?;
    stat.get(name.saturating_add(1)..)?.split(|&byte| byte == b' ').nth(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn notices(text: &[u8]) -> Vec<Notice<'_>> {
        let mut rest = Some(text);
        core::iter::from_fn(|| next(&mut rest)).collect()
    }

    #[test]
    fn what_is_said_is_understood() {
        use Notice::*;
        let table: [(&[u8], &[Notice]); 9] = [
            (b"READY=1", &[Ready]),
            (b"READY=1\n", &[Ready]),
            (b"STATUS=two words = good\nREADY=1", &[Status(b"two words = good"), Ready]),
            (b"WATCHDOG=1\nWATCHDOG=trigger\nWATCHDOG=2", &[Watchdog, WatchdogTrigger]),
            (b"RELOADING=1\nMONOTONIC_USEC=17\nSTOPPING=1", &[Reloading, Stopping]),
            (b"EXTEND_TIMEOUT_USEC=1500001", &[Extend(Millis(1501))]),
            (b"EXTEND_TIMEOUT_USEC=-1\nEXTEND_TIMEOUT_USEC=99999999999999999999", &[]),
            (b"READY=0\nREADY\n=1\n\n\0", &[]),
            (b"", &[]),
        ];
        for (text, expected) in table {
            assert_eq!(notices(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_process_belongs_to_the_service_of_its_cgroup() {
        for (text, expected) in [
            ("0::/tinyo/web/main\n", Some("web")),
            ("0::/tinyo/web\n", Some("web")),
            ("1:cpu:/tinyo/no\n0::/tinyo/db/main/inner\n", Some("db")),
            ("0::/user.slice\n", None),
            ("0::/tinyohno/web/main\n", None),
            ("", None),
        ] {
            assert_eq!(service_of(text.as_bytes()), expected.map(str::as_bytes), "{text}");
        }
    }

    #[test]
    fn a_process_has_a_parent() {
        for (text, expected) in [
            ("42 (sh) S 41 42 42 0", Some("41")),
            ("42 (a ) (b) R 1 0 0", Some("1")),
            ("42 (sh", None),
            ("42 (sh)", None),
            ("", None),
        ] {
            assert_eq!(parent(text.as_bytes()), expected.map(str::as_bytes), "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_breaks_it(text in prop::collection::vec(any::<u8>(), 0..200)) {
            notices(&text);
            service_of(&text);
            parent(&text);
        }
    }
}
