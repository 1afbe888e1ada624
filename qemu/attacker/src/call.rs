//! System calls by name.

use std::{ffi::CString, io};

/// A word: a number (`5`, `-100`, `0x10`), `@TEXT`, `#N` (N zero bytes to write to), `%` (what the last call answered), `%N`
/// (the N-th, from 0), or `[A:B:...]` (64 bits each). The last two kinds and texts live until the end.
pub fn all(text: &str) {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut answers: Vec<i64> = Vec::new();
    for call in words.split(|word| *word == ",") {
        let Some((name, arguments)) = call.split_first() else { continue };
        let mut values = [0; 6];
        for (value, word) in values.iter_mut().zip(arguments) {
            *value = argument(word, &answers);
        }
        let [a, b, c, d, e, f] = values;
        // SAFETY: none. It is what this program is for, and it has nothing to lose.
        let answer = unsafe { libc::syscall(number(name), a, b, c, d, e, f) };
        match answer {
            -1 => println!("{name} {}", self::name(io::Error::last_os_error())),
            _ => println!("{name} {answer}"),
        }
        answers.push(answer);
    }
}

fn argument(word: &str, answers: &[i64]) -> i64 {
    let (kind, rest) = word.split_at(word.len().min(1));
    match kind {
        "@" => CString::new(rest).unwrap_or_default().into_raw() as i64,
        "#" => Box::leak(vec![0u8; number_of(rest) as usize].into_boxed_slice()).as_mut_ptr() as i64,
        "%" if rest.is_empty() => answers.last().copied().unwrap_or(-1),
        "%" => answers.get(number_of(rest) as usize).copied().unwrap_or(-1),
        "[" => {
            let inner = rest.trim_end_matches(']').split(':');
            let words: Vec<i64> = inner.map(|word| argument(word, answers)).collect();
            words.leak().as_mut_ptr() as i64
        }
        _ => number_of(word),
    }
}

fn number_of(word: &str) -> i64 {
    let number = word.strip_prefix("0x").map_or_else(|| word.parse(), |digits| i64::from_str_radix(digits, 16));
    number.unwrap_or_else(|_| {
        eprintln!("attacker: {word} is no number");
        std::process::exit(2)
    })
}

macro_rules! table {
    ($($name:ident $($constant:ident)?),* $(,)?) => { [$((stringify!($name), table!(@ $name $($constant)?))),*] };
    (@ $name:ident $constant:ident) => { libc::$constant };
    (@ $name:ident) => { libc::$name };
}

pub fn number(name: &str) -> i64 {
    let numbers = table! {
        add_key SYS_add_key, bpf SYS_bpf, chdir SYS_chdir, chmod SYS_chmod, chroot SYS_chroot, clone SYS_clone,
        close SYS_close, dup SYS_dup, fchdir SYS_fchdir, finit_module SYS_finit_module, fsconfig SYS_fsconfig, fsmount SYS_fsmount, fsopen SYS_fsopen,
        fspick SYS_fspick, getpid SYS_getpid, init_module SYS_init_module, io_uring_setup SYS_io_uring_setup, ioctl SYS_ioctl,
        iopl SYS_iopl, kcmp SYS_kcmp, kexec_load SYS_kexec_load, keyctl SYS_keyctl, kill SYS_kill, linkat SYS_linkat,
        mknod SYS_mknod, mount SYS_mount, mount_setattr SYS_mount_setattr, move_mount SYS_move_mount,
        name_to_handle_at SYS_name_to_handle_at, open SYS_open, open_by_handle_at SYS_open_by_handle_at,
        open_tree SYS_open_tree, openat SYS_openat, perf_event_open SYS_perf_event_open, pidfd_getfd SYS_pidfd_getfd,
        pidfd_open SYS_pidfd_open, pivot_root SYS_pivot_root, prctl SYS_prctl, process_madvise SYS_process_madvise,
        process_vm_readv SYS_process_vm_readv, process_vm_writev SYS_process_vm_writev, ptrace SYS_ptrace, read SYS_read,
        reboot SYS_reboot, request_key SYS_request_key, setgid SYS_setgid, setns SYS_setns, settimeofday SYS_settimeofday,
        setuid SYS_setuid, swapon SYS_swapon, syslog SYS_syslog, umount2 SYS_umount2, unshare SYS_unshare,
        userfaultfd SYS_userfaultfd, write SYS_write, setxattr SYS_setxattr, acct SYS_acct, quotactl SYS_quotactl,
    };
    numbers.iter().find(|(known, _)| *known == name).map_or_else(|| number_of(name), |(_, number)| *number)
}

/// The name of an errno, or its number.
pub fn name(error: io::Error) -> String {
    let names = table! {
        EPERM, ENOENT, ESRCH, EIO, ENXIO, E2BIG, ENOEXEC, EBADF, EAGAIN, ENOMEM, EACCES, EFAULT, ENOTBLK, EBUSY, EEXIST, EXDEV,
        ENODEV, ENOTDIR, EISDIR, EINVAL, ENFILE, EMFILE, ENOTTY, ETXTBSY, ENOSPC, EROFS, EMLINK, ENOSYS, ELOOP, EOPNOTSUPP,
        EUSERS, ENOKEY,
    };
    let number = error.raw_os_error().unwrap_or(0);
    names.iter().find(|(_, known)| *known == number).map_or_else(|| number.to_string(), |(name, _)| name.to_string())
}
