//! System calls of a launcher and of all that it starts, by ptrace(2): from its own execve, which counts, to the last end.

use std::{
    collections::{BTreeMap, HashSet},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use nix::{
    errno::Errno,
    libc,
    sys::{
        ptrace::{self, Options},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

use super::{
    kept,
    latency::PATIENCE,
    system::{beginning, traced, within},
};

pub type Calls = BTreeMap<u64, usize>;

/// Its status has to be 0.
pub fn count(mut command: Command) -> Result<Calls> {
    traced(&mut command);
    let child = command.spawn()?;
    let launcher = Pid::from_raw(child.id().cast_signed());
    waitpid(launcher, None).context("wait for its execve")?;
    let forks = Options::PTRACE_O_TRACEFORK | Options::PTRACE_O_TRACEVFORK | Options::PTRACE_O_TRACECLONE;
    let rest = Options::PTRACE_O_TRACEEXEC | Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_EXITKILL;
    ptrace::setoptions(launcher, forks | rest)?;
    let mut known = HashSet::from([launcher]);
    ptrace::syscall(launcher, None)?;
    let followed = within(PATIENCE, || follow(launcher, &mut known));
    if followed.is_err() {
        // Those that are ours: what has ended meanwhile is a zombie that we have not waited for.
        known.iter().for_each(|pid| kept::slay(pid.as_raw().cast_unsigned()));
        while waitpid(None, Some(WaitPidFlag::__WALL)).is_ok() {}
    }
    followed
}

fn follow(launcher: Pid, known: &mut HashSet<Pid>) -> Result<Calls> {
    let mut calls = Calls::from([(libc::SYS_execve as u64, 1)]);
    let mut status = None;
    loop {
        // ESRCH from what follows: it was killed meanwhile, and its end comes.
        let (pid, signal) = match waitpid(None, Some(WaitPidFlag::__WALL)) {
            Err(Errno::ECHILD) => break,
            Err(error) => return Err(error).context("wait for what is traced"),
            Ok(WaitStatus::PtraceSyscall(pid)) => {
                if let Some(call) = beginning(pid) {
                    *calls.entry(call).or_default() += 1;
                }
                (pid, None)
            }
            // The first stop of a new process is the tracer's.
            Ok(WaitStatus::Stopped(pid, signal)) => (pid, Some(signal).filter(|_| !known.insert(pid))),
            Ok(WaitStatus::PtraceEvent(pid, _, _)) => (pid, None),
            Ok(WaitStatus::Exited(pid, code)) => {
                known.remove(&pid);
                if pid == launcher {
                    status = Some(code);
                }
                continue;
            }
            Ok(WaitStatus::Signaled(pid, ..)) => {
                known.remove(&pid);
                continue;
            }
            Ok(_) => continue,
        };
        let _ = ptrace::syscall(pid, signal);
    }
    ensure!(status == Some(0), "it did not end well while it was traced: {status:?}");
    Ok(calls)
}
