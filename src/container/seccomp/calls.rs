//! Which system calls a container may not make, by name, and the runs of numbers that come of it.
//!
//! Closed is what docker's default profile does not allow. All others up to [`LAST`] are open: the kernel gives a number
//! away once, so a list of what is closed can hide nothing that was not looked at. What is younger, or no call at all, is
//! [`NOT_HERE`], the answer on which C libraries fall back to older calls.

use super::rules;

/// The last call that was looked at: removexattrat, of Linux 6.13.
pub const LAST: u16 = 466;

// What a call is, in seven bits: the number of the capability that opens it, or one of these.
pub const OPEN: u8 = RULE | rules::ALLOW;
/// EPERM.
pub const NEVER: u8 = RULE | rules::REFUSE;
/// ENOSYS.
pub const NOT_HERE: u8 = RULE | rules::NOT_HERE;
pub const CLONE: u8 = RULE | rules::CLONE;
/// ENOSYS without SYS_ADMIN.
pub const CLONE3: u8 = 63;
const IOCTL: u8 = RULE | rules::IOCTL;
const PERSONALITY: u8 = RULE | rules::PERSONALITY;
const SOCKET: u8 = RULE | rules::SOCKET;

/// Set in what is no capability; below it is a place among [`rules::RULES`].
pub const RULE: u8 = 64;

const DAC_READ_SEARCH: u8 = 2;
const SYS_MODULE: u8 = 16;
const SYS_RAWIO: u8 = 17;
const SYS_CHROOT: u8 = 18;
const SYS_PTRACE: u8 = 19;
const SYS_PACCT: u8 = 20;
pub const SYS_ADMIN: u8 = 21;
const SYS_BOOT: u8 = 22;
const SYS_NICE: u8 = 23;
const SYS_TIME: u8 = 25;
const SYS_TTY_CONFIG: u8 = 26;
pub const SYSLOG: u8 = 34;
pub const PERFMON: u8 = 38;
pub const BPF: u8 = 39;

/// This machine has no such call.
const NONE: u16 = u16::MAX;

/// Name, number on x86_64, number on aarch64, and what it is. The names are for readers: only runs of numbers are shipped.
#[rustfmt::skip]
const CALLS: &[(&str, u16, u16, u8)] = &[
    // Keys and pages of others, other kernels, whole families of bugs (io_uring, userfaultfd), and what no kernel has any more.
    ("_sysctl", 156, NONE, NEVER),
    ("add_key", 248, 217, NEVER),
    ("afs_syscall", 183, NONE, NEVER),
    ("create_module", 174, NONE, NEVER),
    ("get_kernel_syms", 177, NONE, NEVER),
    ("getpmsg", 181, NONE, NEVER),
    ("io_uring_enter", 426, 426, NEVER),
    ("io_uring_register", 427, 427, NEVER),
    ("io_uring_setup", 425, 425, NEVER),
    ("kexec_file_load", 320, 294, NEVER),
    ("kexec_load", 246, 104, NEVER),
    ("keyctl", 250, 219, NEVER),
    ("migrate_pages", 256, 238, NEVER),
    ("move_pages", 279, 239, NEVER),
    ("nfsservctl", 180, 42, NEVER),
    ("pivot_root", 155, 41, NEVER),
    ("putpmsg", 182, NONE, NEVER),
    ("query_module", 178, NONE, NEVER),
    ("request_key", 249, 218, NEVER),
    ("security", 185, NONE, NEVER),
    ("swapoff", 168, 225, NEVER),
    ("swapon", 167, 224, NEVER),
    ("sysfs", 139, NONE, NEVER),
    ("tuxcall", 184, NONE, NEVER),
    ("uprobe", 336, NONE, NEVER),
    ("uselib", 134, NONE, NEVER),
    ("userfaultfd", 323, 282, NEVER),
    ("ustat", 136, NONE, NEVER),
    ("vserver", 236, NONE, NEVER),
    // For some of their arguments.
    ("clone", 56, 220, CLONE),
    ("ioctl", 16, 29, IOCTL),
    ("personality", 135, 92, PERSONALITY),
    ("socket", 41, 198, SOCKET),
    // Its flags lie in memory, where no filter can look: a C library that is told that there is no such call takes clone.
    ("clone3", 435, 435, CLONE3),
    // By capabilities.
    ("open_by_handle_at", 304, 265, DAC_READ_SEARCH),
    ("fanotify_init", 300, 262, SYS_ADMIN),
    ("fsconfig", 431, 431, SYS_ADMIN),
    ("fsmount", 432, 432, SYS_ADMIN),
    ("fsopen", 430, 430, SYS_ADMIN),
    ("fspick", 433, 433, SYS_ADMIN),
    ("lookup_dcookie", 212, 18, SYS_ADMIN),
    ("lsm_get_self_attr", 459, 459, SYS_ADMIN),
    ("lsm_list_modules", 461, 461, SYS_ADMIN),
    ("lsm_set_self_attr", 460, 460, SYS_ADMIN),
    ("mount", 165, 40, SYS_ADMIN),
    ("mount_setattr", 442, 442, SYS_ADMIN),
    ("move_mount", 429, 429, SYS_ADMIN),
    ("open_tree", 428, 428, SYS_ADMIN),
    ("quotactl", 179, 60, SYS_ADMIN),
    ("quotactl_fd", 443, 443, SYS_ADMIN),
    ("setdomainname", 171, 162, SYS_ADMIN),
    ("sethostname", 170, 161, SYS_ADMIN),
    ("setns", 308, 268, SYS_ADMIN),
    ("umount2", 166, 39, SYS_ADMIN),
    ("unshare", 272, 97, SYS_ADMIN),
    ("reboot", 169, 142, SYS_BOOT),
    ("chroot", 161, 51, SYS_CHROOT),
    ("delete_module", 176, 106, SYS_MODULE),
    ("finit_module", 313, 273, SYS_MODULE),
    ("init_module", 175, 105, SYS_MODULE),
    ("acct", 163, 89, SYS_PACCT),
    ("kcmp", 312, 272, SYS_PTRACE),
    ("pidfd_getfd", 438, 438, SYS_PTRACE),
    ("process_madvise", 440, 440, SYS_PTRACE),
    ("ioperm", 173, NONE, SYS_RAWIO),
    ("iopl", 172, NONE, SYS_RAWIO),
    ("clock_settime", 227, 112, SYS_TIME),
    ("settimeofday", 164, 170, SYS_TIME),
    ("vhangup", 153, 58, SYS_TTY_CONFIG),
    ("get_mempolicy", 239, 236, SYS_NICE),
    ("mbind", 237, 235, SYS_NICE),
    ("set_mempolicy", 238, 237, SYS_NICE),
    ("set_mempolicy_home_node", 450, 450, SYS_NICE),
    ("syslog", 103, 116, SYSLOG),
    ("bpf", 321, 280, BPF),
    ("perf_event_open", 298, 241, PERFMON),
];

