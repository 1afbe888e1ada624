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
    let number = match offset {
        [] if alike(base, b"RTMIN") => RTMIN,
        [] if alike(base, b"RTMAX") => RTMAX,
        [b'+', offset @ ..] if alike(base, b"RTMIN") => RTMIN.checked_add(number::decimal(offset)?)?,
        [b'-', offset @ ..] if alike(base, b"RTMAX") => RTMAX.checked_sub(number::decimal(offset)?)?,
        _ => return None,
    };
    u8::try_from(number).ok().filter(|&number| u64::from(number) >= RTMIN && u64::from(number) <= RTMAX)
}

/// The name of signal `number`, without `SIG`, if it has one.
pub fn name(number: u8) -> Option<&'static str> {
    names::name(NAMES, usize::from(number.checked_sub(1)?))
}
