//! `tinyo run`: one container from the shell.

use core::ffi::CStr;

use super::boot::{CONFIG, term};
use super::leftovers::Leftovers;
use super::limited::Limited;
use super::options::{self, Asked, Words};
use super::told::{self, Told};
use super::{client, exec, exit};
use crate::config::{Config, Container, Kind, Network, Service, Userns, value};
use crate::container::reaper::{self, Manner, Stops};
use crate::container::shield;
use crate::container::terminal::Relay;
use crate::plan::build::{self, Command, Parent};
use crate::plan::run::users::Refusal;
use crate::plan::run::{self, Child, Handed, Made, Report};
use crate::plan::{Plan, Users};
use crate::say;
use crate::supervise::cgroup::Cgroup;
use crate::sys::args::Args;
use crate::sys::error::Errno;
use crate::sys::fd::{self, Fd};
use crate::sys::poll::{self, Interest};
use crate::sys::process::{self, Exit, Pid, Waited};
use crate::sys::{fs, signal, tty, user};
use crate::text::bytes;
use crate::text::put::{Piece, Word};
use crate::text::show::Show;

/// Runs a container, or (`exec`) a command in one that runs, and ends as its command ends.
#[inline(never)]
pub fn run(args: Args, exec: bool) -> u8 {
    let Some(config) = CONFIG.take() else { return exit::LAUNCHER };
    let word = if exec { "exec" } else { "run" };
    let told = match read(&args, FIRST, exec, config) {
        Some(Asked::Run(told)) => told,
        Some(Asked::Help) => return super::output::print(if exec { exec::USAGE } else { options::USAGE }),
        None => return exit::LAUNCHER,
    };
    if exec && !may_mount() {
        say!(Failure, "exec: this needs root, with CAP_SYS_ADMIN");
        return exit::LAUNCHER;
    }
    let Some(container) = config.services.first_mut().and_then(|service| service.container.as_mut()) else {
        return exit::LAUNCHER;
    };
    let preserved = container.preserved;
    if !told::are_open(&told, preserved) {
        return exit::LAUNCHER;
    }
    // In a range of root's nobody inside could write to it.
    if !container.privileged
        && (container.userns != Userns::Auto || !user::is_root())
        && let Err(error) = shield::raise(&args)
    {
        let hint = if error.is(libc::ENOENT) { "; is /proc mounted?" } else { "" };
        say!(Failure, "{}: shielding the executable: {}{}", word, error, hint);
        return exit::LAUNCHER;
    }
    if !exec && container.userns != Userns::Auto && !may_mount() {
        if container.userns == Userns::Host {
            say!(Failure, "run: --userns host: only root can share the host's ids; leave it out");
            return exit::LAUNCHER;
        }
        container.userns = Userns::Caller { uid: user::effective(), gid: user::effective_group() };
    }
    let Some(service) = config.services.first() else { return exit::LAUNCHER };
    if !exec && !user::is_root() && asks_for_id_maps(config, service) {
        return exit::LAUNCHER;
    }
    signal::block_all();
    signal::ignore_none();
    let term = term(&args);
    if exec {
        return exec::exec(config, service, term);
    }
    let mut plan = Plan::default();
    build::service(&mut plan, config, service, Command::Exec, Parent::Launcher, term);
    if plan.full {
        say!(Failure, "run: more than {} steps; write fewer volumes", crate::limits::STEPS);
        return exit::LAUNCHER;
    }
    let Ok(network) = network(service) else { return exit::LAUNCHER };
    let Some(mut limited) = Limited::of(config, service) else { return exit::LAUNCHER };
    let Some(mut told) = Told::of(&told, preserved) else { return exit::LAUNCHER };
    let mut leftovers = Leftovers::of(&plan);
    let first = service.container.is_some_and(|container| container.init);
    let terminal = service.kind == Kind::Console;
    let manner = Manner { stops: Stops::Outside { first }, terminal, ..Manner::default() };
    let cgroup = limited.cgroup.as_ref().map(Cgroup::main);
    let handed = Handed { network: network.as_ref(), cgroup, ..Handed::default() };
    let status = launch(&plan, "run", manner, handed, &mut |news| match news {
        News::Making(made) => leftovers.add(made),
        News::Executed(pid) => told.tell(pid),
    });
    let status = status.unwrap_or_else(|Failed { status }| {
        leftovers.remove();
        status
    });
    limited.end(status, &service.limits);
    status
}

/// The first word behind `run`.
const FIRST: usize = 2;

/// Reads the words from `first` on into `config`. None: what is wrong was said.
pub fn read(args: &Args, first: usize, exec: bool, config: &mut Config<'static>) -> Option<Asked> {
    let named =
        |word: &CStr, name: &[u8]| bytes::after(word.to_bytes(), name).is_some_and(|rest| rest.starts_with(b"="));
    let verb = if exec { "exec" } else { "run" };
    let words = Words {
        word: &|at| args.get(at),
        variable: &|name| args.environment().find(|word| named(word, name)),
        complain: &|what, hint| say!(Failure, "{}: {}{}", verb, Piece::Other(what), hint),
        exec,
    };
    options::parse(words, first, config)
}

