//! An older kernel: one that answers ENOSYS to system calls that this one has, by a seccomp(2) filter.

#![allow(unsafe_code)]

use std::{io, os::unix::process::CommandExt, process::Command};

use nix::{errno::Errno, libc};

/// `command`, and all that it starts, has none of `calls`.
pub fn without(command: &mut Command, calls: &[libc::c_long]) {
    let statement = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    // The number of the call is the first word of `struct seccomp_data`.
    let mut program = vec![statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0)];
    for &call in calls {
        let is_it = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
        program.push(libc::sock_filter { jf: 1, ..statement(is_it, call as u32) });
        program.push(statement(libc::BPF_RET, libc::SECCOMP_RET_ERRNO | Errno::ENOSYS as u32));
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
