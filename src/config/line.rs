//! The kernel command line: the words of it that tinyo honours.

use core::ffi::CStr;

use super::given;
use super::{Config, OnExit, Root, Wait, value};
use crate::limits;
use crate::text::bytes::cut;
use crate::text::cmdline::{Word, Words};
use crate::text::duration::Millis;
use crate::text::message::Message;
use crate::text::names;
use crate::text::number;
use crate::text::packed::{Packed, packed};
use heapless::Vec;

/// What the kernel command line said; unset is as good as not written.
#[derive(Default)]
pub struct BootLine<'a> {
    pub root: Option<&'a CStr>,
    pub rootfstype: Option<&'a CStr>,
    pub rootflags: Option<&'a CStr>,
    /// `ro` or `rw`, the last of them.
    pub read_only: Option<bool>,
    pub rootwait: Option<Wait>,
    pub rootdelay: Millis,
    pub init: Option<&'a CStr>,
    pub quiet: bool,
    pub loglevel: Option<u8>,
    /// Seconds; below 0 at once.
    pub panic: Option<i32>,
    /// The last `console=`: what /dev/console is.
    pub console: Option<&'a CStr>,
    pub hostname: Option<&'a CStr>,
    pub ip: Option<&'a CStr>,
    pub config: Option<&'a CStr>,
    pub log: Option<Verbosity>,
    pub rescue: bool,
    pub on_exit: Option<OnExit>,
    pub exit: Option<ExitTo>,
    /// Words for modules.
    pub given: Vec<&'a CStr, { limits::MODULE_WORDS }>,
    /// What follows the first `--`.
    pub command: Vec<&'a CStr, { limits::COMMAND_WORDS }>,
}

/// `tinyo.log=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verbosity {
    Quiet,
    Info,
    Debug,
}

/// `tinyo.exit=`: where the status of the command goes besides the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitTo {
    Console,
    /// QEMU's isa-debug-exit, at this I/O port.
    Debug(u16),
    /// A port of the host.
    Vsock(u32),
}

/// What [`apply`] replaced of the file's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replaced {
    pub roots: bool,
    pub hostname: bool,
    pub init: bool,
}

const UNKNOWN: Packed = packed!("kernel command line: unknown word %1; see the documentation");
const UNKNOWN_NEAR: Packed = packed!("kernel command line: unknown word %1; did you mean %2");
const VALUE: Packed = packed!("kernel command line: %1 cannot be \"%2\" and is passed over; write %1=%3");
const AGAIN: Packed = packed!("kernel command line: %1 is there twice; the last that is right counts");
const NO_VALUE: Packed = packed!("kernel command line: %1 takes no value; write %1 alone");
const MANY: Packed = packed!("kernel command line: too many words after --, the command is not run; write at most 64");
const OPTIONS: Packed = packed!("kernel command line: %1 reaches no module; at most 64 words with a dot do");
const CUT: Packed = packed!("kernel command line: too long to be read whole; write at most 4095 bytes");

const _: () = assert!(limits::COMMAND_WORDS == 64 && limits::MODULE_WORDS == 64 && limits::CMDLINE_BYTES == 4096);

macro_rules! words {
    ($name0:ident $text0:literal $example0:literal, $($name:ident $text:literal $example:literal,)*) => {
        /// The words with a value.
        #[derive(Clone, Copy)]
        enum Name { $name0, $($name),* }

        static ALL: &[Name] = &[Name::$name0, $(Name::$name),*];
        const NAMES: &str = concat!($text0, $(" ", $text),*);
        /// What can be behind the `=` of each.
        const EXAMPLES: &str = concat!($example0, $(" ", $example),*);
    };
}

