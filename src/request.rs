//! What a signal to PID 1 asks for. Pure.

use crate::config::OnFailure;
use crate::sys::signal;

/// How the machine ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Poweroff,
    Reboot,
    Halt,
    /// A kernel panic, by a wish: the watchdog's or the crash dump's way.
    Panic,
}

impl Ending {
    pub const fn name(self) -> &'static str {
        match self {
            Ending::Poweroff => "poweroff",
            Ending::Reboot => "reboot",
            Ending::Halt => "halt",
            Ending::Panic => "panic",
        }
    }
}

/// What `on-failure` does to the machine; None: nothing by itself.
pub fn after_failure(on_failure: OnFailure) -> Option<Ending> {
    match on_failure {
        OnFailure::Unset | OnFailure::None | OnFailure::Rescue => None,
        OnFailure::Reboot => Some(Ending::Reboot),
        OnFailure::Poweroff => Some(Ending::Poweroff),
        OnFailure::Halt => Some(Ending::Halt),
        OnFailure::Panic => Some(Ending::Panic),
    }
}

/// busybox's `poweroff`, `reboot` and `halt` (USR2, TERM, USR1), systemd's (RTMIN+3 to 5), ctrl-alt-del (INT), and a
/// failing power supply (PWR). In a container, what its stop means: TERM and INT end it.
pub fn ending(number: u8, machine: bool) -> Option<Ending> {
    const HALT: u8 = signal::realtime(3);
    const POWEROFF: u8 = signal::realtime(4);
    const REBOOT: u8 = signal::realtime(5);
    match (i32::from(number), number) {
        (libc::SIGUSR2 | libc::SIGPWR, _) | (_, POWEROFF) => Some(Ending::Poweroff),
        (libc::SIGTERM | libc::SIGINT, _) if machine => Some(Ending::Reboot),
        (libc::SIGTERM | libc::SIGINT, _) => Some(Ending::Poweroff),
        (_, REBOOT) => Some(Ending::Reboot),
        (libc::SIGUSR1, _) | (_, HALT) => Some(Ending::Halt),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_ends_the_machine_only_where_it_was_told_to() {
        for (on_failure, expected) in [
            (OnFailure::Unset, None),
            (OnFailure::None, None),
            (OnFailure::Rescue, None),
            (OnFailure::Reboot, Some(Ending::Reboot)),
            (OnFailure::Poweroff, Some(Ending::Poweroff)),
            (OnFailure::Halt, Some(Ending::Halt)),
            (OnFailure::Panic, Some(Ending::Panic)),
        ] {
            assert_eq!(after_failure(on_failure), expected);
        }
    }

    #[test]
    fn every_signal_has_its_meaning() {
        for number in 0..=signal::LAST {
            let expected = match number {
                12 | 30 | 38 => Some(Ending::Poweroff),
                15 | 2 | 39 => Some(Ending::Reboot),
                10 | 37 => Some(Ending::Halt),
                _ => None,
            };
            assert_eq!(ending(number, true), expected, "{number}");
        }
        assert_eq!(ending(15, false), Some(Ending::Poweroff));
        assert_eq!(ending(2, false), Some(Ending::Poweroff));
    }
}
