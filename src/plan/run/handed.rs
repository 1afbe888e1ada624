//! What a process is handed by its parent: open files at numbers that it knows, and the words that tell it of them
//! (sd_listen_fds(3), sd_notify(3)).

use core::ffi::CStr;

use super::Place;
use crate::limits;
use crate::put;
use crate::sys::error::Result;
use crate::sys::fd::{self, Fd};
use crate::sys::process::{self, Pid};
use crate::text::bytes;
use crate::text::duration::Millis;
use crate::text::put::Out;
use heapless::Vec;

/// The first number behind standard input, output and error (`SD_LISTEN_FDS_START`).
const FIRST: i32 = 3;

/// What a parent gives its child. What is owned is the child's alone, once it was made.
#[derive(Default)]
pub struct Handed<'h> {
    pub cgroup: Option<&'h Fd>,
    /// There is one processor: the child gets a while of it.
    pub alone: bool,
    /// The ends of pipes that its output goes to and its input comes from.
    pub log: Option<Fd>,
    pub input: Option<Fd>,
    /// For [`Step::Sockets`](crate::plan::Step::Sockets), as many as it names, opened in that order.
    pub sockets: &'h [Fd],
    /// For [`Step::Readiness`](crate::plan::Step::Readiness): the writing end of a pipe.
    pub ready: Option<Fd>,
    /// For [`Step::Pty`](crate::plan::Step::Pty): where its master goes.
    pub terminal: Option<Fd>,
    /// The network namespace that it is to be in, which it had before or is another's.
    pub network: Option<&'h Fd>,
    /// For [`Step::Join`](crate::plan::Step::Join): a process, and its directory in /proc.
    pub process: Option<(Pid, &'h Fd)>,
    /// Who makes it wants to have the one that is made for it.
    pub keeps_network: bool,
    /// The number of its range of ids, where it has one.
    pub block: u32,
}

/// What the steps say about it.
#[derive(Default)]
pub struct Told<'p> {
    /// The words of its sockets.
    pub sockets: &'p [&'p CStr],
    /// Files that are the caller's, before those.
    pub preserved: u8,
    pub readiness: Option<u8>,
    pub notify: bool,
    pub watchdog: Option<Millis>,
}

/// Puts everything in its place and closes the rest: standard input, output and error stay, the sockets lie at 3 and up,
/// the readiness pipe at its number, and the report pipe, which execve closes, above them.
pub fn close_files(place: &mut Place) -> Result<()> {
    let behind = FIRST + i32::from(place.told.preserved) + place.sockets.len() as i32;
    let (readiness, report) = match place.told.readiness {
        Some(number) => (number.into(), i32::from(number) + 1),
        None => (behind, behind),
    };
    // They may lie on the place of a socket. Not so a socket on that of one to come: see `are_in_order`.
    for file in [&mut place.report, &mut place.ready] {
        if let Some(low) = file.as_ref().filter(|file| file.number() < report) {
            let high = fd::duplicate_above(low.number(), report)?;
            file.replace(high).map(Fd::leak);
        }
    }
    for (number, socket) in (FIRST..).zip(place.sockets) {
        socket.dup_onto(number, false)?;
    }
    if let Some(ready) = place.ready.take() {
        ready.dup_onto(readiness, false)?;
    }
    // It stays where it is if it cannot: the limit of open files may be lower, which it then reports.
    if let Some(own) = &mut place.report {
        let moved = own.moved_onto(report)?;
        core::mem::replace(own, moved).leak();
    }
    // Their numbers are closed below, all at once.
    let Place { log, input, outer, source, launch, dev, null, root, proc, sys, terminal, .. } = place;
    for file in [log, input, outer, source, launch, dev, null, root, proc, sys, terminal] {
        file.take().map(Fd::leak);
    }
    fd::close_between(behind, readiness);
    fd::close_from(report + 1);
    Ok(())
}

