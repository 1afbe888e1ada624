//! `tinyo run`: one container from the shell. `tinyo init`: one command, and orphans reaped.

use core::ffi::CStr;

use super::boot::{CONFIG, term};
use super::exit;
use super::leftovers::Absent;
use super::options::{self, Asked};
use crate::container::{reaper, shield};
use crate::plan::build::{self, Command, Parent};
use crate::plan::run::{self, Report};
use crate::plan::{Plan, Step};
use crate::say;
use crate::sys::args::Args;
use crate::sys::error::Errno;
use crate::sys::fd::Fd;
use crate::sys::poll::{self, Interest};
use crate::sys::process::{self, Pid, Waited};
use crate::sys::{signal, user};
use crate::text::show::Show;

const USAGE: &str = "usage: tinyo run [OPTIONS] ROOTFS [--] COMMAND [ARGUMENTS]
  -v, --volume SRC:DST[:ro]   bind SRC on DST
      --tmpfs PATH[:OPTIONS]  mount a tmpfs on PATH
  -e, --env NAME[=VALUE]      set NAME, or pass it on
  -u, --user USER[:GROUP]     run as USER, by name or number (0:0)
  -w, --workdir PATH          start in PATH (/)
  -h, --hostname NAME         set the host name (container)
      --network none|host     lo only, or the host's network (none)
      --read-only             make the root read-only, with tmpfs on /tmp and /run
      --cap-add, --cap-drop NAME|ALL
      --init=false            run COMMAND as PID 1, without the reaper
      --privileged            all capabilities, nothing masked: no isolation from root
Exit status: the command's; 125 tinyo failed, 126 not executable, 127 not found, 128+N killed by signal N
";

/// Runs a container and ends as its command ends.
#[inline(never)]
pub fn run(args: Args) -> u8 {
    let Some(config) = CONFIG.take() else { return exit::LAUNCHER };
    match options::parse(&args, config) {
        Some(Asked::Run) => {}
        Some(Asked::Help) => return super::words::print(USAGE),
        None => return exit::LAUNCHER,
    }
    if !user::is_root() {
        say!(Failure, "run: this needs root; rootless containers are not in this version of tinyo");
        return exit::LAUNCHER;
    }
    signal::block_all();
    signal::take_child_signals();
    let Some(service) = config.services.first() else { return exit::LAUNCHER };
    if service.container.as_ref().is_some_and(|container| !container.privileged)
        && let Err(error) = shield::raise(&args)
    {
        let hint = if error.is(libc::ENOENT) { "; is /proc mounted?" } else { "" };
        say!(Failure, "run: shielding the executable: {}{}", error, hint);
        return exit::LAUNCHER;
    }
    let term = term(&args);
    let mut plan = Plan::default();
    build::service(&mut plan, config, service, Command::Exec, Parent::Launcher, term);
    if plan.full {
        say!(Failure, "run: more than {} steps; write fewer volumes", crate::limits::STEPS);
        return exit::LAUNCHER;
    }
    let absent = Absent::of(&plan);
    launch(&plan, "run").unwrap_or_else(|Failed { status }| {
        absent.remove();
        status
    })
}

/// `tinyo init -- COMMAND`: tini's work.
#[inline(never)]
pub fn init(args: Args, first: usize) -> u8 {
    let Some(config) = CONFIG.take() else { return exit::LAUNCHER };
    let start = match args.get(first).map(CStr::to_bytes) {
        Some(b"--") => first + 1,
        Some(word) if word.starts_with(b"-") => {
            say!(Failure, "init: {} is not in this version of tinyo; write init -- COMMAND", Show(word));
            return exit::LAUNCHER;
        }
        _ => first,
    };
    let (Some(argv), Some(env)) = (config.add_list(&mut args.from(start)), config.add_list(&mut args.environment()))
    else {
        say!(Failure, "init: more than {} words", crate::limits::WORDS);
        return exit::LAUNCHER;
    };
    if argv.is_empty() {
        say!(Failure, "init: no command; write init -- COMMAND [ARGUMENTS]");
        return exit::LAUNCHER;
    }
    signal::block_all();
    signal::take_child_signals();
    if process::id() != 1
        && let Err(error) = process::adopt_orphans()
    {
        say!(Warning, "init: {}; orphans go to PID 1", error);
    }
    let mut plan = Plan::default();
    plan.push(Step::ResetSignals);
    plan.push(Step::Exec { argv: config.list(argv), env: config.list(env), term: None });
    launch(&plan, "init").unwrap_or_else(|Failed { status }| status)
}

/// It never came to its command; why was said.
struct Failed {
    status: u8,
}

/// Spawns `plan` and attends to it until it ends.
fn launch(plan: &Plan, name: &str) -> Result<u8, Failed> {
    let attended = signal::open().and_then(|signals| Ok((run::spawn(plan, None, None)?, signals)));
    let (child, signals) = match attended {
        Ok(made) => made,
        Err(error) => {
            say!(Failure, "{}: {}", name, error);
            return Err(Failed { status: exit::LAUNCHER });
        }
    };
    let report = loop {
        match child.report() {
            Report::Nothing => wait_for_report(&child.report, &signals, child.pid),
            report => break report,
        }
    };
    match report {
        Report::Failed { step, errno } => {
            process::wait(child.pid);
            let Some(step) = plan.steps.get(step) else { return Err(Failed { status: exit::LAUNCHER }) };
            run::say_failure(name.as_bytes(), step, Errno(errno as u16));
            Err(Failed { status: step.exit_status(errno) })
        }
        // Killed on its way, by a signal that was for the command: the status says it, as it would have then.
        Report::Died => Err(Failed {
            status: match process::wait(child.pid) {
                Waited::Ended(_, exit) => exit.status(),
                _ => exit::LAUNCHER,
            },
        }),
        _ => Ok(reaper::attend(child.pid, &signals).status()),
    }
}

/// A signal to us is a signal to the child from the first moment on: it has all of them blocked, so one that comes too
/// early waits, and is taken by the reaper or the command.
fn wait_for_report(report: &Fd, signals: &Fd, child: Pid) {
    let _ = poll::wait(&mut [Interest::readable(report), Interest::readable(signals)], None);
    reaper::forward(child, signals);
}
