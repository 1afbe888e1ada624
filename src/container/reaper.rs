//! One child that matters, and any number of orphans that do not: forward signals to it, reap them all, end as it ends.

use crate::sys::fd::Fd;
use crate::sys::poll::{self, Interest};
use crate::sys::process::{self, Exit, Pid, Waited};
use crate::sys::signal;

/// Stays until `child` has ended, and says how. `signals` is a signalfd, opened before the child was made, so that no
/// end can be missed: many deaths are one SIGCHLD, so every one of them means "look until there is no more".
pub fn attend(child: Pid, signals: &Fd) -> Exit {
    loop {
        loop {
            match process::reap() {
                Waited::Ended(pid, exit) if pid == child => return exit,
                Waited::Ended(..) => {}
                Waited::NoneYet => break,
                // Someone else took it (a debugger that let go): there is nothing left to attend.
                Waited::NoChildren => return Exit::Code(125),
            }
        }
        let mut files = [Interest::readable(signals)];
        if poll::wait(&mut files, None).is_err() {
            // No kernel memory, or our limit of open files was set below one: signals wait, the end does not.
            match process::wait_any() {
                Waited::Ended(pid, exit) if pid == child => return exit,
                Waited::Ended(..) => continue,
                _ => return Exit::Code(125),
            }
        }
        forward(child, signals);
    }
}

/// Every signal to us but the news of a child's end goes on to `child`.
pub fn forward(child: Pid, signals: &Fd) {
    while let Ok(Some(number)) = signal::next(signals) {
        if i32::from(number) != libc::SIGCHLD {
            // ESRCH: it has just ended; the next look sees it.
            let _ = process::kill(child, number);
        }
    }
}
