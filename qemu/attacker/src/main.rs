//! What a hostile image runs in the tests: busybox makes no odd system calls.
//!
//! - `attacker call NAME ARGUMENT... [, NAME ARGUMENT...]...`: system calls, one after the other, each answered by a line
//!   `NAME VALUE` or `NAME ERRNO`. See [`call`] for what an argument may be.
//! - `attacker exes FILE...`: tries to change every program but its own and those by its /proc/PID/exe, and says where it could.
//! - `attacker writable PATH...`: what opens for writing there.
//! - `attacker files`: its open descriptors.
//! - `attacker bomb`, `attacker eat`: forks, or touches memory, until the kernel says no.
//! - `attacker exchange A B`: swaps the two names for ever.
//! - `attacker caller WORD... -- COMMAND`: executes it as a bad caller would. See [`caller`].

mod call;
mod caller;
mod exes;

use std::{
    env,
    ffi::CString,
    fs, io,
    os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt},
    path::Path,
    process::exit,
};

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    let rest = words.get(1..).unwrap_or_default();
    match words.first().map(String::as_str) {
        Some("call") => call::all(&rest.join(" ")),
        Some("caller") => caller::become_and_execute(rest),
        Some("exes") => exes::attack(rest),
        Some("writable") => rest.iter().for_each(|path| writable(Path::new(path))),
        Some("files") => files(),
        Some("bomb") => bomb(),
        Some("eat") => eat(),
        Some("exchange") if rest.len() == 2 => exchange(&rest[0], &rest[1]),
        _ => {
            eprintln!("attacker: no such move; see its source");
            exit(2)
        }
    }
}

/// Processes come and go meanwhile, and their own files are theirs.
fn writable(top: &Path) {
    for entry in fs::read_dir(top).into_iter().flatten().flatten() {
        let (path, Ok(kind)) = (entry.path(), entry.file_type()) else { continue };
        let is_process = entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit());
        if kind.is_dir() && !(is_process && top == Path::new("/proc")) {
            writable(&path);
        } else if kind.is_file() || kind.is_char_device() || kind.is_block_device() {
            // Root opens for writing what nobody can write to, too.
            let meant = entry.metadata().is_ok_and(|status| status.mode() & 0o222 != 0);
            let mut options = fs::OpenOptions::new();
            if meant && options.write(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(&path).is_ok() {
                println!("{}", path.display());
            }
        }
    }
}

/// Not by /proc, which may not be there, and takes a descriptor to read.
fn files() {
    // SAFETY: an fcntl(2) that takes a number and changes nothing.
    let open: Vec<_> = (0..4096).filter(|&fd| unsafe { libc::fcntl(fd, libc::F_GETFD) } >= 0).collect();
    println!("{open:?}");
}

/// Its children stay until it ends, and end with it.
fn bomb() {
    let mut pipe = [0; 2];
    // SAFETY: room for two descriptors; fork in a process of one thread, whose child makes two calls and ends.
    unsafe {
        libc::pipe(pipe.as_mut_ptr());
        for count in 0.. {
            match libc::fork() {
                0 => {
                    libc::close(pipe[1]);
                    libc::read(pipe[0], pipe.as_mut_ptr().cast(), 1);
                    libc::_exit(0);
                }
                -1 => return println!("{count} {}", call::name(io::Error::last_os_error())),
                _ => {}
            }
        }
    }
}

fn eat() {
    let mut eaten: Vec<Vec<u8>> = Vec::new();
    loop {
        eaten.push(vec![1; 1 << 20]);
    }
}

/// renameat2(2) RENAME_EXCHANGE: at no moment is one of the names missing.
fn exchange(one: &str, other: &str) {
    let [one, other] = [one, other].map(|name| CString::new(name).unwrap_or_default());
    loop {
        // SAFETY: C strings and numbers.
        let value = unsafe {
            libc::syscall(libc::SYS_renameat2, libc::AT_FDCWD, one.as_ptr(), libc::AT_FDCWD, other.as_ptr(), 2)
        };
        if value < 0 {
            eprintln!("attacker: exchange: {}", io::Error::last_os_error());
            exit(1);
        }
    }
}
