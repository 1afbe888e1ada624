//! One child that matters, and any number of orphans that do not: forward signals to it, reap them all, end as it ends.

use crate::say;
use crate::sys::fd::Fd;
use crate::sys::poll::{self, Interest};
use crate::sys::process::{self, Exit, Pid, Waited};
use crate::sys::signal::{self, Sent};
use crate::sys::tty;

/// How the child is attended to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// Signals go to its process group.
    pub group: bool,
    /// The end of an orphan is worth a warning.
    pub warn: bool,
    /// It leads a job in our session, as a shell's child does: the terminal goes with it, and we stop as it is stopped.
    pub job: bool,
    /// It has a terminal of its own, which is carried to ours.
    pub terminal: bool,
    pub stops: Stops,
}

/// What ^Z does: in the session of a container, which has no terminal, the kernel lets SIGTSTP stop nobody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stops {
    /// What the child makes of it.
    #[default]
    Passed,
    /// We are a container's first process: at [`HALT`] all others stop, and SIGCONT continues them.
    All,
    /// We are its launcher: it stops, and we with it, until we are continued. `first`: by its first process, which is ours.
    Outside { first: bool },
}

/// From a launcher to a container's first process, which takes it from nobody inside: it is never passed on.
const HALT: i32 = libc::SIGTTOU;

/// Stays until `child` has ended, and says how. `signals` is a signalfd, opened before the child was made, so that no
/// end can be missed: many deaths are one SIGCHLD, so every one of them means "look until there is no more". `died`:
/// somebody may have died already, and his SIGCHLD is read, or older than `signals`.
pub fn attend(child: Pid, signals: &Fd, manner: Manner, mut died: bool) -> Exit {
    let mut asked = false;
    loop {
        let mut files = [Interest::readable(signals)];
        if !died && poll::wait(&mut files, None).is_err() {
            // No kernel memory, or our limit of open files was set below one: signals wait, the end does not.
            match process::wait_any() {
                Waited::Ended(pid, exit) if pid == child => return exit,
                Waited::Ended(..) => continue,
                _ => return Exit::Code(125),
            }
        }
        let mut stopped = None;
        let mut see = |pid, by| {
            if pid == child && manner.job {
                stopped = Some(by);
            }
        };
        loop {
            match process::reap_or_stopped(&mut see) {
                Waited::Ended(pid, exit) if pid == child => return exit,
                Waited::Ended(pid, _) if manner.warn => say!(Warning, "init: reaped orphan {}", pid.number()),
                Waited::Ended(..) => {}
                Waited::NoneYet => break,
                // Someone else took it (a debugger that let go): there is nothing left to attend.
                Waited::NoChildren => return Exit::Code(125),
            }
        }
        if let Some(by) = stopped {
            stop_with(child, by, core::mem::take(&mut asked));
            // It may have ended meanwhile.
            died = true;
            continue;
        }
        // Last: as a rule it was the end, and there is nothing to read.
        died = forward(child, signals, manner, &mut asked);
    }
}

/// Every signal to us goes on to `child`, but the news of a child's end, and TTIN and TTOU, which somebody of our group
/// brought on by using a terminal that is not his. `asked`: the last one was to stop, or [`HALT`] was. True: there was news of
/// an end.
pub fn forward(child: Pid, signals: &Fd, manner: Manner, asked: &mut bool) -> bool {
    let mut died = false;
    while let Ok(Some(Sent { number, typed, from_outside })) = signal::next_sent(signals) {
        let signal = i32::from(number);
        died |= signal == libc::SIGCHLD;
        match (signal, manner.stops) {
            (HALT, Stops::All) if from_outside => {
                *asked = process::kill_all(libc::SIGSTOP as u8).is_ok();
                continue;
            }
            (libc::SIGCONT, Stops::All) if core::mem::take(asked) => {
                let _ = process::kill_all(number);
                continue;
            }
            (libc::SIGTSTP, Stops::Outside { first }) if typed => {
                halt(child, first, true);
                // Nobody could continue us, or somebody has.
                signal::stop(number, false);
                halt(child, first, false);
                continue;
            }
            (libc::SIGCHLD | libc::SIGTTIN | libc::SIGTTOU, _) => continue,
            (_, Stops::Passed) => *asked = signal == libc::SIGTSTP,
            _ => {}
        }
        say!(Debug, "init: passing signal {} on", number);
        // ESRCH: it has just ended, which the next look sees, or it does not lead its group yet.
        if !manner.group || process::kill_group(child, number).is_err() {
            let _ = process::kill(child, number);
        }
    }
    died
}

/// Stops the container of `child`, or lets it go on. Without a first process of ours, its command's process group at least.
fn halt(child: Pid, first: bool, stops: bool) {
    let _ = match (first, stops) {
        (true, true) => process::kill(child, HALT as u8),
        (true, false) => process::kill(child, libc::SIGCONT as u8),
        (false, true) => process::kill_group(child, libc::SIGSTOP as u8),
        (false, false) => process::kill_group(child, libc::SIGCONT as u8),
    };
}

/// The terminal, if our group has it, is `child`'s.
fn give_terminal(child: Pid) -> bool {
    tty::pass(process::group(), child.number() as i32)
}

/// `child` was stopped by the signal `by`. If that was its terminal, our whole group stops as well, as it would have done
/// had the child stayed in it, and a shell sees its job stopped; if we were `asked` and passed it on, we stop alone. It goes
/// on when we are continued.
fn stop_with(child: Pid, by: u8, asked: bool) {
    let typed = match i32::from(by) {
        libc::SIGTSTP => true,
        // It used the terminal from the background, and not any more if that has come to us meanwhile.
        libc::SIGTTIN | libc::SIGTTOU => false,
        _ => return,
    };
    let asked = asked && typed;
    if !asked && tty::foreground().is_none() {
        return;
    }
    let goes_on = !typed && give_terminal(child)
        || process::id() != 1 && signal::stop(by, !asked)
        // Nobody could continue us, so the kernel does not stop us: what is typed does not stop the child then either.
        || typed && !asked;
    if goes_on {
        give_terminal(child);
        let _ = process::kill_group(child, libc::SIGCONT as u8);
    }
}
