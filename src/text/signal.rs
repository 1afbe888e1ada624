//! Names of signals, as signal(7) has them on every architecture that tinyo runs on.

use super::bytes::alike;
use super::{names, number};

/// Signals 1 to 31 in order.
pub const NAMES: &str = "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN \
                     TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS";

/// SIGRTMIN and SIGRTMAX as a C library counts them: musl's and glibc's first ones are their own.
const RTMIN: u64 = 34;
const RTMAX: u64 = 64;

/// `TERM`, `SIGTERM`, `RTMIN+3` or `RTMAX-1`, of either case, to its number.
pub fn parse(text: &[u8]) -> Option<u8> {
    let name = match text.split_at_checked(3) {
        Some((sig, name)) if alike(sig, b"SIG") => name,
        _ => text,
    };
    if let Some(index) = names::position_alike(NAMES, name) {
        return u8::try_from(index.checked_add(1)?).ok();
    }
    let (base, offset) = name.split_at_checked(5)?;
    let number = match (names::position_alike("RTMIN RTMAX", base)?, offset) {
        (0, []) => RTMIN,
        (_, []) => RTMAX,
        (0, [b'+', offset @ ..]) => RTMIN.saturating_add(number::decimal(offset)?),
        (1, [b'-', offset @ ..]) => RTMAX.saturating_sub(number::decimal(offset)?),
        _ => return None,
    };
    (RTMIN..=RTMAX).contains(&number).then_some(number as u8)
}

/// The name of signal `number`, without `SIG`, if it has one.
pub fn name(number: u8) -> Option<&'static str> {
    names::name(NAMES, usize::from(number.checked_sub(1)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All of them, there and back.
    #[test]
    fn names_and_numbers() {
        for number in 1..=31 {
            let name = super::name(number).unwrap();
            for text in [name.into(), std::format!("SIG{name}"), name.to_lowercase(), std::format!("sig{name}")] {
                assert_eq!(parse(text.as_bytes()), Some(number), "{text}");
            }
        }
        assert_eq!((super::name(0), super::name(32), super::name(255)), (None, None, None));
        let some = [
            ("HUP", 1),
            ("KILL", 9),
            ("TERM", 15),
            ("CHLD", 17),
            ("PWR", 30),
            ("SYS", 31),
            ("RTMIN", 34),
            ("RTMAX", 64),
        ];
        for (text, number) in some {
            assert_eq!(parse(text.as_bytes()), Some(number), "{text}");
        }
        assert_eq!(
            (parse(b"SIGRTMIN+3"), parse(b"rtmax-1"), parse(b"RTMIN+30"), parse(b"RTMAX-30")),
            (Some(37), Some(63), Some(64), Some(34))
        );
        for text in ["", "SIG", "15", "RTMIN+31", "RTMAX-31", "RTMIN-1", "RTMIN+", "RTMIN+01", "TERMINATE", "HUP INT"] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
