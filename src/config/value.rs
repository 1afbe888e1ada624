//! Whether a value can be what its key wants, as far as that can be told without a machine.

use core::ffi::CStr;

use super::keys::{Item, Type, words};
use super::wrong::Wrong;
use super::{CrashLimit, Limits};
use crate::limits;
use crate::text::bytes::{after, all, cut, has, last_part};
use crate::text::duration::{self, Millis};
use crate::text::ip::{self, Ip};
use crate::text::names::is_dash;
use crate::text::source::{self, Source};
use crate::text::{address, capability, names, number, passwd, signal, size, ulimit};

/// What is wrong with it, or the number that it becomes: of a word its place among [`words`].
pub fn check(kind: Type, text: &[u8]) -> Result<u64, Wrong> {
    if text.is_empty() {
        return Err(Wrong::Empty);
    }
    if text.len() >= limits::PATH_BYTES {
        return Err(Wrong::Long);
    }
    let (holds, what) = match kind {
        Type::Path => (is_path(text), Wrong::Path),
        Type::Terminal => (is_path(text), Wrong::Terminal),
        Type::Init => (is_init(text), Wrong::Path),
        Type::Source => (is_source(text), Wrong::Source),
        Type::RootSource => (source::parse(text) == Source::GptAuto || is_source(text), Wrong::Source),
        Type::Overlay => (is_path(text) || tmpfs_size(text).is_some(), Wrong::Overlay),
        Type::RootOverlay => (tmpfs_size(text).is_some() || source::parse(text).is_device(), Wrong::RootOverlay),
        Type::FileSystem => (is_file_system(text), Wrong::FileSystem),
        Type::HostName => (is_host_name(text), Wrong::HostName),
        Type::Ip => (ip(text).is_ok(), Wrong::Ip),
        Type::User => (is_user(text), Wrong::User),
        Type::CrashLimit => (crash_limit(text).is_some(), Wrong::CrashLimit),
        // Those that are right were taken as the numbers that they are.
        Type::Umask | Type::Memory | Type::Cpus | Type::Pids | Type::OomScore | Type::Descriptor | Type::Files => {
            (false, Wrong::Amount)
        }
        Type::Signal => return signal::parse(text).map(u64::from).ok_or(Wrong::Signal),
        Type::Wait if text == b"forever" => return Ok(u64::MAX),
        Type::Wait | Type::Time => return duration::parse(text).map(|time| time.0).ok_or(Wrong::Time),
        Type::Ready if text.starts_with(b"fd:") => {
            let number = after(text, b"fd:").and_then(number::decimal);
            return number.filter(|number| (3..=255).contains(number)).ok_or(Wrong::Ready);
        }
        Type::Log if is_path(text) => return Ok(u64::MAX),
        // Whether it is one is seen when all services are known.
        Type::Log | Type::Network if text.starts_with(b"service:") => return Ok(TO_SERVICE),
        Type::Network if after(text, b"netns:").is_some_and(is_path) => return Ok(u64::MAX),
        Type::Log
        | Type::Ready
        | Type::Kind
        | Type::Restart
        | Type::Network
        | Type::Seccomp
        | Type::Userns
        | Type::WatchdogStop
        | Type::OnFailure
        | Type::OnExit => {
            let what = match kind {
                Type::Network => Wrong::Network,
                Type::Log => Wrong::Log,
                Type::Ready => Wrong::Ready,
                _ => Wrong::Choice,
            };
            return names::position(words(kind), text).map(|index| index as u64).ok_or(what);
        }
        Type::Boolean | Type::Text | Type::Name | Type::List(_) => (true, Wrong::Empty),
    };
    if holds { Ok(0) } else { Err(what) }
}

/// What is written without quotes becomes in the unit that is kept, if that is in range.
pub fn number(kind: Type, written: i64) -> Option<u64> {
    let factor = match kind {
        Type::Time | Type::Wait => 1000,
        Type::Cpus => i64::from(Limits::CPU),
        // Read as decimal, it would be another.
        Type::Umask => return None,
        _ => 1,
    };
    in_range(kind, written.checked_mul(factor)?)
}

