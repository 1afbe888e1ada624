//! The keys of a config, in one table.

/// The tables that keys live in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    Top,
    Root,
    Mount,
    Service,
    Container,
}

/// What a value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    Boolean,
    Text,
    /// Absolute.
    Path,
    /// A path in /dev.
    Terminal,
    /// `tinyo` or a path.
    Init,
    /// A device, or what a file system without one is called.
    Source,
    HostName,
    User,
    Signal,
    Time,
    /// A duration, or `forever`.
    Wait,
    CrashLimit,
    Log,
    Network,
    Kind,
    Restart,
    OnFailure,
    OnExit,
    /// The name of one service.
    Name,
    /// Known, and to come.
    NotYet,
    List(Item),
}

/// What the items of a list may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// A program and its arguments.
    Command,
    Module,
    Setting,
    Variable,
    Volume,
    Tmpfs,
    Capability,
    /// The names of services.
    Names,
}

/// One per key: fewer than 64, so that a set of them is one `u64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    Hostname,
    Modules,
    Sysctl,
    OnFailure,
    RootSource,
    RootType,
    RootOptions,
    RootReadOnly,
    RootWait,
    RootInit,
    MountSource,
    MountTarget,
    MountType,
    MountOptions,
    Exec,
    Stop,
    Type,
    Tty,
    Ask,
    Restart,
    After,
    Requires,
    Autostart,
    Env,
    User,
    Workdir,
    Log,
    StopSignal,
    StopTimeout,
    CrashLimit,
    ServiceOnFailure,
    OnExit,
    ContainerRoot,
    ContainerReadOnly,
    Volumes,
    Tmpfs,
    ContainerHostname,
    Network,
    ContainerInit,
    Privileged,
    CapAdd,
    CapDrop,
    From,
    ContainerSysctl,
}

impl Field {
    pub const fn bit(self) -> u64 {
        1 << self as u8
    }
}

#[derive(Debug)]
pub struct Key {
    pub name: &'static str,
    pub table: Table,
    pub kind: Type,
    pub field: Field,
}

const fn key(table: Table, name: &'static str, kind: Type, field: Field) -> Key {
    Key { name, table, kind, field }
}

pub static KEYS: [Key; 44] = [
    key(Table::Top, "hostname", Type::HostName, Field::Hostname),
    key(Table::Top, "modules", Type::List(Item::Module), Field::Modules),
    key(Table::Top, "sysctl", Type::List(Item::Setting), Field::Sysctl),
    key(Table::Top, "on-failure", Type::OnFailure, Field::OnFailure),
    key(Table::Root, "source", Type::Source, Field::RootSource),
    key(Table::Root, "type", Type::Text, Field::RootType),
    key(Table::Root, "options", Type::Text, Field::RootOptions),
    key(Table::Root, "read-only", Type::Boolean, Field::RootReadOnly),
    key(Table::Root, "wait", Type::Wait, Field::RootWait),
    key(Table::Root, "init", Type::Init, Field::RootInit),
    key(Table::Mount, "source", Type::Source, Field::MountSource),
    key(Table::Mount, "target", Type::Path, Field::MountTarget),
    key(Table::Mount, "type", Type::Text, Field::MountType),
    key(Table::Mount, "options", Type::Text, Field::MountOptions),
    key(Table::Service, "exec", Type::List(Item::Command), Field::Exec),
    key(Table::Service, "stop", Type::List(Item::Command), Field::Stop),
    key(Table::Service, "type", Type::Kind, Field::Type),
    key(Table::Service, "tty", Type::Terminal, Field::Tty),
    key(Table::Service, "ask", Type::Boolean, Field::Ask),
    key(Table::Service, "restart", Type::Restart, Field::Restart),
    key(Table::Service, "after", Type::List(Item::Names), Field::After),
    key(Table::Service, "requires", Type::List(Item::Names), Field::Requires),
    key(Table::Service, "autostart", Type::Boolean, Field::Autostart),
    key(Table::Service, "env", Type::List(Item::Variable), Field::Env),
    key(Table::Service, "user", Type::User, Field::User),
    key(Table::Service, "workdir", Type::Path, Field::Workdir),
    key(Table::Service, "log", Type::Log, Field::Log),
    key(Table::Service, "stop-signal", Type::Signal, Field::StopSignal),
    key(Table::Service, "stop-timeout", Type::Time, Field::StopTimeout),
    key(Table::Service, "crash-limit", Type::CrashLimit, Field::CrashLimit),
    key(Table::Service, "on-failure", Type::OnFailure, Field::ServiceOnFailure),
    key(Table::Service, "on-exit", Type::OnExit, Field::OnExit),
    key(Table::Container, "root", Type::Path, Field::ContainerRoot),
    key(Table::Container, "read-only", Type::Boolean, Field::ContainerReadOnly),
    key(Table::Container, "volumes", Type::List(Item::Volume), Field::Volumes),
    key(Table::Container, "tmpfs", Type::List(Item::Tmpfs), Field::Tmpfs),
    key(Table::Container, "hostname", Type::HostName, Field::ContainerHostname),
    key(Table::Container, "network", Type::Network, Field::Network),
    key(Table::Container, "init", Type::Boolean, Field::ContainerInit),
    key(Table::Container, "privileged", Type::Boolean, Field::Privileged),
    key(Table::Container, "cap-add", Type::List(Item::Capability), Field::CapAdd),
    key(Table::Container, "cap-drop", Type::List(Item::Capability), Field::CapDrop),
    key(Table::Container, "from", Type::Name, Field::From),
    key(Table::Container, "sysctl", Type::NotYet, Field::ContainerSysctl),
];

/// Keys of a later version, of any table.
pub const LATER: &str = "ip watchdog overlay group-add env-file umask ulimit memory cpus pids-limit cgroup ready listen devices \
                         seccomp userns oom-score-adj";

/// The words that a value of this type can be, in the order of the enum that it becomes.
pub const fn words(kind: Type) -> &'static str {
    match kind {
        Type::Kind => "daemon oneshot console",
        Type::Restart => "always on-failure never",
        Type::Log => "kmsg console null",
        Type::Network => "none host",
        Type::OnFailure => "none rescue reboot poweroff halt panic",
        Type::OnExit => "none poweroff reboot halt",
        _ => "",
    }
}
