//! How a run ends: as its command ends, or by a code that says why there was none. And what goes through it untouched.

use std::{
    fs,
    io::{Read, Write},
    os::unix::process::CommandExt,
    process::{Command, Stdio},
    thread,
};

use nix::{
    sys::signal::{SigSet, Signal, kill},
    unistd::Pid,
};

use crate::house::{House, ended, finish, output, soon};

#[test]
fn every_exit_status_is_passed_on() {
    let Some(house) = House::build() else { return };
    for init in ["--init", "--init=false"] {
        house.clean(|| {
            for status in 0..=255 {
                let said = house.run_once(&[init], &["/bin/sh", "-c", &format!("exit {status}")]);
                said.is(status, "", "");
            }
        });
    }
}

/// All signals whose default is to end a process.
const DEADLY: [i32; 22] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 24, 25, 26, 27, 29, 31];

#[test]
fn a_command_that_is_killed_is_128_and_the_signal() {
    let Some(house) = House::build() else { return };
    house.clean(|| {
        for signal in DEADLY.into_iter().chain([30, 34, 50, 64]) {
            // No shell as the command: it has its own mind about some.
            let script = format!("\"kill -{signal} $PPID\" | getline; while (1) system(\"usleep 1000\")");
            let run = format!("ulimit -c 0; exec $tinyo run $root /bin/awk 'BEGIN {{ {script} }}'");
            ended(house.host(&run)).is(128 + signal, "", "");
        }
    });
    // PID 1 of a namespace gets no signal from inside that it has no handler for.
    house.shell(&["--init=false"], "kill -9 $$; kill -15 $$; exit 7").is(7, "", "");
    // From outside KILL does it.
    let mut command = house.command(&["--init=false"], &["/bin/sleep", "1000"]);
    let said = house.clean(|| {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut sleeper = None;
        soon("the command runs", || {
            let processes = house.processes();
            let lines = processes.iter().filter_map(|line| line.split_once(' '));
            sleeper = lines.filter(|(_, words)| *words == "/bin/sleep 1000 ").find_map(|(pid, _)| pid.parse().ok());
            sleeper.is_some()
        });
        kill(Pid::from_raw(sleeper.unwrap()), Signal::SIGKILL).unwrap();
        finish(child)
    });
    said.is(137, "", "");
}

#[test]
fn what_cannot_be_run_is_126_or_127_and_says_why() {
    let Some(house) = House::build() else { return };
    let found = "no such file or directory; is it in the image, and its interpreter or loader too?";
    let denied = "permission denied; is it executable?";
    house.file("opt/plain", 0o644, "no program\n");
    house.file("opt/text", 0o755, "echo a script without its first line\n");
    house.file("opt/empty", 0o755, "");
    house.file("opt/script", 0o755, "#!/not/there\n");
    house.file("opt/nested", 0o755, "#!/opt/plain\n");
    house.file("opt/other", 0o755, elf(183, None));
    house.file("opt/truncated", 0o755, &elf(62, None)[..40]);
    house.file("opt/loader", 0o755, elf(62, Some("/lib/not-there.so")));
    let machine = "not an executable for this machine; a script needs a #! line";
    for (command, code, why) in [
        ("/not/there", 127, found),
        ("absent", 127, found),
        ("/opt/plain/x", 127, "not a directory"),
        ("/opt/script", 127, found),
        ("/opt/loader", 127, found),
        ("/opt", 126, denied),
        ("/opt/plain", 126, denied),
        ("/opt/nested", 126, denied),
        ("/opt/text", 126, machine),
        ("/opt/empty", 126, machine),
        ("/opt/other", 126, machine),
        ("/opt/truncated", 126, machine),
    ] {
        for init in ["--init", "--init=false"] {
            house.run(&[init], &[command]).fails(code, &format!("run: run {command}: {why}"));
        }
    }
    let said = house.run(&[], &[""]);
    assert_eq!((said.code, said.err.lines().count()), (127, 1), "{said:?}");
}

/// A 64-bit executable of `machine` that needs `loader`, with nothing in it.
fn elf(machine: u16, loader: Option<&str>) -> Vec<u8> {
    let mut bytes = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0".to_vec();
    bytes.extend(machine.to_le_bytes());
    bytes.extend(1u32.to_le_bytes());
    for offset in [0x40_0000u64, 64, 0] {
        bytes.extend(offset.to_le_bytes());
    }
    bytes.extend([0; 4]);
    for size in [64u16, 56, u16::from(loader.is_some()) + 1, 0, 0, 0] {
        bytes.extend(size.to_le_bytes());
    }
    let name = loader.map(|name| format!("{name}\0")).unwrap_or_default();
    let header = |kind: u32, offset: u64, size: u64| {
        let numbers = [offset, 0x40_0000 + offset, 0x40_0000 + offset, size, size, 0x1000];
        let head = kind.to_le_bytes().into_iter().chain(5u32.to_le_bytes());
        head.chain(numbers.into_iter().flat_map(u64::to_le_bytes)).collect::<Vec<_>>()
    };
    if loader.is_some() {
        bytes.extend(header(3, 176, name.len() as u64));
    }
    bytes.extend(header(1, 0, 4096));
    bytes.extend(name.bytes());
    bytes.resize(4096, 0);
    bytes
}

