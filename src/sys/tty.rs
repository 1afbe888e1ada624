//! Terminals.

use super::call;
use super::error::{Call, Result, done};
use super::fd::Fd;

/// ioctl_tty(2) TIOCSCTTY: the terminal becomes this session's, with job control. Not taken from another session.
pub fn take(terminal: &Fd) -> Result<()> {
    // SAFETY: the ioctl takes a number.
    done(Call::Ioctl, unsafe { call::three(libc::SYS_ioctl, terminal.raw(), libc::TIOCSCTTY as u32, 0) })
}

/// isatty(3): there is hardware that answers as a terminal.
pub fn is_terminal(file: &Fd) -> bool {
    let mut size = [0u16; 4];
    // SAFETY: room for one winsize.
    unsafe { call::three(libc::SYS_ioctl, file.raw(), libc::TIOCGWINSZ as u32, size.as_mut_ptr()) == 0 }
}
