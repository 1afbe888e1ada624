//! The words after `tinyo run` and `tinyo exec`: docker run's names, to a service with a container. Pure.

use core::ffi::CStr;

use crate::config::keys::{Field, Item, Type};
use crate::config::value;
use crate::config::{Config, Container, List};
use crate::limits;
use crate::text::bytes::{after, cut, has, terminated};
use crate::text::message::Message;
use crate::text::names;
use crate::text::packed::{Packed, packed};

/// One option a line: its long name, its short one, the key of a config that it sets, and what a value that it refuses is not.
/// It takes a value unless that is true or false.
macro_rules! options {
    ($($long:literal $short:literal $field:ident $wanted:literal,)*) => {
        const LONG: &str = concat!($($long, " "),*);
        const SHORT: &[u8] = &[$($short),*];
        static FIELDS: &[Field] = &[$(Field::$field),*];
        const WANTED: Packed = packed!(concat!($($wanted, "\n"),*));
    };
}

options! {
    "cap-add" 0 CapAdd "capability of capabilities(7), nor ALL",
    "cap-ambient" 0 CapAmbient "capability of capabilities(7)",
    "cap-drop" 0 CapDrop "capability of capabilities(7), nor ALL",
    "cgroup" 0 Cgroup "setting of a cgroup; write NAME=VALUE with a controller's file, as memory.high=24M",
    "cpus" 0 Cpus "number of CPUs from 0.01 on, to five places",
    "device" 0 Devices "device; write /dev/NAME or /SOURCE:/dev/TARGET, for reading and writing",
    "env" b'e' Env "variable; write NAME=VALUE or NAME",
    "env-file" 0 EnvFile "path",
    "group-add" 0 GroupAdd "name or number of a group",
    "help" 0 Help "true",
    "hostname" b'h' ContainerHostname "host name of at most 64 letters, digits, - and dots",
    "init" 0 ContainerInit "true or false",
    "interactive" b'i' Void "value for it: standard input is passed on in any case",
    "memory" b'm' Memory "size of 4k or more, with b, k, m or g",
    "network" 0 Network "network; write none, host, service:NAME or netns:/PATH",
    "no-new-privileges" 0 NoNewPrivileges "true or false",
    "oom-score-adj" 0 OomScore "number from -1000 to 1000",
    "overlay" 0 Overlay "overlay; write tmpfs, tmpfs:64M, /DIR or ./DIR",
    "pid-file" 0 PidFile "path",
    "pids-limit" 0 PidsLimit "number of processes up to 4194304",
    "preserve-fds" 0 PreserveFds "number of files, which are 3 and up; write 0 to 253",
    "privileged" 0 Privileged "true or false",
    "read-only" 0 ContainerReadOnly "true or false",
    "ready-fd" 0 ReadyFd "number of a file; write 3 to 255",
    "rm" 0 Void "value for it: nothing of a container is kept",
    "seccomp" 0 Seccomp "seccomp profile; write default or none",
    "sysctl" 0 ContainerSysctl "setting of the container's own: kernel.shm*, kernel.msg*, kernel.sem, fs.mqueue.*, net.* in a network of its own",
    "tmpfs" 0 Tmpfs "tmpfs; write /PATH or /PATH:OPTIONS",
    "tty" b't' OwnTty "true or false",
    "ulimit" 0 Ulimit "ulimit; write NAME=SOFT:HARD of setrlimit(2), as nofile=1024:4096",
    "umask" 0 Umask "octal number up to 0777",
    "unmask" 0 Unmask "true or false",
    "user" b'u' User "user; write USER or USER:GROUP, each a name or a number",
    "userns" 0 Userns "user namespace; write host or auto",
    "volume" b'v' Volumes "volume; write /SRC:/DST, or ./SRC:/DST:ro for read-only; there are no named volumes",
    "workdir" b'w' Workdir "absolute path",
}

