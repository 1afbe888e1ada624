//! One thing that a process does on its way, as a value: printed, compared, sent back by its number when it fails.

use core::ffi::CStr;

use crate::config::value::Device;
use crate::config::{Log, Mount, Network, Root, Wait};
use crate::container::capabilities::Names;
use crate::container::seccomp;
use crate::put;
use crate::text::bytes;
use crate::text::duration::Millis;
use crate::text::packed::{Packed, packed};
use crate::text::put::{Out, Word, fill};
use crate::text::show::{self, Show};

/// Whether a step may find nothing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    Must,
    /// Fine when it is mounted already: the kernel, or whoever started us, was here first.
    Standing,
    /// Fine when it is mounted already, or when this kernel does not have it.
    IfThere,
}

/// Declares [`Step`], and what `tinyo plan` and a failure call each: `%1` to `%3` are its words, `%(` those after them, in
/// parentheses; [`Step::words`] gives them.
macro_rules! steps {
    ($($(#[$about:meta])* $step:ident $(($($value:ty),*))? $({$($field:ident: $kind:ty),*})? = $text:literal,)*) => {
        /// A step. Names are those of the place where it is taken: the container's inside a container.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Step<'a> { $($(#[$about])* $step $(($($value),*))? $({$($field: $kind),*})?,)* }

        #[derive(Clone, Copy)]
        pub(super) enum Name { $($step),* }

        const TEXTS: Packed = packed!(concat!($($text, "\n"),*));

        impl Step<'_> {
            pub(super) fn name(&self) -> Name {
                match self { $(Step::$step { .. } => Name::$step,)* }
            }

            fn text(&self) -> Packed {
                TEXTS.line(self.name() as usize)
            }
        }
    };
}

steps! {
    // The machine.
    /// `/` of an initramfs is no mount that pivot_root(2) could replace: lay a bind mount of it over it.
    OwnRoot = "bind / over itself, if it is an initramfs",
    Mount(&'a Mount<'a>, Need) = "mount %1 on %2%(",
    /// devtmpfs, else a tmpfs with the nodes that everybody expects.
    MountDev = "mount devtmpfs on /dev (nosuid,mode=0755, else a tmpfs with nodes)",
    Link { target: &'a CStr, path: &'a CStr } = "link %1 to %2",
    Sysctl(&'a CStr) = "set sysctl %1",
    Module(&'a CStr) = "load module %1",
    MountRoot(&'a Root<'a>) = "mount root %1%(",
    /// Leave the initramfs for the new root and its init.
    HandOver(&'a CStr) = "hand over to %1",
    /// Leave the initramfs for the new root, and go on as the supervisor there.
    GoOn = "go on in the new root",
    Hostname(&'a [u8]) = "set hostname %1",
    Watchdog(Millis) = "open /dev/watchdog ",
    /// `lo` up, and the address that the words say ([`crate::text::ip`]).
    Ip(&'a CStr) = "configure network %1",
    /// Of an earlier boot: what this one's random numbers are made of too.
    Seed(&'a CStr) = "take random seed %1",

    // Any process.
    /// A session of its own; with the terminal that standard input is.
    Session { terminal: bool } = "new session",
    /// `fed`: standard input is what other services log.
    Stdio { log: Log<'a>, fed: bool } = "stdin ",
    Terminal(Option<&'a CStr>) = "terminal %1",
    /// Adds the variables of a file to those of the command.
    EnvFile(&'a CStr) = "read variables of %1",
    ModeMask(u32) = "umask 0",
    /// `NAME=SOFT[:HARD]`.
    Ulimit(&'a CStr) = "set ulimit %1",
    OomScore(i16) = "set oom score ",
    /// Without a user only the groups change, which come to those that are there.
    User { user: Option<&'a CStr>, groups: &'a [&'a CStr] } = "",
    Workdir(&'a CStr) = "change directory to %1",
    ResetSignals = "reset signals",
    Ask = "wait for Enter",
    Exec { argv: &'a [&'a CStr], env: &'a [&'a CStr], term: Option<&'a CStr> } = "run",
    /// A process group of its own, with the terminal where the group that it leaves had it.
    Group = "new process group",
    /// Signals as whoever started us had them (`signal::restore`).
    RestoreSignals { blocked: u64, child_ignored: bool } = "restore signals",
    /// The words that we were given ourselves, but for the first `skip`, in our environment: however many there are.
    ExecGiven { name: &'a CStr, skip: usize } = "run %1",

    // A container.
    /// All namespaces of the process of this name or number; the pid namespace is for children.
    Join(&'a CStr) = "join the namespaces of %1",
    /// A child in that pid namespace. It has no right, no root and no file by then that the container has not.
    Inside = "go into its pid namespace",
    /// Its network: the one it had before, if it has been here; a new one has `lo`, which comes up.
    Network(Network<'a>) = "",
    /// In its user namespace `user`, as the image in `root` knows them, is who launches it, and there is nobody else.
    MapCaller { user: &'a CStr, root: &'a CStr, uid: u32, gid: u32 } = "map user %1 to ",
    MapRange = "map a range of ids of its own",
    PrivateMounts = "make mounts private",
    /// For volumes whose source is relative to it.
    HoldDirectory = "hold the current directory",
    /// Without `devices` no device node in it can be opened.
    Root { path: &'a CStr, read_only: bool, devices: bool } = "take root %1%(",
    /// The root under an overlay, which stays as it is.
    Lower(&'a CStr) = "take root %1 as the lower layer",
    /// `tmpfs[:SIZE]`, or a directory.
    Overlay { layers: &'a CStr, read_only: bool, devices: bool } = "lay overlay %1 over it%(",
    Volume { source: &'a [u8], target: &'a [u8], read_only: bool, devices: bool } = "bind %1 on %2%(",
    Tmpfs { target: &'a [u8], options: &'a [u8] } = "mount tmpfs on %1%(",
    /// `guarded`: a node that somebody makes there does not open.
    Devices { guarded: bool } = "mount tmpfs on /dev (null zero full random urandom tty, fd and standard links, pts, shm, mqueue)",
    /// A terminal of the container's own as standard input, output and error, and as a new one's /dev/console; its
    /// master goes to the launcher.
    Pty = "open a terminal (standard input, output and error)",
    Device(Device<'a>) = "bind device %1 on %2",
    Pivot = "pivot root",
    Proc = "mount proc on /proc (nosuid,nodev,noexec)",
    Sys { read_only: bool } = "mount sysfs on /sys%(",
    /// One of its own namespaces.
    OwnSysctl(&'a CStr) = "set sysctl %1",
    /// The one that it was born into is the root of what it sees of them: its limits, and nobody else's.
    OwnCgroup = "mount cgroup2 on /sys/fs/cgroup, its own and below (ro,nosuid,nodev,noexec, if there)",
    /// The host's, where the network namespace is the host's: sysfs shows that, and is its owner's to mount.
    HostSys { read_only: bool } = "bind the host's /sys on /sys%(",
    DropOldRoot = "detach the old root",
    /// Nothing is readable there: an empty file lies over it, or an empty directory over what has a slash behind it.
    Mask(&'a CStr) = "mask %1",
    ReadOnly(&'a CStr) = "make read-only %1",
    Undumpable = "become undumpable",
    /// Without the keys of whoever launched it (session-keyring(7)).
    Keyring = "join a new session keyring",
    /// What [`CloseFiles`](Step::CloseFiles) leaves open for the command: listening sockets, at 3 and up.
    Sockets(&'a [&'a CStr]) = "hand over sockets",
    /// And the end of a pipe at this number, to write to when it is ready.
    Readiness(u8) = "hand over readiness as ",
    /// The command is told where sd_notify(3) is heard, and how often it must be.
    Notify(Option<Millis>) = "hand over /run/tinyo/notify",
    /// And so many files of the launcher's, from 3 on.
    Preserve(u8) = "hand over files from 3 on: ",
    CloseFiles = "close inherited files",
    /// No program started from here on gets another capability than these.
    Bounding(u64) = "bound capabilities to ",
    /// Over a change of user, for those that are ambient.
    KeepCapabilities = "keep capabilities over a change of user",
    /// For root; another user has the ambient ones.
    Capabilities { set: u64, ambient: u64 } = "keep capabilities ",
    DieWithParent = "die with the parent",
    /// `apart`: a copy of this process, which has the launcher's words in its memory, where /proc/1/cmdline shows them until it
    /// has forgotten them, or somebody is asked before the execve, which may take days; else one that lends its memory meanwhile,
    /// and hears no signal.
    Reaper { apart: bool } = "leave a reaper as PID 1",
    NoNewPrivileges = "no new privileges",
    /// For who keeps these capabilities.
    Seccomp(u64) = "seccomp default (",
}

impl Step<'_> {
    /// The exit status of a launcher whose child failed at this step: 127 not found, 126 found but not executable,
    /// 125 everything before that.
    pub fn exit_status(&self, errno: i32) -> u8 {
        match errno {
            _ if !self.is_last() => 125,
            libc::ENOENT | libc::ENOTDIR => 127,
            _ => 126,
        }
    }

    /// The overlay of the machine's own root: where what is written goes.
    pub const fn over_root(layers: &CStr) -> Step<'_> {
        Step::Overlay { layers, read_only: false, devices: true }
    }

    /// What comes after it is not ours.
    pub fn is_last(&self) -> bool {
        matches!(self, Step::Exec { .. } | Step::ExecGiven { .. })
    }
}

/// How many words a text can have.
const WORDS: usize = 5;

impl<'a> Step<'a> {
    /// The words of its text, from the first on; what is empty is left out of parentheses.
    fn words(&self) -> [&'a [u8]; WORDS] {
        const NONE: &[u8] = b"";
        match *self {
            Step::Mount(&Mount { source, target, fstype, options }, need) => {
                let need = if need == Need::IfThere { b"if there" } else { NONE };
                [source.to_bytes(), target.to_bytes(), of(fstype), of(options), need]
            }
            Step::MountRoot(root) => {
                let ro = if root.is_read_only() { b"ro" } else { b"rw" };
                let source = if root.source.is_empty() { of(root.image) } else { root.source.to_bytes() };
                [source, of(root.fstype), of(root.options), ro, if root.fsck { b"fsck" } else { NONE }]
            }
            Step::Link { target, path } => [path.to_bytes(), target.to_bytes(), NONE, NONE, NONE],
            Step::Root { path, read_only, devices } | Step::Overlay { layers: path, read_only, devices } => {
                let [ro, nodev] = restrictions(read_only, devices);
                [path.to_bytes(), ro, nodev, NONE, NONE]
            }
            Step::Volume { source, target, read_only, devices } => {
                let [ro, nodev] = restrictions(read_only, devices);
                [source, target, ro, nodev, NONE]
            }
            Step::Device(Device { source, target }) => [source, target, NONE, NONE, NONE],
            Step::Tmpfs { target, options } => [target, options, NONE, NONE, NONE],
            Step::MapCaller { user, .. } => [user.to_bytes(), NONE, NONE, NONE, NONE],
            Step::HostSys { read_only } => [if read_only { b"ro" } else { NONE }, NONE, NONE, NONE, NONE],
            Step::Sys { read_only } => [b"nosuid,nodev,noexec", if read_only { b"ro" } else { NONE }, NONE, NONE, NONE],
            Step::Hostname(name) => [name, NONE, NONE, NONE, NONE],
            Step::Terminal(tty) => [tty.unwrap_or(c"console").to_bytes(), NONE, NONE, NONE, NONE],
            Step::Sysctl(word)
            | Step::OwnSysctl(word)
            | Step::Join(word)
            | Step::ExecGiven { name: word, .. }
            | Step::Module(word)
            | Step::Ip(word)
            | Step::Seed(word)
            | Step::HandOver(word)
            | Step::EnvFile(word)
            | Step::Lower(word)
            | Step::Ulimit(word)
            | Step::Workdir(word)
            | Step::Mask(word)
            | Step::ReadOnly(word) => [word.to_bytes(), NONE, NONE, NONE, NONE],
            _ => [NONE; WORDS],
        }
    }

    /// What no word of a text can say, behind it.
    fn write_rest(&self, out: &mut dyn Out) {
        match *self {
            Step::MountRoot(root) if root.source.is_empty() => {}
            Step::MountRoot(root) => {
                put!(out, ", waiting {} for it", Waiting(root.wait));
                if let Some(image) = root.image {
                    put!(out, ", then image {} of it", show::Word(image.to_bytes()));
                }
            }
            Step::Devices { guarded: true } => put!(out, ", each bound, and nodev"),
            Step::Session { terminal: true } => put!(out, " with the terminal"),
            Step::Stdio { log, fed } => {
                let from = if fed { packed!("what services log here, output ") } else { packed!("null, output ") };
                from.write(out);
                match log {
                    Log::Kmsg => put!(out, "to the kernel log"),
                    Log::Console => put!(out, "to the console"),
                    Log::Null => out.write(b"null"),
                    Log::Path(path) => put!(out, "appended to {}", show::Word(path.to_bytes())),
                    Log::Service(name) => put!(out, "to service {}", Show(name.to_bytes())),
                }
            }
            Step::ModeMask(mask) => {
                for shift in &[6, 3, 0] {
                    ((mask >> shift) & 7).write(out);
                }
            }
            Step::Exec { argv, .. } => argv.iter().for_each(|word| quote(word.to_bytes(), out)),
            Step::Sockets(words) => {
                let mut before = " ";
                for (number, word) in (3u8..).zip(words) {
                    put!(out, "{}{} as {}", before, show::Word(word.to_bytes()), number);
                    before = ", ";
                }
            }
            Step::Watchdog(timeout) => put!(out, "({})", Waiting(Wait::For(timeout))),
            Step::OomScore(score) => Signed(score).write(out),
            Step::Network(network) => match network {
                Network::None => put!(out, "bring lo up"),
                Network::Host => {}
                Network::Service(name) => put!(out, "join the network of service {}", Show(name.to_bytes())),
                Network::Netns(path) => put!(out, "join network namespace {}", show::Word(path.to_bytes())),
            },
            Step::User { user, groups } => {
                if let Some(user) = user {
                    put!(out, "become user {}", show::Word(user.to_bytes()));
                }
                out.write(match (user, groups) {
                    (_, []) => b"",
                    (Some(_), _) => b", with groups",
                    (None, _) => b"join groups",
                });
                for group in groups {
                    put!(out, " {}", show::Word(group.to_bytes()));
                }
            }
            Step::Readiness(number) | Step::Preserve(number) => number.write(out),
            Step::MapCaller { uid, gid, .. } => put!(out, "{}:{}", uid, gid),
            Step::Notify(Some(every)) => put!(out, ", watched every {}", Waiting(Wait::For(every))),
            Step::Bounding(set) => Names(set).write(out),
            Step::Capabilities { set, ambient } => {
                Names(set).write(out);
                if ambient != 0 {
                    put!(out, ", ambient {}", Names(ambient));
                }
            }
            Step::Seccomp(set) => put!(out, "{} instructions)", seccomp::filter(set).len()),
            _ => {}
        }
    }
}

impl Word for Step<'_> {
    fn write(&self, out: &mut dyn Out) {
        let words = self.words();
        let mut rest = words.as_slice();
        fill(out, self.text(), b'%', &mut |out, gap| match rest {
            _ if gap == b'(' => parenthesis(rest, out),
            [word, others @ ..] => {
                show::Word(word).write(out);
                rest = others;
            }
            [] => {}
        });
        self.write_rest(out);
    }
}

/// Options after what they belong to: `(ext4, ro)`.
fn parenthesis(words: &[&[u8]], out: &mut dyn Out) {
    let mut before: &[u8] = b" (";
    for word in words.iter().filter(|word| !word.is_empty()) {
        out.write(before);
        Show(word).write(out);
        before = b", ";
    }
    if before == b", " {
        out.write(b")");
    }
}

fn of(text: Option<&CStr>) -> &[u8] {
    text.map_or(b"", CStr::to_bytes)
}

/// In the words of mount(8).
fn restrictions(read_only: bool, devices: bool) -> [&'static [u8]; 2] {
    [if read_only { b"ro" } else { b"" }, if devices { b"" } else { b"nodev" }]
}

/// A word as the config has it where it would be misread without quotes.
fn quote(word: &[u8], out: &mut dyn Out) {
    let plain = |byte: u8| !matches!(byte, b' ' | b'"' | b'\\');
    if !word.is_empty() && bytes::all(word, plain) {
        return put!(out, " {}", Show(word));
    }
    out.write(b" \"");
    let mut rest = word;
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\')) {
        let (before, after) = rest.split_at_checked(at).unwrap_or_default();
        Show(before).write(out);
        out.write(if after.first() == Some(&b'"') { b"\\\"" } else { b"\\\\" });
        rest = after.get(1..).unwrap_or_default();
    }
    Show(rest).write(out);
    out.write(b"\"");
}

/// A number that may be below zero, in little code.
pub struct Signed(pub i16);

impl Word for Signed {
    fn write(&self, out: &mut dyn Out) {
        out.write(if self.0 < 0 { b"-" } else { b"" });
        self.0.unsigned_abs().write(out);
    }
}

/// A wait in words.
pub struct Waiting(pub Wait);

impl Word for Waiting {
    fn write(&self, out: &mut dyn Out) {
        match self.0.limit() {
            Some(Millis(ms)) if ms % 1000 == 0 => put!(out, "{} s", ms / 1000),
            Some(Millis(ms)) => put!(out, "{} ms", ms),
            None => out.write(b"as long as it takes"),
        }
    }
}
