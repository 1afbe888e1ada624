//! Instructions of classic BPF, and the end of every filter: rules about arguments, and the verdicts.

use crate::sys::seccomp::Instruction;

// What there is of `struct seccomp_data`, a word at a time (little-endian).
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const FIRST_ARGUMENT: u32 = 16;
const SECOND_ARGUMENT: u32 = 24;

// linux/bpf_common.h, with a constant as the operand.
const LOAD: u16 = 0x20;
const EQUAL: u16 = 0x15;
pub const AT_LEAST: u16 = 0x35;
const ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;

const KILL: u32 = 0x8000_0000;
const ALLOWED: u32 = 0x7fff_0000;
const ERRNO: u32 = 0x0005_0000;

/// How every filter begins. The calls of another machine (i386 on x86_64) have other numbers: a program of that kind cannot
/// get anything done here, and SIGSYS says why. x32 is this machine with bit 30 in the number: past the last call.
pub const fn start(arch: u32) -> [Instruction; 4] {
    [
        Instruction::new(LOAD, 0, 0, ARCH),
        Instruction::new(EQUAL, 1, 0, arch),
        Instruction::new(RETURN, 0, 0, KILL),
        Instruction::new(LOAD, 0, 0, NUMBER),
    ]
}

// Where in [`RULES`] each begins. The kernel reads these arguments as 32 bits (clone(2)'s own upper half has no namespace).
pub const CLONE: u8 = 0;
pub const PERSONALITY: u8 = 2;
pub const IOCTL: u8 = 5;
pub const SOCKET: u8 = 8;
pub const ALLOW: u8 = 20;
pub const REFUSE: u8 = 21;
pub const NOT_HERE: u8 = 22;

/// CLONE_NEWNS, CGROUP, UTS, IPC, USER, PID and NET. CLONE_NEWTIME is a part of the exit signal here: only unshare takes it.
const NEW_NAMESPACES: u32 = 0x7e02_0000;
/// UNAME26 and PER_LINUX32, or neither.
const PERSONALITIES: u32 = 0x0002_0008;
/// Asks what it is.
const WHAT_IT_IS: u32 = 0xffff_ffff;
/// Types into a terminal; pastes into a console (ioctl_tty(2)). Docker leaves these to the kernel's own switch.
const TIOCSTI: u32 = 0x5412;
const TIOCLINUX: u32 = 0x541c;
/// From here on, families are looked at one by one; below are unix, inet and their like.
const DECNET: u32 = 12;
/// Past MCTP.
const END_OF_FAMILIES: u32 = 46;

pub const RULES: [Instruction; 23] = [
    // clone
    Instruction::new(LOAD, 0, 0, FIRST_ARGUMENT),
    test(1, ANY_BIT, NEW_NAMESPACES, REFUSE, ALLOW),
    // personality
    Instruction::new(LOAD, 0, 0, FIRST_ARGUMENT),
    test(3, EQUAL, WHAT_IT_IS, ALLOW, 4),
    test(4, ANY_BIT, !PERSONALITIES, REFUSE, ALLOW),
    // ioctl
    Instruction::new(LOAD, 0, 0, SECOND_ARGUMENT),
    test(6, EQUAL, TIOCSTI, REFUSE, 7),
    test(7, EQUAL, TIOCLINUX, REFUSE, ALLOW),
    // socket: no family that Linux has given up, nor the kernel's ciphers (ALG) and the machines around (VSOCK)
    Instruction::new(LOAD, 0, 0, FIRST_ARGUMENT),
    test(9, AT_LEAST, DECNET, 10, ALLOW),
    test(10, AT_LEAST, END_OF_FAMILIES, REFUSE, 11),
    test(11, EQUAL, DECNET, REFUSE, 12),
    test(12, EQUAL, 19, REFUSE, 13),    // ECONET
    test(13, EQUAL, 20, REFUSE, 14),    // ATMSVC
    test(14, EQUAL, 23, REFUSE, 15),    // IRDA
    test(15, EQUAL, 25, REFUSE, 16),    // WANPIPE
    test(16, EQUAL, 34, REFUSE, 17),    // ISDN
    test(17, EQUAL, 37, REFUSE, 18),    // CAIF
    test(18, EQUAL, 38, REFUSE, 19),    // ALG
    test(19, EQUAL, 40, REFUSE, ALLOW), // VSOCK
    // The verdicts.
    Instruction::new(RETURN, 0, 0, ALLOWED),
    Instruction::new(RETURN, 0, 0, ERRNO | libc::EPERM as u32),
    Instruction::new(RETURN, 0, 0, ERRNO | libc::ENOSYS as u32),
];

/// Goes on at one of two later places among [`RULES`].
const fn test(here: u8, code: u16, operand: u32, yes: u8, no: u8) -> Instruction {
    Instruction::new(code, yes - here - 1, no - here - 1, operand)
}