/// A volume of `service` is to show its ids as they are, which where they are not takes rights over its file system. Said
/// then.
fn asks_for_id_maps(config: &Config, service: &Service) -> bool {
    let Some(container) = &service.container else { return false };
    let asks = |word: &&&CStr| value::volume(word.to_bytes()).is_some_and(|volume| volume.idmap);
    let Some(word) = config.list(container.volumes).iter().find(asks) else { return false };
    let hint = "only root can map the ids of a volume; leave :idmap out";
    say!(Failure, "run: --volume {}: {}", Show(word.to_bytes()), hint);
    true
}

/// The network of the service that is to be shared, if one is. Err: what is wrong was said.
#[inline(never)]
fn network(service: &Service) -> Result<Option<Fd>, ()> {
    let Some(Container { network: Network::Service(name), .. }) = service.container else { return Ok(None) };
    let pid = client::process_of(name.to_bytes(), "run").ok_or(())?;
    let namespace = process::open(pid, "ns/net", fs::READ);
    let is_hosts = |file: &Fd| fs::is_same(file, c"/proc/self/ns/net");
    let reason = match namespace {
        Ok(file) if !is_hosts(&file) => return Ok(Some(file)),
        Ok(_) => "it has no network of its own; write --network host".piece(),
        Err(ref error) => error.piece(),
    };
    say!(Failure, "run: join the network of service {}: {}", Show(name.to_bytes()), reason);
    Err(())
}

/// Whoever may not is given a user namespace to do so in. Root, too, may lack CAP_SYS_ADMIN.
fn may_mount() -> bool {
    const SYS_ADMIN: u64 = 1 << 21;
    user::is_root() && user::permitted_capabilities() & SYS_ADMIN != 0
}

/// It never came to its command; why was said.
pub struct Failed {
    pub status: u8,
}

/// What is heard of a child on its way.
pub enum News {
    Making(Made),
    /// It is its command now. Whoever cannot go on with that answers false.
    Executed(Pid),
}

/// Spawns `plan` and attends to it until it ends; `hear` gets what there is to hear.
#[inline(never)]
pub fn launch(
    plan: &Plan,
    name: &str,
    manner: Manner,
    mut handed: Handed,
    hear: &mut dyn FnMut(News) -> bool,
) -> Result<u8, Failed> {
    let mut relay = None;
    if manner.terminal {
        let Some((ours, theirs)) = Relay::open(name) else { return Err(Failed { status: exit::LAUNCHER }) };
        (relay, handed.terminal) = (Some(ours), Some(theirs));
    }
    let attended = signal::open().and_then(|signals| {
        handed.block = run::users::block(plan)?;
        Ok((run::spawn(plan, handed)?, signals))
    });
    let (child, mut signals) = match attended {
        Ok(made) => made,
        Err(error) => {
            say!(Failure, "{}: {}", name, Refusal(error, plan.namespaces.user != Users::Host));
            return Err(Failed { status: exit::LAUNCHER });
        }
    };
    let mut died = false;
    // Nothing that it reports is of use before it is all there.
    while !is_over(&child, &signals) {
        // A signal to us is a signal to the child from the first moment on: it has all of them blocked, so one that comes
        // too early waits, and is taken by the reaper or the command.
        died |= reaper::forward(child.pid, &signals, manner, &mut false);
    }
    let report = child.report_and(true, &mut |made| {
        hear(News::Making(made));
    });
    let pid = child.pid;
    let result = match report {
        Report::Failed { step, errno } => {
            process::wait(pid);
            let status = plan.steps.get(step).map_or(exit::LAUNCHER, |step| {
                run::say_failure(name.as_bytes(), step, Errno(errno as u16));
                step.exit_status(errno)
            });
            Err(Failed { status })
        }
        // Killed on its way, by a signal that was for the command: the status says it, as it would have then.
        Report::Died => Err(Failed {
            status: match process::wait(pid) {
                Waited::Ended(_, exit) if exit != Exit::Code(exit::LAUNCHER) => exit.status(),
                _ => {
                    say!(Failure, "{}: it ended on its way to its command; has the kernel memory left?", name);
                    exit::LAUNCHER
                }
            },
        }),
        _ if !hear(News::Executed(pid)) => {
            let _ = process::kill(pid, libc::SIGKILL as u8);
            process::wait(pid);
            Err(Failed { status: exit::LAUNCHER })
        }
        _ => {
            if manner.job {
                say!(Info, "{}: the command runs as pid {}", name, pid.number());
                // What the caller had open is the command's now, and no directory stays busy because of us.
                drop(child);
                signals = fd::close_all_but(signals);
                let _ = fs::change_directory(c"/");
            }
            Ok(match relay {
                Some(relay) => relay.attend(pid, &signals),
                None => reaper::attend(pid, &signals, manner, died),
            }
            .status())
        }
    };
    if manner.job {
        // Back to whoever shares our group, a script as a rule: the group that has it is gone.
        tty::pass(pid.number() as i32, process::group());
    }
    result
}

/// Waits until `child` has executed its command or ended, which closes its report, or there is a signal.
fn is_over(child: &Child, signals: &Fd) -> bool {
    let mut files = [Interest::end_of(&child.report), Interest::readable(signals)];
    poll::wait(&mut files, None).is_ok() && files[0].is_ready()
}
