//! The keys of a config, in one table.

/// The tables that keys live in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    Top,
    Root,
    Mount,
    Service,
    Container,
    /// No table of a file: what `tinyo run` is told beside.
    Launch,
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
    /// The same, or `gpt-auto`.
    RootSource,
    HostName,
    /// The names of some, with commas between.
    FileSystem,
    /// The kernel's `ip=`.
    Ip,
    User,
    Signal,
    Time,
    /// A duration, or `forever`.
    Wait,
    CrashLimit,
    /// An octal number in a string.
    Umask,
    /// A size, at least a page.
    Memory,
    /// A decimal.
    Cpus,
    /// A number of processes.
    Pids,
    /// What is added to the badness of the OOM killer (proc_pid_oom_score_adj(5)).
    OomScore,
    /// The number of an open file that is none of the standard ones.
    Descriptor,
    /// How many of them, from the first on.
    Files,
    Log,
    /// `tmpfs[:SIZE]` or a path.
    Overlay,
    /// `tmpfs[:SIZE]` or a device.
    RootOverlay,
    Network,
    Seccomp,
    Userns,
    WatchdogStop,
    Kind,
    Restart,
    OnFailure,
    OnExit,
    Ready,
    /// The name of one service.
    Name,
    List(Item),
}

/// What the items of a list may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// A program and its arguments.
    Command,
    Module,
    Setting,
    /// The same, of what a container has of its own.
    OwnSetting,
    Variable,
    /// A path, with `-` before it when it may be missing.
    EnvFile,
    /// Name or number.
    Group,
    Ulimit,
    /// `NAME=VALUE` with a file of cgroup v2.
    Cgroup,
    Volume,
    Tmpfs,
    Device,
    Capability,
    Address,
    /// The names of services.
    Names,
}

macro_rules! keys {
    ($($table:ident { $field0:ident $name0:literal $kind0:expr, $($field:ident $name:literal $kind:expr,)* })*) => {
        /// One per key. Those of a table follow each other and are fewer than 64, so that a set of them is one `u64`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Field { $($field0, $($field,)*)* }

        $(const _: () = assert!([$name0, $($name),*].len() <= 64);)*

        static FIELDS: &[(Field, Type)] = &[$((Field::$field0, $kind0), $((Field::$field, $kind),)*)*];

        impl Table {
            /// The names of its keys, with spaces between.
            pub const fn keys(self) -> &'static str {
                match self { $(Table::$table => concat!($name0, $(" ", $name),*)),* }
            }

            const fn first(self) -> usize {
                match self { $(Table::$table => Field::$field0 as usize),* }
            }
        }
    };
}

