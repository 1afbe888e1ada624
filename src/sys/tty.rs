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

/// isatty(3): there is hardware that answers as a terminal.
pub fn is_terminal(file: &Fd) -> bool {
    let mut size = [0u16; 4];
    // SAFETY: room for one winsize.
    unsafe { libc::ioctl(file.raw(), libc::TIOCGWINSZ as _, size.as_mut_ptr()) == 0 }
}
