//! From what the config says to what a process does. Pure.

use core::ffi::CStr;

use super::{Full, Namespaces, Need, Plan, Step};
use crate::config::{Config, Container, Kind, Log, Network, Root, Service};
use crate::container::capabilities;

/// The mounts that every machine has, before anything is known about it. Nothing here is a mistake of the user's, so
/// what is already there, or not in this kernel, is passed over; services notice what they miss.
pub fn early() -> Result<Plan<'static>, Full> {
    let mut plan = Plan::default();
    plan.push(Step::OwnRoot)?;
    plan.push(mount(c"proc", c"/proc", c"proc", c"nosuid,nodev,noexec", Need::Standing))?;
    plan.push(mount(c"sysfs", c"/sys", c"sysfs", c"nosuid,nodev,noexec", Need::Standing))?;
    plan.push(Step::MountDev)?;
    for (path, target) in [
        (c"/dev/fd", c"/proc/self/fd"),
        (c"/dev/stdin", c"/proc/self/fd/0"),
        (c"/dev/stdout", c"/proc/self/fd/1"),
        (c"/dev/stderr", c"/proc/self/fd/2"),
    ] {
        plan.push(Step::Link { target, path })?;
    }
    // 5 is the group tty on every distribution; a terminal is its owner's, and the group may write to it (mesg).
    plan.push(mount(c"devpts", c"/dev/pts", c"devpts", c"nosuid,noexec,gid=5,mode=620,ptmxmode=666", Need::IfThere))?;
    plan.push(mount(c"tmpfs", c"/dev/shm", c"tmpfs", c"nosuid,nodev,mode=1777", Need::IfThere))?;
    plan.push(mount(c"tmpfs", c"/run", c"tmpfs", c"nosuid,nodev,mode=755", Need::Standing))?;
    plan.push(mount(c"cgroup2", c"/sys/fs/cgroup", c"cgroup2", c"nosuid,nodev,noexec", Need::IfThere))?;
    Ok(plan)
}

/// What the config asks of the machine before its services: with a root, up to the mount of it and the hand-over.
///
/// `root`: the one to try now. `goes_on`: tinyo itself runs in the new root.
pub fn machine<'a>(config: &Config<'a>) -> Result<Plan<'a>, Full> {
    let mut plan = Plan::default();
    if let Some(name) = config.hostname {
        plan.push(Step::Hostname(name.to_bytes()))?;
    }
    for word in config.list(config.sysctl) {
        plan.push(Step::Sysctl(word))?;
    }
    for name in config.list(config.modules) {
        plan.push(Step::Module(name))?;
    }
    Ok(plan)
}

/// How the machine comes to its root.
pub fn root<'a>(root: &Root<'a>, init: Option<&'a CStr>) -> Result<Plan<'a>, Full> {
    let mut plan = Plan::default();
    plan.push(Step::MountRoot {
        source: root.source,
        fstype: root.fstype,
        options: root.options,
        read_only: root.read_only,
        wait: root.wait,
    })?;
    plan.push(Step::HandOver { init })?;
    Ok(plan)
}

/// The `[[mount]]` tables.
pub fn mounts<'a>(config: &Config<'a>) -> Result<Plan<'a>, Full> {
    let mut plan = Plan::default();
    for table in &config.mounts {
        let (fstype, options) = (table.fstype.unwrap_or_default(), table.options.unwrap_or_default());
        plan.push(mount(table.source, table.target, fstype, options, Need::Must))?;
    }
    Ok(plan)
}

fn mount<'a>(source: &'a CStr, target: &'a CStr, fstype: &'a CStr, options: &'a CStr, need: Need) -> Step<'a> {
    Step::Mount { source, target, fstype, options, need }
}

/// Who made the process, and so what it owes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parent {
    /// PID 1: its death is the machine's, its files are all close-on-exec.
    Init,
    /// `tinyo run`: the container dies with it, and shares its standard input and output.
    Launcher,
}

/// The commands of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    Exec,
    Stop,
}