words! {
    Root "root" "/dev/vda",
    RootFsType "rootfstype" "ext4",
    RootFlags "rootflags" "noatime",
    RootWait "rootwait" "10",
    RootDelay "rootdelay" "10",
    Init "init" "/sbin/init",
    LogLevel "loglevel" "4",
    Panic "panic" "10",
    Console "console" "ttyS0",
    Hostname "hostname" "NAME",
    Ip "ip" "10.0.0.2::10.0.0.1:255.255.255.0::eth0:off",
    Config "tinyo.config" "/etc/tinyo.toml",
    Log "tinyo.log" "quiet|info|debug",
    OnExit "tinyo.on-exit" "poweroff|reboot|halt",
    Exit "tinyo.exit" "console|debug:PORT|vsock:PORT",
}

const OURS: &str = "tinyo.config tinyo.log tinyo.on-exit tinyo.exit";

/// Reads `text`, which is taken apart in place; `warn` is given each word that is wrong. None of them stops a boot.
pub fn parse<'a>(text: &'a mut [u8], warn: &mut dyn FnMut(&Message<'_>)) -> BootLine<'a> {
    let mut line = BootLine::default();
    let mut words = Words::new(text);
    while let Some(word) = words.next() {
        if word.text == c"--" {
            take_command(&mut line, &mut words, warn);
            break;
        }
        take(&mut line, word, warn);
    }
    if words.cut {
        warn(&Message { what: CUT, with: [&[]; 3] });
    }
    line
}

fn take_command<'a>(line: &mut BootLine<'a>, words: &mut Words<'a>, warn: &mut dyn FnMut(&Message<'_>)) {
    for word in words {
        if line.command.push(word.text).is_err() {
            warn(&Message { what: MANY, with: [&[]; 3] });
            return line.command.clear();
        }
    }
}

fn take<'a>(line: &mut BootLine<'a>, word: Word<'a>, warn: &mut dyn FnMut(&Message<'_>)) {
    let name = word.name();
    if given::is_for_modules(name) {
        if line.given.push(word.text).is_err() {
            warn(&Message { what: OPTIONS, with: [name, &[], &[]] });
        }
        return;
    }
    let value = match word.value() {
        Some(value) => value,
        None => match names::position("ro rw rootwait quiet tinyo.rescue", name) {
            Some(0) => return line.read_only = Some(true),
            Some(1) => return line.read_only = Some(false),
            Some(2) => return line.rootwait = Some(Wait::Forever),
            Some(3) => return line.quiet = true,
            Some(_) => return line.rescue = true,
            None if name.starts_with(b"tinyo.") => c"",
            None => return,
        },
    };
    let Some(index) = names::position(NAMES, name) else { return unknown(name, warn) };
    let Some(word) = ALL.get(index) else { return };
    let mut text = value.to_bytes();
    // Each arm says whether the value is one that can be.
    let good = match word {
        Name::Root => set(&mut line.root, value, !text.is_empty()),
        Name::RootFsType => set(&mut line.rootfstype, value, !text.is_empty()),
        Name::RootFlags => set(&mut line.rootflags, value, true),
        Name::Init => set(&mut line.init, value, value::is_init(text)),
        Name::Console => set(&mut line.console, value, true),
        Name::Hostname => set(&mut line.hostname, value, value::is_host_name(text)),
        Name::Ip => {
            if line.ip.is_some() {
                warn(&Message { what: AGAIN, with: [name, &[], &[]] });
            }
            let wrong = value::ip(text).err();
            text = wrong.unwrap_or(text);
            set(&mut line.ip, value, wrong.is_none())
        }
        Name::Config => set(&mut line.config, value, value::is_path(text)),
        Name::RootWait => {
            line.rootwait = seconds(text).map(Wait::For);
            line.rootwait.is_some()
        }
        Name::RootDelay => {
            let time = seconds(text);
            line.rootdelay = time.unwrap_or_default();
            time.is_some()
        }
        Name::LogLevel => {
            line.loglevel = number::decimal(text).filter(|&level| level <= 255).map(|level| level as u8);
            line.loglevel.is_some()
        }
        Name::Panic => {
            line.panic = number::signed(text);
            line.panic.is_some()
        }
        Name::Log => {
            line.log = verbosity(text);
            line.log.is_some()
        }
        Name::OnExit => {
            line.on_exit = on_exit(text);
            line.on_exit.is_some()
        }
        Name::Exit => {
            line.exit = exit_to(text);
            line.exit.is_some()
        }
    };
    if !good {
        let example = names::at(EXAMPLES, b' ', index);
        warn(&Message { what: VALUE, with: [name, text, example.as_bytes()] });
    }
}

