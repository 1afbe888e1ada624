//! What a container is to be.

use core::ffi::CStr;

use super::List;

/// `[service.NAME.container]`, and what `tinyo run` builds from its options.
#[derive(Clone, Copy, Debug)]
pub struct Container<'a> {
    pub root: &'a CStr,
    pub read_only: bool,
    /// Where what is written goes instead of the root: `tmpfs[:SIZE]`, or a directory.
    pub overlay: Option<&'a CStr>,
    /// `SRC:DST[:ro|:rw]` words.
    pub volumes: List,
    /// `PATH[:OPTIONS]` words.
    pub tmpfs: List,
    /// [`Device`](value::Device) words.
    pub devices: List,
    /// None: the service's name.
    pub hostname: Option<&'a CStr>,
    pub network: Network<'a>,
    pub userns: Userns,
    /// Run our reaper as the container's PID 1.
    pub init: bool,
    pub privileged: bool,
    /// Capability names, `CAP_` or not, or `ALL`.
    pub cap_add: List,
    pub cap_drop: List,
    /// Those that any user has, and every program that it starts.
    pub cap_ambient: List,
    /// setuid programs and file capabilities count.
    pub new_privileges: bool,
    /// Nothing of /proc and /sys is hidden or made read-only.
    pub unmask: bool,
    /// `NAME=VALUE` words, of its own namespaces.
    pub sysctl: List,
    /// How many of the launcher's files stay open, from 3 on.
    pub preserved: u8,
    pub seccomp: Seccomp,
}

impl<'a> Container<'a> {
    /// With every default.
    pub const fn new(root: &'a CStr) -> Self {
        Container {
            root,
            read_only: false,
            overlay: None,
            volumes: List::EMPTY,
            tmpfs: List::EMPTY,
            devices: List::EMPTY,
            hostname: None,
            network: Network::None,
            userns: Userns::Unset,
            init: true,
            privileged: false,
            cap_add: List::EMPTY,
            cap_drop: List::EMPTY,
            cap_ambient: List::EMPTY,
            new_privileges: false,
            unmask: false,
            sysctl: List::EMPTY,
            preserved: 0,
            seccomp: Seccomp::Default,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network<'a> {
    /// A network namespace of its own, with `lo` only.
    #[default]
    None,
    /// The host's.
    Host,
    /// That of the service of that name.
    Service(&'a CStr),
    /// The one that is mounted at this path (ip-netns(8)).
    Netns(&'a CStr),
}

/// Which system calls a container may make.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Seccomp {
    /// Those that Docker allows with the same capabilities.
    #[default]
    Default,
    /// All.
    None,
}

/// Whose ids those of a container are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Userns {
    /// Not written: the host's.
    #[default]
    Unset,
    Host,
    /// A range that is nobody else's.
    Auto,
    /// Its user is whoever launches it, by these ids, and there is nobody else. No config says so: it is what `tinyo run`
    /// makes of the default where it may not do more.
    Caller {
        uid: u32,
        gid: u32,
    },
}
