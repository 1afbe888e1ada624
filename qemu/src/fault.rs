//! Faults: the shipped binary under ptrace(2), with a system call that fails though the kernel would have done it.
//!
//! The tracer follows a launcher until one of its processes executes the program, and from there on watches that process
//! (generation 0) or those it forks on their way to their execve (generation 1, 2: a container's PID 1, its command).

use std::{
    collections::HashMap,
    fs,
    io::Write,
    os::unix::fs::MetadataExt,
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicI32, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    libc,
    sys::{
        ptrace::{self, Options},
        signal::{Signal, kill},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

/// What goes wrong.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    None,
    /// The N-th call that can fail like this, once.
    Once(usize, Errno),
    /// The same, and every call of its number for [`SPELL`].
    Spell(usize, Errno),
    /// Every read(2) of a file or pipe, and every write(2) to a file, is cut to so many bytes, four at least (records of a
    /// pipe are whole: pipe(7)); every third call is interrupted instead.
    Short(u64),
    /// The process is killed as it begins its N-th call.
    Kill(usize),
}

/// How long a kind of call fails: several turns of any loop, less than the patience of any user.
pub const SPELL: Duration = Duration::from_millis(50);

/// The errnos that are tried.
pub const ERRNOS: [Errno; 7] =
    [Errno::EINTR, Errno::ENOMEM, Errno::EMFILE, Errno::EAGAIN, Errno::EIO, Errno::ENOSPC, Errno::EPERM];

/// What the rest of a test may look at meanwhile.
#[derive(Default)]
pub struct Watch {
    /// The first process that executed the program, once it has; 0 before.
    pub first: AtomicI32,
    /// System calls of those who are watched.
    pub calls: AtomicUsize,
}

/// A traced life.
#[derive(Debug)]
pub struct Traced {
    /// The watched calls, by number.
    pub calls: Vec<i64>,
    /// The calls that were made to fail.
    pub failed: Vec<i64>,
    /// How the launcher ended: its status, or 1000 + the signal.
    pub code: i32,
}

/// Whether the kernel can answer `call` with `errno`: what cannot fail is not made to, nor with what no caller could meet.
pub fn can_fail(call: i64, errno: Errno) -> bool {
    match call {
        // Nothing but a bug of the caller's makes these fail.
        libc::SYS_exit
        | libc::SYS_exit_group
        | libc::SYS_rt_sigprocmask
        | libc::SYS_rt_sigaction
        | libc::SYS_getpid
        | libc::SYS_capget
        | libc::SYS_gettid
        | libc::SYS_getuid
        | libc::SYS_geteuid
        | libc::SYS_getpgrp
        | libc::SYS_umask
        | libc::SYS_clock_gettime
        | libc::SYS_arch_prctl
        | libc::SYS_set_tid_address => false,
        libc::SYS_wait4 | libc::SYS_rt_sigtimedwait => errno == Errno::EINTR,
        libc::SYS_ppoll => matches!(errno, Errno::EINTR | Errno::ENOMEM),
        libc::SYS_close => matches!(errno, Errno::EINTR | Errno::EIO),
        _ => true,
    }
}

/// The name of a call, for messages.
pub fn name(call: i64) -> String {
    macro_rules! names {
        ($($name:ident)*) => { [$((libc::$name, stringify!($name))),*] };
    }
    let names = names! {
        SYS_read SYS_write SYS_open SYS_openat SYS_close SYS_fcntl SYS_pipe2 SYS_clone SYS_clone3 SYS_wait4 SYS_kill SYS_ppoll
        SYS_socket SYS_bind SYS_listen SYS_accept4 SYS_connect SYS_sendto SYS_recvmsg SYS_setsockopt SYS_getsockopt SYS_mkdirat
        SYS_unlinkat SYS_signalfd4 SYS_inotify_init1 SYS_inotify_add_watch SYS_madvise SYS_mount SYS_umount2 SYS_prctl
        SYS_dup3 SYS_execve SYS_execveat SYS_setsid SYS_setpgid SYS_close_range SYS_openat2 SYS_newfstatat SYS_statx SYS_fstatfs
        SYS_open_tree SYS_move_mount SYS_mount_setattr SYS_fsopen SYS_fsconfig SYS_fsmount SYS_pivot_root SYS_chdir SYS_fchdir
        SYS_sethostname SYS_ioctl SYS_capset SYS_setgroups SYS_sched_getaffinity SYS_memfd_create SYS_fchmodat SYS_faccessat
        SYS_faccessat2 SYS_readlinkat SYS_mknodat SYS_symlinkat SYS_keyctl SYS_prlimit64 SYS_getdents64 SYS_statfs SYS_lseek
        SYS_chroot SYS_fstat SYS_stat SYS_setresuid SYS_setresgid SYS_sendmsg SYS_fchmod SYS_rt_sigprocmask SYS_rt_sigaction
        SYS_clock_gettime SYS_getpid SYS_exit_group SYS_set_tid_address SYS_arch_prctl SYS_umask SYS_getcwd SYS_geteuid SYS_flock
        SYS_capget SYS_getuid SYS_getgid SYS_mknod SYS_symlink SYS_mkdir SYS_seccomp
    };
    names
        .iter()
        .find(|(number, _)| *number == call)
        .map_or_else(|| format!("call {call}"), |(_, name)| name[4..].to_owned())
}

/// Runs `launcher` to its end and watches the processes of `generation` below the one that executes `program`.
///
/// `launcher` starts with `read go`: it waits for a line, by when it is traced.
///
/// # Panics
///
/// Where this host has no ptrace(2).
#[expect(clippy::zombie_processes, reason = "the tracer waits for it, and for all below it")]
pub fn trace(mut launcher: Command, program: &Path, generation: usize, fault: Fault, watch: &Watch) -> Traced {
    let program = fs::metadata(program).unwrap();
    let mut child = launcher.stdin(Stdio::piped()).spawn().unwrap();
    let pid = Pid::from_raw(child.id().cast_signed());
    ptrace::seize(pid, following()).unwrap();
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    let tracer = Tracer {
        program: (program.dev(), program.ino()),
        generation,
        fault,
        watch,
        known: HashMap::from([(pid, Known::Outside)]),
        parked: Vec::new(),
        since: None,
        traced: Traced { calls: Vec::new(), failed: Vec::new(), code: 0 },
    };
    tracer.run(pid)
}

fn following() -> Options {
    let forks = Options::PTRACE_O_TRACEFORK | Options::PTRACE_O_TRACEVFORK | Options::PTRACE_O_TRACECLONE;
    forks | Options::PTRACE_O_TRACEEXEC | Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_EXITKILL
}

/// What the tracer knows of a process.
#[derive(Clone, Copy)]
enum Known {
    /// It has not executed the program, nor has anybody above it.
    Outside,
    /// So far below the process that has, and not watched.
    Below(usize),
    Watched(Stop),
}

/// Where a watched process is.
#[derive(Clone, Copy)]
enum Stop {
    /// The next stop is the beginning of a call.
    Between,
    /// The next stop is the end of a call, which then answers so.
    Inside(Option<Errno>),
}

struct Tracer<'w> {
    program: (u64, u64),
    generation: usize,
    fault: Fault,
    watch: &'w Watch,
    known: HashMap<Pid, Known>,
    /// New processes whose parents were not heard of yet.
    parked: Vec<Pid>,
    /// The spell: its call, and when it began.
    since: Option<(i64, Instant)>,
    traced: Traced,
}

