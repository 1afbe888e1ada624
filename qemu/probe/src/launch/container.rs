//! A container by the fewest system calls: private mounts, the root bound, proc, a tmpfs on /dev with six nodes, sysfs
//! read-only, pivot_root, the old root detached, a host name, execve.

use core::{
    ffi::{CStr, c_char, c_int, c_ulong},
    ptr,
};

use crate::extra::{self, Extra};

pub struct Floor {
    pub net: bool,
    /// A user namespace, in which root is the caller.
    pub user: bool,
    /// What it does beyond: [`Extra::bit`].
    pub extras: u16,
}

/// In the root, in the host, and their device numbers.
const NODES: [(&CStr, &CStr, u32, u32); 6] = [
    (c"dev/null", c"/dev/null", 1, 3),
    (c"dev/zero", c"/dev/zero", 1, 5),
    (c"dev/full", c"/dev/full", 1, 7),
    (c"dev/random", c"/dev/random", 1, 8),
    (c"dev/urandom", c"/dev/urandom", 1, 9),
    (c"dev/tty", c"/dev/tty", 5, 0),
];

pub const CLOSED: c_ulong = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;

impl Floor {
    /// The command's status, as a shell has it; 125 if there was no container.
    pub fn launch(&self, root: *const c_char, command: &[*const c_char]) -> c_int {
        let none: *const c_char = ptr::null();
        // SAFETY: takes nothing. Only who needs them asks: calls are counted.
        let ids = if self.user { unsafe { (libc::getuid(), libc::getgid()) } } else { (0, 0) };
        match clone(self.namespaces()) {
            0 => {
                let ready = (!self.user || map(ids.0, ids.1)) && self.enter(root);
                // SAFETY: in a process of one thread; what is not a child waits for one.
                if ready
                    && self.does(Extra::Reaper)
                    && let child @ 1.. = clone(0)
                {
                    unsafe { libc::_exit(wait(child)) };
                }
                if ready
                    && self.extra(Extra::Seccomp, || extra::filter(false))
                    && self.extra(Extra::Linear, || extra::filter(true))
                {
                    // SAFETY: `command` holds C strings and ends with a null pointer.
                    unsafe { libc::execve(command[0], command.as_ptr(), &raw const none) };
                }
                // SAFETY: takes a number.
                unsafe { libc::_exit(125) }
            }
            child @ 1.. => wait(child),
            _ => 125,
        }
    }

    fn does(&self, extra: Extra) -> bool {
        self.extras & extra.bit() != 0
    }

    fn extra(&self, extra: Extra, work: fn() -> bool) -> bool {
        !self.does(extra) || work()
    }

    fn namespaces(&self) -> c_int {
        let always = libc::CLONE_NEWNS | libc::CLONE_NEWPID | libc::CLONE_NEWUTS | libc::CLONE_NEWIPC;
        let net = if self.net { libc::CLONE_NEWNET } else { 0 };
        always | net | if self.user { libc::CLONE_NEWUSER } else { 0 }
    }

    fn enter(&self, root: *const c_char) -> bool {
        // SAFETY: C strings and numbers.
        let entered = mount(c"none", c"/".as_ptr(), None, libc::MS_REC | libc::MS_PRIVATE, c"")
            && unsafe { libc::mount(root, root, ptr::null(), libc::MS_BIND | libc::MS_REC, ptr::null()) == 0 }
            && unsafe { libc::chdir(root) == 0 };
        entered
            && mount(c"proc", c"proc".as_ptr(), Some(c"proc"), CLOSED, c"")
            && mount(c"tmpfs", c"dev".as_ptr(), Some(c"tmpfs"), libc::MS_NOSUID, c"mode=755")
            && self.nodes()
            && self.extra(Extra::Links, extra::links)
            && self.extra(Extra::Pts, extra::pts)
            && self.extra(Extra::Shm, extra::shm)
            && self.extra(Extra::Mqueue, extra::mqueue)
            && mount(c"sysfs", c"sys".as_ptr(), Some(c"sysfs"), CLOSED | libc::MS_RDONLY, c"")
            // SAFETY: C strings and numbers.
            && unsafe {
                libc::syscall(libc::SYS_pivot_root, c".".as_ptr(), c".".as_ptr()) == 0
                    && libc::umount2(c".".as_ptr(), libc::MNT_DETACH) == 0
                    && libc::sethostname(c"floor".as_ptr(), 5) == 0
            }
            && self.extra(Extra::Masks, extra::mask)
            && self.extra(Extra::Lo, extra::raise_lo)
            && self.extra(Extra::Caps, extra::drop_capabilities)
    }

    fn nodes(&self) -> bool {
        NODES.iter().all(|(place, source, major, minor)| match (self.user, self.does(Extra::Nodes)) {
            // SAFETY: a C string and numbers.
            (false, _) => unsafe {
                libc::mknod(place.as_ptr(), libc::S_IFCHR | 0o666, libc::makedev(*major, *minor)) == 0
            },
            (true, false) => true,
            // SAFETY: as above.
            (true, true) => unsafe {
                libc::mknod(place.as_ptr(), libc::S_IFREG | 0o666, 0) == 0
                    && mount(source, place.as_ptr(), None, libc::MS_BIND, c"")
            },
        })
    }
}

/// The status of a child, as a shell has it.
fn wait(child: c_int) -> c_int {
    let mut status = 0;
    // SAFETY: `status` may be written.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 128 + libc::WTERMSIG(status) }
}

pub fn mount(source: &CStr, place: *const c_char, kind: Option<&CStr>, flags: c_ulong, options: &CStr) -> bool {
    let kind = kind.map_or(ptr::null(), CStr::as_ptr);
    // SAFETY: C strings and numbers.
    unsafe { libc::mount(source.as_ptr(), place, kind, flags, options.as_ptr().cast()) == 0 }
}

/// Root inside is `user` outside (user_namespaces(7)).
fn map(user: u32, group: u32) -> bool {
    write(c"/proc/self/setgroups", b"deny")
        && write_map(c"/proc/self/uid_map", user)
        && write_map(c"/proc/self/gid_map", group)
}

fn write_map(path: &CStr, mut id: u32) -> bool {
    let mut line = *b"0            1";
    let mut at = 12;
    loop {
        at -= 1;
        line[at] = b'0' + (id % 10) as u8;
        id /= 10;
        if id == 0 {
            return write(path, &line);
        }
    }
}

fn write(path: &CStr, bytes: &[u8]) -> bool {
    // SAFETY: a C string, and bytes that may be read.
    unsafe {
        let file = libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        let count = libc::write(file, bytes.as_ptr().cast(), bytes.len());
        libc::close(file);
        count == bytes.len() as isize
    }
}

/// clone3(2) as fork(2) is.
fn clone(flags: c_int) -> c_int {
    let call = libc::clone_args {
        flags: u64::from(flags.cast_unsigned()),
        pidfd: 0,
        child_tid: 0,
        parent_tid: 0,
        exit_signal: libc::SIGCHLD as u64,
        stack: 0,
        stack_size: 0,
        tls: 0,
        set_tid: 0,
        set_tid_size: 0,
        cgroup: 0,
    };
    // SAFETY: `call` may be read; without CLONE_VM both go on with memory of their own, in a process of one thread.
    unsafe { libc::syscall(libc::SYS_clone3, &raw const call, size_of_val(&call)) as c_int }
}
