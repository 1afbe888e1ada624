use super::List;

/// What the cgroup of a service may use; 0 is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes.
    pub memory: u64,
    /// In [`Limits::CPU`]ths.
    pub cpus: u32,
    pub pids: u32,
    /// `NAME=VALUE` words: files of the cgroup.
    pub cgroup: List,
}

impl Limits {
    pub const NONE: Limits = Limits { memory: 0, cpus: 0, pids: 0, cgroup: List::EMPTY };
    /// One CPU: the microseconds of the kernel's usual period, of which cpu.max has the part that may be used.
    pub const CPU: u32 = 100_000;
}
