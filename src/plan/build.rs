//! From what the config says to what a service's process does. Pure.

use core::ffi::CStr;

use super::{Namespaces, Plan, Step, Users};
use crate::config::{Config, Container, Kind, Limits, Log, Network, Ready, Seccomp, Service, Userns, value};
use crate::container::capabilities;
use crate::text::bytes;

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
pub fn service<'c>(
    plan: &mut Plan<'c>,
    config: &'c Config,
    service: &'c Service,
    command: Command,
    parent: Parent,
    term: Option<&'c CStr>,
) {
    let console = service.kind == Kind::Console && command == Command::Exec;
    let feeds = |other: &Service| matches!(other.log, Log::Service(to) if to.to_bytes() == service.name.as_bytes());
    let fed = command == Command::Exec && config.services.iter().any(feeds);
    let inside = matches!(service.log, Log::Path(_)) && service.container.is_some();
    match parent {
        Parent::Init if console => plan.push(Step::Terminal(service.tty)),
        // In a container the log's path is the image's: its output goes nowhere until it is there.
        Parent::Init => plan.push(Step::Stdio { log: if inside { Log::Null } else { service.log }, fed }),
        Parent::Launcher => {}
    }
    // The host's, and root's to read.
    each(plan, config.list(service.env_files), Step::EnvFile);
    let groups = config.list(service.groups);
    let mut kept = None;
    match &service.container {
        Some(container) => {
            let ambient = capabilities::union(config.list(container.cap_ambient));
            let (add, drop) = (config.list(container.cap_add), config.list(container.cap_drop));
            let set = capabilities::set(add, drop) | ambient;
            enter(plan, config, service, container, command, parent, set);
            if inside {
                plan.push(Step::Stdio { log: service.log, fed });
            }
            if !container.privileged {
                plan.push(Step::Keyring);
                if container.new_privileges {
                    // Then only SYS_ADMIN may, which is about to go.
                    filter(plan, container, set);
                }
                plan.push(Step::Bounding(set));
                if ambient != 0 {
                    plan.push(Step::KeepCapabilities);
                }
                kept = Some((set, ambient));
            }
            // None of the launcher's groups come in.
            plan.push(Step::User { user: Some(user_in_container(service)), groups });
        }
        None => {
            allow(plan, config, service);
            close_files(plan, config, service, command);
            if service.user.is_some() || !groups.is_empty() {
                plan.push(Step::User { user: service.user, groups });
            }
        }
    }
    if let Some((set, ambient)) = kept {
        plan.push(Step::Capabilities { set, ambient });
    }
    if parent == Parent::Launcher {
        plan.push(Step::DieWithParent);
    }
    plan.push(Step::ModeMask(u32::from(service.umask)));
    plan.push(Step::Workdir(service.workdir.unwrap_or(c"/")));
    if let (Some((set, _)), Some(container)) = (kept, &service.container) {
        // The reaper takes both along: who may trace it (SYS_PTRACE) must not find more in it than in themselves.
        if !container.new_privileges {
            plan.push(Step::NoNewPrivileges);
            filter(plan, container, set);
        }
    }
    if service.container.as_ref().is_some_and(|container| container.init) {
        plan.push(Step::Reaper { apart: parent == Parent::Launcher || console && service.ask });
    }
    plan.push(Step::Session { terminal: console });
    plan.push(Step::ResetSignals);
    if console && service.ask && parent == Parent::Init {
        plan.push(Step::Ask);
    }
    let words = if command == Command::Exec { service.exec } else { service.stop };
    plan.push(Step::Exec { argv: config.list(words), env: config.list(service.env), term });
}

/// What a container may ask of the kernel, which looks at its capabilities.
fn filter<'c>(plan: &mut Plan<'c>, container: &Container, set: u64) {
    if container.seccomp == Seccomp::Default {
        plan.push(Step::Seccomp(set));
    }
}

/// Who a process in a container is, and what it may.
pub struct Rights<'c> {
    pub user: Option<&'c CStr>,
    pub groups: &'c [&'c CStr],
    /// What root keeps, and what nobody gets beyond.
    pub capabilities: u64,
    pub bounding: u64,
    pub no_new_privileges: bool,
    /// Its system calls are filtered: so are ours then, by the filter for what it is bound to.
    pub filtered: bool,
}

