//! From what the config says to what the machine does before its services. Pure.

use core::ffi::CStr;

use super::build::each;
use super::{Need, Plan, Step};
use crate::config::{Config, Mount, Root};
use crate::text::duration::Millis;

/// The mounts that every machine has, before anything is known about it. Nothing here is a mistake of the user's, so
/// what is already there, or not in this kernel, is passed over; services notice what they miss.
pub static EARLY: [Step; 6] = [
    Step::OwnRoot,
    Step::Mount(&early(c"proc", c"/proc", c"proc", c"nosuid,nodev,noexec"), Need::Standing),
    Step::Mount(&early(c"sysfs", c"/sys", c"sysfs", c"nosuid,nodev,noexec"), Need::Standing),
    Step::MountDev,
    Step::Mount(&early(c"tmpfs", c"/run", c"tmpfs", c"nosuid,nodev,strictatime,mode=755"), Need::Standing),
    // Last, so that a plan always has a word about it: what a person asks first.
    Step::ModeMask(0o022),
];

/// The same for who has services: an init that is handed over to makes its own.
pub static FOR_SERVICES: [Step; 7] = [
    Step::Link { target: c"/proc/self/fd", path: c"/dev/fd" },
    Step::Link { target: c"/proc/self/fd/0", path: c"/dev/stdin" },
    Step::Link { target: c"/proc/self/fd/1", path: c"/dev/stdout" },
    Step::Link { target: c"/proc/self/fd/2", path: c"/dev/stderr" },
    // 5 is the group tty on every distribution; a terminal is its owner's, and the group may write to it (mesg).
    Step::Mount(&early(c"devpts", c"/dev/pts", c"devpts", c"nosuid,noexec,gid=5,mode=620,ptmxmode=666"), Need::IfThere),
    Step::Mount(&early(c"tmpfs", c"/dev/shm", c"tmpfs", c"nosuid,nodev,mode=1777"), Need::IfThere),
    Step::Mount(&early(c"cgroup2", c"/sys/fs/cgroup", c"cgroup2", c"nosuid,nodev,noexec"), Need::IfThere),
];

const fn early(
    source: &'static CStr,
    target: &'static CStr,
    fstype: &'static CStr,
    options: &'static CStr,
) -> Mount<'static> {
    Mount { source, target, fstype: Some(fstype), options: Some(options) }
}

/// What the config asks of the machine before its root and its services.
pub fn set_up<'a>(plan: &mut Plan<'a>, config: &Config<'a>) {
    // Before anything that may hang.
    if config.watchdog != Millis(0) {
        plan.push(Step::Watchdog(config.watchdog));
    }
    plan.extend(config.host_name().map(Step::Hostname).as_slice());
    // A module may bring the sysctls that are set next; those may be about the interface that comes up.
    each(plan, config.list(config.modules), Step::Module);
    each(plan, config.list(config.sysctl), Step::Sysctl);
    each(plan, config.ip.as_slice(), Step::Ip);
}

/// How the machine comes to its root. No init: we go on in it.
pub fn root<'a>(root: &'a Root<'a>, init: Option<&'a CStr>) -> [Step<'a>; 2] {
    [Step::MountRoot(root), init.map_or(Step::GoOn, Step::HandOver)]
}

/// The `[[mount]]` tables.
pub fn mounts<'a>(config: &'a Config) -> impl Iterator<Item = Step<'a>> {
    config.mounts.iter().map(|mount| Step::Mount(mount, Need::Must))
}