fn in_range(kind: Type, number: i64) -> Option<u64> {
    let range = match kind {
        Type::Time | Type::Wait => 0..=i64::MAX,
        // Less than a page would be none at all.
        Type::Memory => 4096..=i64::MAX,
        // The kernel grants no less than a millisecond of its period.
        Type::Cpus => 1_000..=0xffff_ffff,
        // The kernel's PID_MAX_LIMIT.
        Type::Pids => 1..=4_194_304,
        Type::OomScore => -1000..=1000,
        Type::Umask => 0..=0o777,
        Type::Descriptor => 3..=255,
        Type::Files => 0..=253,
        _ => return None,
    };
    range.contains(&number).then_some(number as u64)
}

/// The number that `text` is, in a string or, of CPUs, a decimal without.
pub fn amount(kind: Type, text: &[u8], string: bool) -> Option<u64> {
    let number = match (kind, string) {
        (Type::Memory, true) => size::parse(text),
        // Up to four octal digits, for all but the mode's own bits.
        (Type::Umask, true) => number::digits(text, 8).filter(|_| text.len() <= 4),
        (Type::Cpus, false) => number::decimal_places(text),
        _ => None,
    }?;
    in_range(kind, i64::try_from(number).ok()?)
}

/// The same of an option's value, which no quotes tell from a number.
pub fn option(kind: Type, text: &[u8]) -> Option<u64> {
    amount(kind, text, kind != Type::Cpus).or_else(|| number(kind, number::signed(text)?.into()))
}

/// What is wrong with an item of a list.
pub fn check_item(kind: Item, first: bool, text: &[u8]) -> Result<(), Wrong> {
    let (holds, what) = match kind {
        Item::Command => (!first || !text.is_empty(), Wrong::Empty),
        _ if text.is_empty() => (false, Wrong::Empty),
        Item::Names => (true, Wrong::Empty),
        Item::Module => (is_module(text), Wrong::Module),
        Item::Setting => (is_setting(text), Wrong::Setting),
        Item::OwnSetting if is_setting(text) => (is_namespaced(text), Wrong::OwnSetting),
        Item::OwnSetting => (false, Wrong::Setting),
        Item::Variable => (has(text, b'=') && !text.starts_with(b"="), Wrong::Variable),
        Item::EnvFile => (is_path(after(text, b"-").unwrap_or(text)), Wrong::EnvFile),
        Item::Group => (is_user_name(text), Wrong::Group),
        Item::Ulimit => (ulimit::parse(text).is_some(), Wrong::Ulimit),
        Item::Cgroup => (is_cgroup_setting(text), Wrong::Cgroup),
        Item::Volume if !matches!(text, [b'/' | b'.', ..]) => (false, Wrong::NamedVolume),
        // A path of whoever types it, which a file has none of.
        Item::Volume => (is_path(text) && volume(text).is_some(), Wrong::Volume),
        Item::Tmpfs => (tmpfs(text).is_some(), Wrong::Tmpfs),
        Item::Device => return device(text).map(drop),
        Item::Address => (address::parse(text).is_some(), Wrong::Address),
        Item::Capability => (capability::parse(text).is_some(), Wrong::Capability),
    };
    if holds { Ok(()) } else { Err(what) }
}

/// A module's name, and its options behind a space.
fn is_module(text: &[u8]) -> bool {
    let (name, options) = cut(text, b' ');
    let named = !name.is_empty() && all(name, |byte| byte.is_ascii_alphanumeric() || is_dash(byte));
    named && options.is_none_or(|options| name != b"auto" && all(options, |byte| byte >= b' ' && byte != 0x7f))
}

/// The number that stands for `service:NAME` of `log` and `network`.
pub const TO_SERVICE: u64 = 3;

/// What is behind the first `:`.
pub fn after_colon(text: &CStr) -> &CStr {
    let start = text.to_bytes().iter().position(|&byte| byte == b':').map_or(0, |at| at.saturating_add(1));
    text.to_bytes_with_nul().get(start..).and_then(crate::text::bytes::terminated).unwrap_or_default()
}

