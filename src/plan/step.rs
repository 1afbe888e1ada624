//! One thing that a process does on its way, as a value: printed, compared, sent back by its number when it fails.

use core::ffi::CStr;

use crate::config::{Log, Mount, Root, Wait};
use crate::container::capabilities::Names;
use crate::limits;
use crate::text::duration::Millis;
use crate::text::show::{Show, Word};
use ufmt::{Formatter, uDisplay, uWrite, uwrite};

/// Whether a step may find nothing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    Must,
    /// Fine when it is mounted already: the kernel, or whoever started us, was here first.
    Standing,
    /// Fine when it is mounted already, or when this kernel does not have it.
    IfThere,
}

/// A step. Names are those of the place where it is taken: the container's inside a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    // The machine.
    /// `/` of an initramfs is no mount that pivot_root(2) could replace: lay a bind mount of it over it.
    OwnRoot,
    Mount(&'a Mount<'a>, Need),
    /// devtmpfs, else a tmpfs with the nodes that everybody expects.
    MountDev,
    Link {
        target: &'a CStr,
        path: &'a CStr,
    },
    Sysctl(&'a CStr),
    Module(&'a CStr),
    MountRoot(&'a Root<'a>),
    /// Leave the initramfs for the new root. None: go on here as the supervisor.
    HandOver {
        init: Option<&'a CStr>,
    },
    Hostname(&'a [u8]),

    // Any process.
    /// A session of its own; with the terminal that standard input is.
    Session {
        terminal: bool,
    },
    Stdio(Log<'a>),
    Terminal(Option<&'a CStr>),
    /// Adds the variables of a file to those of the command.
    EnvFile(&'a CStr),
    ModeMask(u32),
    /// `NAME=SOFT[:HARD]`.
    Ulimit(&'a CStr),
    OomScore(i16),
    /// Without a user only the groups change, which come to those that are there.
    User {
        user: Option<&'a CStr>,
        groups: &'a [&'a CStr],
    },
    Workdir(&'a CStr),
    ResetSignals,
    Ask,
    Exec {
        argv: &'a [&'a CStr],
        env: &'a [&'a CStr],
        term: Option<&'a CStr>,
    },

    // A container.
    PrivateMounts,
    /// Without `devices` no device node in it can be opened.
    Root {
        path: &'a CStr,
        read_only: bool,
        devices: bool,
    },
    Volume {
        source: &'a [u8],
        target: &'a [u8],
        read_only: bool,
        devices: bool,
    },
    Tmpfs {
        target: &'a [u8],
        options: &'a [u8],
    },
    Devices,
    Pivot,
    Proc,
    Sys {
        read_only: bool,
    },
    DropOldRoot,
    /// Nothing is readable there: an empty file or directory lies over it.
    Mask(&'a CStr),
    ReadOnly(&'a CStr),
    Loopback,
    Undumpable,
    /// Without the keys of whoever launched it (session-keyring(7)).
    Keyring,
    CloseFiles,
    /// No program started from here on gets another capability than these.
    Bounding(u64),
    /// For root; another user has none.
    Capabilities(u64),
    DieWithParent,
    Reaper,
    NoNewPrivileges,
}

// The numbers in the hints below.
const _: () = assert!(limits::LIST == 256 && limits::ENV_FILE_BYTES == 32 << 10);

impl Step<'_> {
    /// What to try when this step fails with `errno`.
    pub fn hint(&self, errno: i32) -> &'static str {
        use libc::*;
        match (self, errno) {
            (Step::Mount(..) | Step::MountRoot(_), ENODEV) => "is the file system built in or its module listed?",
            (Step::Mount(..) | Step::MountRoot(_), ENOENT) => "is the device there, and the mount point?",
            (Step::Mount(..) | Step::MountRoot(_), EINVAL) => "is it that file system, and does it know these options?",
            (Step::Mount(..) | Step::MountRoot(_), ENOTBLK) => "the source must be a block device",
            (Step::Module(_), ENOENT) => "is it in modules.dep, and its file in the image?",
            (Step::Module(_), ENOEXEC | EKEYREJECTED) => "was it built and signed for this kernel?",
            (Step::Module(_), EOPNOTSUPP | EINVAL) => "compressed modules need CONFIG_MODULE_DECOMPRESS",
            (Step::Root { .. }, ENOENT | ENOTDIR) => "the root must be a directory",
            (
                Step::Root { .. } | Step::Volume { .. } | Step::Tmpfs { .. } | Step::Mask(_) | Step::ReadOnly(_),
                ENOSYS,
            ) => "this needs Linux 5.12",
            (Step::Volume { .. }, ENOENT) => "a volume's source must exist",
            (Step::Volume { .. }, ENOTDIR | EINVAL) => "source and target must both be directories, or both files",
            (Step::Volume { .. } | Step::Tmpfs { .. } | Step::Devices | Step::Proc | Step::Sys { .. }, EROFS) => {
                "the root is read-only and lacks the mount point"
            }
            (Step::Devices | Step::Proc | Step::Sys { .. }, ELOOP | ENOTDIR) => {
                "the image has something else in its place"
            }
            (Step::PrivateMounts, EINVAL) => "/ is no mount point; bind it over itself",
            (Step::Pivot, EINVAL) => "the root must not be shared, nor the bare initramfs",
            (Step::EnvFile(_), 4096..) => "no variable; write NAME=VALUE",
            (Step::EnvFile(_), E2BIG | EFBIG) => "at most 256 variables and 32 KiB in all files",
            (Step::Ulimit(_), EPERM) => "is it over the hard limit, or over fs.nr_open?",
            (Step::OomScore(_), EACCES) => "lowering it needs CAP_SYS_RESOURCE",
            (Step::User { .. }, E2BIG) => "at most 64 groups",
            (Step::User { .. }, ENOENT) => "is it in the passwd or group file there?",
            (Step::Exec { .. }, ENOENT) => "is it in the image, and its interpreter or loader too?",
            (Step::Exec { .. }, EACCES) => "is it executable?",
            (Step::Exec { .. }, ENOEXEC) => "a script needs a #! line",
            (Step::Workdir(_), EXDEV) => "it leads out of the root",
            (Step::Terminal(_), EIO | ENXIO | ENODEV | ENOENT) => "is there such a terminal?",
            (Step::Stdio(Log::Path(_)), ENOENT) => "is its directory there?",
            _ => "",
        }
    }

    /// The exit status of a launcher whose child failed at this step: 127 not found, 126 found but not executable,
    /// 125 everything before that.
    pub fn exit_status(&self, errno: i32) -> u8 {
        match (self, errno) {
            (Step::Exec { .. }, libc::ENOENT | libc::ENOTDIR) => 127,
            (Step::Exec { .. }, _) => 126,
            _ => 125,
        }
    }
}

/// Options after what they belong to: `(ext4, ro)`.
fn parenthesis<W: uWrite + ?Sized>(f: &mut Formatter<'_, W>, words: &[&[u8]]) -> Result<(), W::Error> {
    let mut open = false;
    for word in words.iter().filter(|word| !word.is_empty()) {
        f.write_str(if open { ", " } else { " (" })?;
        open = true;
        uDisplay::fmt(&Show(word), f)?;
    }
    if open { f.write_str(")") } else { Ok(()) }
}

fn of(text: Option<&CStr>) -> &[u8] {
    text.map_or(b"", CStr::to_bytes)
}

/// In the words of mount(8).
fn restrictions(read_only: bool, devices: bool) -> [&'static [u8]; 2] {
    [if read_only { b"ro" } else { b"" }, if devices { b"" } else { b"nodev" }]
}

/// A word as the config has it where it would be misread without quotes.
fn quote<W: uWrite + ?Sized>(word: &[u8], f: &mut Formatter<'_, W>) -> Result<(), W::Error> {
    let plain = |&byte: &u8| !matches!(byte, b' ' | b'"' | b'\\');
    if !word.is_empty() && word.iter().all(plain) {
        f.write_str(" ")?;
        return uDisplay::fmt(&Show(word), f);
    }
    f.write_str(" \"")?;
    let mut rest = word;
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\')) {
        let (before, after) = rest.split_at_checked(at).unwrap_or_default();
        uDisplay::fmt(&Show(before), f)?;
        f.write_str(if after.first() == Some(&b'"') { "\\\"" } else { "\\\\" })?;
        rest = after.get(1..).unwrap_or_default();
    }
    uDisplay::fmt(&Show(rest), f)?;
    f.write_str("\"")
}

/// A number that may be below zero, in little code.
pub struct Signed(pub i16);

impl uDisplay for Signed {
    fn fmt<W: uWrite + ?Sized>(&self, f: &mut Formatter<'_, W>) -> Result<(), W::Error> {
        f.write_str(if self.0 < 0 { "-" } else { "" })?;
        uDisplay::fmt(&self.0.unsigned_abs(), f)
    }
}

/// A wait in words.
pub struct Waiting(pub Wait);

impl uDisplay for Waiting {
    fn fmt<W: uWrite + ?Sized>(&self, f: &mut Formatter<'_, W>) -> Result<(), W::Error> {
        match self.0.limit() {
            Some(Millis(ms)) if ms % 1000 == 0 => uwrite!(f, "{} s", ms / 1000),
            Some(Millis(ms)) => uwrite!(f, "{} ms", ms),
            None => f.write_str("as long as it takes"),
        }
    }
}

impl uDisplay for Step<'_> {
    fn fmt<W: uWrite + ?Sized>(&self, f: &mut Formatter<'_, W>) -> Result<(), W::Error> {
        let on = |f: &mut Formatter<'_, W>, verb: &str, what: &[u8]| -> Result<(), W::Error> {
            f.write_str(verb)?;
            uDisplay::fmt(&Word(what), f)
        };
        match *self {
            Step::OwnRoot => f.write_str("bind / over itself, if it is an initramfs"),
            Step::Mount(mount, need) => {
                on(f, "mount ", mount.source.to_bytes())?;
                on(f, " on ", mount.target.to_bytes())?;
                let need: &[u8] = if need == Need::IfThere { b"if there" } else { b"" };
                parenthesis(f, &[of(mount.fstype), of(mount.options), need])
            }
            Step::MountDev => f.write_str("mount devtmpfs on /dev (nosuid,mode=0755, else a tmpfs with nodes)"),
            Step::Link { target, path } => {
                on(f, "link ", path.to_bytes())?;
                on(f, " to ", target.to_bytes())
            }
            Step::Sysctl(word) => on(f, "set sysctl ", word.to_bytes()),
            Step::Module(name) => on(f, "load module ", name.to_bytes()),
            Step::MountRoot(root) => {
                on(f, "mount root ", root.source.to_bytes())?;
                let ro: &[u8] = if root.read_only { b"ro" } else { b"rw" };
                parenthesis(f, &[of(root.fstype), of(root.options), ro])?;
                uwrite!(f, ", waiting {} for it", Waiting(root.wait))
            }
            Step::HandOver { init: Some(init) } => on(f, "hand over to ", init.to_bytes()),
            Step::HandOver { init: None } => f.write_str("go on in the new root"),
            Step::Hostname(name) => on(f, "set hostname ", name),
            Step::Session { terminal: false } => f.write_str("new session"),
            Step::Session { terminal: true } => f.write_str("new session with the terminal"),
            Step::Stdio(Log::Kmsg) => f.write_str("stdin null, output to the kernel log"),
            Step::Stdio(Log::Console) => f.write_str("stdin null, output to the console"),
            Step::Stdio(Log::Null) => f.write_str("stdin and output null"),
            Step::Stdio(Log::Path(path)) => on(f, "stdin null, output appended to ", path.to_bytes()),
            Step::Terminal(tty) => on(f, "terminal ", tty.map_or(b"console", CStr::to_bytes)),
            Step::ModeMask(mask) => {
                f.write_str("umask 0")?;
                for shift in &[6, 3, 0] {
                    uwrite!(f, "{}", (mask >> shift) & 7)?;
                }
                Ok(())
            }
            Step::EnvFile(path) => on(f, "read variables of ", path.to_bytes()),
            Step::Ulimit(word) => on(f, "set ulimit ", word.to_bytes()),
            Step::OomScore(score) => uwrite!(f, "set oom score {}", Signed(score)),
            Step::User { user, groups } => {
                if let Some(user) = user {
                    on(f, "become user ", user.to_bytes())?;
                }
                f.write_str(match (user, groups) {
                    (_, []) => "",
                    (Some(_), _) => ", with groups",
                    (None, _) => "join groups",
                })?;
                groups.iter().try_for_each(|group| on(f, " ", group.to_bytes()))
            }
            Step::Workdir(path) => on(f, "change directory to ", path.to_bytes()),
            Step::ResetSignals => f.write_str("reset signals"),
            Step::Ask => f.write_str("wait for Enter"),
            Step::Exec { argv, .. } => {
                f.write_str("run")?;
                argv.iter().try_for_each(|word| quote(word.to_bytes(), f))
            }
            Step::PrivateMounts => f.write_str("make mounts private"),
            Step::Root { path, read_only, devices } => {
                on(f, "take root ", path.to_bytes())?;
                parenthesis(f, &restrictions(read_only, devices))
            }
            Step::Volume { source, target, read_only, devices } => {
                on(f, "bind ", source)?;
                on(f, " on ", target)?;
                parenthesis(f, &restrictions(read_only, devices))
            }
            Step::Tmpfs { target, options } => {
                on(f, "mount tmpfs on ", target)?;
                parenthesis(f, &[options])
            }
            Step::Devices => f.write_str(
                "mount tmpfs on /dev (null zero full random urandom tty, fd and standard links, pts, shm, mqueue)",
            ),
            Step::Pivot => f.write_str("pivot root"),
            Step::Proc => f.write_str("mount proc on /proc (nosuid,nodev,noexec)"),
            Step::Sys { read_only } => {
                f.write_str("mount sysfs on /sys")?;
                parenthesis(f, &[b"nosuid,nodev,noexec", if read_only { b"ro" } else { b"" }])
            }
            Step::DropOldRoot => f.write_str("detach the old root"),
            Step::Mask(path) => on(f, "mask ", path.to_bytes()),
            Step::ReadOnly(path) => on(f, "make read-only ", path.to_bytes()),
            Step::Loopback => f.write_str("bring lo up"),
            Step::Keyring => f.write_str("join a new session keyring"),
            Step::Undumpable => f.write_str("become undumpable"),
            Step::CloseFiles => f.write_str("close inherited files"),
            Step::Bounding(set) => uwrite!(f, "bound capabilities to {}", Names(set)),
            Step::Capabilities(set) => uwrite!(f, "keep capabilities {}", Names(set)),
            Step::DieWithParent => f.write_str("die with the parent"),
            Step::Reaper => f.write_str("leave a reaper as PID 1"),
            Step::NoNewPrivileges => f.write_str("no new privileges"),
        }
    }
}
