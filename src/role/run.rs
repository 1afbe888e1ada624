//! `tinyo run`: one container from the shell.

use super::boot::{CONFIG, term};
use super::exit;
use super::leftovers::Absent;
use super::options::{self, Asked};
use crate::config::Userns;
use crate::container::reaper::{self, Manner};
use crate::container::shield;
use crate::plan::build::{self, Command, Parent};
use crate::plan::run::users::Refusal;
use crate::plan::run::{self, Child, Handed, Report};
use crate::plan::{Plan, Users};
use crate::say;
use crate::sys::args::Args;
use crate::sys::error::Errno;
use crate::sys::fd::{self, Fd};
use crate::sys::poll::{self, Interest};
use crate::sys::process::{self, Exit, Waited};
use crate::sys::{fs, signal, tty, user};
use crate::text::packed::{Packed, packed};

const USAGE: Packed = packed!(
    "usage: tinyo run [OPTIONS] ROOTFS [--] COMMAND [ARGUMENTS]
  -v, --volume SRC:DST[:ro]   bind SRC on DST
      --tmpfs PATH[:OPTIONS]  mount a tmpfs on PATH
  -e, --env NAME[=VALUE]      set NAME, or pass it on
  -u, --user USER[:GROUP]     run as USER, by name or number (0:0)
  -w, --workdir PATH          start in PATH (/)
  -h, --hostname NAME         set the host name (container)
      --network none|host     lo only, or the host's network (none)
      --userns host|auto      the host's ids (root), or a range of its own
      --read-only             make the root read-only, with tmpfs on /tmp and /run
      --cap-add, --cap-drop NAME|ALL
      --init=false            run COMMAND as PID 1, without the reaper
      --privileged            all capabilities, nothing masked: no isolation from root
Exit status: the command's; 125 tinyo failed, 126 not executable, 127 not found, 128+N killed by signal N
"
);

/// Runs a container and ends as its command ends.
#[inline(never)]
pub fn run(args: Args) -> u8 {
    let Some(config) = CONFIG.take() else { return exit::LAUNCHER };
    match options::parse(&args, config) {
        Some(Asked::Run) => {}
        Some(Asked::Help) => return super::output::print(USAGE),
        None => return exit::LAUNCHER,
    }
    signal::block_all();
    signal::take_child_signals();
    let Some(container) = config.services.first_mut().and_then(|service| service.container.as_mut()) else {
        return exit::LAUNCHER;
    };
    // In a range of root's nobody inside could write to it.
    if !container.privileged
        && (container.userns != Userns::Auto || !user::is_root())
        && let Err(error) = shield::raise(&args)
    {
        let hint = if error.is(libc::ENOENT) { "; is /proc mounted?" } else { "" };
        say!(Failure, "run: shielding the executable: {}{}", error, hint);
        return exit::LAUNCHER;
    }
    if container.userns != Userns::Auto && !may_mount() {
        if container.userns == Userns::Host {
            say!(Failure, "run: --userns host: only root can share the host's ids; leave it out");
            return exit::LAUNCHER;
        }
        container.userns = Userns::Caller { uid: user::effective(), gid: user::effective_group() };
    }
    let Some(service) = config.services.first() else { return exit::LAUNCHER };
    let term = term(&args);
    let mut plan = Plan::default();
    build::service(&mut plan, config, service, Command::Exec, Parent::Launcher, term);
    if plan.full {
        say!(Failure, "run: more than {} steps; write fewer volumes", crate::limits::STEPS);
        return exit::LAUNCHER;
    }
    let absent = Absent::of(&plan);
    launch(&plan, "run", Manner::default()).unwrap_or_else(|Failed { status }| {
        absent.remove();
        status
    })
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

/// Spawns `plan` and attends to it until it ends.
#[inline(never)]
pub fn launch(plan: &Plan, name: &str, manner: Manner) -> Result<u8, Failed> {
    let attended = signal::open().and_then(|signals| {
        let handed = Handed { block: run::users::block(plan)?, ..Handed::default() };
        Ok((run::spawn(plan, handed)?, signals))
    });
    let (child, mut signals) = match attended {
        Ok(made) => made,
        Err(error) => {
            say!(Failure, "{}: {}", name, Refusal(error, plan.namespaces.user != Users::Host));
            return Err(Failed { status: exit::LAUNCHER });
        }
    };
    let report = loop {
        match child.report() {
            Report::Nothing => wait_for_report(&child, &signals, manner),
            report => break report,
        }
    };
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
        _ => {
            if manner.job {
                say!(Info, "{}: the command runs as pid {}", name, pid.number());
                // What the caller had open is the command's now, and no directory stays busy because of us.
                drop(child);
                signals = fd::close_all_but(signals);
                let _ = fs::change_directory(c"/");
            }
            Ok(reaper::attend(pid, &signals, manner).status())
        }
    };
    if manner.job {
        // Back to whoever shares our group, a script as a rule: the group that has it is gone.
        tty::pass(pid.number() as i32, process::group());
    }
    result
}

/// A signal to us is a signal to the child from the first moment on: it has all of them blocked, so one that comes too
/// early waits, and is taken by the reaper or the command.
fn wait_for_report(child: &Child, signals: &Fd, manner: Manner) {
    let _ = poll::wait(&mut [Interest::readable(&child.report), Interest::readable(signals)], None);
    reaper::forward(child.pid, signals, manner, &mut false);
}
