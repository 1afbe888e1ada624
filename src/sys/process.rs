//! Processes: made, replaced, waited for, signalled.

use super::args::{self, Args};
use super::error::{Call, Error, Result, check_long, done, last};
use super::fd::Fd;
use super::fs;
use crate::put;
use crate::text::bytes;
use crate::text::ulimit::Ulimit;
use core::ffi::{CStr, c_char};
use core::marker::PhantomData;
use core::num::NonZeroU32;

pub use super::clone::{
    Forked, NEW_CGROUP, NEW_IPC, NEW_MOUNT, NEW_NET, NEW_PID, NEW_USER, NEW_UTS, Namespaces, descriptor_of, fork, join,
    lend, unshare,
};

/// A process, never 0 and never a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pid(NonZeroU32);

impl Pid {
    pub fn new(raw: i32) -> Option<Pid> {
        u32::try_from(raw).ok().and_then(NonZeroU32::new).map(Pid)
    }

    /// A number read somewhere.
    pub fn of(number: u64) -> Option<Pid> {
        i32::try_from(number).ok().and_then(Pid::new)
    }

    pub const fn number(self) -> u32 {
        self.0.get()
    }
}

/// Opens a file of /proc/PID (proc(5)).
#[inline(never)]
pub fn open(pid: Pid, file: &str, flags: i32) -> Result<Fd> {
    let mut path = heapless::Vec::<u8, 32>::new();
    put!(&mut path, "/proc/{}/{}\0", pid.number(), file);
    fs::open(bytes::terminated(&path).unwrap_or_default(), flags)
}

/// What such a file says, as far as it fits.
#[inline(never)]
pub fn told<'b>(pid: Pid, file: &str, buffer: &'b mut [u8]) -> Result<&'b [u8]> {
    let filled = open(pid, file, fs::READ)?.read_to_end(buffer)?;
    Ok(buffer.get(..filled).unwrap_or_default())
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Code(u8),
    Signal(u8),
}

impl Exit {
    /// The status a shell would show: the code, or 128 + the signal.
    pub const fn status(self) -> u8 {
        match self {
            Exit::Code(code) => code,
            Exit::Signal(signal) => 128u8.saturating_add(signal),
        }
    }

    pub const fn is_success(self) -> bool {
        matches!(self, Exit::Code(0))
    }
}

/// The machine has one processor, or we may use one: sched_getaffinity(2).
pub fn has_one_processor() -> bool {
    let mut mask = 0u64;
    // SAFETY: room for the length given. It is too short where there may be more than 64, which are not one.
    let n = unsafe { libc::syscall(libc::SYS_sched_getaffinity, 0, core::mem::size_of::<u64>(), &raw mut mask) };
    n > 0 && mask.is_power_of_two()
}

/// Where an array of `N` words for execve(2) lies: on the stack, or in a static, where only what is filled costs pages.
pub struct Room<const N: usize>([*const c_char; N]);

// SAFETY: it is only read through the `Words` that fill it.
unsafe impl<const N: usize> Send for Room<N> {}

impl<const N: usize> Room<N> {
    pub const fn new() -> Self {
        Room([core::ptr::null(); N])
    }
}

impl<const N: usize> Default for Room<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// A NULL-terminated array of words for execve(2).
pub struct Words<'w> {
    room: &'w mut [*const c_char],
    len: usize,
    borrowed: PhantomData<&'w CStr>,
}

impl<'w> Words<'w> {
    pub fn of<const N: usize>(room: &'w mut Room<N>) -> Self {
        Words { room: &mut room.0, len: 0, borrowed: PhantomData }
    }

    pub fn push(&mut self, word: &'w CStr) -> Result<()> {
        self.push_raw(word.as_ptr())
    }

    /// Room for the last NULL is made here, so a full array is E2BIG as well.
    pub fn end(&mut self) -> Result<()> {
        self.push_raw(core::ptr::null())
    }

    #[inline(never)]
    fn push_raw(&mut self, word: *const c_char) -> Result<()> {
        let place = self.room.get_mut(self.len).ok_or(Error::new(Call::Execve, libc::E2BIG))?;
        *place = word;
        self.len += 1;
        Ok(())
    }

