//! `tinyo init`: one command, orphans reaped, signals passed on: what tini does.

use core::ffi::CStr;

use super::run::{Failed, launch};
use super::tini::{self, Asked};
use super::{exit, output, words};
use crate::container::reaper::Manner;
use crate::log::{self, Level};
use crate::plan::run::Handed;
use crate::plan::{Plan, Step};
use crate::say;
use crate::sys::args::Args;
use crate::sys::{process, signal};
use crate::text::packed::{Packed, packed};

const USAGE: Packed = packed!(
    "usage: tinyo init [OPTIONS] [--] COMMAND [ARGUMENTS]
  -s       adopt orphans: done in any case
  -g       signals go to the process group of COMMAND
  -p SIG   get SIG when the parent of tinyo dies
  -e CODE  end with 0 when COMMAND ends with CODE (0 to 255; repeatable)
  -w       warn about each orphan that is reaped
  -v       say more (repeatable)
  -l       show the licence
  -h       show this; --version
Environment: TINI_SUBREAPER (-s), TINI_KILL_PROCESS_GROUP (-g), TINI_VERBOSITY=0 to 3 (1)
Exit status: the command's; 125 tinyo failed, 126 not executable, 127 not found, 128+N killed by signal N
"
);

const LICENCE: Packed = packed!("SPDX-License-Identifier: MIT OR Apache-2.0\n");

/// Runs the words from `first` on and ends as their command ends.
#[inline(never)]
pub fn init(args: Args, first: usize) -> u8 {
    let mut options = match tini::parse(&|index| args.get(index), first) {
        Ok(options) => options,
        Err(wrong) => {
            say!(Failure, "init: {}", wrong);
            return exit::LAUNCHER;
        }
    };
    match options.asked {
        Asked::Command => {}
        Asked::Help => return output::print(USAGE),
        Asked::Licence => return output::print(LICENCE),
        Asked::Version => return words::version(),
    }
    let Some(name) = args.get(options.command) else {
        say!(Failure, "init: no command; write init -- COMMAND [ARGUMENTS]");
        return exit::LAUNCHER;
    };
    for variable in args.environment().map(CStr::to_bytes) {
        if let Err(wrong) = options.take_variable(variable) {
            say!(Warning, "init: {}", wrong);
        }
    }
    log::set_limit(match options.verbosity {
        0 => Level::Failure,
        1 => Level::Warning,
        2 => Level::Info,
        _ => Level::Debug,
    });
    let blocked = signal::block_all();
    let child_ignored = signal::take_child_signals();
    if process::id() != 1
        && let Err(error) = process::adopt_orphans()
    {
        say!(Warning, "init: {}; orphans go to PID 1", error);
    }
    if let Some(signal) = options.parent_death
        && let Err(error) = process::die_with_parent(signal)
    {
        say!(Failure, "init: -p: {}", error);
        return exit::LAUNCHER;
    }
    let mut plan = Plan::default();
    plan.push(Step::Group);
    plan.push(Step::RestoreSignals { blocked, child_ignored });
    plan.push(Step::ExecGiven { name, skip: options.command });
    let manner = Manner { group: options.group, warn: options.warn, job: true };
    let status = launch(&plan, Handed::default(), "init", manner).unwrap_or_else(|Failed { status }| status);
    say!(Info, "init: the command ended with status {}", status);
    options.status(status)
}