/// First and last of the numbers below [`LAST`] that no call has.
const GAPS: [&[(u16, u16)]; 2] = [&[(337, 423)], &[(244, 259), (295, 423)]];

/// A machine's calls.
pub struct Machine {
    /// AUDIT_ARCH_* of linux/audit.h.
    pub arch: u32,
    /// In order: the first number of calls that are alike in the upper nine bits, what they are in the lower seven. The
    /// last run has no end.
    pub runs: &'static [u16],
}

pub const X86_64: Machine = Machine { arch: 0xc000_003e, runs: &runs::<{ count(0) }>(0) };
pub const AARCH64: Machine = Machine { arch: 0xc000_00b7, runs: &runs::<{ count(1) }>(1) };

#[cfg(target_arch = "x86_64")]
pub const NATIVE: Machine = X86_64;
#[cfg(target_arch = "aarch64")]
pub const NATIVE: Machine = AARCH64;

/// The most runs of a machine.
pub const RUNS: usize = 96;
const _: () = assert!(X86_64.runs.len() <= RUNS && AARCH64.runs.len() <= RUNS);

/// What each number is on the machine of a column.
const fn kinds(column: usize) -> [u8; LAST as usize + 2] {
    let mut kinds = [OPEN; LAST as usize + 2];
    kinds[LAST as usize + 1] = NOT_HERE;
    let mut gaps = GAPS[column];
    while let [(first, last), rest @ ..] = gaps {
        let mut number = *first;
        while number <= *last {
            kinds[number as usize] = NOT_HERE;
            number += 1;
        }
        gaps = rest;
    }
    let mut calls = CALLS;
    while let [(_, x86_64, aarch64, kind), rest @ ..] = calls {
        let number = [*x86_64, *aarch64][column];
        if number != NONE {
            assert!(kinds[number as usize] == OPEN, "two calls have one number");
            kinds[number as usize] = *kind;
        }
        calls = rest;
    }
    kinds
}

const fn count(column: usize) -> usize {
    let kinds = kinds(column);
    let (mut count, mut number) = (1, 1);
    while number < kinds.len() {
        count += (kinds[number] != kinds[number - 1]) as usize;
        number += 1;
    }
    count
}

const fn runs<const N: usize>(column: usize) -> [u16; N] {
    let kinds = kinds(column);
    let mut runs = [0; N];
    let (mut at, mut number) = (0, 0);
    while number < kinds.len() {
        if number == 0 || kinds[number] != kinds[number - 1] {
            runs[at] = (number as u16) << 7 | kinds[number] as u16;
            at += 1;
        }
        number += 1;
    }
    runs
}
