//! Terminals.

use super::error::{Call, Result, check};
use super::fd::Fd;

/// ioctl_tty(2) TIOCSCTTY: the terminal becomes this session's, with job control. Not taken from another session.
pub fn take(terminal: &Fd) -> Result<()> {
    // SAFETY: the ioctl takes a number.
    check(Call::Ioctl, unsafe { libc::ioctl(terminal.raw(), libc::TIOCSCTTY as _, 0) }).map(drop)
}

/// isatty(3) of a standard descriptor.
pub fn is_terminal_at(number: i32) -> bool {
    super::fd::duplicate(number).is_ok_and(|file| is_terminal(&file))
}

/// tcgetpgrp(3): the foreground process group of the terminal that standard input is; 0 when that is one of another pid
/// namespace. None: it is no terminal, or not the one that controls us.
pub fn foreground() -> Option<i32> {
    let mut group = 0i32;
    // SAFETY: room for one number.
    (unsafe { libc::ioctl(0, libc::TIOCGPGRP as _, &raw mut group) } == 0).then_some(group)
}

/// tcsetpgrp(3): the terminal that standard input is goes from the group `from` to the group `to`; false when `from` does not
/// have it. SIGTTOU must be blocked.
pub fn pass(from: i32, to: i32) -> bool {
    // SAFETY: one readable number.
    foreground() == Some(from) && unsafe { libc::ioctl(0, libc::TIOCSPGRP as _, &raw const to) } == 0
}

/// isatty(3): there is hardware that answers as a terminal.
pub fn is_terminal(file: &Fd) -> bool {
    let mut size = [0u16; 4];
    // SAFETY: room for one winsize.
    unsafe { libc::ioctl(file.raw(), libc::TIOCGWINSZ as _, size.as_mut_ptr()) == 0 }
}
