//! Signals, read synchronously: blocked first thing, then taken from a signalfd.

use super::error::{Call, Result, check};
use super::fd::Fd;
use core::mem::MaybeUninit;

/// The highest signal number on Linux (musl reports 64 in SIGRTMAX; the kernel's _NSIG is 64).
pub const LAST: u8 = 64;

/// Blocks every signal that can be blocked, for this process and what it forks.
pub fn block_all() {
    // SAFETY: a set filled by the C library, and room for none.
    unsafe {
        let mut set = MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigfillset(set.as_mut_ptr());
        libc::sigprocmask(libc::SIG_BLOCK, set.as_ptr(), core::ptr::null_mut());
    }
}

/// What a new program expects: no signal blocked, none ignored. (execve resets handlers, but keeps SIG_IGN and the mask.)
pub fn reset() {
    // SAFETY: SIG_DFL for every signal; the numbers that cannot be set answer EINVAL, which changes nothing.
    unsafe {
        let mut action = MaybeUninit::<libc::sigaction>::zeroed().assume_init();
        action.sa_sigaction = libc::SIG_DFL;
        for number in 1..=libc::c_int::from(LAST) {
            libc::sigaction(number, &action, core::ptr::null_mut());
        }
    }
    unblock_all();
}

/// Unblocks everything, leaving dispositions as they are.
pub fn unblock_all() {
    // SAFETY: an empty set made by the C library.
    unsafe {
        let mut set = MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, set.as_ptr(), core::ptr::null_mut());
    }
}

/// SIGCHLD back to its default: inherited as ignored, the kernel would reap our children itself.
pub fn take_child_signals() {
    // SAFETY: as in `reset`.
    unsafe {
        let mut action = MaybeUninit::<libc::sigaction>::zeroed().assume_init();
        action.sa_sigaction = libc::SIG_DFL;
        libc::sigaction(libc::SIGCHLD, &action, core::ptr::null_mut());
    }
}

/// A signalfd(2) for every signal that is not raised by a bug of our own (those must kill, or panic, at once).
pub fn open() -> Result<Fd> {
    // SAFETY: a set made by the C library.
    unsafe {
        let mut set = MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigfillset(set.as_mut_ptr());
        for own in [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP, libc::SIGABRT, libc::SIGSYS] {
            libc::sigdelset(set.as_mut_ptr(), own);
        }
        let fd = check(Call::Signalfd, libc::signalfd(-1, set.as_ptr(), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK))?;
        Ok(Fd::own(fd))
    }
}

/// The next signal that is waiting, by number; None when there is no more.
pub fn next(fd: &Fd) -> Result<Option<u8>> {
    let mut info = [0u8; core::mem::size_of::<libc::signalfd_siginfo>()];
    match fd.read(&mut info) {
        // ssi_signo is the first field, a u32 in native order.
        Ok(_) => Ok(Some(u32::from_ne_bytes([info[0], info[1], info[2], info[3]]) as u8)),
        Err(error) if error.is(libc::EAGAIN) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The number of real-time signal `n` as programs count them (SIGRTMIN + n): the C library keeps the first ones, so
/// it is 34, 35 or 32 by library; on Linux programs agree on 34 (systemd's SIGRTMIN+3 is 37 everywhere).
pub const fn realtime(n: u8) -> u8 {
    34 + n
}
