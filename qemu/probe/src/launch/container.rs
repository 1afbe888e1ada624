//! A container by the fewest system calls: private mounts, the root bound, proc, a tmpfs on /dev with six nodes, sysfs
//! read-only, pivot_root, the old root detached, a host name, execve.

use core::{
    ffi::{CStr, c_char, c_int, c_ulong},
    ptr,
};

pub struct Floor {
    pub net: bool,
    /// A user namespace, in which root is the caller.
    pub user: bool,
    pub nodes: Nodes,
    /// devpts, /dev/shm, mqueue, five links in /dev, and lo up.
    pub more: bool,
}

#[derive(PartialEq, Eq)]
pub enum Nodes {
    Made,
    /// The host's, each on an empty file.
    Bound,
    None,
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

const LINKS: [(&CStr, &CStr); 5] = [
    (c"/proc/self/fd", c"dev/fd"),
    (c"/proc/self/fd/0", c"dev/stdin"),
    (c"/proc/self/fd/1", c"dev/stdout"),
    (c"/proc/self/fd/2", c"dev/stderr"),
    (c"pts/ptmx", c"dev/ptmx"),
];

const CLOSED: c_ulong = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;

impl Floor {
    /// The command's status, as a shell has it; 125 if there was no container.
    pub fn launch(&self, root: *const c_char, command: &[*const c_char]) -> c_int {
        let none: *const c_char = ptr::null();
        // SAFETY: takes nothing. Only who needs them asks: calls are counted.
        let ids = if self.user { unsafe { (libc::getuid(), libc::getgid()) } } else { (0, 0) };
        match clone(self.namespaces()) {
            0 => {
                let ready = (!self.user || map(ids.0, ids.1)) && self.enter(root);
                if ready {
                    // SAFETY: `command` holds C strings and ends with a null pointer.
                    unsafe { libc::execve(command[0], command.as_ptr(), &raw const none) };
                }
                // SAFETY: takes a number.
                unsafe { libc::_exit(125) }
            }
            child @ 1.. => {
                let mut status = 0;
                // SAFETY: `status` may be written.
                unsafe { libc::waitpid(child, &raw mut status, 0) };
                if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 128 + libc::WTERMSIG(status) }
            }
            _ => 125,
        }
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
            && (!self.more || more())
            && self.sysfs()
            // SAFETY: C strings and numbers.
            && unsafe {
                libc::syscall(libc::SYS_pivot_root, c".".as_ptr(), c".".as_ptr()) == 0
                    && libc::umount2(c".".as_ptr(), libc::MNT_DETACH) == 0
                    && libc::sethostname(c"floor".as_ptr(), 5) == 0
            }
            && (!self.more || !self.net || raise_lo())
    }

    /// Whoever has the host's network in a user namespace of his own may not mount it; there is no such floor.
    fn sysfs(&self) -> bool {
        mount(c"sysfs", c"sys".as_ptr(), Some(c"sysfs"), CLOSED | libc::MS_RDONLY, c"")
    }

    fn nodes(&self) -> bool {
        NODES.iter().all(|(place, source, major, minor)| match self.nodes {
            Nodes::None => true,
            // SAFETY: a C string and numbers.
            Nodes::Made => unsafe {
                libc::mknod(place.as_ptr(), libc::S_IFCHR | 0o666, libc::makedev(*major, *minor)) == 0
            },
            // SAFETY: as above.
            Nodes::Bound => unsafe {
                libc::mknod(place.as_ptr(), libc::S_IFREG | 0o666, 0) == 0
                    && mount(source, place.as_ptr(), None, libc::MS_BIND, c"")
            },
        })
    }
}

fn more() -> bool {
    let directories = [c"dev/pts", c"dev/shm", c"dev/mqueue"];
    // SAFETY: C strings and numbers.
    let made = LINKS.iter().all(|(to, at)| unsafe { libc::symlink(to.as_ptr(), at.as_ptr()) == 0 })
        && directories.iter().all(|path| unsafe { libc::mkdir(path.as_ptr(), 0o755) == 0 });
    let pts = c"newinstance,ptmxmode=0666,mode=620";
    made && mount(c"devpts", directories[0].as_ptr(), Some(c"devpts"), libc::MS_NOSUID | libc::MS_NOEXEC, pts)
        && mount(c"shm", directories[1].as_ptr(), Some(c"tmpfs"), CLOSED, c"mode=1777,size=64m")
        && mount(c"mqueue", directories[2].as_ptr(), Some(c"mqueue"), CLOSED, c"")
}

fn mount(source: &CStr, place: *const c_char, kind: Option<&CStr>, flags: c_ulong, options: &CStr) -> bool {
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

fn raise_lo() -> bool {
    // SAFETY: all zeroes are an ifreq, whose fields are set as netdevice(7) has them.
    unsafe {
        let mut request: libc::ifreq = core::mem::zeroed();
        request.ifr_name[0] = b'l' as c_char;
        request.ifr_name[1] = b'o' as c_char;
        request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as i16;
        let socket = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
        libc::ioctl(socket, libc::SIOCSIFFLAGS as _, &raw const request) == 0
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
