//! What a machine has of its own beside its disks and its services: its clock, its address, its random seed.

use core::ffi::CStr;

use super::boot::{Machine, say_failure};
use super::ending::farewell_and_end;
use super::source::baked::{BUILT, DAY};
use crate::boot::device::Absent;
use crate::boot::{network, seed};
use crate::plan::{Step, run};
use crate::say;
use crate::supervise::End;
use crate::sys::error::Errno;
use crate::sys::fs::{self, At};
use crate::sys::interface::Name;
use crate::sys::process::{self, Forked};
use crate::sys::{poll, power, signal};
use crate::text::bytes;
use crate::text::ip::Ip;

/// No time is before the one when this program was made: file systems, certificates and logs would suffer from it. After the
/// modules, of which one may be the driver of a clock that knows no better, and before the first file system.
pub fn advance_clock() {
    if BUILT > 0 && poll::time().0 / 1000 < BUILT as u64 && power::set_time(BUILT) {
        say!(Warning, "clock: it was before {}, when this tinyo was made; set to that", DAY);
    }
}

/// Gives the machine the address that `word` says, and the NIS domain behind the first dot of its name.
pub fn configure(machine: &Machine, step: &Step, word: &CStr) {
    let ip = Ip::of(word.to_bytes());
    if let (_, Some(domain)) = bytes::cut(ip.hostname(), b'.') {
        // Without /proc nobody has a use for it.
        let _ = fs::write_file(At::Cwd, c"/proc/sys/kernel/domainname", domain);
    }
    let mut name = Name::default();
    let errno = match network::configure(ip, &mut name, &machine.events, &machine.signals) {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.errno(),
        Err(Absent::TimedOut) => Errno(libc::ENODEV as u16),
        Err(Absent::Ended(ending)) => farewell_and_end(machine, End { ending, status: None }),
    };
    run::say_failure(network::shown(&name), step, errno);
}

/// The random seed, by a process of its own: a disk takes its time to write, and who needs random numbers waits for them
/// anyway.
#[inline(never)]
pub fn take_seed(path: &CStr) {
    let forked = process::fork(process::Namespaces::default(), None);
    let done = match forked {
        Ok(Forked::Parent(_)) => return,
        Ok(Forked::Child) => {
            // The end of the machine does not wait for what may never come.
            signal::unblock_all();
            seed::take(path)
        }
        Err(error) => Err(error),
    };
    if let Err(error) = done {
        say_failure(&Step::Seed(path), error);
    }
    if forked.is_ok() {
        process::exit(0);
    }
}
