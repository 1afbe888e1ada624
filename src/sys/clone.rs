//! Processes made, a copy of this one or one that borrows its memory, and the namespaces that they are in.

use super::error::{Call, Error, Result, check_long, done, last};
use super::fd::Fd;
use super::fs::{self, At};
use super::process::Pid;
use core::ffi::{c_int, c_void};

/// Namespaces of clone(2), by its flags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Namespaces(pub u64);

pub const NEW_MOUNT: u64 = libc::CLONE_NEWNS as u64;
pub const NEW_PID: u64 = libc::CLONE_NEWPID as u64;
pub const NEW_NET: u64 = libc::CLONE_NEWNET as u64;
pub const NEW_UTS: u64 = libc::CLONE_NEWUTS as u64;
pub const NEW_IPC: u64 = libc::CLONE_NEWIPC as u64;
pub const NEW_CGROUP: u64 = libc::CLONE_NEWCGROUP as u64;
pub const NEW_USER: u64 = libc::CLONE_NEWUSER as u64;

/// Which side of a fork we are on.
pub enum Forked {
    Child,
    Parent(Pid),
}

/// A new process with `namespaces`, in the cgroup whose directory is `cgroup`: clone3(2) with CLONE_INTO_CGROUP.
///
/// Without a cgroup, and before Linux 5.7, this is clone(2), which every filter of system calls knows, and the child moves
/// itself into the cgroup.
pub fn fork(namespaces: Namespaces, cgroup: Option<&Fd>) -> Result<Forked> {
    /// `struct clone_args` of clone(2), its second version.
    #[repr(C)]
    #[derive(Default)]
    struct Arguments {
        flags: u64,
        pidfd: u64,
        child_tid: u64,
        parent_tid: u64,
        exit_signal: u64,
        stack: u64,
        stack_size: u64,
        tls: u64,
        set_tid: u64,
        set_tid_size: u64,
        cgroup: u64,
    }
    const INTO_CGROUP: u64 = 0x2_0000_0000;
    let mut value = -1;
    let mut decided = false;
    if let Some(directory) = cgroup {
        let arguments = Arguments {
            flags: namespaces.0 | INTO_CGROUP,
            exit_signal: libc::SIGCHLD as u64,
            cgroup: directory.raw() as u64,
            ..Default::default()
        };
        // SAFETY: no CLONE_VM, so the child has a copy of everything; there is one thread, so no lock can be left held.
        value = unsafe { libc::syscall(libc::SYS_clone3, &arguments, core::mem::size_of::<Arguments>()) };
        // A kernel that knows the call but not its cgroup says that the structure is too big, or the flag wrong.
        let unknown = |error: Error| [libc::ENOSYS, libc::E2BIG, libc::EINVAL].iter().any(|errno| error.is(*errno));
        decided = value >= 0 || !unknown(last(Call::Clone3));
    }
    if !decided {
        // SAFETY: as above; all pointers null, so that their order, which differs by machine, does not matter.
        value = unsafe { libc::syscall(libc::SYS_clone, namespaces.0 | libc::SIGCHLD as u64, 0, 0, 0, 0) };
        if let (0, Some(directory)) = (value, cgroup) {
            // Whoever cannot move runs all the same: without the cgroup a service is its process group.
            let _ = fs::write_file(At::Dir(directory), c"cgroup.procs", b"0");
        }
    }
    let value = check_long(Call::Clone, value)?;
    Ok(Pid::new(value as i32).map_or(Forked::Child, Forked::Parent))
}

/// unshare(2).
pub fn unshare(namespaces: Namespaces) -> Result<()> {
    // SAFETY: no CLONE_FILES or CLONE_VM among them; there is one thread.
    done(Call::Unshare, unsafe { libc::syscall(libc::SYS_unshare, namespaces.0 as i32) })
}

/// pidfd_open(2): a descriptor that stands for process `pid`. Linux 5.3; ENOSYS before.
pub fn descriptor_of(pid: Pid) -> Result<Fd> {
    // SAFETY: plain numbers.
    let value = unsafe { libc::syscall(libc::SYS_pidfd_open, pid.number(), 0) };
    Fd::made(Call::PidfdOpen, value)
}

/// setns(2): into the namespaces of these kinds that `file` stands for, one or a process (Linux 5.8); a pid namespace takes
/// effect for children. EINVAL: it is none of these.
pub fn join(file: &Fd, kinds: u64) -> Result<()> {
    // SAFETY: plain numbers.
    done(Call::Setns, unsafe { libc::syscall(libc::SYS_setns, file.raw(), kinds as i32) })
}

/// A child that lives in this process's memory, on a stack below ours, while we wait until it has executed its program or has
/// ended: clone(2) with CLONE_VM and CLONE_VFORK, at a quarter of what a copy costs. Only SIGKILL ends the wait.
pub fn lend(child: &mut dyn FnMut()) -> Result<Pid> {
    /// Below what the call itself has on our stack.
    const BELOW: usize = 16 * 1024;
    extern "C" fn begin(child: *mut c_void) -> c_int {
        // SAFETY: the caller's reference, which waits with it.
        (unsafe { &mut *child.cast::<&mut dyn FnMut()>() })();
        // It does not come back.
        125
    }
    let mut child = child;
    let here = &raw mut child;
    let stack = (here as usize & !15) - BELOW;
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    // SAFETY: nothing of ours lies down there, and we touch nothing before it is through.
    let value = unsafe { libc::clone(begin, stack as *mut c_void, flags, here.cast()) };
    done(Call::Clone, value)?;
    Pid::new(value).ok_or(Error::new(Call::Clone, libc::ESRCH))
}
