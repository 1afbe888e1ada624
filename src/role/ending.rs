//! How PID 1 of the machine ends: with its power, or, when a boot cannot go on, as `on-failure` says.

use super::boot::{Machine, take_all};
use super::{source, supervisor};
use crate::config::line::ExitTo;
use crate::config::{Config, OnFailure};
use crate::log::{Level, Line};
use crate::plan::machine::FOR_SERVICES;
use crate::request::{self, Ending};
use crate::supervise::{self, End};
use crate::sys::memory::Static;
use crate::sys::{fs, net, poll, power};
use crate::text::duration::Millis;
use crate::{put, say, watchdog};

static RESCUE: Static<Config<'static>> = Static::new(Config::new());

/// How long the rescue shell waits for somebody to press Enter. `panic=N` says otherwise.
const RESCUE_WAIT: Millis = Millis(300_000);

/// Ends the machine; what was asked to be told of its status is.
pub fn farewell_and_end(machine: &Machine, end: End) -> ! {
    if let Some(status) = end.status {
        say!(Failure, "exit status {}", status);
    }
    supervise::end(end, true, &machine.signals, machine.seed, &|| {
        if let (Some(to), Some(status)) = (machine.line.exit, end.status) {
            pass_on(to, status);
        }
        watchdog::end(end.ending, machine.watchdog_stop);
    })
}

/// `tinyo.exit=`.
#[inline(never)]
fn pass_on(to: ExitTo, status: u8) {
    const BEFORE: usize = "tinyo: exit status ".len();
    let mut line = Line::new(Level::Failure);
    put!(&mut line, "exit status {}", status);
    let text = line.end();
    let done = match to {
        ExitTo::Console => {
            fs::open(c"/dev/console", fs::WRITE | fs::NON_BLOCK).and_then(|console| console.write(text).map(drop))
        }
        ExitTo::Debug(port) => power::write_port(port, status),
        ExitTo::Vsock(port) => net::send_to_host(port, text.get(BEFORE..).unwrap_or_default()),
    };
    if let Err(error) = done {
        say!(Failure, "tinyo.exit: {}", error);
    }
}

/// What a boot does that cannot go on.
pub fn fail(machine: &Machine, on_failure: OnFailure) -> ! {
    let Some(ending) = request::after_failure(on_failure) else { rescue(machine) };
    say!(Failure, "boot failed: {}", ending.name());
    farewell_and_end(machine, End { ending, status: None })
}

/// A shell for whoever presses Enter in time; then, without one, or without a console, a reboot.
fn rescue(machine: &Machine) -> ! {
    let wait = match machine.line.panic {
        Some(0) => None,
        Some(seconds) => Some(Millis(u64::try_from(seconds).unwrap_or(0) * 1000)),
        None => Some(RESCUE_WAIT),
    };
    match wait {
        Some(Millis(ms)) => {
            say!(Failure, "boot failed: rescue shell, then reboot; nobody there in {} s: reboot", ms / 1000)
        }
        None => say!(Failure, "boot failed: rescue shell, then reboot"),
    }
    let config = RESCUE.take().filter(|_| wait != Some(Millis(0)));
    if let Some(config) = config
        && source::rescue(config).is_ok()
    {
        take_all(&FOR_SERVICES);
        let now = poll::now();
        machine.events.modules(&mut |modules| _ = modules.go_apart());
        supervisor::machine(machine, config, wait.map(|wait| Millis(now.0.saturating_add(wait.0))));
    }
    farewell_and_end(machine, End { ending: Ending::Reboot, status: None })
}
