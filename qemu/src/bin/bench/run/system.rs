//! What std has no words for: patience with a child, what it cost, and another user's rights for one thread.

use std::{
    io,
    mem::MaybeUninit,
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Command, ExitStatus},
    thread,
    time::Duration,
};

use nix::{
    libc,
    sys::{
        ptrace,
        signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, kill, sigaction},
    },
    unistd::{Pid, alarm},
};

/// The ordinary user of the rootless rows.
pub const USER: u32 = 1000;

extern "C" fn wake(_: libc::c_int) {}

/// From now on SIGALRM interrupts what waits.
pub fn expect_alarms() {
    // Without SA_RESTART.
    let action = SigAction::new(SigHandler::Handler(wake), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler does nothing.
    unsafe { sigaction(Signal::SIGALRM, &action) }.expect("SIGALRM can be handled");
}

/// `work`, whose waits end with EINTR once `seconds` are over.
pub fn within<T>(seconds: u32, work: impl FnOnce() -> T) -> T {
    alarm::set(seconds);
    let done = work();
    alarm::cancel();
    done
}

/// How a child ended.
pub struct Ended {
    pub status: ExitStatus,
    /// User and system time, its own and that of those it waited for.
    pub cpu: Duration,
}

/// wait4(2), once.
pub fn wait(pid: u32) -> io::Result<Ended> {
    let mut status = 0;
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: both may be written, and all zeroes are an rusage.
    let (found, usage) = unsafe {
        let found = libc::wait4(pid.cast_signed(), &raw mut status, 0, usage.as_mut_ptr());
        (found, usage.assume_init())
    };
    if found < 0 {
        return Err(io::Error::last_os_error());
    }
    let time = |time: libc::timeval| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000);
    Ok(Ended { status: ExitStatus::from_raw(status), cpu: time(usage.ru_utime) + time(usage.ru_stime) })
}

/// As [`wait`], for so long; after that it is killed.
pub fn wait_for(pid: u32, seconds: u32) -> io::Result<Ended> {
    within(seconds, || wait(pid)).inspect_err(|_| {
        let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
        let _ = wait(pid);
    })
}

/// `work` by a thread with the rights of `user`, and its children have them too: no process has to be forked to drop
/// what it is, which would be measured.
pub fn as_user<T: Send>(user: u32, work: impl FnOnce() -> T + Send) -> T {
    let mut alarms = SigSet::empty();
    alarms.add(Signal::SIGALRM);
    let _ = alarms.thread_block(); // whoever waits shall be woken, not whoever waits for that one
    let done = thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let _ = alarms.thread_unblock();
            // The system calls themselves, for the C library's functions change every thread.
            // SAFETY: numbers, and no group.
            let dropped = unsafe {
                libc::syscall(libc::SYS_setgroups, 0, std::ptr::null::<libc::gid_t>()) == 0
                    && libc::syscall(libc::SYS_setresgid, user, user, user) == 0
                    && libc::syscall(libc::SYS_setresuid, user, user, user) == 0
            };
            assert!(dropped, "a thread as user {user}: {}", io::Error::last_os_error());
            work()
        });
        worker.join().expect("the measurement does not panic")
    });
    let _ = alarms.thread_unblock();
    done
}

/// It stops once it has executed its program, traced by this thread.
pub fn traced(command: &mut Command) {
    // SAFETY: between fork and execve one system call.
    unsafe { command.pre_exec(|| ptrace::traceme().map_err(io::Error::from)) };
}

/// The number of the call that a traced process begins, if it is at a beginning.
pub fn beginning(pid: Pid) -> Option<u64> {
    let mut info = MaybeUninit::<libc::ptrace_syscall_info>::zeroed();
    let size = size_of_val(&info);
    // SAFETY: the kernel writes at most `size` bytes, and all zeroes are such a struct. `ptrace::syscall_info` of nix 0.30
    // passes no size, and gets nothing.
    let info = unsafe {
        libc::ptrace(libc::PTRACE_GET_SYSCALL_INFO, pid.as_raw(), size, info.as_mut_ptr());
        info.assume_init()
    };
    // SAFETY: all fields of the union are numbers, and `op` says which is meant.
    (info.op == libc::PTRACE_SYSCALL_INFO_ENTRY).then_some(unsafe { info.u.entry.nr })
}
