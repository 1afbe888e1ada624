//! What a launcher may do beyond the floor: each has a price, and the least of it is here.

use core::ffi::{CStr, c_char, c_ulong};

use crate::container::{CLOSED, mount};

#[derive(Clone, Copy)]
#[repr(u16)]
pub enum Extra {
    /// The host's device nodes bound on empty files: a user namespace may make none.
    Nodes,
    /// Five links in /dev, to /proc/self/fd and its like.
    Links,
    Pts,
    Shm,
    Mqueue,
    /// The interface, up.
    Lo,
    /// Docker's masked and read-only paths that this kernel has.
    Masks,
    /// Docker's capabilities only.
    Caps,
    /// A filter of 256 instructions that allows everything by a search tree of the numbers.
    Seccomp,
    /// The same, looking for one number after the other. The kernel runs a filter for every system call there is when it
    /// is installed, to learn which it always allows.
    Linear,
    /// A process of its own as PID 1, the command as its child.
    Reaper,
}

const NAMES: [(&[u8], Extra); 11] = [
    (b"nodes", Extra::Nodes),
    (b"links", Extra::Links),
    (b"pts", Extra::Pts),
    (b"shm", Extra::Shm),
    (b"mqueue", Extra::Mqueue),
    (b"lo", Extra::Lo),
    (b"masks", Extra::Masks),
    (b"caps", Extra::Caps),
    (b"seccomp", Extra::Seccomp),
    (b"linear", Extra::Linear),
    (b"reaper", Extra::Reaper),
];

impl Extra {
    pub fn named(word: &[u8]) -> Option<Extra> {
        NAMES.iter().find(|(name, _)| *name == word).map(|(_, extra)| *extra)
    }

    pub fn bit(self) -> u16 {
        1 << self as u16
    }
}

const LINKS: [(&CStr, &CStr); 5] = [
    (c"/proc/self/fd", c"dev/fd"),
    (c"/proc/self/fd/0", c"dev/stdin"),
    (c"/proc/self/fd/1", c"dev/stdout"),
    (c"/proc/self/fd/2", c"dev/stderr"),
    (c"pts/ptmx", c"dev/ptmx"),
];

pub fn links() -> bool {
    // SAFETY: C strings.
    LINKS.iter().all(|(to, at)| unsafe { libc::symlink(to.as_ptr(), at.as_ptr()) == 0 })
}

pub fn pts() -> bool {
    let options = c"newinstance,ptmxmode=0666,mode=620";
    below(c"dev/pts", c"devpts", libc::MS_NOSUID | libc::MS_NOEXEC, options)
}

pub fn shm() -> bool {
    below(c"dev/shm", c"tmpfs", CLOSED, c"mode=1777,size=64m")
}

pub fn mqueue() -> bool {
    below(c"dev/mqueue", c"mqueue", CLOSED, c"")
}

fn below(place: &CStr, kind: &CStr, flags: c_ulong, options: &CStr) -> bool {
    // SAFETY: a C string and a number.
    let made = unsafe { libc::mkdir(place.as_ptr(), 0o755) == 0 };
    made && mount(kind, place.as_ptr(), Some(kind), flags, options)
}

pub fn raise_lo() -> bool {
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

const MASKED_DIRECTORIES: [&CStr; 3] = [c"/proc/acpi", c"/proc/scsi", c"/sys/firmware"];
const MASKED_FILES: [&CStr; 5] =
    [c"/proc/interrupts", c"/proc/kcore", c"/proc/keys", c"/proc/timer_list", c"/proc/sched_debug"];
const READ_ONLY: [&CStr; 5] = [c"/proc/bus", c"/proc/fs", c"/proc/irq", c"/proc/sys", c"/proc/sysrq-trigger"];

/// A kernel that has not one of them has nothing to hide there.
pub fn mask() -> bool {
    let bind = libc::MS_BIND | libc::MS_REC;
    for path in MASKED_DIRECTORIES {
        mount(c"tmpfs", path.as_ptr(), Some(c"tmpfs"), CLOSED | libc::MS_RDONLY, c"");
    }
    for path in MASKED_FILES {
        mount(c"/dev/null", path.as_ptr(), None, libc::MS_BIND, c"");
    }
    for path in READ_ONLY {
        let _ = mount(path, path.as_ptr(), None, bind, c"")
            && mount(path, path.as_ptr(), None, bind | libc::MS_REMOUNT | libc::MS_RDONLY | CLOSED, c"");
    }
    true
}

/// Docker's, without MKNOD, as bits by number (capabilities(7)).
const KEPT: u64 = 0xa004_25fb;

pub fn drop_capabilities() -> bool {
    // capset(2) in its third version: two structs of three words.
    let head: [u32; 2] = [0x2008_0522, 0];
    let kept = KEPT as u32;
    let sets: [u32; 6] = [kept, kept, 0, 0, 0, 0];
    // SAFETY: numbers, and structs that may be read. The last capability is where the kernel knows no more.
    unsafe {
        for number in 0..64u64 {
            if KEPT >> number & 1 == 0 && libc::prctl(libc::PR_CAPBSET_DROP, number) != 0 {
                break;
            }
        }
        libc::syscall(libc::SYS_capset, head.as_ptr(), sets.as_ptr()) == 0
    }
}

const INSTRUCTIONS: usize = 256;

const ALLOW: libc::sock_filter = instruction(libc::BPF_RET, 0, libc::SECCOMP_RET_ALLOW);

const fn instruction(code: u32, jt: u8, k: u32) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt, jf: 0, k }
}

/// A node, all that is below its number, all that is not.
fn tree(program: &mut [libc::sock_filter], lowest: u32, numbers: u32) {
    let half = numbers / 2;
    if let [node, rest @ ..] = program
        && !rest.is_empty()
    {
        let (below, above) = rest.split_at_mut(rest.len() / 2);
        *node = instruction(libc::BPF_JMP | libc::BPF_JGE, below.len() as u8, lowest + half);
        tree(below, lowest, half);
        tree(above, lowest + half, half);
    }
}

fn row(program: &mut [libc::sock_filter]) {
    let last = program.len() - 1;
    for (number, node) in program[..last].iter_mut().enumerate() {
        // No call has such a number, so that all of them are looked at.
        *node = instruction(libc::BPF_JMP | libc::BPF_JEQ, 0, 0x10_0000 + number as u32);
    }
}

pub fn filter(linear: bool) -> bool {
    let mut program = [ALLOW; INSTRUCTIONS];
    program[0] = instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0);
    match linear {
        true => row(&mut program[1..]),
        false => tree(&mut program[1..], 0, 512),
    }
    let whole = libc::sock_fprog { len: INSTRUCTIONS as u16, filter: program.as_mut_ptr() };
    // SAFETY: numbers, and a program that may be read.
    unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const whole) == 0
    }
}