/// Sets `place` if the value is `good`.
#[inline(never)]
fn set<'a>(place: &mut Option<&'a CStr>, value: &'a CStr, good: bool) -> bool {
    if good {
        *place = Some(value);
    }
    good
}

/// Warns of a word that is nobody else's.
fn unknown(name: &[u8], warn: &mut dyn FnMut(&Message<'_>)) {
    if !name.starts_with(b"tinyo.") {
        return;
    }
    match names::nearest(name, &["tinyo.rescue", OURS]) {
        Some(near) if near == name => warn(&Message { what: NO_VALUE, with: [name, &[], &[]] }),
        Some(near) => warn(&Message { what: UNKNOWN_NEAR, with: [name, near, &[]] }),
        None => warn(&Message { what: UNKNOWN, with: [name, &[], &[]] }),
    }
}

fn seconds(text: &[u8]) -> Option<Millis> {
    number::decimal(text)?.checked_mul(1000).map(Millis)
}

fn verbosity(text: &[u8]) -> Option<Verbosity> {
    match names::position("quiet info debug", text)? {
        0 => Some(Verbosity::Quiet),
        1 => Some(Verbosity::Info),
        _ => Some(Verbosity::Debug),
    }
}

fn on_exit(text: &[u8]) -> Option<OnExit> {
    match names::position("poweroff reboot halt", text)? {
        0 => Some(OnExit::Poweroff),
        1 => Some(OnExit::Reboot),
        _ => Some(OnExit::Halt),
    }
}

#[inline(never)]
fn exit_to(text: &[u8]) -> Option<ExitTo> {
    let (kind, port) = cut(text, b':');
    let port = match port {
        Some(port) => Some(number::any_base(port)?),
        None => None,
    };
    match (names::position("console debug vsock", kind)?, port) {
        (0, None) => Some(ExitTo::Console),
        (1, None) => Some(ExitTo::Debug(0xf4)),
        (1, Some(port @ 0..=0xffff)) => Some(ExitTo::Debug(port as u16)),
        (2, Some(port @ 0..=0xffff_ffff)) => Some(ExitTo::Vsock(port as u32)),
        _ => None,
    }
}

/// Puts what the line says over what the file said.
///
/// A root that the line names is mounted read-only without `ro` or `rw` too, as the kernel does it. What the
/// file's first root has that says nothing of its device stays.
#[inline(never)]
pub fn apply<'a>(line: &BootLine<'a>, config: &mut Config<'a>) -> Replaced {
    let mut replaced = Replaced::default();
    if let Some(source) = line.root {
        replaced.roots = !config.roots.is_empty();
        let mut root = Root::new(source);
        root.read_only = true;
        if let Some(own) = config.roots.first() {
            (root.init, root.fsck, root.overlay) = (own.init, own.fsck, own.overlay);
        }
        config.roots.clear();
        let _ = config.roots.push(root);
    }
    for root in &mut config.roots {
        replaced.init |= line.init.is_some() && root.init.is_some();
        root.fstype = line.rootfstype.or(root.fstype).and_then(value::file_system);
        root.options = line.rootflags.or(root.options);
        root.read_only = line.read_only.unwrap_or(root.read_only);
        root.wait = line.rootwait.unwrap_or(root.wait);
        root.init = line.init.or(root.init);
    }
    config.ip = line.ip.or(config.ip);
    if line.hostname.is_some() {
        replaced.hostname = config.hostname.is_some();
        config.hostname = line.hostname;
    }
    replaced
}
