//! Signals, read synchronously: blocked first thing, then taken from a signalfd.

use super::error::{Call, Result};
use super::fd::Fd;

/// The highest signal number on Linux (musl reports 64 in SIGRTMAX; the kernel's _NSIG is 64).
pub const LAST: u8 = 64;

/// A set of signals as the kernel has it: bit N-1 is signal N. (The C library's own calls keep 32 to 34 for themselves.)
type Set = u64;

const SET_BYTES: usize = core::mem::size_of::<Set>();

/// What was blocked before.
fn set_mask(how: i32, set: Set) -> Set {
    let mut old = 0;
    // SAFETY: one readable and one writable set of the size given.
    unsafe { libc::syscall(libc::SYS_rt_sigprocmask, how, &raw const set, &raw mut old, SET_BYTES) };
    old
}

/// Blocks every signal that can be blocked, for this process and what it forks. What was blocked before is for
/// [`restore`].
pub fn block_all() -> u64 {
    set_mask(libc::SIG_SETMASK, Set::MAX)
}

/// Unblocks everything, leaving dispositions as they are.
pub fn unblock_all() {
    set_mask(libc::SIG_SETMASK, 0);
}

/// SIG_DFL, or SIG_IGN if `ignored`; true when it was ignored before.
fn set_ignored(number: u8, ignored: bool) -> bool {
    // The kernel's `struct sigaction`: SIG_DFL is 0 and SIG_IGN 1, no flags, and so no restorer either.
    let action = [u64::from(ignored), 0, 0, 0];
    let mut old = [0u64; 4];
    // SAFETY: a readable and a writable action of 32 bytes, which it is on x86_64 and aarch64.
    unsafe {
        libc::syscall(libc::SYS_rt_sigaction, i32::from(number), action.as_ptr(), old.as_mut_ptr(), SET_BYTES);
    }
    old[0] == 1
}

/// No signal is ignored from here on, by this process and what it forks: SIG_IGN is inherited, through execve too, and a
/// new program expects none. SIGCHLD among them: ignored, the kernel would reap our children itself.
pub fn ignore_none() {
    // All are asked for: what proc_pid_status(5) says of them takes three times as long. KILL and STOP answer EINVAL.
    for number in 1..=LAST {
        set_ignored(number, false);
    }
}

/// SIGCHLD back to its default: inherited as ignored, the kernel would reap our children itself. True: it was.
pub fn take_child_signals() -> bool {
    set_ignored(libc::SIGCHLD as u8, false)
}

/// Signals as whoever started this process had them: what [`block_all`] and [`take_child_signals`] answered.
pub fn restore(blocked: u64, child_ignored: bool) {
    set_ignored(libc::SIGCHLD as u8, child_ignored);
    set_mask(libc::SIG_SETMASK, blocked);
}

/// Lets the blocked signal `number` (TSTP, TTIN or TTOU) stop this process, with the whole of its `group` or alone, until
/// somebody continues it. False: the kernel did not stop it, as it never does PID 1, whoever ignores the signal, and a
/// group that nobody could continue (setpgid(2): orphaned).
pub fn stop(number: u8, group: bool) -> bool {
    let signal = i32::from(number);
    // A stop that comes discards a SIGCONT that waits, and the other way round: whichever was last is left.
    let set = bit(libc::SIGCONT);
    let zero = [0u64; 2];
    // SAFETY: plain numbers; one readable set of the size given, no siginfo, a time of two words, all zero.
    let taken = unsafe {
        libc::kill(if group { 0 } else { libc::getpid() }, signal);
        set_mask(libc::SIG_UNBLOCK, bit(signal));
        set_mask(libc::SIG_BLOCK, bit(signal));
        libc::syscall(libc::SYS_rt_sigtimedwait, &raw const set, 0usize, zero.as_ptr(), SET_BYTES)
    };
    taken == libc::SIGCONT.into()
}

const fn bit(number: i32) -> Set {
    1 << (number - 1)
}

/// A signalfd(2) for every signal that is not raised by a bug of our own (those must kill, or panic, at once).
pub fn open() -> Result<Fd> {
    const OWN: Set = bit(libc::SIGSEGV)
        | bit(libc::SIGBUS)
        | bit(libc::SIGILL)
        | bit(libc::SIGFPE)
        | bit(libc::SIGTRAP)
        | bit(libc::SIGABRT)
        | bit(libc::SIGSYS);
    let set = !OWN;
    let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
    // SAFETY: one readable set of the size given.
    let value = unsafe { libc::syscall(libc::SYS_signalfd4, -1, &raw const set, SET_BYTES, flags) };
    Fd::made(Call::Signalfd, value)
}

/// The next signal that is waiting, by number; None when there is no more.
pub fn next(fd: &Fd) -> Result<Option<u8>> {
    Ok(next_sent(fd)?.map(|sent| sent.number))
}

/// A signal, and who sent it.
pub struct Sent {
    pub number: u8,
    /// The kernel by itself, as a terminal does for what is typed, and nobody by kill(2).
    pub typed: bool,
    /// Somebody who has no number in this pid namespace: from outside, or the kernel.
    pub from_outside: bool,
}

/// The same, with its sender.
pub fn next_sent(fd: &Fd) -> Result<Option<Sent>> {
    /// SI_KERNEL of sigaction(2).
    const KERNEL: u32 = 0x80;
    let mut info = [0u8; core::mem::size_of::<libc::signalfd_siginfo>()];
    match fd.read(&mut info) {
        // ssi_signo is the first field, ssi_code the third, ssi_pid the fourth, of 32 bits each in native order.
        Ok(_) => {
            let fields = info.as_chunks().0;
            let field = |at: usize| fields.get(at).map_or(0, |&bytes| u32::from_ne_bytes(bytes));
            Ok(Some(Sent { number: field(0) as u8, typed: field(2) == KERNEL, from_outside: field(3) == 0 }))
        }
        Err(error) if error.is(libc::EAGAIN) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The number of real-time signal `n` as programs count them (SIGRTMIN + n): the C library keeps the first ones, so
/// it is 34, 35 or 32 by library; on Linux programs agree on 34 (systemd's SIGRTMIN+3 is 37 everywhere).
pub const fn realtime(n: u8) -> u8 {
    34 + n
}
