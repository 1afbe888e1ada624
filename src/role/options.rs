//! The words after `tinyo run`: docker run's names, to a service with a container.

use core::ffi::CStr;

use crate::config::value;
use crate::config::{Config, Container, List, Network, Service};
use crate::limits;
use crate::say;
use crate::sys::args::Args;
use crate::text::bytes::{after, cut, has, terminated};
use crate::text::show::Word;
use crate::text::{capability, names};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Option_ {
    CapAdd,
    CapDrop,
    Env,
    Hostname,
    Network,
    Tmpfs,
    User,
    Volume,
    Workdir,
    Init,
    Privileged,
    ReadOnly,
}

static OPTIONS: [Option_; 12] = [
    Option_::CapAdd,
    Option_::CapDrop,
    Option_::Env,
    Option_::Hostname,
    Option_::Network,
    Option_::Tmpfs,
    Option_::User,
    Option_::Volume,
    Option_::Workdir,
    Option_::Init,
    Option_::Privileged,
    Option_::ReadOnly,
];

/// docker run's names, in the order of [`Option_`]: those before `init` take a value, `init` only one behind `=`, those
/// after it none.
const LONG: &str = "cap-add cap-drop env hostname network tmpfs user volume workdir init privileged read-only";
const SHORT: &[u8] = b"\0\0eh\0\0uvw";

/// How a message about their values calls them, and what it wants instead, in the same order.
const CALLED: &str = "cap-add, --cap-drop|cap-add, --cap-drop|env|hostname|network|tmpfs|user|volume|workdir|init";
const WANTED: &str = "capability of capabilities(7), nor ALL|capability of capabilities(7), nor ALL|\
    variable; write NAME=VALUE or NAME|host name of at most 64 letters, digits, - and dots|network; write none or host|\
    tmpfs; write /PATH or /PATH:OPTIONS|user; write USER or USER:GROUP, each a name or a number|\
    volume; write /SRC:/DST or /SRC:/DST:ro|absolute path|true or false";

/// What they said.
pub struct Parsed {
    pub service: Service<'static>,
    pub container: Container<'static>,
    pub help: bool,
}

/// Reads the words after `run`. None: what is wrong was said.
pub fn parse(args: &Args, config: &mut Config<'static>) -> Option<Parsed> {
    let mut parsed = Parsed { service: Service::new("container"), container: Container::new(c"/"), help: false };
    let mut lists = Lists::default();
    let mut index = 2;
    let complain = |text: &str, word: &[u8]| {
        say!(Failure, "run: {} {}; try tinyo run --help", text, Word(word));
        None
    };
    while let Some(word) = args.get(index) {
        let bytes = word.to_bytes();
        if bytes == b"--help" {
            parsed.help = true;
            return Some(parsed);
        }
        if bytes == b"--" || !bytes.starts_with(b"-") || bytes.len() == 1 {
            break;
        }
        index += 1;
        let Some((number, attached)) = recognise(word) else { return complain("unknown option", bytes) };
        let &option = OPTIONS.get(number)?;
        let mut value = attached;
        match option {
            Option_::Privileged | Option_::ReadOnly if value.is_some() => return complain("no value wanted:", bytes),
            Option_::Privileged | Option_::ReadOnly | Option_::Init => {}
            _ if value.is_some() => {}
            _ => {
                value = args.get(index);
                index += 1;
                if value.is_none() {
                    return complain("a value is missing after", bytes);
                }
            }
        }
        // `--init` alone.
        let value = value.unwrap_or(c"true");
        if !take(option, value, args, &mut parsed, &mut lists) {
            let [called, wanted] = [CALLED, WANTED].map(|list| names::at(list, b'|', number));
            say!(Failure, "run: --{}: {} is no {}", called, Word(value.to_bytes()), wanted);
            return None;
        }
    }
    if args.get(index).is_some_and(|word| word == c"--") {
        index += 1;
    }
    let Some(root) = args.get(index) else { return complain("no ROOTFS:", b"run ROOTFS COMMAND is needed") };
    index += 1;
    if args.get(index).is_some_and(|word| word == c"--") {
        index += 1;
    }
    if args.get(index).is_none() {
        return complain("no COMMAND after", root.to_bytes());
    }
    parsed.container.root = root;
    let fits = args.len() - index <= limits::LIST && lists.store(config, &mut parsed);
    match config.add_list(&mut args.from(index)).filter(|_| fits) {
        Some(exec) => {
            parsed.service.exec = exec;
            Some(parsed)
        }
        None => {
            say!(
                Failure,
                "run: too many words; write an option at most {} times, a command of at most {} words",
                MOST,
                limits::LIST
            );
            None
        }
    }
}

