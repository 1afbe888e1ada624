//! Terminals.

use super::error::{Call, Result, done};
use super::fd::Fd;
use super::fs::{self, At};
use core::ffi::CStr;

/// ioctl_tty(2) TIOCSCTTY: the terminal becomes this session's, with job control. Not taken from another session.
pub fn take(terminal: &Fd) -> Result<()> {
    // SAFETY: the ioctl takes a number.
    done(Call::Ioctl, unsafe { libc::ioctl(terminal.raw(), libc::TIOCSCTTY as _, 0) })
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

/// Opens a new terminal of the devpts whose `ptmx` this is: its master, which never waits, and its slave.
///
/// # Errors
///
/// ENOSPC: `/proc/sys/kernel/pty/max`, or the file system's own `max=`, is reached.
pub fn open_pair(at: At, ptmx: &CStr) -> Result<(Fd, Fd)> {
    let master = fs::open_at(at, ptmx, fs::READ_WRITE | fs::NON_BLOCK)?;
    let locked = 0i32;
    // SAFETY: one readable number.
    done(Call::Ioctl, unsafe { libc::ioctl(master.raw(), libc::TIOCSPTLCK as _, &raw const locked) })?;
    let slave = open_peer(&master)?;
    Ok((master, slave))
}

/// ioctl_tty(2) TIOCGPTPEER, since Linux 4.13: the slave of `master`, by no name that somebody could have put something
/// else under. ENOTTY or EIO for anything but a master.
pub fn open_peer(master: &Fd) -> Result<Fd> {
    const TIOCGPTPEER: u32 = 0x5441;
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: the ioctl takes flags and makes a descriptor.
    Fd::made(Call::Ioctl, unsafe { libc::ioctl(master.raw(), TIOCGPTPEER as _, flags) }.into())
}

/// The window of the terminal `to` becomes as large as that of standard input; one that is no terminal has none to copy.
pub fn copy_size(to: &Fd) {
    let mut size = [0u16; 4];
    // SAFETY: room for one winsize, which the second call reads.
    unsafe {
        if libc::ioctl(0, libc::TIOCGWINSZ as _, size.as_mut_ptr()) == 0 {
            libc::ioctl(to.raw(), libc::TIOCSWINSZ as _, size.as_ptr());
        }
    }
}

/// fchown(2): the terminal that standard input is becomes `uid`'s, who may then open it by its name. Its group stays.
pub fn give(uid: u32) -> Result<()> {
    // SAFETY: plain numbers.
    done(Call::Fchown, unsafe { libc::syscall(libc::SYS_fchown, 0, uid, u32::MAX) })
}

/// What a terminal does with what passes it: the kernel's `struct termios`, the same on x86_64 and aarch64.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct Modes {
    input: u32,
    output: u32,
    control: u32,
    local: u32,
    line: u8,
    characters: [u8; 19],
}

impl Modes {
    /// tcgetattr(3) of standard input. ENOTTY: it is no terminal.
    pub fn get() -> Result<Modes> {
        let mut modes = Modes::default();
        // SAFETY: room for one `struct termios`.
        done(Call::Ioctl, unsafe { libc::ioctl(0, libc::TCGETS as _, &raw mut modes) }).map(|()| modes)
    }

    /// tcsetattr(3) of standard input, at once: waiting for its output could take for ever.
    pub fn set(&self) {
        // SAFETY: one readable `struct termios`. A terminal that has gone has no modes to miss.
        unsafe { libc::ioctl(0, libc::TCSETS as _, &raw const *self) };
    }

    /// cfmakeraw(3): each byte at once, and none means anything here.
    pub fn raw(mut self) -> Modes {
        self.input &= !(libc::IGNBRK
            | libc::BRKINT
            | libc::PARMRK
            | libc::ISTRIP
            | libc::INLCR
            | libc::IGNCR
            | libc::ICRNL
            | libc::IXON);
        self.output &= !libc::OPOST;
        self.local &= !(libc::ECHO | libc::ECHONL | libc::ICANON | libc::ISIG | libc::IEXTEN);
        self.control = self.control & !(libc::CSIZE | libc::PARENB) | libc::CS8;
        (self.characters[libc::VMIN], self.characters[libc::VTIME]) = (1, 0);
        self
    }
}
