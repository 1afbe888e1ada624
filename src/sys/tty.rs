//! Terminals.

use super::error::{Call, Result, check};
use super::fd::Fd;

/// ioctl_tty(2) TIOCSCTTY: the terminal becomes this session's, with job control. Not taken from another session.
pub fn take(terminal: &Fd) -> Result<()> {
    // SAFETY: the ioctl takes a number.
    check(Call::Ioctl, unsafe { libc::ioctl(terminal.raw(), libc::TIOCSCTTY as _, 0) }).map(drop)
}

/// isatty(3): there is hardware that answers as a terminal.
pub fn is_terminal(file: &Fd) -> bool {
    // SAFETY: an open descriptor.
    unsafe { libc::isatty(file.raw()) == 1 }
}

/// Blocking again: a terminal opened with O_NONBLOCK so that a missing carrier could not hang us.
pub fn make_blocking(file: &Fd) -> Result<()> {
    // SAFETY: flags of our own descriptor.
    unsafe {
        let flags = check(Call::Fcntl, libc::fcntl(file.raw(), libc::F_GETFL))?;
        check(Call::Fcntl, libc::fcntl(file.raw(), libc::F_SETFL, flags & !libc::O_NONBLOCK)).map(drop)
    }
}
