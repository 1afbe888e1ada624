//! Filters of system calls: seccomp(2).

use super::error::{Call, Result, done};

/// An instruction of classic BPF: `struct sock_filter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Instruction {
    pub code: u16,
    pub yes: u8,
    pub no: u8,
    pub operand: u32,
}

impl Instruction {
    pub const fn new(code: u16, yes: u8, no: u8, operand: u32) -> Self {
        Instruction { code, yes, no, operand }
    }
}

/// seccomp(2) SECCOMP_SET_MODE_FILTER: `filter` judges every call of this process from now on, and of what comes of it.
/// EACCES: without no_new_privs it needs CAP_SYS_ADMIN; EINVAL or ENOSYS: this kernel has no filters.
///
/// With SECCOMP_FILTER_FLAG_SPEC_ALLOW, as runc and crun do, and Linux by itself since 5.16: before, a filter turned off the
/// processor's guessing, which guards a process from its own scripts, nobody else, and takes up to half the speed.
pub fn set_filter(filter: &[Instruction]) -> Result<()> {
    const SET_MODE_FILTER: libc::c_ulong = 1;
    const SPEC_ALLOW: libc::c_ulong = 4;
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_ptr().cast_mut().cast() };
    // SAFETY: an array of `struct sock_filter` with its length, which the kernel copies.
    done(Call::Seccomp, unsafe { libc::syscall(libc::SYS_seccomp, SET_MODE_FILTER, SPEC_ALLOW, &program) })
}
