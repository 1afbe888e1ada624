//! Notices of services (sd_notify(3)): who sent them, and what they mean.

use super::member::Member;
use crate::sys::fs;
use crate::sys::process::{self, Pid};
use crate::text::{bytes, notify};

/// Which of `members` the process `sender` belongs to: its main process, one in its cgroup, or in its process group
/// where there is no cgroup. None: a stranger, or it has ended and nobody can tell any more.
pub fn member_of(sender: Pid, members: &[Member]) -> Option<usize> {
    if let Some(index) = members.iter().position(|member| member.pid == Some(sender)) {
        return Some(index);
    }
    let mut text = heapless::String::<32>::new();
    let _ = ufmt::uwrite!(text, "/proc/{}/cgroup\0", sender.number());
    let mut buffer = [0u8; 1024];
    if let Some(path) = bytes::terminated(text.as_bytes())
        && let Ok(cgroup) = fs::read_file(path, &mut buffer)
        && let Some(name) = notify::service_of(cgroup)
    {
        return members.iter().position(|member| member.name.as_bytes() == name);
    }
    let group = process::group_of(sender)?;
    members.iter().position(|member| member.group == Some(group) && member.pid.is_some())
}
