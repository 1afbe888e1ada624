//! Notices of services (sd_notify(3)): who sent them.

use super::member::Member;
use crate::put;
use crate::sys::fs;
use crate::sys::process::Pid;
use crate::text::bytes::{self, Path};
use crate::text::{notify, number};

/// What the kernel says of process `pid` in this file of /proc, as far as it fits.
fn told<'b>(pid: Pid, file: &str, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let mut path = Path::new();
    put!(&mut |piece: &[u8]| drop(path.extend_from_slice(piece)), "/proc/{}/{}\0", pid.number(), file);
    fs::read_file(bytes::terminated(&path)?, buffer).ok().map(|text| &*text)
}

/// Which of `members` the process `sender` belongs to: by its cgroup, or, where there is none, by its ancestors (a
/// container's command is a child of our reaper there). None: a stranger, or it has ended and nobody can tell any more.
pub fn member_of(sender: Pid, members: &[Member]) -> Option<usize> {
    /// A shell of a shell of a shell; more is nobody's way to say that it is ready.
    const GENERATIONS: usize = 16;
    let mut buffer = [0u8; 1024];
    if let Some(name) = told(sender, "cgroup", &mut buffer).and_then(notify::service_of) {
        return members.iter().position(|member| member.name == name);
    }
    let mut pid = sender;
    for _ in 0..GENERATIONS {
        if let Some(index) = members.iter().position(|member| member.pid == Some(pid)) {
            return Some(index);
        }
        pid = notify::parent(told(pid, "stat", &mut buffer)?).and_then(number::decimal).and_then(Pid::of)?;
    }
    None
}
