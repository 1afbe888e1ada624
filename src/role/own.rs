//! What a machine has of its own beside its disks and its services: its clock, its address, its random seed.

use core::ffi::CStr;

use super::boot::{Machine, farewell_and_end, say_failure};
use super::source::baked::{BUILT, DAY};
use crate::boot::device::Absent;
use crate::boot::{network, seed};
use crate::config::value;
use crate::plan::Step;
use crate::say;
use crate::supervise::End;
use crate::sys::error::{Call, Error, Result};
use crate::sys::process::{self, Forked};
use crate::sys::{power, signal};

/// No time is before the one when this program was made: file systems, certificates and logs would suffer from it. After the
/// modules, of which one may be the driver of a clock that knows no better, and before the first file system.
pub fn advance_clock() {
    if power::set_time_at_least(BUILT) {
        say!(Warning, "clock: it was before {}, when this tinyo was made; set to that", DAY);
    }
}

/// Gives the machine the address that `ip` says.
pub fn configure(machine: &Machine, word: &CStr) -> Result<()> {
    // It was checked.
    let Ok(ip) = value::ip(word.to_bytes()) else { return Ok(()) };
    match network::configure(&ip, &machine.events, &machine.signals) {
        Ok(done) => done,
        Err(Absent::Ended(ending)) => farewell_and_end(machine, End { ending, status: None }),
        Err(Absent::TimedOut) => Err(Error::new(Call::Ioctl, libc::ENODEV)),
    }
}

/// The random seed, by a process of its own: a disk takes its time to write, and who needs random numbers waits for them
/// anyway.
pub fn take_seed(path: &CStr) {
    let forked = process::fork(process::Namespaces::default(), None);
    if let Ok(Forked::Parent(_)) = forked {
        return;
    }
    let apart = forked.is_ok();
    if apart {
        // The end of the machine does not wait for what may never come.
        signal::unblock_all();
    }
    if let Err(error) = seed::take(path, apart) {
        say_failure(&Step::Seed(path), error);
    }
    if apart {
        process::exit(0);
    }
}
