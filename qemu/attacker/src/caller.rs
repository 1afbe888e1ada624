//! Callers that hand down what nobody should.

use std::{
    io,
    os::unix::process::CommandExt,
    process::{Command, exit},
};

use crate::call::number;

/// `ignore` (SIGCHLD), `block` (all signals), `close=N`, `keep=PATH` (opened, and left open for what is executed),
/// `keep=socket`, `limit=N:VALUE` (RLIMIT_ N, soft and hard), `stop-env` (no environment), `without=CALL` (ENOSYS, as from a
/// kernel that has no such call), `refuse=CALL` (EPERM); then `--` and the command.
pub fn become_and_execute(words: &[String]) -> ! {
    let (before, command) = words.split_at(words.iter().position(|word| word == "--").unwrap_or(words.len()));
    let Some((program, arguments)) = command.get(1..).and_then(<[_]>::split_first) else {
        eprintln!("attacker: caller WORD... -- COMMAND");
        exit(2)
    };
    let mut next = Command::new(program);
    next.args(arguments);
    let before = before.to_vec();
    // Behind whatever the library does to a child, and with its own file (for the errors of exec) not in the way.
    // SAFETY: one thread; what may be done after fork may be done here, for nothing is forked.
    unsafe { next.pre_exec(move || before.iter().try_for_each(|word| hand_down(word))) };
    let error = next.exec();
    // The descriptor to say it on may be closed.
    eprintln!("attacker: {program}: {error}");
    exit(120)
}

fn hand_down(word: &str) -> io::Result<()> {
    let (name, value) = word.split_once('=').unwrap_or((word, ""));
    let number = |text: &str| text.parse::<u64>().unwrap_or(0);
    // SAFETY: calls that take numbers, sets and structures of their own kind, and C strings.
    let answer = unsafe {
        match name {
            "ignore" => {
                libc::signal(libc::SIGCHLD, libc::SIG_IGN);
                0
            }
            "block" => {
                let mut set = std::mem::zeroed();
                libc::sigfillset(&mut set);
                libc::sigprocmask(libc::SIG_SETMASK, &set, std::ptr::null_mut())
            }
            "close" => libc::close(number(value) as i32),
            "keep" if value == "socket" => libc::socket(libc::AF_NETLINK, libc::SOCK_RAW, 0),
            "keep" => libc::open(std::ffi::CString::new(value)?.as_ptr(), libc::O_RDONLY),
            "limit" => {
                let (which, value) = value.split_once(':').unwrap_or((value, "0"));
                let limit = libc::rlimit { rlim_cur: number(value), rlim_max: number(value) };
                libc::setrlimit(number(which) as i32, &limit)
            }
            "without" => answer(value, libc::ENOSYS),
            "refuse" => answer(value, libc::EPERM),
            _ => {
                eprintln!("attacker: caller: {word}?");
                exit(2)
            }
        }
    };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// From now on the system call of that name answers `errno`, by a seccomp(2) filter. Takes CAP_SYS_ADMIN.
fn answer(call: &str, errno: i32) -> i32 {
    let statement = |code: u32, jf: u8, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf, k };
    let mut program = [
        // The first of `struct seccomp_data` is the number of the call.
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0),
        statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 1, number(call) as u32),
        statement(libc::BPF_RET, 0, libc::SECCOMP_RET_ERRNO | errno as u32),
        statement(libc::BPF_RET, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: a program of that length, which the kernel copies.
    unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter) }
}
