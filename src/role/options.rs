//! The words after `tinyo run`: docker run's names, to a service with a container.

use core::ffi::CStr;

use crate::config::keys::{Field, Type};
use crate::config::value;
use crate::config::{Config, Container, List};
use crate::limits;
use crate::say;
use crate::sys::args::Args;
use crate::text::bytes::{after, cut, has, terminated};
use crate::text::names;
use crate::text::packed::{Packed, packed};
use crate::text::show::Word;

/// docker run's names. Those before `init` take a value, `init` only one behind `=`, those after it none.
const LONG: &str =
    "cap-add cap-drop env hostname network tmpfs user userns volume workdir init privileged read-only help";
const SHORT: &[u8] = b"\0\0eh\0\0u\0vw";
const ENV: usize = 2;
const INIT: usize = 10;
const HELP: usize = 13;

/// The key of a config that each stands for, in the same order.
static FIELDS: [Field; HELP] = [
    Field::CapAdd,
    Field::CapDrop,
    Field::Env,
    Field::ContainerHostname,
    Field::Network,
    Field::Tmpfs,
    Field::User,
    Field::Userns,
    Field::Volumes,
    Field::Workdir,
    Field::ContainerInit,
    Field::Privileged,
    Field::ContainerReadOnly,
];

/// How a message about their values calls them, and what it wants instead, in the same order.
const CALLED: Packed = packed!(
    "cap-add, --cap-drop\ncap-add, --cap-drop\nenv\nhostname\nnetwork\ntmpfs\nuser\nuserns\nvolume\nworkdir\ninit"
);
const WANTED: Packed = packed!(
    "capability of capabilities(7), nor ALL\ncapability of capabilities(7), nor ALL\n\
    variable; write NAME=VALUE or NAME\nhost name of at most 64 letters, digits, - and dots\nnetwork; write none or host\n\
    tmpfs; write /PATH or /PATH:OPTIONS\nuser; write USER or USER:GROUP, each a name or a number\nuser namespace; write host or auto\n\
    volume; write /SRC:/DST or /SRC:/DST:ro\nabsolute path\ntrue or false"
);

/// Words of one list option: more volumes than that are no container any more.
const MOST: usize = 64;

/// The first word after `run`.
const FIRST: usize = 2;

/// Where the one service of the config is.
const ONLY: Option<usize> = Some(0);

/// What they ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Help,
    /// To run the one service of the config.
    Run,
}

/// Reads the words after `run` into `config`, which is empty. None: what is wrong was said.
pub fn parse(args: &Args, config: &mut Config<'static>) -> Option<Asked> {
    config.add_service(b"container")?.container = Some(Container::new(c"/"));
    let mut options = Options { args, index: FIRST };
    while let Some(option) = options.next() {
        let (number, value) = option?;
        let Some(&field) = FIELDS.get(number) else { return Some(Asked::Help) };
        let Some(becomes) = check(number, field, value.to_bytes()) else {
            let [called, wanted] = [CALLED, WANTED].map(|list| list.line(number));
            say!(Failure, "run: --{}: {} is no {}", called, Word(value.to_bytes()), wanted);
            return None;
        };
        config.set(ONLY, field, becomes, value, List::EMPTY);
    }
    let Some(root) = options.word() else {
        complain("no ROOTFS:", b"run ROOTFS COMMAND is needed");
        return None;
    };
    options.index += 1;
    if options.word().is_none() {
        complain("no COMMAND after", root.to_bytes());
        return None;
    }
    config.set(ONLY, Field::ContainerRoot, 0, root, List::EMPTY);
    if add_lists(args, config, options.index).is_none() {
        say!(
            Failure,
            "run: too many words; write an option at most {} times, a command of at most {} words",
            MOST,
            limits::LIST
        );
        return None;
    }
    Some(Asked::Run)
}

/// Stores the command, and each list of words, one behind the other.
fn add_lists(args: &Args, config: &mut Config<'static>, command: usize) -> Option<()> {
    let exec = config.add_list(&mut args.from(command)).filter(|list| config.list(*list).len() <= limits::LIST)?;
    config.set(ONLY, Field::Exec, 0, c"", exec);
    for (number, field) in FIELDS.iter().enumerate().filter(|(_, field)| matches!(field.kind(), Type::List(_))) {
        let mut options = Options { args, index: FIRST };
        let mut words = core::iter::from_fn(|| {
            loop {
                let (other, value) = options.next()??;
                let word = if other == number { passed_on(number, value, args) } else { None };
                if word.is_some() {
                    return word;
                }
            }
        });
        let list = config.add_list(&mut words).filter(|list| config.list(*list).len() <= MOST)?;
        config.set(ONLY, *field, 0, c"", list);
    }
    Some(())
}

/// A name alone of `--env` is passed on, if it is there.
fn passed_on(number: usize, value: &'static CStr, args: &Args) -> Option<&'static CStr> {
    let name = value.to_bytes();
    if number != ENV || has(name, b'=') {
        return Some(value);
    }
    args.environment().find(|word| after(word.to_bytes(), name).is_some_and(|rest| rest.starts_with(b"=")))
}

/// The number that a value becomes, as in a config. None: it is none for this option.
fn check(number: usize, field: Field, value: &[u8]) -> Option<u64> {
    match field.kind() {
        Type::List(_) if number == ENV && !value.is_empty() && !has(value, b'=') => Some(0),
        Type::List(kind) => value::check_item(kind, false, value).ok().map(|()| 0),
        Type::Boolean => names::position("false true", value).map(|index| index as u64),
        kind => value::check(kind, value).ok(),
    }
}

/// The words, option by option.
struct Options<'a> {
    args: &'a Args,
    index: usize,
}

impl Options<'_> {
    /// The word at hand, behind a `--` if there is one.
    fn word(&mut self) -> Option<&'static CStr> {
        if self.args.get(self.index).is_some_and(|word| word == c"--") {
            self.index += 1;
        }
        self.args.get(self.index)
    }

    /// The number of the next option, and its value. None: there are no more; in it: what is wrong with this one was said.
    #[inline(never)]
    fn next(&mut self) -> Option<Option<(usize, &'static CStr)>> {
        let word = self.args.get(self.index)?;
        let bytes = word.to_bytes();
        if bytes == b"--" || !bytes.starts_with(b"-") || bytes.len() == 1 {
            return None;
        }
        self.index += 1;
        let wrong = match recognise(word) {
            None => "unknown option",
            Some((number @ INIT.., None)) => return Some(Some((number, c"true"))),
            Some((number @ ..=INIT, Some(value))) => return Some(Some((number, value))),
            Some((_, Some(_))) => "no value wanted:",
            Some((number, None)) => {
                let value = self.args.get(self.index);
                self.index += 1;
                match value {
                    Some(value) => return Some(Some((number, value))),
                    None => "a value is missing after",
                }
            }
        };
        complain(wrong, bytes);
        Some(None)
    }
}

#[inline(never)]
fn complain(text: &str, word: &[u8]) {
    say!(Failure, "run: {} {}; try tinyo run --help", text, Word(word));
}

/// The number of the option that `word` is, and the value that is attached to it.
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