/// One screen: 24 lines of 80.
pub const USAGE: Packed = packed!(
    "usage: tinyo run [OPTIONS] ROOTFS [--] COMMAND [ARGUMENTS]
  -v, --volume SRC:DST[:ro]   bind SRC on DST; --device SRC[:DST] a device
  -e, --env NAME[=VALUE]      set NAME, or pass it on; --env-file FILE
  -u, --user USER[:GROUP]     by name or number (0:0); --group-add GROUP
      --userns host|auto      the host's ids (root), or a range of its own
  -w, --workdir PATH          start in PATH (/); --umask OCTAL (0022)
  -t, --tty                   a terminal of its own; -h, --hostname NAME
      --network none|host|service:NAME|netns:/PATH  (none: lo only)
      --read-only             tmpfs on /tmp and /run; --tmpfs PATH[:OPTIONS]
      --overlay tmpfs[:SIZE]|DIR  write there, and leave ROOTFS as it is
  -m, --memory SIZE           and --cpus N, --pids-limit N: limits of cgroup v2;
                              --cgroup FILE=VALUE for any other
      --ulimit NAME=SOFT:HARD of setrlimit(2); --oom-score-adj N
      --sysctl NAME=VALUE     of the container's own namespaces
      --cap-add, --cap-drop NAME|ALL; --cap-ambient NAME for any user
      --seccomp none, --unmask, --no-new-privileges=false  a wall less each
      --privileged            all capabilities, nothing masked: no isolation
      --init=false            run COMMAND as PID 1, without the reaper
      --pid-file PATH         holds its pid; --ready-fd N gets a newline
      --preserve-fds N        keep the files 3 to N+2 open
Short ones cluster (-it); --rm and -i, --interactive are taken, and void.
Exit status: the command's; 125 tinyo failed, 126 not executable, 127 not found,
128+N killed by signal N. What it would do: tinyo plan run ...
"
);

/// What docker run has and we have not, short names too, and what to do instead: a line each of the two.
const DOCKERS: &str = "\
detach d\n\
name label label-file l cidfile\n\
restart health-cmd health-interval health-retries health-timeout health-start-period no-healthcheck\n\
stop-signal stop-timeout\n\
publish publish-all expose p P\n\
net ip ip6 mac-address network-alias\n\
dns dns-search dns-option dns-opt add-host link link-local-ip domainname\n\
entrypoint\n\
mount volumes-from volume-driver storage-opt\n\
shm-size\n\
gpus device-cgroup-rule device-read-bps device-write-bps\n\
security-opt\n\
memory-swap memory-reservation cpuset-cpus cpuset-mems cpu-shares cpu-period cpu-quota blkio-weight c\n\
cgroup-parent cgroupns\n\
pid ipc uts\n\
attach a sig-proxy detach-keys log-driver log-opt\n\
pull platform runtime isolation\n";
const INSTEAD: Packed = packed!(
    "it stays in the foreground; write & behind the command, or a [service]\n\
    a container has no name; --pid-file PATH says who it is\n\
    write a [service], which is restarted and watched\n\
    a signal to tinyo is one to the command; a [service] has its own\n\
    no port is forwarded; write --network host\n\
    write --network none, host, service:NAME or netns:/PATH\n\
    write a file of yours over the image's: -v ./hosts:/etc/hosts:ro\n\
    write the program behind ROOTFS\n\
    write --volume SRC:DST or --tmpfs PATH\n\
    write --tmpfs /dev/shm:size=128m\n\
    write --device /dev/NAME for each of them\n\
    each wall has its own option: --seccomp none, --no-new-privileges=false, --unmask\n\
    write --cgroup FILE=VALUE of cgroup v2, as --cgroup memory.swap.max=0\n\
    its cgroup is made below that of tinyo; start tinyo in the one that it shall be\n\
    a container has its own; only --network can be the host's\n\
    input, output and signals are always passed on as they are\n\
    ROOTFS is a directory or an image file; tinyo knows no registry\n"
);

/// Words of one list option: more volumes than that are no container any more.
const MOST: usize = 64;

/// Where the one service of the config is.
const ONLY: Option<usize> = Some(0);

/// What they ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Help,
    /// To run the one service of the config.
    Run(Launch),
}

/// What is the launcher's own to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Launch {
    /// The pid goes there once the command runs.
    pub pid_file: Option<&'static CStr>,
    /// And a newline to this descriptor.
    pub ready: Option<u8>,
}

/// The words to read.
#[derive(Clone, Copy)]
pub struct Words<'w> {
    pub word: &'w dyn Fn(usize) -> Option<&'static CStr>,
    /// `NAME=VALUE` of the environment, by its name.
    pub variable: &'w dyn Fn(&[u8]) -> Option<&'static CStr>,
    /// Hears what is wrong with them, and what to do about it.
    pub complain: &'w dyn Fn(&Message, Packed),
    /// Those of `exec`, which are fewer.
    pub exec: bool,
}