impl Tracer<'_> {
    fn run(mut self, launcher: Pid) -> Traced {
        // Of this thread alone: other tests have children too.
        let flags = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
        loop {
            let status = match waitpid(None, Some(flags)) {
                Ok(status) => status,
                Err(Errno::ECHILD) => return self.traced,
                Err(error) => panic!("waitpid: {error}"),
            };
            // ESRCH from what follows: it was killed meanwhile, and its end comes.
            match status {
                WaitStatus::Exited(pid, code) if pid == launcher => self.traced.code = code,
                WaitStatus::Signaled(pid, signal, _) if pid == launcher => self.traced.code = 1000 + signal as i32,
                WaitStatus::PtraceSyscall(pid) => self.call(pid),
                WaitStatus::Stopped(pid, signal) => self.resume(pid, Some(signal)),
                WaitStatus::PtraceEvent(pid, signal, event) => self.event(pid, signal, event),
                _ => {}
            }
        }
    }

    fn event(&mut self, pid: Pid, signal: Signal, event: i32) {
        match event {
            libc::PTRACE_EVENT_EXEC => return self.executed(pid),
            libc::PTRACE_EVENT_STOP if signal == Signal::SIGTRAP && !self.known.contains_key(&pid) => {
                return self.parked.push(pid);
            }
            libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_VFORK | libc::PTRACE_EVENT_CLONE => {
                if let Ok(child) = ptrace::getevent(pid) {
                    self.forked(pid, Pid::from_raw(child as i32));
                }
            }
            _ => {}
        }
        self.resume(pid, None);
        // Those whose parents are known by now.
        let known = &self.known;
        let (ready, parked) = self.parked.iter().partition(|pid| known.contains_key(pid));
        self.parked = parked;
        for pid in ready {
            self.resume(pid, None);
        }
    }

    fn forked(&mut self, parent: Pid, child: Pid) {
        let generation = match self.known.get(&parent) {
            Some(Known::Below(generation)) => generation + 1,
            Some(Known::Watched(_)) => self.generation + 1,
            _ => {
                self.known.insert(child, Known::Outside);
                return;
            }
        };
        let watched = generation == self.generation;
        self.known.insert(child, if watched { Known::Watched(Stop::Between) } else { Known::Below(generation) });
    }

    fn executed(&mut self, pid: Pid) {
        let is_program =
            fs::metadata(format!("/proc/{pid}/exe")).is_ok_and(|status| (status.dev(), status.ino()) == self.program);
        match self.known.get(&pid) {
            Some(Known::Outside) if is_program && self.watch.first.load(Ordering::Relaxed) == 0 => {
                self.watch.first.store(pid.as_raw(), Ordering::Relaxed);
                // The rest of its execve comes first.
                let watched = Known::Watched(Stop::Inside(None));
                self.known.insert(pid, if self.generation == 0 { watched } else { Known::Below(0) });
                if self.generation == 0 {
                    let _ = ptrace::setoptions(pid, Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_EXITKILL);
                }
                self.resume(pid, None);
            }
            // Its own clone may be what the program itself executes.
            Some(Known::Below(1..) | Known::Watched(_)) => {
                let _ = ptrace::detach(pid, None);
                self.known.remove(&pid);
            }
            _ => self.resume(pid, None),
        }
    }

    fn resume(&self, pid: Pid, signal: Option<Signal>) {
        let _ = match self.known.get(&pid) {
            Some(Known::Watched(_)) => ptrace::syscall(pid, signal),
            _ => ptrace::cont(pid, signal),
        };
    }

    /// A watched process begins or ends a call.
    fn call(&mut self, pid: Pid) {
        let Some(Known::Watched(stop)) = self.known.get(&pid).copied() else { return self.resume(pid, None) };
        if let Ok(mut registers) = ptrace::getregs(pid) {
            let next = match stop {
                Stop::Between => Stop::Inside(self.begin(pid, &mut registers)),
                Stop::Inside(None) => Stop::Between,
                Stop::Inside(Some(errno)) => {
                    registers.rax = -i64::from(errno as i32) as u64;
                    let _ = ptrace::setregs(pid, registers);
                    Stop::Between
                }
            };
            self.known.insert(pid, Known::Watched(next));
        }
        self.resume(pid, None);
    }

    /// How the call that begins is to fail, if it is.
    fn begin(&mut self, pid: Pid, registers: &mut libc::user_regs_struct) -> Option<Errno> {
        let (call, number) = (registers.orig_rax.cast_signed(), self.traced.calls.len());
        self.traced.calls.push(call);
        self.watch.calls.fetch_add(1, Ordering::Relaxed);
        let errno = match self.fault {
            Fault::None => return None,
            Fault::Kill(at) => {
                if number == at {
                    self.traced.failed.push(call);
                    let _ = kill(pid, Signal::SIGKILL);
                }
                return None;
            }
            Fault::Once(at, errno) => Some(errno)
                .filter(|_| number >= at && self.traced.failed.is_empty() && fits(pid, call, registers.rdi, errno)),
            Fault::Spell(at, errno) => {
                if self.since.is_none() && number >= at && fits(pid, call, registers.rdi, errno) {
                    self.since = Some((call, Instant::now()));
                }
                let fails = |since: &(i64, Instant)| since.0 == call && since.1.elapsed() < SPELL;
                self.since.filter(fails).filter(|_| fits(pid, call, registers.rdi, errno)).map(|_| errno)
            }
            Fault::Short(bytes) => {
                if !is_cut(pid, call, registers.rdi) {
                    return None;
                }
                if number % 3 > 0 {
                    registers.rdx = registers.rdx.min(bytes);
                    let _ = ptrace::setregs(pid, *registers);
                    return None;
                }
                Some(Errno::EINTR)
            }
        }?;
        self.traced.failed.push(call);
        // A close that fails has closed.
        if call != libc::SYS_close {
            registers.orig_rax = u64::MAX;
            let _ = ptrace::setregs(pid, *registers);
        }
        Some(errno)
    }
}

/// As [`can_fail`], knowing what is read: a pipe and what has records can only be interrupted.
fn fits(pid: Pid, call: i64, descriptor: u64, errno: Errno) -> bool {
    let is_file = || fs::read_link(format!("/proc/{pid}/fd/{descriptor}")).is_ok_and(|path| path.is_absolute());
    can_fail(call, errno) && (call != libc::SYS_read || errno == Errno::EINTR || is_file())
}

/// Whether `call` may do a part of its work: signals and events are read whole, settings of the kernel and packets written so.
fn is_cut(pid: Pid, call: i64, descriptor: u64) -> bool {
    let whole: &[&str] = match call {
        libc::SYS_read => &["anon_inode:", "socket:"],
        libc::SYS_write => &["anon_inode:", "socket:", "pipe:", "/proc", "/sys", "/dev"],
        _ => return false,
    };
    let Ok(path) = fs::read_link(format!("/proc/{pid}/fd/{descriptor}")) else { return false };
    !whole.iter().any(|prefix| path.to_string_lossy().starts_with(prefix))
}
