//! What a machine has of its own beside its disks and its services: its clock, its address, its random seed.

use core::ffi::CStr;

use super::boot::{Machine, say_failure};
use super::ending::farewell_and_end;
use super::source::baked::{BUILT, DAY};
use crate::boot::{network, seed};
use crate::config::value;
use crate::plan::Step;
use crate::say;
use crate::supervise::End;
use crate::sys::fs::{self, At};
use crate::sys::process::{self, Forked};
use crate::sys::{power, signal};
use crate::text::bytes;
use crate::text::show::Show;

/// No time is before the one when this program was made: file systems, certificates and logs would suffer from it. After the
/// modules, of which one may be the driver of a clock that knows no better, and before the first file system.
pub fn advance_clock() {
    if BUILT > 0 && power::set_time_at_least(BUILT) {
        say!(Warning, "clock: it was before {}, when this tinyo was made; set to that", DAY);
    }
}

/// Gives the machine the address that `ip` says, and the NIS domain behind the first dot of its name.
pub fn configure(machine: &Machine, word: &CStr) {
    // It was checked.
    let Ok(ip) = value::ip(word.to_bytes()) else { return };
    if let (_, Some(domain)) = bytes::cut(ip.hostname(), b'.')
        && let Err(error) = fs::write_file(At::Cwd, c"/proc/sys/kernel/domainname", domain)
    {
        say!(Failure, "network: domain {}: {}", Show(domain), error.errno());
    }
    if let Err(ending) = network::configure(&ip, &machine.events, &machine.signals) {
        farewell_and_end(machine, End { ending, status: None });
    }
}

/// The random seed, by a process of its own: a disk takes its time to write, and who needs random numbers waits for them
/// anyway.
pub fn take_seed(path: &CStr) {
    let done = match process::fork(process::Namespaces::default(), None) {
        Ok(Forked::Parent(_)) => return,
        Ok(Forked::Child) => {
            // The end of the machine does not wait for what may never come.
            signal::unblock_all();
            seed::take(path)
        }
        Err(error) => return say_failure(&Step::Seed(path), error),
    };
    if let Err(error) = done {
        say_failure(&Step::Seed(path), error);
    }
    process::exit(0);
}
