//! Which system calls a container may make: what docker's default profile says, with the capabilities that it has.

use std::{env, fs, io, os::unix::process::CommandExt, process::Command, sync::OnceLock};

use nix::libc;
use tinyo_qemu::kit::target;

use crate::house::{Ended, House, ended};

const EPERM: i64 = -1;
const ENOSYS: i64 = -38;

/// A house with a program that makes system calls (`qemu/probe/src/call.rs`), built here once.
fn build() -> Option<House> {
    static BUILT: OnceLock<()> = OnceLock::new();
    let house = House::build()?;
    BUILT.get_or_init(|| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "-q", "--release", "-p", "tinyo-probe", "--target", "x86_64-unknown-linux-musl"]);
        assert!(cargo.current_dir(target().parent().unwrap()).status().unwrap().success());
    });
    let probe = fs::read(target().join("x86_64-unknown-linux-musl/release/tinyo-probe")).unwrap();
    house.file("bin/probe", 0o755, probe);
    Some(house)
}

fn probe(house: &House, options: &[&str], calls: &str) -> Ended {
    let mut command = vec!["/bin/probe", "call"];
    command.extend(calls.split_whitespace());
    house.run(options, &command)
}

/// What the kernel answers to each of `calls`, which have `--` between them.
#[track_caller]
fn answers(house: &House, options: &[&str], calls: &[String]) -> Vec<i64> {
    let said = probe(house, options, &calls.join(" -- "));
    said.lines().into_iter().map(|line| line.parse().unwrap()).collect()
}

/// A call with arguments that harm nobody where it is allowed.
fn call(number: libc::c_long, arguments: &str) -> String {
    format!("{number} {arguments}")
}

const FREE: &[&str] = &["--seccomp", "none", "--cap-add", "ALL"];
const BAD: &str = "0xffffffffffffffff";

#[test]
fn the_command_and_the_reaper_are_under_the_filter() {
    let Some(house) = build() else { return };
    let filtered = |options: &[&str], mode: &str| {
        let file = if options.contains(&"--init=false") { "self" } else { "1" };
        let script = format!("grep -h Seccomp: /proc/self/status /proc/{file}/status");
        house.shell(options, &script).says(&format!("Seccomp:\t{mode}\nSeccomp:\t{mode}\n"));
    };
    for options in [&[][..], &["--user", "1:1"], &["--cap-add", "ALL"], &["--init=false"], &["--seccomp=default"]] {
        filtered(options, "2");
    }
    filtered(&["--seccomp", "none"], "0");
    filtered(&["--privileged"], "0");
}

#[test]
fn what_docker_refuses_is_refused() {
    let Some(house) = build() else { return };
    let never = [
        call(libc::SYS_keyctl, "0 0xfffffffd 0"),
        call(libc::SYS_add_key, ""),
        call(libc::SYS_request_key, ""),
        call(libc::SYS_userfaultfd, BAD),
        call(libc::SYS_io_uring_setup, ""),
        call(libc::SYS_io_uring_enter, BAD),
        call(libc::SYS_io_uring_register, BAD),
        call(libc::SYS_kexec_load, &[BAD; 4].join(" ")),
        call(libc::SYS_kexec_file_load, &[BAD; 5].join(" ")),
        call(libc::SYS_pivot_root, ""),
        call(libc::SYS_swapon, ""),
        call(libc::SYS_move_pages, "0 0 0 0 0 64"),
        call(libc::SYS_ustat, ""),
        // ADDR_NO_RANDOMIZE, AF_ALG, AF_VSOCK, and the terminal's input, with the upper half that hid it once.
        call(libc::SYS_personality, "0x40000"),
        call(libc::SYS_socket, "38 5 0"),
        call(libc::SYS_socket, "40 1 0"),
        call(libc::SYS_ioctl, "0 0x5412 0"),
        call(libc::SYS_ioctl, "0 0x100005412 0"),
        call(libc::SYS_ioctl, "0 0x541c 0"),
    ];
    let admins = [
        call(libc::SYS_bpf, "9999"),
        call(libc::SYS_perf_event_open, ""),
        call(libc::SYS_mount, ""),
        call(libc::SYS_umount2, ""),
        call(libc::SYS_fsopen, ""),
        call(libc::SYS_open_tree, BAD),
        call(libc::SYS_move_mount, BAD),
        call(libc::SYS_setns, BAD),
        call(libc::SYS_unshare, "0"),
        // With CLONE_FS, which the kernel refuses beside CLONE_NEWUSER and CLONE_NEWNS: no second process.
        call(libc::SYS_clone, "0x10000211"),
        call(libc::SYS_clone, "0x20211"),
    ];
    let others = [
        ("SYS_PTRACE", call(libc::SYS_pidfd_getfd, BAD)),
        ("SYS_BOOT", call(libc::SYS_reboot, "0 0 0")),
        ("SYS_MODULE", call(libc::SYS_finit_module, BAD)),
        ("SYS_TIME", call(libc::SYS_clock_settime, BAD)),
        ("DAC_READ_SEARCH", call(libc::SYS_open_by_handle_at, BAD)),
        ("SYS_NICE", call(libc::SYS_set_mempolicy, BAD)),
        ("SYS_PACCT", call(libc::SYS_acct, "1")),
        ("BPF", call(libc::SYS_bpf, "9999")),
        ("PERFMON", call(libc::SYS_perf_event_open, "")),
        ("SYSLOG", call(libc::SYS_syslog, "10")),
    ];
    let by_others: Vec<_> = others.iter().map(|(_, call)| call.clone()).collect();
    let all = [&never[..], &admins, &by_others].concat();
    let refused = |options: &[&str], calls: &[String], expected: bool| {
        for (call, answer) in calls.iter().zip(answers(&house, options, calls)) {
            assert_eq!(answer == EPERM, expected, "{options:?}: {call}: {answer}");
        }
    };
    refused(&[], &all, true);
    refused(&["--user", "1:1"], &all, true);
    // It was the filter: without it the kernel looks at the arguments.
    refused(FREE, &all, false);
    refused(&["--cap-add", "ALL"], &never, true);
    refused(&["--cap-add", "ALL"], &by_others, false);
    refused(&["--cap-add", "SYS_ADMIN"], &admins, false);
    for (capability, call) in others {
        refused(&["--cap-add", capability], &[call], false);
    }
    // Alone: what comes after it has no rights over the old user namespace.
    let new_user = [call(libc::SYS_unshare, "0x10000000")];
    refused(&[], &new_user, true);
    refused(FREE, &new_user, false);
    // What the default has can be taken away.
    let chroot = [call(libc::SYS_chroot, "0")];
    refused(&[], &chroot, false);
    refused(&["--cap-drop", "SYS_CHROOT"], &chroot, true);
}

