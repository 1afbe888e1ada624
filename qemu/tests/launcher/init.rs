//! `tinyo init`: what tini does.

use std::{
    io::{BufRead, BufReader},
    os::unix::fs::symlink,
    process::{Command, Stdio},
};

use nix::sys::signal::{Signal, kill};

use crate::house::{House, ended, finish, pid};
use crate::status::{block_signals, ignore_signals};

const NO_COMMAND: &str = "init: no command; write init -- COMMAND [ARGUMENTS]";

#[test]
fn it_ends_as_its_command_ends() {
    let Some(house) = House::build() else { return };
    let shell = house.busybox.display().to_string();
    let init = |script: &str| ended(house.tinyo(&["init", "--", &shell, "sh", "-c", script]));
    for status in 0..=255 {
        init(&format!("exit {status}")).is(status, "", "");
    }
    for signal in [1, 2, 6, 9, 11, 15, 31, 34, 64] {
        init(&format!("ulimit -c 0; kill -{signal} $$")).is(128 + signal, "", "");
    }
    ended(house.tinyo(&["init", &shell, "true"])).says("");
}

/// Images call it by these names.
#[test]
fn it_is_tini_and_docker_init_by_name() {
    let Some(house) = House::build() else { return };
    let shell = house.busybox.display().to_string();
    for name in ["tini", "docker-init"] {
        let link = house.beside(name);
        symlink(&house.tinyo, &link).unwrap();
        let run = |words: &[&str]| {
            let mut command = Command::new(&link);
            command.args(words).env_clear().stdin(Stdio::null());
            ended(command)
        };
        run(&["--", &shell, "sh", "-c", "exit 9"]).is(9, "", "");
        run(&[&shell, "echo", "a", "--", "b"]).says("a -- b\n");
        run(&[]).fails(125, NO_COMMAND);
        run(&["--"]).fails(125, NO_COMMAND);
    }
    // As an image's ENTRYPOINT.
    std::fs::copy(&house.tinyo, house.root().join("bin/tini")).unwrap();
    house.run(&["--init=false"], &["/bin/tini", "--", "/bin/sh", "-c", "echo $$ $PPID; exit 9"]).is(9, "2 1\n", "");
}

#[test]
fn what_it_cannot_run_is_said() {
    let Some(house) = House::build() else { return };
    let hint = "is it in the image, and its interpreter or loader too?";
    ended(house.tinyo(&["init"])).fails(125, NO_COMMAND);
    ended(house.tinyo(&["init", "--"])).fails(125, NO_COMMAND);
    let said = ended(house.tinyo(&["init", "--", "/not/there"]));
    said.fails(127, &format!("init: run /not/there: no such file or directory; {hint}"));
    ended(house.tinyo(&["init", "--", "/etc"])).fails(126, "init: run /etc: permission denied; is it executable?");
}

#[test]
fn its_environment_and_directory_are_the_callers() {
    let Some(house) = House::build() else { return };
    let shell = house.busybox.display().to_string();
    let mut command = house.tinyo(&["init", "--", &shell, "sh", "-c", "echo $A $HOME $PWD $(umask)"]);
    command.env("A", "1").env("HOME", "/h").current_dir("/usr");
    ended(command).says("1 /h /usr 0022\n");
    // By the caller's PATH.
    let mut command = house.tinyo(&["init", "busybox", "echo", "found"]);
    command.env("PATH", house.beside(""));
    ended(command).says("found\n");
}

#[test]
fn signals_reach_the_command() {
    let Some(house) = House::build() else { return };
    let shell = house.busybox.display().to_string();
    let script = "for s in HUP INT TERM USR1 USR2 WINCH; do trap \"echo $s\" $s; done; echo ready; \
                  trap 'exit 11' URG; while :; do usleep 3000; done";
    let mut command = house.tinyo(&["init", "--", &shell, "sh", "-c", script]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = || {
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    };
    assert_eq!(line(), "ready");
    for (signal, name) in [
        (Signal::SIGHUP, "HUP"),
        (Signal::SIGINT, "INT"),
        (Signal::SIGTERM, "TERM"),
        (Signal::SIGUSR1, "USR1"),
        (Signal::SIGUSR2, "USR2"),
        (Signal::SIGWINCH, "WINCH"),
    ] {
        kill(pid(&child), signal).unwrap();
        assert_eq!(line(), name);
    }
    kill(pid(&child), Signal::SIGURG).unwrap();
    finish(child).is(11, "", "");
}

/// As a subreaper, where it is not PID 1: the orphans are its children, and no zombie stays.
#[test]
fn orphans_are_reaped() {
    let Some(house) = House::build() else { return };
    let shell = house.busybox.display().to_string();
    // Orphans of the shell are its parent's now; a zombie among them would be one of that parent's children.
    let script = "i=0; while [ $i -lt 200 ]; do (usleep 1000 &); i=$((i+1)); done; sleep 0.3; \
                  cat /proc/$PPID/task/$PPID/children | wc -w";
    ended(house.tinyo(&["init", "--", &shell, "sh", "-c", script])).is(0, "1\n", "");
    let Some(house) = House::build() else { return };
    std::fs::copy(&house.tinyo, house.root().join("bin/tini")).unwrap();
    let said = house.run(&["--init=false"], &["/bin/tini", "--", "/bin/sh", "-c", script]);
    said.is(0, "1\n", "");
}

/// What is ignored and what is blocked, CHLD too, and nothing else: by a program that changes neither.
#[test]
fn a_callers_signal_settings_are_the_commands() {
    let Some(house) = House::build() else { return };
    let busybox = house.busybox.display().to_string();
    let grep = ["grep", "^Sig[BI]", "/proc/self/status"];
    for spoil in [|_: &mut Command| {}, ignore_signals, block_signals] {
        let mut plain = Command::new(&busybox);
        plain.args(grep);
        let mut command = house.tinyo(&["init", "--", &busybox]);
        command.args(grep);
        spoil(&mut plain);
        spoil(&mut command);
        ended(command).says(&ended(plain).out);
    }
    let mut command = house.tinyo(&["init", "--", &busybox, "sh", "-c", "kill -TERM $PPID; kill -TERM $$; exit 4"]);
    ignore_signals(&mut command);
    ended(command).is(4, "", "");
}