    /// Its array, once it has its end.
    fn ended(&self) -> Option<*const *const c_char> {
        let last = self.room.get(self.len.wrapping_sub(1))?;
        last.is_null().then_some(self.room.as_ptr())
    }
}

/// execve(2). It returns only to say why it did not happen.
///
/// `argv` and `envp` were ended with [`Words::end`] and their words are still there: the caller keeps them in scope.
pub fn execute(path: &CStr, argv: &Words, envp: &Words) -> Error {
    let (Some(argv), Some(envp)) = (argv.ended(), envp.ended()) else { return Error::new(Call::Execve, libc::EFAULT) };
    // SAFETY: both arrays end with NULL, the words are NUL-terminated and outlive the call.
    unsafe { libc::execve(path.as_ptr(), argv, envp) };
    last(Call::Execve)
}

/// execveat(2) of the file itself, with the words and the environment that this process was given. It returns only to
/// say why it did not happen.
pub fn execute_file(file: &Fd, args: &Args) -> Error {
    let (argv, envp) = args.raw();
    // SAFETY: the kernel's own arrays, as long as the process lives.
    unsafe { libc::syscall(libc::SYS_execveat, file.raw(), c"".as_ptr(), argv, envp, libc::AT_EMPTY_PATH) };
    last(Call::Execveat)
}

/// execve(2) of `path` with the words and the environment that this process was given, the first `skip` words left out.
/// It returns only to say why it did not happen.
pub fn execute_given(path: &CStr, skip: usize) -> Error {
    let (argv, envp) = args::given(skip);
    // SAFETY: the kernel's own arrays, which end with NULL, as long as the process lives.
    unsafe { libc::execve(path.as_ptr(), argv, envp) };
    last(Call::Execve)
}

/// What waiting found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    Ended(Pid, Exit),
    /// There are children, and none has ended.
    NoneYet,
    NoChildren,
}

fn wait_for(pid: i32, flags: i32, stopped: &mut dyn FnMut(Pid, u8)) -> Waited {
    loop {
        let mut status = 0;
        // SAFETY: room for one status.
        let value = unsafe { libc::syscall(libc::SYS_wait4, pid, &raw mut status, flags, 0usize) as i32 };
        match Pid::new(value) {
            Some(pid) if libc::WIFEXITED(status) => {
                return Waited::Ended(pid, Exit::Code(libc::WEXITSTATUS(status) as u8));
            }
            Some(pid) if libc::WIFSIGNALED(status) => {
                return Waited::Ended(pid, Exit::Signal(libc::WTERMSIG(status) as u8));
            }
            // Told of where `flags` ask for it.
            Some(pid) => stopped(pid, libc::WSTOPSIG(status) as u8),
            None if value == 0 => return Waited::NoneYet,
            None if last(Call::Waitpid).is(libc::EINTR) => {}
            None => return Waited::NoChildren,
        }
    }
}

/// Reaps one child that has ended, ours or a stranger's. The status is the kernel's word here, never a signal's.
pub fn reap() -> Waited {
    wait_for(-1, libc::WNOHANG, &mut |_, _| {})
}

/// The same; `stopped` gets every child that a signal has stopped, with that signal.
pub fn reap_or_stopped(stopped: &mut dyn FnMut(Pid, u8)) -> Waited {
    wait_for(-1, libc::WNOHANG | libc::WUNTRACED, stopped)
}

/// Waits until any child has ended.
pub fn wait_any() -> Waited {
    wait_for(-1, 0, &mut |_, _| {})
}

/// Waits until `pid`, a child, has ended.
pub fn wait(pid: Pid) -> Waited {
    wait_for(pid.number() as i32, 0, &mut |_, _| {})
}

/// `pid`, a child, has ended, and is waited for by that.
pub fn has_ended(pid: Pid) -> bool {
    wait_for(pid.number() as i32, libc::WNOHANG, &mut |_, _| {}) != Waited::NoneYet
}

/// kill(2) of one process.
pub fn kill(pid: Pid, signal: u8) -> Result<()> {
    // SAFETY: plain numbers.
    done(Call::Kill, unsafe { libc::kill(pid.number() as i32, i32::from(signal)) })
}

/// kill(2) of the process group that `leader` leads.
pub fn kill_group(leader: Pid, signal: u8) -> Result<()> {
    // SAFETY: plain numbers.
    done(Call::Kill, unsafe { libc::kill(-(leader.number() as i32), i32::from(signal)) })
}