/// Each has a higher number than the one before it, and so none a lower one than its place: laid down one after the other,
/// none covers one to come. Sockets that were opened one after the other are, for the kernel gives the lowest number that is
/// free.
pub fn are_in_order(sockets: &[Fd]) -> bool {
    sockets.is_sorted_by_key(Fd::number)
}

/// The words of an environment that are ours to say, each with a NUL behind it: 16 names of sockets, and 142 bytes.
#[derive(Default)]
pub struct Own(Vec<u8, { limits::SOCKETS * (b"unix:".len() + limits::SOCKET_PATH_BYTES) + 160 }>);

impl Out for Own {
    fn write(&mut self, text: &[u8]) {
        // There is room for all of it.
        let _ = self.0.extend_from_slice(text);
    }
}

impl Own {
    /// For the process that execve will run in: the numbers in it are meant for nobody else.
    #[inline(never)]
    pub fn fill(&mut self, told: &Told) {
        if told.sockets.is_empty() && !told.notify && told.watchdog.is_none() {
            return;
        }
        let pid = process::id();
        if !told.sockets.is_empty() {
            put!(self, "LISTEN_FDS={}\0LISTEN_PID={}\0LISTEN_FDNAMES=", told.sockets.len(), pid);
            for word in told.sockets {
                for &byte in word.to_bytes_with_nul() {
                    // A colon stands between two names, so none may be in one.
                    let _ = self.0.push(match byte {
                        b':' => b'-',
                        0 => b':',
                        byte => byte,
                    });
                }
            }
            if let Some(last) = self.0.last_mut() {
                *last = 0;
            }
        }
        if told.notify {
            put!(self, "NOTIFY_SOCKET=/run/tinyo/notify\0");
        }
        if let Some(every) = told.watchdog {
            put!(self, "WATCHDOG_USEC={}\0WATCHDOG_PID={}\0", every.0.saturating_mul(1000), pid);
        }
    }

    pub fn words(&self) -> impl Iterator<Item = &CStr> {
        bytes::Words(&self.0).filter_map(bytes::terminated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CString;
    use std::format;
    use std::string::String;
    use std::vec::Vec;

    fn words(told: &Told) -> Vec<String> {
        let mut own = Own::default();
        own.fill(told);
        let pid = format!("_PID={}", process::id());
        own.words().map(|word| word.to_str().unwrap().replace(&pid, "_PID=PID")).collect()
    }

    #[test]
    fn only_what_applies_is_told() {
        assert_eq!(words(&Told::default()), [""; 0]);
        let sockets = [c"tcp:[::1]:80", c"unix:/run/a:b"];
        assert_eq!(
            words(&Told { sockets: &sockets, ..Told::default() }),
            ["LISTEN_FDS=2", "LISTEN_PID=PID", "LISTEN_FDNAMES=tcp-[--1]-80:unix-/run/a-b"]
        );
        assert_eq!(words(&Told { notify: true, ..Told::default() }), ["NOTIFY_SOCKET=/run/tinyo/notify"]);
    }

    #[test]
    fn the_most_there_can_be_has_room() {
        let longest = CString::new(format!("unix:/{}", "p".repeat(limits::SOCKET_PATH_BYTES - 2))).unwrap();
        let sockets = [longest.as_c_str(); limits::SOCKETS];
        let told =
            Told { sockets: &sockets, preserved: 0, readiness: None, notify: true, watchdog: Some(Millis(u64::MAX)) };
        let name = longest.to_str().unwrap().replace(':', "-");
        let names = format!("LISTEN_FDNAMES={}", [name.as_str(); limits::SOCKETS].join(":"));
        assert_eq!(
            words(&told)[1..],
            [
                "LISTEN_PID=PID",
                &names,
                "NOTIFY_SOCKET=/run/tinyo/notify",
                "WATCHDOG_USEC=18446744073709551615",
                "WATCHDOG_PID=PID"
            ]
        );
    }
}