#[test]
fn orphans_are_reaped() {
    let Some(house) = House::build() else { return };
    let script = "i=0; while [ $i -lt 200 ]; do (usleep 1000 &); i=$((i+1)); done; \
                  tries=0; while [ $tries -lt 500 ]; do usleep 10000; tries=$((tries+1)); set -- /proc/[0-9]*; \
                  [ $# = 2 ] && exit 42; done; cat /proc/[0-9]*/stat";
    // PID 1 and the shell: a zombie that stays would be one more.
    house.shell(&[], script).is(42, "", "");
}

/// What the command leaves running ends with it.
#[test]
fn the_container_ends_with_its_command() {
    let Some(house) = House::build() else { return };
    house.shell(&[], "sleep 1000 & setsid sleep 1001 & exit 3").is(3, "", "");
    house.shell(&["--init=false"], "sleep 1000 & setsid sleep 1001 & exit 3").is(3, "", "");
}

/// A lost SIGCHLD would hang one of them.
#[test]
fn a_command_that_ends_at_once_is_seen_500_times() {
    let Some(house) = House::build() else { return };
    house.clean(|| {
        for turn in 0..500 {
            let init = if turn % 2 == 0 { "--init" } else { "--init=false" };
            house.run_once(&[init], &["/bin/true"]).is(0, "", "");
        }
    });
}

#[test]
fn a_callers_signal_settings_do_no_harm() {
    let Some(house) = House::build() else { return };
    let inside = "exec $tinyo run $root /bin/sh -c 'grep -E \"Sig(Blk|Ign)\" /proc/self/status; exit 5'";
    let clear = "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n";
    for spoil in [ignore_signals, block_signals] {
        let mut command = house.host(inside);
        spoil(&mut command);
        house.clean(|| ended(command)).is(5, clear, "");
        let mut command = house.command(&["--init=false"], &["/bin/true"]);
        spoil(&mut command);
        house.clean(|| ended(command)).says("");
    }
    for init in ["--init", "--init=false"] {
        let mut command = house.command(&[init], &["/bin/sh", "-c", "kill -TERM $$; exit 6"]);
        block_signals(&mut command);
        let code = if init == "--init" { 143 } else { 6 };
        house.clean(|| ended(command)).is(code, "", "");
    }
}

/// CHLD among them: a kernel that reaps our children has no status for us. (A shell cannot ignore that one.)
pub fn ignore_signals(command: &mut Command) {
    let ignore = || {
        for signal in
            [Signal::SIGCHLD, Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM, Signal::SIGPIPE, Signal::SIGUSR1]
        {
            // SAFETY: no handler that could do anything.
            unsafe { nix::sys::signal::signal(signal, nix::sys::signal::SigHandler::SigIgn) }?;
        }
        Ok(())
    };
    // SAFETY: system calls between fork and exec, without allocation or locks.
    unsafe { command.pre_exec(ignore) };
}

pub fn block_signals(command: &mut Command) {
    let block = || SigSet::all().thread_block().map_err(Into::into);
    // SAFETY: one system call between fork and exec, without allocation or locks.
    unsafe { command.pre_exec(block) };
}

#[test]
fn closed_standard_files_become_no_other_files() {
    let Some(house) = House::build() else { return };
    let inside = "exec $tinyo run $root /bin/sh -c 'ls -l /proc/self/fd 2>/dev/null | sed -n \"s/.* \\([0-9]\\) -> /\\1 /p\" >/tmp/fds; exit 4'";
    for (close, files) in [
        ("<&- >&- 2>&-", "0 /dev/null\n"),
        ("<&-", "0 /dev/null\n"),
        (">&-", "0 /dev/null\n"),
        ("2>&-", "2 /dev/null\n"),
    ] {
        let said = house.clean_but_tree(|| ended(house.host(&format!("{inside} {close}"))));
        said.is(4, "", "");
        let seen = fs::read_to_string(house.root().join("tmp/fds")).unwrap();
        assert!(seen.contains(files), "{close}: {seen}");
        assert!(!seen.contains("socket") && !seen.contains("root"), "{close}: {seen}");
        fs::remove_file(house.root().join("tmp/fds")).unwrap();
    }
    // A failure with nobody to tell it to is a failure all the same.
    house.clean(|| ended(house.host("exec $tinyo run $root /not/there <&- >&- 2>&-"))).is(127, "", "");
}

#[test]
fn what_flows_through_is_untouched() {
    let Some(house) = House::build() else { return };
    let bytes: Vec<u8> = (0..1u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let said = house.clean(|| {
        let mut command = house.command(&[], &["/bin/cat"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        let sent = bytes.clone();
        let writer = thread::spawn(move || input.write_all(&sent));
        let said = output(child);
        writer.join().unwrap().unwrap();
        said
    });
    assert_eq!(said.status.code(), Some(0));
    assert!(said.stdout == bytes, "changed on its way");
    assert!(said.stderr.is_empty());
}

/// Neither the launcher nor the reaper holds the pipe's writing end.
#[test]
fn an_output_that_the_command_closes_is_closed() {
    let Some(house) = House::build() else { return };
    house.clean(|| {
        let mut command = house.command(&[], &["/bin/sh", "-c", "echo last; exec >&- 2>&-; read x; exit 9"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut text = String::new();
        // tinyo itself was given it, and holds it by right: only what is inside may not.
        let mut input = child.stdin.take().unwrap();
        soon("the command closed it", || house.processes().len() >= 2);
        input.write_all(b"go\n").unwrap();
        child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), output(child).status.code()), ("last\n", Some(9)));
    });
}
