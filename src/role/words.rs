//! Words for people: check, plan, help, version.

use core::ffi::CStr;

use super::boot::CONFIG;
use super::exit;
use super::handover::init_of;
use super::options::{Asked, USAGE};
use super::output::{Output, print};
use super::run;
use super::source;
use crate::config::{Config, Kind, Service};
use crate::limits;
use crate::plan::build::{self, Command, Parent};
use crate::plan::limit::limits;
use crate::plan::{Plan, Step, Users, machine, wall};
use crate::sys::args::Args;
use crate::text::packed::{Packed, packed};
use crate::text::put::{Piece, Word};
use crate::text::show::Show;
use crate::{put, say};

const HELP: Packed = packed!(
    "tinyo takes a Linux machine from the kernel's hand-over to running, supervised, isolated services
  tinyo run [OPTIONS] ROOTFS [--] COMMAND   run a command in a container (tinyo run --help)
  tinyo exec [OPTIONS] NAME|PID [--] COMMAND   run a command in a container that runs (tinyo exec --help)
  tinyo init [OPTIONS] [--] COMMAND         run a command, reap orphans, forward signals (tinyo init -h)
  tinyo check FILE                          check a config: every error, with its line
  tinyo plan [FILE]                         print every step of boot and services (/etc/tinyo.toml)
  tinyo plan run [OPTIONS] ROOTFS COMMAND   and of a container, and which walls it lacks
  tinyo status [--json] [NAME...]           how services are
  tinyo start|stop|restart [--no-block] NAME...
  tinyo log [-f] [-n N] [NAME...]           their last lines
  tinyo reload [NAME...]                    take a changed config; with NAME: send its reload-signal
  tinyo timeline [--json]                   what took how long since the kernel started
  tinyo poweroff, tinyo reboot, tinyo halt  end the machine
  tinyo help, tinyo version
As PID 1 of a machine it reads the kernel command line and /etc/tinyo.toml, and never its words.
"
);

pub fn help() -> u8 {
    print(HELP)
}

pub fn version() -> u8 {
    print(packed!(concat!("tinyo ", env!("TINYO_VERSION"), "\n")))
}

pub fn unknown(word: &[u8]) -> u8 {
    say!(Failure, "unknown word {}; try tinyo help", Show(word));
    exit::USAGE
}

/// Reads a config as the boot would, and says everything that is wrong with it.
fn read(path: Option<&'static CStr>) -> Result<&'static Config<'static>, u8> {
    let config = CONFIG.take().ok_or(exit::SYSTEM)?;
    match source::load(path, source::room(), config) {
        Ok((_, verdict)) if verdict.problems == 0 && plans_fit(config) => Ok(config),
        _ => Err(exit::USAGE),
    }
}

/// Every plan that the config asks for has room; one that has not is said.
fn plans_fit(config: &Config) -> bool {
    let mut plan = Plan::default();
    machine::set_up(&mut plan, config);
    if plan.full {
        say!(Failure, "boot: more than {} steps; write fewer modules or sysctls", limits::STEPS);
        return false;
    }
    config.services.iter().all(|service| {
        let mut plan = Plan::default();
        build::service(&mut plan, config, service, Command::Exec, Parent::Init, None);
        if plan.full {
            say!(Failure, "{}: more than {} steps; write fewer volumes", service.name, limits::STEPS);
        }
        !plan.full
    })
}

pub fn check(args: Args) -> u8 {
    let Some(path) = args.get(2) else {
        say!(Failure, "check: no file; write tinyo check FILE");
        return exit::USAGE;
    };
    match read(Some(path)) {
        Ok(config) => {
            let mut out = Output::new();
            put!(&mut out, "{}: ok, services: {}\n", Show(path.to_bytes()), config.services.len());
            out.end()
        }
        Err(status) => status,
    }
}

/// Prints every step that boot, supervisor and each service would take.
#[inline(never)]
pub fn plan(args: Args) -> u8 {
    const RUN: usize = 2;
    if args.get(RUN) == Some(c"run") {
        return plan_run(&args, RUN + 1);
    }
    let config = match read(args.get(2)) {
        Ok(config) => config,
        Err(status) => return status,
    };
    let mut out = Output::new();
    write_plans(config, &mut out);
    out.end()
}

/// The same of `tinyo run`, for its words from `first` on.
fn plan_run(args: &Args, first: usize) -> u8 {
    let Some(config) = CONFIG.take() else { return exit::SYSTEM };
    match run::read(args, first, false, config) {
        Some(Asked::Run(_)) => {}
        Some(Asked::Help) => return print(USAGE),
        None => return exit::USAGE,
    }
    let mut out = Output::new();
    for service in &config.services {
        section(&mut out, "run");
        write_service(config, service, Parent::Launcher, &mut out);
    }
    out.end()
}

fn write_plans(config: &Config, out: &mut Output) {
    section(out, "boot");
    write_steps(&machine::EARLY, out);
    let mut plan = Plan::default();
    machine::set_up(&mut plan, config);
    write_steps(&plan.steps, out);
    for root in &config.roots {
        section(out, "root");
        let [mount, last] = machine::root(root, init_of(root, config));
        write_steps(&[mount], out);
        write_steps(root.overlay.map(Step::over_root).as_slice(), out);
        write_steps(&[last], out);
    }
    if config.roots.is_empty() || config.roots.iter().any(|root| init_of(root, config).is_none()) {
        section(out, "for services");
        write_steps(&machine::FOR_SERVICES, out);
    }
    if !config.mounts.is_empty() {
        section(out, "mounts");
        for step in machine::mounts(config) {
            write_steps(&[step], out);
        }
    }
    if let Some(path) = config.random_seed {
        section(out, "seed");
        write_steps(&[Step::Seed(path)], out);
    }
    for service in &config.services {
        put!(out, "service {}", service.name);
        write_heading(config, service, out);
        write_service(config, service, Parent::Init, out);
    }
}

fn write_service(config: &Config, service: &Service, parent: Parent, out: &mut Output) {
    limits(config, service, &mut |limit| put!(out, "  limit {}\n", limit));
    if let Some(container) = &service.container {
        let mut opened = |key: &str, what: &dyn Word| put!(out, "  wall removed by {}: {}\n", key, Piece::Other(what));
        wall::removed(config, container, &mut opened);
    }
    let mut plan = Plan::default();
    build::service(&mut plan, config, service, Command::Exec, parent, None);
    if plan.namespaces.container {
        let net = if plan.namespaces.net { " net" } else { "" };
        let user = if plan.namespaces.user == Users::Host { "" } else { " user" };
        put!(out, "  new namespaces: mount pid uts ipc cgroup{}{}\n", net, user);
    }
    write_steps(&plan.steps, out);
}

fn section(out: &mut Output, name: &str) {
    put!(out, "{}\n", name);
}

fn write_heading(config: &Config, service: &Service, out: &mut Output) {
    let kind = match service.kind {
        Kind::Daemon => "daemon",
        Kind::Oneshot => "oneshot",
        Kind::Console => "console",
    };
    put!(out, " ({}", kind);
    for (word, set) in &[("after", service.after), ("requires", service.requires)] {
        let mut word = Some(*word);
        for (_, other) in config.services.iter().enumerate().filter(|(index, _)| set.contains(*index)) {
            if let Some(word) = word.take() {
                put!(out, ", {}", word);
            }
            put!(out, " {}", other.name);
        }
    }
    put!(out, ")\n");
}

fn write_steps(steps: &[Step], out: &mut Output) {
    for step in steps {
        put!(out, "  {}\n", *step);
    }
}