/// A command in a container that runs: `service` has its words, and its container the name of what is entered. All rights
/// that the container has not are given up before it can see a process of ours: CAP_SYS_PTRACE would be a way to them.
pub fn exec<'c>(
    plan: &mut Plan<'c>,
    config: &'c Config,
    service: &'c Service,
    rights: &Rights<'c>,
    term: Option<&'c CStr>,
) {
    let name = service.container.as_ref().map_or(c"", |container| container.root);
    let terminal = service.kind == Kind::Console;
    plan.extend(&[Step::Undumpable, Step::Join(name)]);
    plan.extend(terminal.then_some(Step::Pty).as_slice());
    plan.extend(&[Step::CloseFiles, Step::Keyring]);
    if rights.filtered && !rights.no_new_privileges {
        // Only SYS_ADMIN may then, which is about to go.
        plan.push(Step::Seccomp(rights.bounding));
    }
    plan.extend(&[
        Step::Bounding(rights.bounding),
        Step::User { user: rights.user, groups: rights.groups },
        Step::Capabilities { set: rights.capabilities, ambient: 0 },
        Step::DieWithParent,
        Step::ModeMask(0o022),
        Step::Workdir(service.workdir.unwrap_or(c"/")),
    ]);
    if rights.no_new_privileges {
        plan.push(Step::NoNewPrivileges);
        if rights.filtered {
            plan.push(Step::Seccomp(rights.bounding));
        }
    }
    plan.extend(&[
        Step::Inside,
        Step::DieWithParent,
        Step::Session { terminal },
        Step::ResetSignals,
        Step::Exec { argv: config.list(service.exec), env: config.list(service.env), term },
    ]);
}

/// All but what the command is handed. A stop command is nobody to listen, or to be ready.
fn close_files<'c>(plan: &mut Plan<'c>, config: &'c Config, service: &Service, command: Command) {
    if command == Command::Exec {
        if !service.listen.is_empty() {
            plan.push(Step::Sockets(config.list(service.listen)));
        }
        if let Ready::Fd(number) = service.ready {
            plan.push(Step::Readiness(number));
        }
        if notifies(service) {
            plan.push(Step::Notify(service.watchdog));
        }
    }
    plan.push(Step::CloseFiles);
}

fn notifies(service: &Service) -> bool {
    service.ready == Ready::Notify || service.watchdog.is_some()
}

/// The namespaces, the root, and what lies in it.
fn enter<'c>(
    plan: &mut Plan<'c>,
    config: &'c Config,
    service: &'c Service,
    container: &'c Container,
    command: Command,
    parent: Parent,
    capabilities: u64,
) {
    let net = matches!(container.network, Network::None);
    // Before anything is looked at or made: a file belongs to an id.
    let user = match container.userns {
        Userns::Unset | Userns::Host => Users::Host,
        Userns::Auto => {
            plan.push(Step::MapRange);
            Users::Range
        }
        Userns::Caller { uid, gid } => {
            plan.push(Step::MapCaller { user: user_in_container(service), root: container.root, uid, gid });
            Users::Caller
        }
    };
    plan.namespaces = Namespaces { container: true, net, user };
    // First: a path is the host's, and sysfs shows the network of whoever mounts it.
    if !matches!(container.network, Network::Host) {
        plan.push(Step::Network(container.network));
    }
    plan.push(Step::PrivateMounts);
    let volumes = config.list(container.volumes);
    let relative = |path: &CStr| !path.to_bytes().starts_with(b"/");
    let layers = container.overlay.is_some_and(|layers| layers.to_bytes().starts_with(b"."));
    if relative(container.root) || layers || volumes.iter().any(|volume| relative(volume)) {
        plan.push(Step::HoldDirectory);
    }
    if parent == Parent::Launcher {
        // PID 1 did so for all its children; someone else's shell in an initramfs did not.
        plan.push(Step::OwnRoot);
    }
    // Modes below are meant to the letter.
    plan.push(Step::ModeMask(0));
    let devices = container.privileged;
    let read_only = container.read_only;
    match container.overlay {
        None => plan.push(Step::Root { path: container.root, read_only, devices }),
        Some(layers) => plan.extend(&[Step::Lower(container.root), Step::Overlay { layers, read_only, devices }]),
    }
    plan.push(Step::Devices { guarded: !devices && capabilities & capabilities::MKNOD != 0 });
    if parent == Parent::Launcher && service.kind == Kind::Console {
        plan.push(Step::Pty);
    }
    for word in config.list(container.devices) {
        // They were checked.
        if let Ok(device) = value::device(word.to_bytes()) {
            plan.push(Step::Device(device));
        }
    }
    if container.read_only {
        for target in &[b"/tmp".as_slice(), b"/run"] {
            plan.push(Step::Tmpfs { target, options: b"" });
        }
    }
    for word in config.list(container.tmpfs) {
        let (target, options) = split(word.to_bytes());
        plan.push(Step::Tmpfs { target, options });
    }
    for word in volumes {
        if let Some(value::Volume { source, target, read_only, .. }) = value::volume(word.to_bytes()) {
            plan.push(Step::Volume { source, target, read_only, devices });
        }
    }
    if command == Command::Exec && notifies(service) {
        // A path: an abstract name would belong to the host's network namespace.
        plan.push(Step::Volume { source: NOTIFY, target: NOTIFY, read_only: false, devices });
    }
    // A user namespace may mount proc and sysfs only while it sees full ones: the old root is still there.
    let read_only = !container.privileged;
    let hosts_sys = user != Users::Host && matches!(container.network, Network::Host);
    if hosts_sys {
        plan.push(Step::HostSys { read_only });
    }
    plan.extend(&[Step::Pivot, Step::Proc]);
    if !hosts_sys {
        plan.push(Step::Sys { read_only });
    }
    plan.push(Step::DropOldRoot);
    if parent == Parent::Launcher && service.limits != Limits::NONE {
        // A service's processes are a level below its limits: there would be nothing to see.
        plan.push(Step::OwnCgroup);
    }
    // Before /proc/sys is read-only.
    each(plan, config.list(container.sysctl), Step::OwnSysctl);
    if !container.privileged && !container.unmask {
        cover(plan, MASKED, Step::Mask);
        cover(plan, READ_ONLY, Step::ReadOnly);
    }
    plan.push(Step::Hostname(container.hostname.map_or(service.name.as_bytes(), CStr::to_bytes)));
    // Its files in /proc are root's once it is undumpable.
    allow(plan, config, service);
    if container.init {
        // Nobody else is there before the command, and with it this ends: it is the reaper that stays.
        plan.push(Step::Undumpable);
    }
    if container.preserved > 0 {
        plan.push(Step::Preserve(container.preserved));
    }
    close_files(plan, config, service, command);
}

