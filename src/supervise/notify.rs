//! Notices of services (sd_notify(3)): who sent them.

use super::member::Member;
use crate::sys::process::{self, Pid};
use crate::text::{notify, number};

/// Which of `members` the process `sender` belongs to: by its cgroup, or, where there is none, by its ancestors (a
/// container's command is a child of our reaper there). None: a stranger, or it has ended and nobody can tell any more.
pub fn member_of(sender: Pid, members: &[Member]) -> Option<usize> {
    /// A shell of a shell of a shell; more is nobody's way to say that it is ready.
    const GENERATIONS: usize = 16;
    let mut buffer = [0u8; 1024];
    if let Some(name) = process::told(sender, "cgroup", &mut buffer).ok().and_then(notify::service_of) {
        return members.iter().position(|member| member.name == name);
    }
    let mut pid = sender;
    for _ in 0..GENERATIONS {
        if let Some(index) = members.iter().position(|member| member.pid == Some(pid)) {
            return Some(index);
        }
        pid = notify::parent(process::told(pid, "stat", &mut buffer).ok()?)
            .and_then(number::decimal)
            .and_then(Pid::of)?;
    }
    None
}
