//! What the machine shall do, in plain values that borrow from the text they were read from.
//!
//! Pure: nothing here looks at the machine. `file` reads `/etc/tinyo.toml`, `line` the kernel command line. `build.rs`
//! declares this module too, to check a baked-in config, so it names nothing outside `limits`, `text` and itself.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable
    )
)]

mod container;
mod entry;
pub mod file;
pub mod given;
mod idle;
pub mod keys;
pub mod line;
mod links;
mod name;
mod resources;
mod service;
mod set;
#[cfg(test)]
mod tests;
pub mod value;
mod wrong;

use core::ffi::CStr;

pub use container::{Container, Network, Seccomp, Userns};
pub use resources::Limits;
pub use service::Service;

use crate::limits;
use crate::text::bytes::before;
use crate::text::duration::Millis;
use crate::text::ip::Ip;
use heapless::Vec;
pub use name::Name;

/// A list of words: a range of [`Config::words`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct List {
    start: u16,
    len: u16,
}

impl List {
    pub const EMPTY: List = List { start: 0, len: 0 };

    pub const fn is_empty(self) -> bool {
        self.len == 0
    }

    pub const fn len(self) -> usize {
        self.len as usize
    }
}

/// The item of `modules` that is none.
pub const AUTO: &CStr = c"auto";

/// A set of services, by index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Set(pub u64);

impl Set {
    pub const EMPTY: Set = Set(0);

    pub fn insert(&mut self, index: usize) {
        self.0 |= bit(index);
    }

    pub fn remove(&mut self, index: usize) {
        self.0 &= !bit(index);
    }

    /// The lowest index in it.
    pub const fn first(self) -> Option<usize> {
        if self.0 == 0 { None } else { Some(self.0.trailing_zeros() as usize) }
    }

    pub const fn contains(self, index: usize) -> bool {
        self.0 & bit(index) != 0
    }
}

const fn bit(index: usize) -> u64 {
    const { assert!(limits::SERVICES <= 64) };
    1u64.wrapping_shl(index as u32)
}

/// Everything that the config and the kernel command line said.
///
/// All-zero when empty, so that a static one lies in `.bss` and costs pages only where it is used; in this order, so that
/// these are few: what every config has comes first.
#[repr(C)]
pub struct Config<'a> {
    pub hostname: Option<&'a CStr>,
    /// [`text::ip`](crate::text::ip).
    pub ip: Option<&'a CStr>,
    /// A file that keeps the random numbers' unpredictability over boots.
    pub random_seed: Option<&'a CStr>,
    /// What a failed boot does.
    pub on_failure: OnFailure,
    /// Its timeout; 0: none.
    pub watchdog: Millis,
    pub watchdog_stop: WatchdogStop,
    pub modules: List,
    /// `KEY=VALUE` words.
    pub sysctl: List,
    pub services: Vec<Service<'a>, { limits::SERVICES }>,
    pub words: Vec<&'a CStr, { limits::WORDS }>,
    /// Tried in order; none: stay where we are.
    pub roots: Vec<Root<'a>, { limits::ROOTS }>,
    pub mounts: Vec<Mount<'a>, { limits::MOUNTS }>,
}

impl Default for Config<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> Config<'a> {
    pub const fn new() -> Self {
        Config {
            hostname: None,
            ip: None,
            random_seed: None,
            on_failure: OnFailure::Unset,
            watchdog: Millis(0),
            watchdog_stop: WatchdogStop::Poweroff,
            modules: List::EMPTY,
            sysctl: List::EMPTY,
            services: Vec::new(),
            words: Vec::new(),
            roots: Vec::new(),
            mounts: Vec::new(),
        }
    }

    /// The words of `list`.
    pub fn list(&self, list: List) -> &[&'a CStr] {
        let start = usize::from(list.start);
        self.words.get(start..start.saturating_add(usize::from(list.len))).unwrap_or(&[])
    }

    /// `hostname`, or else what `ip` calls the machine, up to the first dot: behind that is its NIS domain.
    pub fn host_name(&self) -> Option<&'a [u8]> {
        let of_ip = self.ip.map(|ip| before(Ip::of(ip.to_bytes()).hostname(), b'.'));
        self.hostname.map(CStr::to_bytes).or(of_ip.filter(|name| !name.is_empty()))
    }

    /// A setting of the network that a service's container has not for itself.
    #[inline(never)]
    pub fn shared_setting(&self, service: &Service) -> Option<&'a CStr> {
        let container = service.container.as_ref().filter(|container| container.network != Network::None)?;
        self.list(container.sysctl).iter().copied().find(|word| value::is_of_network(word.to_bytes()))
    }

    /// The index of the service called `name`.
    pub fn service(&self, name: &[u8]) -> Option<usize> {
        self.services.iter().position(|service| service.name.as_bytes() == name)
    }

    /// The name of the service whose network the one at `index` shares.
    pub fn shares(&self, index: usize) -> Option<&'a [u8]> {
        match self.services.get(index)?.container?.network {
            Network::Service(name) => Some(name.to_bytes()),
            _ => None,
        }
    }

    /// The name of the service at `index`.
    #[inline(never)]
    pub fn name(&self, index: usize) -> Name<'a> {
        self.services.get(index).map_or(Name::of(b""), |service| service.name)
    }

    /// A new service with every default. None when there are [`limits::SERVICES`].
    #[inline(never)]
    pub fn add_service(&mut self, name: &'a [u8]) -> Option<&mut Service<'a>> {
        let mut service = Service::new("");
        service.name = Name::of(name);
        self.services.push(service).ok()?;
        self.services.last_mut()
    }

    /// Puts `words` into the pool. None when it is full ([`limits::WORDS`]).
    pub fn add_list(&mut self, words: &mut dyn Iterator<Item = &'a CStr>) -> Option<List> {
        let start = self.words.len();
        for word in words {
            self.words.push(word).ok()?;
        }
        Some(List {
            start: u16::try_from(start).ok()?,
            len: u16::try_from(self.words.len().saturating_sub(start)).ok()?,
        })
    }
}

