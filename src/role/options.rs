//! The words after `tinyo run`: docker run's names, to a service with a container.

use core::ffi::CStr;

use crate::config::value;
use crate::config::{Config, Container, List, Network, Service};
use crate::limits;
use crate::say;
use crate::sys::args::Args;
use crate::text::bytes::{after, has, terminated};
use crate::text::capability;
use crate::text::show::Show;

/// An option: its long name, its short one, and whether a value follows.
struct Known {
    long: &'static str,
    short: u8,
    option: Option_,
    wants: Wants,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wants {
    Nothing,
    /// `--init`, `--init=false`: a value only behind `=`.
    Maybe,
    Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Option_ {
    CapAdd,
    CapDrop,
    Env,
    Hostname,
    Init,
    Network,
    Privileged,
    ReadOnly,
    Tmpfs,
    User,
    Volume,
    Workdir,
}

/// docker run's names.
const OPTIONS: [Known; 12] = [
    known("cap-add", 0, Option_::CapAdd, Wants::Value),
    known("cap-drop", 0, Option_::CapDrop, Wants::Value),
    known("env", b'e', Option_::Env, Wants::Value),
    known("hostname", b'h', Option_::Hostname, Wants::Value),
    known("init", 0, Option_::Init, Wants::Maybe),
    known("network", 0, Option_::Network, Wants::Value),
    known("privileged", 0, Option_::Privileged, Wants::Nothing),
    known("read-only", 0, Option_::ReadOnly, Wants::Nothing),
    known("tmpfs", 0, Option_::Tmpfs, Wants::Value),
    known("user", b'u', Option_::User, Wants::Value),
    known("volume", b'v', Option_::Volume, Wants::Value),
    known("workdir", b'w', Option_::Workdir, Wants::Value),
];

const fn known(long: &'static str, short: u8, option: Option_, wants: Wants) -> Known {
    Known { long, short, option, wants }
}

/// What an option's value says when it is wrong.
struct Wrong {
    option: &'static str,
    value: &'static [u8],
    want: &'static str,
}

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
        say!(Failure, "run: {} {}; try tinyo run --help", text, Show(word));
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
        let Some((known, attached)) = recognise(word) else { return complain("unknown option", bytes) };
        let value = match (known.wants, attached) {
            (Wants::Value, None) => {
                let value = args.get(index);
                index += 1;
                value
            }
            (Wants::Nothing, Some(_)) => return complain("no value wanted:", bytes),
            (_, attached) => attached,
        };
        if known.wants == Wants::Value && value.is_none() {
            return complain("a value is missing after", bytes);
        }
        if let Err(wrong) = take(known.option, value.unwrap_or_default(), args, &mut parsed, &mut lists) {
            say!(Failure, "run: --{}: {} is no {}", wrong.option, Show(wrong.value), wrong.want);
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
    match config.add_list(args.from(index)).filter(|_| fits) {
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

/// The option that `word` is, and the value that is attached to it.
fn recognise(word: &'static CStr) -> Option<(&'static Known, Option<&'static CStr>)> {
    let bytes = word.to_bytes_with_nul();
    let tail = |from: usize| terminated(bytes.get(from..)?);
    if let Some(name) = after(word.to_bytes(), b"--") {
        let end = name.iter().position(|&byte| byte == b'=');
        let long = name.get(..end.unwrap_or(name.len()))?;
        let known = OPTIONS.iter().find(|known| known.long.as_bytes() == long)?;
        return Some((known, end.and_then(|end| tail(end + 3))));
    }
    let short = *bytes.get(1)?;
    let known = OPTIONS.iter().find(|known| known.short == short)?;
    Some((known, tail(2).filter(|value| !value.is_empty())))
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
        let mut add = |words: &Words, list: &mut List| match config.add_list(words.iter().copied()) {
            Some(added) => *list = added,
            None => *list = List::EMPTY,
        };
        add(&self.env, &mut parsed.service.env);
        add(&self.volumes, &mut parsed.container.volumes);
        add(&self.tmpfs, &mut parsed.container.tmpfs);
        add(&self.cap_add, &mut parsed.container.cap_add);
        add(&self.cap_drop, &mut parsed.container.cap_drop);
        !self.full
    }
}

/// Puts one option into place.
fn take(
    option: Option_,
    value: &'static CStr,
    args: &Args,
    parsed: &mut Parsed,
    lists: &mut Lists,
) -> Result<(), Wrong> {
    let bytes = value.to_bytes();
    let wrong = |option, want| Wrong { option, value: bytes, want };
    let rule = |holds: bool, option, want| if holds { Ok(()) } else { Err(wrong(option, want)) };
    let full = &mut lists.full;
    let mut push = |words: &mut Words, word| *full |= words.push(word).is_err();
    match option {
        Option_::CapAdd | Option_::CapDrop => {
            rule(capability::parse(bytes).is_some(), "cap-add, --cap-drop", "capability of capabilities(7), nor ALL")?;
            push(if option == Option_::CapAdd { &mut lists.cap_add } else { &mut lists.cap_drop }, value);
        }
        Option_::Env => match has(bytes, b'=') {
            _ if bytes.is_empty() || bytes.starts_with(b"=") => {
                return Err(wrong("env", "variable; write NAME=VALUE or NAME"));
            }
            true => push(&mut lists.env, value),
            // A name alone is passed on, if it is there.
            false => {
                let set = |word: &&CStr| after(word.to_bytes(), bytes).is_some_and(|rest| rest.starts_with(b"="));
                if let Some(word) = args.environment().find(set) {
                    push(&mut lists.env, word);
                }
            }
        },
        Option_::Hostname => {
            rule(value::is_host_name(bytes), "hostname", "host name of at most 64 letters, digits, - and dots")?;
            parsed.container.hostname = Some(value);
        }
        Option_::Init => match bytes {
            b"" | b"true" => parsed.container.init = true,
            b"false" => parsed.container.init = false,
            _ => return Err(wrong("init", "true or false")),
        },
        Option_::Network => match bytes {
            b"none" => parsed.container.network = Network::None,
            b"host" => parsed.container.network = Network::Host,
            _ => return Err(wrong("network", "network; write none or host")),
        },
        Option_::Privileged => parsed.container.privileged = true,
        Option_::ReadOnly => parsed.container.read_only = true,
        Option_::Tmpfs => {
            rule(value::tmpfs(bytes).is_some(), "tmpfs", "tmpfs; write /PATH or /PATH:OPTIONS")?;
            push(&mut lists.tmpfs, value);
        }
        Option_::User => {
            rule(value::is_user(bytes), "user", "user; write USER or USER:GROUP, each a name or a number")?;
            parsed.service.user = Some(value);
        }
        Option_::Volume => {
            rule(value::volume(bytes).is_some(), "volume", "volume; write /SRC:/DST or /SRC:/DST:ro")?;
            push(&mut lists.volumes, value);
        }
        Option_::Workdir => {
            rule(value::is_path(bytes), "workdir", "absolute path")?;
            parsed.service.workdir = Some(value);
        }
    }
    Ok(())
}
