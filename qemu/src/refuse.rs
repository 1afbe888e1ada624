//! An older kernel: one that answers ENOSYS to system calls that this one has, by a seccomp(2) filter.

#![allow(unsafe_code)]

use std::{io, os::unix::process::CommandExt, process::Command};

use nix::{errno::Errno, libc};

/// An ioctl(2) is its request above the number of the call; loop(4) answers EINVAL to what it does not know.
pub const LOOP_CONFIGURE: libc::c_long = 0x4c0a << 32 | libc::SYS_ioctl;

/// `command`, and all that it starts, has none of `calls`.
pub fn without(command: &mut Command, calls: &[libc::c_long]) {
    let statement = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    // Of `struct seccomp_data`: the number of the call, and the low half of its second argument.
    let (number, second) = (0, 24);
    let load = |offset: u32| statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset);
    let unless = |value: u32, skip: u8| libc::sock_filter {
        jf: skip,
        ..statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, value)
    };
    let refuse = |errno: Errno| statement(libc::BPF_RET, libc::SECCOMP_RET_ERRNO | errno as u32);
    let mut program = Vec::new();
    for &call in calls {
        program.push(load(number));
        match (call >> 32) as u32 {
            0 => program.extend([unless(call as u32, 1), refuse(Errno::ENOSYS)]),
            request => {
                program.extend([unless(call as u32, 3), load(second), unless(request, 1), refuse(Errno::EINVAL)])
            }
        }
    }
    program.push(statement(libc::BPF_RET, libc::SECCOMP_RET_ALLOW));
    // SAFETY: one system call between fork and execve, with a program that lives in the closure.
    unsafe {
        command.pre_exec(move || {
            let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
            match libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter) {
                0 => Ok(()),
                _ => Err(io::Error::last_os_error()),
            }
        })
    };
}