impl Words<'_> {
    fn hint(&self) -> Packed {
        if self.exec { packed!("; try tinyo exec --help") } else { packed!("; try tinyo run --help") }
    }

    const fn have(&self, field: Field) -> bool {
        !self.exec
            || matches!(
                field,
                Field::Env | Field::EnvFile | Field::User | Field::Workdir | Field::OwnTty | Field::Void | Field::Help
            )
    }

    /// Nothing comes of words with something wrong; empty ones must not look like nothing.
    #[inline(never)]
    fn wrong<T>(&self, what: Packed, word: &[u8], more: &[u8], hint: Packed) -> Option<T> {
        let word = if word.is_empty() { b"\"\"" } else { word };
        (self.complain)(&Message { what, with: [word, more, b""] }, hint);
        None
    }
}

/// Reads the words from `first` on into `config`, which is empty. None: there was something wrong.
#[inline(never)]
pub fn parse(words: Words, first: usize, config: &mut Config<'static>) -> Option<Asked> {
    config.add_service(b"container")?.container = Some(Container::new(c"/"));
    let mut launch = Launch::default();
    let mut options = Options { words, index: first, letter: 0 };
    while let Some((number, field, value)) = options.next()? {
        if field == Field::Help {
            return Some(Asked::Help);
        }
        let text = value.to_bytes();
        let Some(becomes) = check(field, text) else {
            let called = names::at(LONG, b' ', number).as_bytes();
            return words.wrong(packed!("--%2: %1 is no "), text, called, WANTED.line(number));
        };
        match field {
            Field::PidFile => launch.pid_file = Some(value),
            Field::ReadyFd => launch.ready = Some(becomes as u8),
            _ => config.set(ONLY, field, becomes, value, List::EMPTY),
        }
    }
    let Some(root) = options.word() else {
        let none = match words.exec {
            true => packed!("no NAME: exec NAME COMMAND is needed"),
            false => packed!("no ROOTFS: run ROOTFS COMMAND is needed"),
        };
        return words.wrong(none, b"", b"", words.hint());
    };
    options.index += 1;
    if options.word().is_none() {
        return words.wrong(packed!("no COMMAND after %1"), root.to_bytes(), b"", words.hint());
    }
    config.set(ONLY, Field::ContainerRoot, 0, root, List::EMPTY);
    if add_lists(words, first, options.index, config).is_none() {
        return words.wrong(MANY, b"", b"", Packed::EMPTY);
    }
    match config.services.first().and_then(|service| config.shared_setting(service)) {
        Some(word) => {
            let what = packed!("--sysctl: %1 is of a network that is not the container's own");
            words.wrong(what, word.to_bytes(), b"", Packed::EMPTY)
        }
        None => Some(Asked::Run(launch)),
    }
}

const MANY: Packed = packed!("too many words; write an option at most 64 times, a command of at most 256 words");
const _: () = assert!(MOST == 64 && limits::LIST == 256);

/// Stores the command, and each list of words, one behind the other.
fn add_lists(words: Words, first: usize, command: usize, config: &mut Config<'static>) -> Option<()> {
    let exec = config.add_list(&mut (command..).map_while(words.word)).filter(|list| list.len() <= limits::LIST)?;
    config.set(ONLY, Field::Exec, 0, c"", exec);
    for field in FIELDS.iter().filter(|field| matches!(field.kind(), Type::List(_))) {
        let mut options = Options { words, index: first, letter: 0 };
        let mut values = core::iter::from_fn(|| {
            while let Some(Some((_, other, value))) = options.next() {
                // A name alone of `--env` is passed on, if it is there.
                let bare = *field == Field::Env && !has(value.to_bytes(), b'=');
                let value = if bare { (words.variable)(value.to_bytes()) } else { Some(value) };
                if other == *field && value.is_some() {
                    return value;
                }
            }
            None
        });
        let list = config.add_list(&mut values).filter(|list| list.len() <= MOST)?;
        if !list.is_empty() {
            config.set(ONLY, *field, 0, c"", list);
        }
    }
    Some(())
}