keys! {
    Top {
        Hostname "hostname" Type::HostName,
        Modules "modules" Type::List(Item::Module),
        Sysctl "sysctl" Type::List(Item::Setting),
        OnFailure "on-failure" Type::OnFailure,
        Watchdog "watchdog" Type::Time,
        WatchdogStop "watchdog-stop" Type::WatchdogStop,
        Ip "ip" Type::Ip,
        RandomSeed "random-seed" Type::Path,
    }
    Root {
        RootSource "source" Type::RootSource,
        RootType "type" Type::FileSystem,
        RootOptions "options" Type::Text,
        RootReadOnly "read-only" Type::Boolean,
        RootWait "wait" Type::Wait,
        RootInit "init" Type::Init,
        RootImage "image" Type::Path,
        RootFsck "fsck" Type::Boolean,
        RootOverlay "overlay" Type::RootOverlay,
    }
    Mount {
        MountSource "source" Type::Source,
        MountTarget "target" Type::Path,
        MountType "type" Type::FileSystem,
        MountOptions "options" Type::Text,
    }
    Service {
        Exec "exec" Type::List(Item::Command),
        Stop "stop" Type::List(Item::Command),
        Type "type" Type::Kind,
        Tty "tty" Type::Terminal,
        Ask "ask" Type::Boolean,
        Restart "restart" Type::Restart,
        After "after" Type::List(Item::Names),
        Requires "requires" Type::List(Item::Names),
        Autostart "autostart" Type::Boolean,
        Env "env" Type::List(Item::Variable),
        EnvFile "env-file" Type::List(Item::EnvFile),
        User "user" Type::User,
        GroupAdd "group-add" Type::List(Item::Group),
        Umask "umask" Type::Umask,
        Ulimit "ulimit" Type::List(Item::Ulimit),
        OomScore "oom-score" Type::OomScore,
        Memory "memory" Type::Memory,
        Cpus "cpus" Type::Cpus,
        PidsLimit "pids-limit" Type::Pids,
        Cgroup "cgroup" Type::List(Item::Cgroup),
        Workdir "workdir" Type::Path,
        Log "log" Type::Log,
        StopSignal "stop-signal" Type::Signal,
        StopTimeout "stop-timeout" Type::Time,
        StartTimeout "start-timeout" Type::Time,
        ReloadSignal "reload-signal" Type::Signal,
        CrashLimit "crash-limit" Type::CrashLimit,
        ServiceOnFailure "on-failure" Type::OnFailure,
        OnExit "on-exit" Type::OnExit,
        Listen "listen" Type::List(Item::Address),
        Ready "ready" Type::Ready,
        ServiceWatchdog "watchdog" Type::Time,
    }
    Container {
        ContainerRoot "root" Type::Path,
        ContainerReadOnly "read-only" Type::Boolean,
        Overlay "overlay" Type::Overlay,
        Volumes "volumes" Type::List(Item::Volume),
        Tmpfs "tmpfs" Type::List(Item::Tmpfs),
        Devices "devices" Type::List(Item::Device),
        ContainerHostname "hostname" Type::HostName,
        Network "network" Type::Network,
        Userns "userns" Type::Userns,
        ContainerInit "init" Type::Boolean,
        Privileged "privileged" Type::Boolean,
        CapAdd "cap-add" Type::List(Item::Capability),
        CapDrop "cap-drop" Type::List(Item::Capability),
        CapAmbient "cap-ambient" Type::List(Item::Capability),
        NoNewPrivileges "no-new-privileges" Type::Boolean,
        Unmask "unmask" Type::Boolean,
        Seccomp "seccomp" Type::Seccomp,
        From "from" Type::Name,
        ContainerSysctl "sysctl" Type::List(Item::OwnSetting),
    }
    Launch {
        Help "help" Type::Boolean,
        Void "" Type::Boolean,
        PidFile "pid-file" Type::Text,
        ReadyFd "ready-fd" Type::Descriptor,
        PreserveFds "preserve-fds" Type::Files,
        OwnTty "tty" Type::Boolean,
    }
}

impl Field {
    /// In a set of the fields of its own table.
    pub const fn bit(self) -> u64 {
        1 << (self as u8 % 64)
    }

    pub fn kind(self) -> Type {
        FIELDS.get(self as usize).map_or(Type::Boolean, |(_, kind)| *kind)
    }
}

impl Table {
    /// The key of this table called `name`.
    pub fn key(self, name: &[u8]) -> Option<(Field, Type)> {
        let index = crate::text::names::position(self.keys(), name)?;
        FIELDS.get(self.first().wrapping_add(index)).copied()
    }
}

/// The words that a value of this type can be, in the order of the enum that it becomes; of a number what it is, and what to
/// write.
pub const fn words(kind: Type) -> &'static str {
    match kind {
        Type::Kind => "daemon oneshot console",
        Type::Restart => "always on-failure never",
        Type::Network => "none host",
        Type::Seccomp => "default none",
        Type::Userns => "host auto",
        Type::OnFailure => "none rescue reboot poweroff halt panic",
        Type::OnExit => "none poweroff reboot halt",
        Type::Ready => "none notify fd:N",
        Type::WatchdogStop => "poweroff always never",
        Type::Log => "kmsg console null",
        Type::Umask => "an octal number up to 0777 in quotes; write umask = \"0027\"",
        Type::Memory => "a size of 4k or more, with b, k, m or g; write memory = \"64M\"",
        Type::Cpus => "a number of CPUs from 0.01 on, to five places; write cpus = 0.5",
        Type::Pids => "a number of processes up to 4194304; write pids-limit = 100",
        Type::OomScore => "a number from -1000 to 1000; write oom-score = -500",
        _ => "",
    }
}