/// A directory of outside in a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Volume<'a> {
    pub source: &'a [u8],
    pub target: &'a [u8],
    pub read_only: bool,
    /// Its files have the ids in the container that they have outside (mount_setattr(2), MOUNT_ATTR_IDMAP).
    pub idmap: bool,
}

/// `SRC:DST[:OPTIONS]`: the source with a `/` or a `.` first, the target absolute and below the root, the options `ro` or
/// `rw`, and `idmap`, with commas between.
pub fn volume(text: &[u8]) -> Option<Volume<'_>> {
    let (source, rest) = cut(text, b':');
    let (target, options) = cut(rest?, b':');
    let (mut read_only, mut idmap) = (false, false);
    for option in options.unwrap_or(b"rw").split(|&byte| byte == b',') {
        match option {
            b"rw" => read_only = false,
            b"ro" => read_only = true,
            b"idmap" => idmap = true,
            _ => return None,
        }
    }
    let possible = matches!(source, [b'/' | b'.', ..]) && is_mount_point(target);
    possible.then_some(Volume { source, target, read_only, idmap })
}

/// `PATH[:OPTIONS]`: an absolute path and the options of the tmpfs on it.
pub fn tmpfs(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (path, options) = cut(text, b':');
    is_mount_point(path).then_some((path, options.unwrap_or_default()))
}

/// A device of outside in a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device<'a> {
    pub source: &'a [u8],
    /// Absolute, below /dev.
    pub target: &'a [u8],
}

/// `SRC[:DST][:rwm]` as docker has it: the source absolute, the target below /dev, and the source's own name without one.
/// Whoever may open the node may read and write: only a device cgroup could tell these apart. `m`, to make such a node, is
/// a matter of MKNOD alone.
pub fn device(text: &[u8]) -> Result<Device<'_>, Wrong> {
    let (source, rest) = cut(text, b':');
    let (target, access) = match rest {
        None => (source, None),
        Some(rest) if is_path(rest) => cut(rest, b':'),
        Some(access) => (source, Some(access)),
    };
    match access.unwrap_or(b"rw") {
        _ if !is_path(source) => Err(Wrong::Device),
        _ if after(target, b"/dev/").is_none_or(|below| last_part(below).is_empty()) || !is_mount_point(target) => {
            Err(Wrong::DeviceTarget)
        }
        b"rw" | b"rwm" => Ok(Device { source, target }),
        [b'r' | b'w' | b'm', ..] => Err(Wrong::DeviceAccess),
        _ => Err(Wrong::Device),
    }
}

/// `tmpfs[:SIZE]`: the size in bytes, 0 without one.
pub fn tmpfs_size(text: &[u8]) -> Option<u64> {
    match cut(text, b':') {
        (b"tmpfs", None) => Some(0),
        // Less than a page would be none at all.
        (b"tmpfs", Some(size)) => size::parse(size).filter(|size| (4096..=i64::MAX as u64).contains(size)),
        _ => None,
    }
}

/// A place in a container that something of the user's can be mounted on: not the root itself, which the container
/// leaves by then, nor what the kernel's own /proc and /sys cover. `..` could lead to either.
fn is_mount_point(path: &[u8]) -> bool {
    let mut parts = path.split(|&byte| byte == b'/').filter(|part| !matches!(*part, b"" | b"."));
    let first = parts.next();
    let taken = first.is_none_or(|first| names::position("proc sys ..", first).is_some());
    is_path(path) && !taken && parts.all(|part| part != b"..")
}

/// `5 in 60s`.
pub fn crash_limit(text: &[u8]) -> Option<CrashLimit> {
    let (count, rest) = cut(text, b' ');
    let count = u16::try_from(number::decimal(count)?).ok()?;
    let within = duration::parse(after(rest?, b"in ")?)?;
    (count > 0 && within > Millis(0)).then_some(CrashLimit { count, within })
}

pub fn is_path(text: &[u8]) -> bool {
    text.first() == Some(&b'/')
}

/// Of `[root]`, or `init=`.
pub fn is_init(text: &[u8]) -> bool {
    text == b"tinyo" || is_path(text)
}

