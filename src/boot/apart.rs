//! Disks are read beside PID 1: one that never answers holds up a process that nobody waits for.

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::sys::error::Result;
use crate::sys::fd::{self, Fd};
use crate::sys::poll::{self, Interest};
use crate::sys::process::{self, Forked, Namespaces, Pid};
use crate::text::duration::Millis;
use crate::watchdog;

/// So long nothing is heard of work before it is left alone. A disk that is only slow (one that spins up takes 10 s) is looked at
/// again once its reader has come back.
const PATIENCE: u64 = 2_000;

/// Who was left alone, and with which device, by its number: more than these is a machine that has no disk left.
static STUCK: [(AtomicU32, AtomicU32); 64] = [const { (AtomicU32::new(0), AtomicU32::new(0)) }; 64];

/// What is told of work: as much as one record holds, for a pipe keeps those whole.
pub type Record = [u8; 80];

/// Does `work` in a process of its own, and gives `hear` what that writes, a record at a time. Err: there is no process to be had.
/// Some: it has not come to an end, and is to be [left alone](leave).
#[inline(never)]
pub fn apart(work: &mut dyn FnMut(&Fd), hear: &mut dyn FnMut(&Record)) -> Result<Option<Pid>> {
    let (reader, writer) = fd::pipe(libc::O_NONBLOCK)?;
    let pid = match process::fork(Namespaces::default(), None)? {
        Forked::Parent(pid) => pid,
        Forked::Child => {
            work(&writer);
            process::exit(0)
        }
    };
    drop(writer);
    let mut files = [Interest::end_of(&reader)];
    let mut deadline = 0;
    loop {
        let mut records = [0; 4 * size_of::<Record>()];
        let mut heard = deadline == 0;
        while let Ok(count @ 1..) = reader.read(&mut records) {
            heard = true;
            records.get(..count).unwrap_or_default().as_chunks().0.iter().for_each(&mut *hear);
        }
        if files[0].is_ready() {
            process::wait(pid);
            return Ok(None);
        }
        let now = poll::now().0;
        if heard {
            deadline = now.saturating_add(PATIENCE);
        } else if deadline <= now {
            return Ok(Some(pid));
        }
        let next = watchdog::feed().map_or(deadline, |next| next.0.min(deadline));
        let _ = poll::wait(&mut files, Some(Millis(next)));
    }
}

/// Ends `pid` as soon as the kernel lets it, and until then `device` is [stuck](is_stuck). False: there are too many of them.
pub fn leave(pid: Pid, device: u32) -> bool {
    let _ = process::kill(pid, libc::SIGKILL as u8);
    let free = STUCK.iter().find(|(process, _)| process.load(Relaxed) == 0);
    if let Some((process, own)) = free {
        own.store(device, Relaxed);
        process.store(pid.number(), Relaxed);
    }
    free.is_some()
}

/// Somebody still waits for `device`.
pub fn is_stuck(device: u32) -> bool {
    STUCK.iter().any(|(process, own)| process.load(Relaxed) != 0 && own.load(Relaxed) == device)
}

/// Who has come back is forgotten.
pub fn forget_ended() {
    for (process, _) in &STUCK {
        if Pid::of(process.load(Relaxed).into()).is_some_and(process::has_ended) {
            process.store(0, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;
    use std::time::{Duration, Instant};
    use std::vec::Vec;

    /// As when the paths to a storage are dead: each of its disks is passed over, and what else there is is still looked at.
    #[test]
    fn a_crowd_of_dead_disks_is_left_alone_until_their_readers_come_back() {
        let readers: Vec<_> = (0..40).map(|_| Command::new("sleep").arg("100").spawn().unwrap()).collect();
        for (device, reader) in (1000..).zip(&readers) {
            assert!(leave(Pid::of(reader.id().into()).unwrap(), device), "{device}");
            assert!(is_stuck(device) && !is_stuck(device + 1));
        }
        let begin = Instant::now();
        while (1000..1040).any(is_stuck) {
            assert!(begin.elapsed() < Duration::from_secs(20));
            forget_ended();
        }
    }
}