/// The number of the option that `word` is, and the value that is attached to it.
#[inline(never)]
fn recognise(word: &'static CStr) -> Option<(usize, Option<&'static CStr>)> {
    let bytes = word.to_bytes_with_nul();
    let tail = |from: usize| terminated(bytes.get(from..)?);
    if let Some(name) = after(word.to_bytes(), b"--") {
        let (long, value) = cut(name, b'=');
        return Some((names::position(LONG, long)?, value.and_then(|_| tail(long.len() + 3))));
    }
    let short = bytes.get(1)?;
    let number = SHORT.iter().position(|known| known == short)?;
    Some((number, tail(2).filter(|value| !value.is_empty())))
}

/// Lists that grow word by word, until all words are there and can be stored one list after the other.
#[derive(Default)]
struct Lists {
    env: Words,
    volumes: Words,
    tmpfs: Words,
    cap_add: Words,
    cap_drop: Words,
    full: bool,
}

/// Words of one list option: more volumes than that are no container any more.
const MOST: usize = 64;

type Words = heapless::Vec<&'static CStr, MOST>;

impl Lists {
    fn store(&self, config: &mut Config<'static>, parsed: &mut Parsed) -> bool {
        for (words, list) in [
            (&self.env, &mut parsed.service.env),
            (&self.volumes, &mut parsed.container.volumes),
            (&self.tmpfs, &mut parsed.container.tmpfs),
            (&self.cap_add, &mut parsed.container.cap_add),
            (&self.cap_drop, &mut parsed.container.cap_drop),
        ] {
            *list = config.add_list(&mut words.iter().copied()).unwrap_or(List::EMPTY);
        }
        !self.full
    }
}

/// Puts one option into place. False: its value is none for it.
fn take(option: Option_, value: &'static CStr, args: &Args, parsed: &mut Parsed, lists: &mut Lists) -> bool {
    let bytes = value.to_bytes();
    let (service, container) = (&mut parsed.service, &mut parsed.container);
    // Where the value goes, and whether it is one; options with no such place are done at once.
    let (list, good) = match option {
        Option_::CapAdd => (&mut lists.cap_add, capability::parse(bytes).is_some()),
        Option_::CapDrop => (&mut lists.cap_drop, capability::parse(bytes).is_some()),
        Option_::Tmpfs => (&mut lists.tmpfs, value::tmpfs(bytes).is_some()),
        Option_::Volume => (&mut lists.volumes, value::volume(bytes).is_some()),
        Option_::Env if has(bytes, b'=') => (&mut lists.env, !bytes.starts_with(b"=")),
        // A name alone is passed on, if it is there.
        Option_::Env => {
            let set = |word: &&CStr| after(word.to_bytes(), bytes).is_some_and(|rest| rest.starts_with(b"="));
            if let Some(word) = args.environment().find(set) {
                lists.full |= lists.env.push(word).is_err();
            }
            return !bytes.is_empty();
        }
        Option_::Hostname => {
            container.hostname = Some(value);
            return value::is_host_name(bytes);
        }
        Option_::User => {
            service.user = Some(value);
            return value::is_user(bytes);
        }
        Option_::Workdir => {
            service.workdir = Some(value);
            return value::is_path(bytes);
        }
        Option_::Network => {
            let known = names::position("none host", bytes);
            container.network = if known == Some(1) { Network::Host } else { Network::None };
            return known.is_some();
        }
        Option_::Init => {
            let known = names::position("false true", bytes);
            container.init = known != Some(0);
            return known.is_some();
        }
        Option_::Privileged => {
            container.privileged = true;
            return true;
        }
        Option_::ReadOnly => {
            container.read_only = true;
            return true;
        }
    };
    lists.full |= good && list.push(value).is_err();
    good
}