/// The number that a value becomes, as in a config. None: it is none for this option.
fn check(field: Field, value: &[u8]) -> Option<u64> {
    match field.kind() {
        Type::List(Item::Variable) if !value.is_empty() && !has(value, b'=') => Some(0),
        // Of whoever calls us, from where they are.
        Type::List(Item::EnvFile) => Some(0).filter(|_| !value.is_empty()),
        Type::List(Item::Volume) => value::volume(value).map(|_| 0),
        Type::Overlay if value.starts_with(b".") => Some(0),
        Type::List(kind) => value::check_item(kind, false, value).ok().map(|()| 0),
        Type::Boolean => {
            let yes = names::position("false true", value)?;
            (yes == 1 || field != Field::Void).then_some(yes as u64)
        }
        kind => value::option(kind, value).or_else(|| value::check(kind, value).ok()),
    }
}

/// The words, option by option.
struct Options<'w> {
    words: Words<'w>,
    index: usize,
    /// How far into a cluster of short options: `-it`.
    letter: usize,
}

type Given = (usize, Field, &'static CStr);

impl Options<'_> {
    /// The word at hand, behind a `--` if there is one.
    fn word(&mut self) -> Option<&'static CStr> {
        if (self.words.word)(self.index).is_some_and(|word| word == c"--") {
            self.index += 1;
        }
        (self.words.word)(self.index)
    }

    /// The number of the next option, its key, and its value. None: there are no more.
    #[inline(never)]
    fn next(&mut self) -> Option<Option<Given>> {
        let Some(word) = (self.words.word)(self.index) else { return Some(None) };
        let bytes = word.to_bytes();
        if bytes == b"--" || !bytes.starts_with(b"-") || bytes.len() == 1 {
            return Some(None);
        }
        // What is attached to the option's name: of a short one it may be other short ones.
        let (number, name, attached) = match after(bytes, b"--") {
            Some(rest) => {
                let (name, value) = cut(rest, b'=');
                (names::position(LONG, name), name, value)
            }
            None => {
                self.letter += 1;
                let name = bytes.get(self.letter..=self.letter).unwrap_or_default();
                let number = SHORT.iter().position(|short| name == [*short]);
                (number, name, bytes.get(self.letter + 1..).filter(|rest| !rest.is_empty()))
            }
        };
        let short = self.letter > 0;
        let known = number.and_then(|number| Some((number, *FIELDS.get(number)?)));
        let Some((number, field)) = known.filter(|(_, field)| self.words.have(*field)) else {
            return unknown(self.words, name, bytes);
        };
        // `-v=/a:/b` is docker's too.
        let value = if short { attached.map(|rest| after(rest, b"=").unwrap_or(rest)) } else { attached };
        let boolean = field.kind() == Type::Boolean;
        if boolean && (attached.is_none() || short && !attached.is_some_and(|rest| rest.starts_with(b"="))) {
            if attached.is_none() {
                (self.index, self.letter) = (self.index + 1, 0);
            }
            return Some(Some((number, field, c"true")));
        }
        (self.index, self.letter) = (self.index + 1, 0);
        let tail = |value: &[u8]| terminated(word.to_bytes_with_nul().get(bytes.len() - value.len()..)?);
        match value.map_or_else(|| (self.words.word)(self.index), tail) {
            Some(given) => {
                self.index += usize::from(value.is_none());
                Some(Some((number, field, given)))
            }
            None => self.words.wrong(packed!("a value is missing after %1"), bytes, b"", self.words.hint()),
        }
    }
}

/// `name` is an option of docker's, or nobody's; it was written as `word`.
fn unknown<T>(words: Words, name: &[u8], word: &[u8]) -> Option<T> {
    let lines = (0..).map(|line| names::at(DOCKERS, b'\n', line)).take_while(|line| !line.is_empty());
    for (line, group) in lines.enumerate() {
        if names::position(group, name).is_some() {
            return words.wrong(packed!("%1 is docker's: "), word, b"", INSTEAD.line(line));
        }
    }
    // `-rm` too.
    let long = cut(after(word, b"--").or(after(word, b"-")).unwrap_or_default(), b'=').0;
    match names::nearest(long, &[LONG]) {
        Some(near) if !words.exec => {
            words.wrong(packed!("unknown option %1; did you mean --%2"), word, near, Packed::EMPTY)
        }
        _ => words.wrong(packed!("unknown option %1"), word, b"", words.hint()),
    }
}

#[cfg(test)]
#[path = "options_tests.rs"]
mod tests;