/// What may be behind `hostname =`: what a DNS label may have, dots and `_`, within sethostname(2)'s 64 bytes.
pub fn is_host_name(text: &[u8]) -> bool {
    text.len() <= 64 && text.first().is_some_and(u8::is_ascii_alphanumeric) && all(text, is_name)
}

/// What may be behind `ip =`.
///
/// # Errors
///
/// What of it cannot be there.
pub fn ip(text: &[u8]) -> Result<Ip<'_>, &[u8]> {
    let ip = ip::parse(text)?;
    // Drivers call no interface otherwise.
    match [ip.hostname(), ip.device()].into_iter().find(|name| !name.is_empty() && !is_host_name(name)) {
        Some(name) => Err(name),
        None => Ok(ip),
    }
}

/// Of a host, a user or a kernel setting.
fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

/// A device by its path, its number or a name of its own, or, with a type like 9p or virtiofs, whatever that takes.
pub fn is_source(text: &[u8]) -> bool {
    match source::parse(text) {
        Source::Wrong | Source::Udevs | Source::GptAuto => false,
        Source::Other(text) => !has(text, b'='),
        _ => true,
    }
}

/// The type that `text` says; `auto` is fstab(5)'s word for none.
pub fn file_system(text: &CStr) -> Option<&CStr> {
    Some(text).filter(|text| *text != c"auto")
}

/// What may be behind `type =`. What is swapped to is none, though fstab(5) has it there.
fn is_file_system(text: &[u8]) -> bool {
    let is = |name: &[u8]| !name.is_empty() && all(name, is_name) && name != b"swap";
    text.split(|&byte| byte == b',').all(is)
}

/// `USER[:GROUP]`, names or numbers.
pub fn is_user(text: &[u8]) -> bool {
    let (user, group) = cut(text, b':');
    is_user_name(user) && group.is_none_or(is_user_name)
}

fn is_user_name(name: &[u8]) -> bool {
    match name {
        [b'0'..=b'9', ..] => passwd::id(name).is_some(),
        [b'-' | b'.', ..] | [] => false,
        _ => all(name, is_name),
    }
}

/// `NAME=VALUE` with a file of a controller's. Those that begin with `cgroup.` say who is in it, and whether it runs: that
/// is the supervisor's, but for how much may lie below.
fn is_cgroup_setting(text: &[u8]) -> bool {
    let (name, value) = cut(text, b'=');
    let (controller, file) = cut(name, b'.');
    let file = file.unwrap_or_default();
    let ours = controller == b"cgroup" && after(file, b"max.").is_none();
    all(name, is_name) && !controller.is_empty() && !file.is_empty() && !ours && !value.unwrap_or_default().is_empty()
}

/// A setting that a container has of its own: of its IPC, UTS and, if it has one, network namespace.
fn is_namespaced(text: &[u8]) -> bool {
    const OWN: &str = "kernel.shm kernel.msg kernel.sem kernel.hostname kernel.domainname fs.mqueue. net.";
    let same = |(byte, own): (&u8, &u8)| byte == own || (*byte, *own) == (b'/', b'.');
    let is = |own: &&str| own.len() <= text.len() && text.iter().zip(own.as_bytes()).all(same);
    (0..7).map(|index| names::at(OWN, b' ', index)).any(|own| is(&own))
}

/// A setting of the network namespace.
pub fn is_of_network(text: &[u8]) -> bool {
    matches!(text, [b'n', b'e', b't', b'.' | b'/', ..])
}

/// `NAME=VALUE` with a name below /proc/sys.
fn is_setting(text: &[u8]) -> bool {
    let (name, value) = cut(text, b'=');
    let mut rest = name;
    while let [first, tail @ ..] = rest {
        // Neither up nor from the root, in either way of writing.
        if matches!(rest, [b'.', b'.', ..] | [b'/', b'/', ..]) || !(is_name(*first) || *first == b'/') {
            return false;
        }
        rest = tail;
    }
    value.is_some() && !matches!(name, [] | [b'/', ..])
}
