//! The machine's watchdog: a timer that resets the machine when it is not fed in time.
//!
//! It is fed by PID 1 where it waits, and between the steps of the boot; never by a timer, a signal handler or a child. So
//! being fed means that PID 1 still does its work.

use core::sync::atomic::{AtomicI32, AtomicU64, Ordering::Relaxed};

use crate::config::WatchdogStop;
use crate::request::Ending;
use crate::say;
use crate::sys::error::Result;
use crate::sys::{poll, watchdog};
use crate::text::duration::Millis;

/// Nothing is fed, nothing is stopped.
const CLOSED: i32 = -1;

/// The number of the open device. Close-on-exec: the init that we become, and every command, is without it.
static DEVICE: AtomicI32 = AtomicI32::new(CLOSED);
/// Milliseconds, as the driver took them.
static TIMEOUT: AtomicU64 = AtomicU64::new(0);
/// When it is fed next.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Opens and starts it, for `timeout` or what its driver makes of that.
#[inline(never)]
pub fn open(timeout: Millis) -> Result<()> {
    let device = watchdog::open()?;
    let wanted = seconds(timeout);
    // A driver that says neither has taken it, or is none that anybody could feed by the clock.
    let taken = watchdog::set_timeout(&device, wanted).or_else(|_| watchdog::timeout(&device)).unwrap_or(wanted);
    if taken == wanted {
        say!(Info, "watchdog: resets the machine when not fed for {} s", taken as u32);
    } else {
        say!(Warning, "watchdog: {} s: not in its driver's range; it runs with {} s", wanted as u32, taken as u32);
    }
    // At least one, or feeding it would be all that we do.
    TIMEOUT.store(taken.max(1) as u64 * 1000, Relaxed);
    DEVICE.store(device.leak(), Relaxed);
    Ok(())
}

/// Feeds it if it is time, and says when it will be time again: no wait may be longer. None: there is none.
///
/// A third of the timeout: what may come between two waits, a step of the boot say, has the other two.
#[inline(never)]
pub fn feed() -> Option<Millis> {
    let device = DEVICE.load(Relaxed);
    if device == CLOSED {
        return None;
    }
    let (now, next) = (poll::now().0, NEXT.load(Relaxed));
    if now < next {
        return Some(Millis(next));
    }
    // If it cannot be fed it resets the machine, as it shall.
    let _ = watchdog::feed(device);
    let next = now.saturating_add(TIMEOUT.load(Relaxed) / 3);
    NEXT.store(next, Relaxed);
    Some(Millis(next))
}

/// Fed a last time for an init that we become, and closed: it runs on, and that init can open it.
#[inline(never)]
pub fn hand_over() {
    NEXT.store(0, Relaxed);
    if feed().is_some() {
        watchdog::close(DEVICE.swap(CLOSED, Relaxed));
        let seconds = TIMEOUT.load(Relaxed) / 1000;
        say!(Info, "watchdog: runs on; the new init has {} s to open it", seconds);
    }
}

/// There is no such init after all.
pub fn take_back() {
    let timeout = TIMEOUT.load(Relaxed);
    if timeout != 0
        && let Err(error) = open(Millis(timeout))
    {
        say!(Failure, "watchdog: {}; the machine will be reset", error);
    }
}

/// The last thing before the machine's end, which is the kernel's work then: stopped, or fed a last time.
pub fn end(ending: Ending, stop: WatchdogStop) {
    NEXT.store(0, Relaxed);
    if feed().is_some() && stops(ending, stop) {
        watchdog::stop(DEVICE.swap(CLOSED, Relaxed));
    }
}

/// A machine that is off or halted by a wish stays so; one that hangs on its way to a reboot does not.
fn stops(ending: Ending, stop: WatchdogStop) -> bool {
    match stop {
        WatchdogStop::Poweroff => matches!(ending, Ending::Poweroff | Ending::Halt),
        WatchdogStop::Always => true,
        WatchdogStop::Never => false,
    }
}

/// Whole seconds, at least one: all that the kernel's interface can say.
fn seconds(timeout: Millis) -> i32 {
    i32::try_from(timeout.0.div_ceil(1000)).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_whole_seconds_and_never_less() {
        for (ms, expected) in [(1, 1), (999, 1), (1000, 1), (1001, 2), (15_000, 15), (u64::MAX, i32::MAX)] {
            assert_eq!(seconds(Millis(ms)), expected, "{ms}");
        }
    }

    #[test]
    fn only_what_shall_stay_down_stops_it_unless_told_otherwise() {
        use Ending::{Halt, Panic, Poweroff, Reboot};
        for (ending, by_default) in [(Poweroff, true), (Halt, true), (Reboot, false), (Panic, false)] {
            assert_eq!(stops(ending, WatchdogStop::Poweroff), by_default, "{ending:?}");
            assert!(stops(ending, WatchdogStop::Always));
            assert!(!stops(ending, WatchdogStop::Never));
        }
    }

    #[test]
    fn without_one_nothing_is_fed() {
        assert_eq!(feed(), None);
    }
}
