//! What /proc says of PID 1 and of its helpers, and what the victims say of themselves.

use core::ffi::CStr;

use crate::{
    sys,
    text::{self, Line},
};

/// A file where a victim writes its pid and when its main began.
pub struct Mark(Line);

impl Mark {
    pub fn of(name: &CStr) -> Mark {
        let mut path = Line::new();
        path.text(b"/").text(name.to_bytes()).text(b".mark");
        Mark(path)
    }

    pub fn set(&self, born: u64) {
        let mut record = [0; 16];
        record[..8].copy_from_slice(&u64::from(sys::own_pid()).to_ne_bytes());
        record[8..].copy_from_slice(&born.to_ne_bytes());
        // One write: who reads sees the old record or the new one, and they have one size.
        sys::write_whole(self.0.path(), &record);
    }

    /// (pid, time of its main) of the victim that lived last.
    pub fn get(&self) -> Option<(u32, u64)> {
        let mut record = [0; 16];
        let [a, b] = *sys::read(self.0.path(), &mut record).as_chunks::<8>().0 else { return None };
        Some((u64::from_ne_bytes(a) as u32, u64::from_ne_bytes(b)))
    }
}

/// Of PID 1, or of all processes that are neither PID 1 nor ours, which are the helpers of an init that has some.
#[derive(Clone, Copy, Default)]
pub struct Usage {
    pub processes: u64,
    /// kB, from smaps_rollup: VmRSS in /proc/PID/status lags behind by up to 64 pages per task.
    pub pss: u64,
    pub anon: u64,
    /// How often the kernel let it run.
    pub switches: u64,
}

pub fn usage(pid: u32) -> Usage {
    let mut buffer = [0; 4096];
    let rollup = read_of(pid, b"/smaps_rollup", &mut buffer);
    let (pss, anon) = (text::field(rollup, b"\nPss:"), text::field(rollup, b"\nPss_Anon:"));
    let status = read_of(pid, b"/status", &mut buffer);
    // The second key ends as the first does.
    let status = text::after(status, b"\nvoluntary_ctxt_switches:").unwrap_or_default();
    let switches = text::number(status) + text::field(status, b"\nnonvoluntary_ctxt_switches:");
    Usage { processes: 1, pss, anon, switches }
}

pub fn helpers() -> Usage {
    let mut sum = Usage::default();
    let mut buffer = [0; 4096];
    for pid in 2..=last_pid() {
        let own = read_of(pid, b"/comm", &mut buffer).starts_with(b"probe");
        // A kernel thread has no memory, and the read fails.
        if own || read_of(pid, b"/smaps_rollup", &mut buffer).is_empty() {
            continue;
        }
        let one = usage(pid);
        sum.processes += 1;
        sum.pss += one.pss;
        sum.anon += one.anon;
        sum.switches += one.switches;
    }
    sum
}

/// The last word of /proc/loadavg.
fn last_pid() -> u32 {
    let mut buffer = [0; 128];
    let line = sys::read(c"/proc/loadavg", &mut buffer);
    line.split(|byte| *byte == b' ').next_back().map_or(0, text::number) as u32
}

fn read_of<'b>(pid: u32, file: &[u8], buffer: &'b mut [u8]) -> &'b [u8] {
    let mut path = Line::new();
    path.text(b"/proc/").number(pid.into()).text(file);
    sys::read(path.path(), buffer)
}