/// Without a word about it a container is root's.
fn user_in_container<'c>(service: &'c Service) -> &'c CStr {
    service.user.unwrap_or(c"0:0")
}

/// Where PID 1 hears sd_notify(3), inside a container too. Its socket is for everybody.
pub const NOTIFY: &[u8] = b"/run/tinyo/notify";

/// What one process may use. Raising a limit and lowering a score are root's.
fn allow<'c>(plan: &mut Plan<'c>, config: &'c Config, service: &'c Service) {
    each(plan, config.list(service.ulimits), Step::Ulimit);
    if let Some(score) = service.oom_score {
        plan.push(Step::OomScore(score));
    }
}

/// `A:B` to A and B; B is empty without a colon.
fn split(word: &[u8]) -> (&[u8], &[u8]) {
    let (before, after) = bytes::cut(word, b':');
    (before, after.unwrap_or_default())
}

/// Docker's masked paths: the kernel's memory and keys, and what tells about, or steers, the hardware.
const MASKED: &[u8] =
    b"/sys/devices/virtual/powercap/\0/sys/firmware/\0/proc/acpi/\0/proc/asound/\0/proc/interrupts\0/proc/kcore\0\
    /proc/keys\0/proc/latency_stats\0/proc/sched_debug\0/proc/scsi/\0/proc/timer_list\0/proc/timer_stats\0";

/// And its read-only ones: readable, but not the host's settings to change.
const READ_ONLY: &[u8] = b"/proc/bus\0/proc/fs\0/proc/irq\0/proc/sys\0/proc/sysrq-trigger\0";

/// A step for each word of a list.
pub(super) fn each<'p>(plan: &mut Plan<'p>, words: &[&'p CStr], step: fn(&'p CStr) -> Step<'p>) {
    for word in words {
        plan.push(step(word));
    }
}

/// A step for each path of a list, which has a NUL behind each: as a table of steps it would be five times as large.
fn cover<'p>(plan: &mut Plan<'p>, mut list: &'p [u8], step: fn(&'p CStr) -> Step<'p>) {
    while let Ok(path) = CStr::from_bytes_until_nul(list) {
        plan.push(step(path));
        list = list.get(path.count_bytes() + 1..).unwrap_or_default();
    }
}

#[cfg(test)]
#[path = "build_tests.rs"]
mod tests;