/// kill(2) of every process but PID 1 and the caller. It can block behind a process that the kernel waits for.
pub fn kill_all(signal: u8) -> Result<()> {
    // SAFETY: plain numbers.
    done(Call::Kill, unsafe { libc::kill(-1, i32::from(signal)) })
}

/// This process's number in its own pid namespace.
pub fn id() -> u32 {
    // SAFETY: cannot fail.
    unsafe { libc::getpid() as u32 }
}

/// getpgrp(2): this process's group, by its number; 0 when its leader is outside this pid namespace.
pub fn group() -> i32 {
    // SAFETY: cannot fail.
    unsafe { libc::getpgrp() }
}

/// setpgid(2): a process group of its own in the session that it is in.
pub fn new_group() -> Result<()> {
    // SAFETY: plain numbers.
    done(Call::Setpgid, unsafe { libc::syscall(libc::SYS_setpgid, 0, 0) })
}

/// setsid(2): a session and process group of its own, without a terminal.
pub fn new_session() -> Result<()> {
    // SAFETY: no arguments.
    done(Call::Setsid, unsafe { libc::syscall(libc::SYS_setsid) })
}

/// keyctl(2) KEYCTL_JOIN_SESSION_KEYRING: a session keyring of its own. A kernel without keys has none to share.
pub fn new_keyring() -> Result<()> {
    const JOIN_SESSION_KEYRING: i32 = 1;
    // SAFETY: no name is a null pointer.
    let value = unsafe { libc::syscall(libc::SYS_keyctl, JOIN_SESSION_KEYRING, core::ptr::null::<c_char>()) };
    match check_long(Call::Keyctl, value) {
        Err(error) if error.is(libc::ENOSYS) => Ok(()),
        done => done.map(drop),
    }
}

/// prlimit(2) of this process. EPERM: raising a hard limit needs CAP_SYS_RESOURCE, and nofile ends at fs.nr_open.
pub fn set_limit(limit: Ulimit) -> Result<()> {
    // `struct rlimit64`: the same on every architecture.
    let values = [limit.soft, limit.hard];
    let none = core::ptr::null::<u64>();
    // SAFETY: two numbers are read, and nothing is written.
    let value = unsafe { libc::syscall(libc::SYS_prlimit64, 0, i32::from(limit.resource), values.as_ptr(), none) };
    done(Call::Prlimit, value)
}

/// Ends this process at once.
pub fn exit(code: u8) -> ! {
    // SAFETY: never returns.
    unsafe { libc::_exit(i32::from(code)) }
}

/// prctl(2) PR_SET_PDEATHSIG: this process gets `signal` when the thread that made it dies.
pub fn die_with_parent(signal: u8) -> Result<()> {
    prctl(Call::Prctl, libc::PR_SET_PDEATHSIG, libc::c_ulong::from(signal))
}

/// prctl(2) PR_SET_DUMPABLE: unless we are, /proc/PID is root's, and ptrace needs CAP_SYS_PTRACE over us.
pub fn make_dumpable(dumpable: bool) -> Result<()> {
    prctl(Call::Prctl, libc::PR_SET_DUMPABLE, dumpable.into())
}

/// prctl(2) PR_SET_NO_NEW_PRIVS.
pub fn no_new_privileges() -> Result<()> {
    prctl(Call::Prctl, libc::PR_SET_NO_NEW_PRIVS, 1)
}

/// prctl(2) PR_GET_SECCOMP: a filter decides over our system calls.
pub fn is_filtered() -> bool {
    // SAFETY: no pointers.
    unsafe { libc::syscall(libc::SYS_prctl, libc::PR_GET_SECCOMP) == 2 }
}

/// prctl(2) PR_SET_CHILD_SUBREAPER: orphans among our descendants become our children.
pub fn adopt_orphans() -> Result<()> {
    prctl(Call::Prctl, libc::PR_SET_CHILD_SUBREAPER, 1)
}

pub(super) fn prctl(call: Call, option: i32, value: libc::c_ulong) -> Result<()> {
    // SAFETY: options that take a number and no pointer.
    done(call, unsafe { libc::syscall(libc::SYS_prctl, option, value, 0usize, 0usize, 0usize) })
}