/// What one process of a service does between fork and execve.
pub fn service<'c, 'a>(
    config: &'c Config<'a>,
    service: &'c Service<'a>,
    command: Command,
    parent: Parent,
    term: Option<&'c CStr>,
) -> Result<Plan<'c>, Full> {
    let mut plan = Plan::default();
    let console = service.kind == Kind::Console && command == Command::Exec;
    let inside = matches!(service.log, Log::Path(_)) && service.container.is_some();
    if console {
        plan.push(Step::Terminal(service.tty))?;
    } else if parent == Parent::Init {
        // In a container the log's path is the image's: its output goes nowhere until it is there.
        plan.push(Step::Stdio(if inside { Log::Null } else { service.log }))?;
    }
    match &service.container {
        Some(container) => {
            enter(&mut plan, config, service, container, parent)?;
            if inside {
                plan.push(Step::Stdio(service.log))?;
            }
        }
        None => plan.push(Step::CloseFiles)?,
    }
    let hardened = service.container.as_ref().is_some_and(|container| !container.privileged);
    let kept = match &service.container {
        Some(container) if hardened => Some(capabilities::set(
            config.list(container.cap_add).iter().map(|word| word.to_bytes()),
            config.list(container.cap_drop).iter().map(|word| word.to_bytes()),
        )),
        _ => None,
    };
    if let Some(set) = kept {
        plan.push(Step::Bounding(set))?;
    }
    match service.user {
        Some(user) => plan.push(Step::User(user))?,
        // Without a word about it a container is root's, and none of the launcher's groups come in.
        None if service.container.is_some() => plan.push(Step::User(c"0:0"))?,
        None => {}
    }
    if let Some(set) = kept {
        plan.push(Step::Capabilities(set))?;
    }
    if parent == Parent::Launcher {
        plan.push(Step::DieWithParent)?;
    }
    plan.push(Step::ModeMask(0o022))?;
    plan.push(Step::Workdir(service.workdir.unwrap_or(c"/")))?;
    if service.container.as_ref().is_some_and(|container| container.init) {
        plan.push(Step::Reaper)?;
    }
    plan.push(Step::Session { terminal: console })?;
    plan.push(Step::ResetSignals)?;
    if console && service.ask {
        plan.push(Step::Ask)?;
    }
    if hardened {
        plan.push(Step::NoNewPrivileges)?;
    }
    let words = if command == Command::Exec { service.exec } else { service.stop };
    plan.push(Step::Exec { argv: config.list(words), env: config.list(service.env), term })?;
    Ok(plan)
}

/// The namespaces, the root, and what lies in it.
fn enter<'c, 'a>(
    plan: &mut Plan<'c>,
    config: &'c Config<'a>,
    service: &'c Service<'a>,
    container: &'c Container<'a>,
    parent: Parent,
) -> Result<(), Full> {
    plan.namespaces = Namespaces { container: true, net: container.network == Network::None };
    plan.push(Step::PrivateMounts)?;
    if parent == Parent::Launcher {
        // PID 1 did so for all its children; someone else's shell in an initramfs did not.
        plan.push(Step::OwnRoot)?;
    }
    // Modes below are meant to the letter.
    plan.push(Step::ModeMask(0))?;
    plan.push(Step::Root { path: container.root, read_only: container.read_only })?;
    plan.push(Step::Devices)?;
    if container.read_only {
        for target in [b"/tmp".as_slice(), b"/run"] {
            plan.push(Step::Tmpfs { target, options: b"" })?;
        }
    }
    for word in config.list(container.tmpfs) {
        let (target, options) = split(word.to_bytes());
        plan.push(Step::Tmpfs { target, options })?;
    }
    for word in config.list(container.volumes) {
        let (source, rest) = split(word.to_bytes());
        let (target, options) = split(rest);
        plan.push(Step::Volume { source, target, read_only: options == b"ro" })?;
    }
    plan.push(Step::Pivot)?;
    // A user namespace may mount these two only while it sees full ones: the old root is still there.
    plan.push(Step::Proc)?;
    plan.push(Step::Sys { read_only: !container.privileged })?;
    plan.push(Step::DropOldRoot)?;
    if !container.privileged {
        for path in MASKED {
            plan.push(Step::Mask(path))?;
        }
        for path in READ_ONLY {
            plan.push(Step::ReadOnly(path))?;
        }
    }
    let name = container.hostname.map_or(service.name.as_bytes(), CStr::to_bytes);
    plan.push(Step::Hostname(name))?;
    if container.network == Network::None {
        plan.push(Step::Loopback)?;
    }
    plan.push(Step::Undumpable)?;
    plan.push(Step::CloseFiles)
}

/// `A:B` to A and B; B is empty without a colon.
fn split(word: &[u8]) -> (&[u8], &[u8]) {
    match word.iter().position(|&byte| byte == b':') {
        Some(at) => (word.get(..at).unwrap_or_default(), word.get(at + 1..).unwrap_or_default()),
        None => (word, b""),
    }
}

/// Docker's masked paths: the kernel's memory and keys, and what tells about, or steers, the hardware.
const MASKED: &[&CStr] = &[
    c"/proc/acpi",
    c"/proc/asound",
    c"/proc/interrupts",
    c"/proc/kcore",
    c"/proc/keys",
    c"/proc/latency_stats",
    c"/proc/sched_debug",
    c"/proc/scsi",
    c"/proc/timer_list",
    c"/proc/timer_stats",
    c"/sys/devices/virtual/powercap",
    c"/sys/firmware",
];

/// Docker's read-only paths: readable, but not the host's settings to change.
const READ_ONLY: &[&CStr] = &[c"/proc/bus", c"/proc/fs", c"/proc/irq", c"/proc/sys", c"/proc/sysrq-trigger"];