#[test]
fn what_docker_allows_works() {
    let Some(house) = build() else { return };
    let calls = [
        (call(libc::SYS_personality, "0xffffffff"), 0),
        (call(libc::SYS_personality, "0x20000"), 0),
        (call(libc::SYS_socket, "1 1 0"), 3),
        (call(libc::SYS_socket, "16 3 0"), 4),
        // ENOTTY: it came to the file. PTRACE_TRACEME.
        (call(libc::SYS_ioctl, "0 0x5413 0"), -25),
        (call(libc::SYS_ptrace, "0"), 0),
        (call(libc::SYS_chroot, "/tmp"), 0),
        (call(libc::SYS_seccomp, "2 0 0"), -14),
    ];
    let (calls, expected): (Vec<_>, Vec<_>) = calls.into_iter().unzip();
    assert_eq!(answers(&house, &[], &calls), expected);
    let mount = [call(libc::SYS_mount, "none /tmp tmpfs 0 0")];
    assert_eq!(answers(&house, &[], &mount), [EPERM]);
    assert_eq!(answers(&house, &["--cap-add", "SYS_ADMIN"], &mount), [0]);
}

/// The answer on which C libraries fall back: for clone3, whose flags no filter can see, and for what is younger than the table.
#[test]
fn what_cannot_be_judged_is_not_there() {
    let Some(house) = build() else { return };
    // clone3, open_tree_attr, file_getattr, the next thousands, x32, and no number at all.
    let calls = ["435", "467", "468", "1000", "5000", "0x40000027", "0x7fffffff", BAD].map(str::to_owned);
    assert_eq!(answers(&house, &[], &calls), [ENOSYS; 8]);
    assert_ne!(answers(&house, FREE, &calls)[0], ENOSYS, "clone3 itself is there");
    assert_ne!(answers(&house, &["--cap-add", "SYS_ADMIN"], &calls)[0], ENOSYS);
}

/// A program for i386 has other numbers: it ends at its first call.
#[test]
fn calls_of_i386_are_the_end() {
    let Some(house) = build() else { return };
    let getpid = "39 -- i386 20 39";
    let free = probe(&house, &["--seccomp", "none"], getpid);
    if free.code != 0 {
        // SIGSEGV: this kernel has no such calls anyway.
        assert_eq!(free.code, 139, "{free:?}");
        return;
    }
    free.says("2\n2\n2\n");
    probe(&house, &[], getpid).is(128 + libc::SIGSYS, "2\n", "");
}

/// seccomp(2) fails with `errno`, as in a kernel that was built without filters.
fn without_filters(mut command: Command, errno: i32) -> Command {
    let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let mut filter = [
        step(0x20, 0, 0, 0),
        step(0x15, 0, 1, libc::SYS_seccomp as u32),
        step(0x06, 0, 0, libc::SECCOMP_RET_ERRNO | errno as u32),
        step(0x06, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let set = move || {
        let program = libc::sock_fprog { len: 4, filter: filter.as_mut_ptr() };
        // SAFETY: an array with its length, which the kernel copies.
        match unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    };
    // SAFETY: a system call between fork and exec, without allocation or locks.
    unsafe { command.pre_exec(set) };
    command
}

#[test]
fn a_kernel_without_filters_is_named_with_the_way_out() {
    let Some(house) = House::build() else { return };
    for (errno, why) in [(libc::EINVAL, "invalid argument"), (libc::ENOSYS, "not in this kernel")] {
        let run = |options| house.clean(|| ended(without_filters(house.command(options, &["/bin/true"]), errno)));
        run(&[]).fails(
            125,
            &format!(
                "run: seccomp default (95 instructions): {why}; does this kernel have CONFIG_SECCOMP_FILTER? \
                 write seccomp = \"none\""
            ),
        );
        run(&["--seccomp", "none"]).says("");
        run(&["--privileged"]).says("");
    }
}