/// `[root]`: where the real root is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Root<'a> {
    /// Empty: there is only an image, in the initramfs itself.
    pub source: &'a CStr,
    pub fstype: Option<&'a CStr>,
    pub options: Option<&'a CStr>,
    pub read_only: bool,
    pub wait: Wait,
    pub init: Option<&'a CStr>,
    /// A file of the source's with the file system that is the root.
    pub image: Option<&'a CStr>,
    /// The source is checked before it is mounted.
    pub fsck: bool,
    /// What is written goes there: `tmpfs[:SIZE]`, or a device.
    pub overlay: Option<&'a CStr>,
}

impl<'a> Root<'a> {
    pub const fn new(source: &'a CStr) -> Self {
        let (fstype, options, init, image, overlay) = (None, None, None, None, None);
        Root { source, fstype, options, read_only: false, wait: Wait::Default, init, image, fsck: false, overlay }
    }

    /// Under an overlay nothing is written to it.
    pub const fn is_read_only(&self) -> bool {
        self.read_only || self.overlay.is_some()
    }
}

/// How long to wait for a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wait {
    /// 30 s: slower than any bus that comes at all, faster than a person who drives there.
    #[default]
    Default,
    For(Millis),
    Forever,
}

impl Wait {
    /// None: no limit.
    pub const fn limit(self) -> Option<Millis> {
        match self {
            Wait::Default => Some(Millis(30_000)),
            Wait::For(limit) => Some(limit),
            Wait::Forever => None,
        }
    }
}

/// `[[mount]]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mount<'a> {
    pub source: &'a CStr,
    pub target: &'a CStr,
    pub fstype: Option<&'a CStr>,
    /// As in fstab(5), `nofail` included.
    pub options: Option<&'a CStr>,
}

impl<'a> Mount<'a> {
    pub const fn new(source: &'a CStr, target: &'a CStr) -> Self {
        Mount { source, target, fstype: None, options: None }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    #[default]
    Daemon,
    Oneshot,
    Console,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Restart {
    #[default]
    Always,
    OnFailure,
    Never,
}

impl Restart {
    /// The default of a service of this type.
    pub const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Daemon | Kind::Console => Restart::Always,
            Kind::Oneshot => Restart::Never,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Log<'a> {
    #[default]
    Kmsg,
    Console,
    Null,
    /// Opened with O_APPEND by the service's own process.
    Path(&'a CStr),
    /// The standard input of the service of that name.
    Service(&'a CStr),
}

/// `on-failure`: what a failed boot, or a service past its `crash-limit`, does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// Not written: `rescue` for the boot, `none` for a service.
    #[default]
    Unset,
    None,
    Rescue,
    Reboot,
    Poweroff,
    Halt,
    Panic,
}

/// `watchdog-stop`: which ends of the machine stop its watchdog.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WatchdogStop {
    /// Power-off and halt.
    #[default]
    Poweroff,
    Always,
    Never,
}

/// `on-exit`: what the end of a service does to the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnExit {
    #[default]
    None,
    Poweroff,
    Reboot,
    Halt,
}

/// `ready`: what makes a service Ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ready {
    /// Its execve.
    #[default]
    None,
    /// `READY=1` of sd_notify(3).
    Notify,
    /// What it writes to this descriptor: 3 to 255, above those of its sockets.
    Fd(u8),
}

/// `crash-limit = "5 in 60s"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrashLimit {
    pub count: u16,
    pub within: Millis,
}
