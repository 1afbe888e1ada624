//! `tinyo init` as a drop-in for tini: its options, its variables, its signals, and what it keeps of the caller's.

use std::{fs, io::Write, process::Stdio};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::house::{Ended, House, ended, soon};
use crate::signals::Talk;

fn init(house: &House, options: &[&str], script: &str) -> Ended {
    let busybox = house.busybox.display().to_string();
    let mut command = house.tinyo(&["init"]);
    command.args(options).args(["--", &busybox, "sh", "-c", script]);
    ended(command)
}

#[test]
fn words_that_run_nothing() {
    let Some(house) = House::build() else { return };
    let help = ended(house.tinyo(&["init", "-h"]));
    assert!(help.out.starts_with("usage: tinyo init [OPTIONS] [--] COMMAND"), "{help:?}");
    assert!(help.out.lines().count() <= 24 && help.out.lines().all(|line| line.len() <= 110), "{help:?}");
    ended(house.tinyo(&["init", "-gvh", "x"])).says(&help.out);
    let licence = ended(house.tinyo(&["init", "-l"]));
    assert!(licence.out.contains("MIT OR Apache-2.0") && licence.code == 0, "{licence:?}");
    let version = ended(house.tinyo(&["version"])).out;
    ended(house.tinyo(&["init", "--version"])).says(&version);
}

#[test]
fn what_is_wrong_with_options_is_said() {
    let Some(house) = House::build() else { return };
    for (options, text) in [
        (&["-x"][..], "unknown option -x; try tinyo init -h"),
        (&["-gvX", "true"], "unknown option -X; try tinyo init -h"),
        (&["--subreaper", "true"], "unknown option --subreaper; try tinyo init -h"),
        (&["-p"], "a value is missing after -p; try tinyo init -h"),
        (&["-p", "SIGNAL", "true"], "-p: SIGNAL is no signal; write a name like SIGTERM"),
        (&["-e", "256", "true"], "-e: 256 is no exit code; write a number from 0 to 255"),
        (&["-gs"], "no command; write init -- COMMAND [ARGUMENTS]"),
    ] {
        let mut command = house.tinyo(&["init"]);
        command.args(options);
        ended(command).fails(125, &format!("init: {text}"));
    }
}

#[test]
fn exit_codes_can_be_made_zero() {
    let Some(house) = House::build() else { return };
    let codes = ["-e", "143", "-e9", "-se", "255"];
    for (script, code) in [
        ("exit 9", 0),
        ("exit 255", 0),
        ("exit 143", 0),
        ("kill $$", 0),
        ("exit 0", 0),
        ("exit 8", 8),
        ("exit 254", 254),
        ("kill -9 $$", 137),
    ] {
        init(&house, &codes, script).is(code, "", "");
    }
}

#[test]
fn variables_are_tinis() {
    let Some(house) = House::build() else { return };
    let busybox = house.busybox.display().to_string();
    let run = |name: &str, value: &str| {
        let mut command = house.tinyo(&["init", "-s", "--", &busybox, "sh", "-c", &format!("echo ${name}")]);
        command.env(name, value);
        ended(command)
    };
    for (name, value) in [("TINI_SUBREAPER", "1"), ("TINI_KILL_PROCESS_GROUP", "true"), ("TINI_VERBOSITY", "0")] {
        // The command gets them too.
        run(name, value).says(&format!("{value}\n"));
    }
    let warning = "tinyo: init: TINI_VERBOSITY=loud: not a number, and passed over; write 0 to 3\n";
    run("TINI_VERBOSITY", "loud").is(0, "loud\n", warning);
    let warning =
        "tinyo: init: TINI_KILL_PROCESS_GROUP=0: being set turns it on, whatever the value; unset it, or write 1\n";
    run("TINI_KILL_PROCESS_GROUP", "0").is(0, "0\n", warning);
    let said = run("TINI_VERBOSITY", "2");
    assert!(said.err.starts_with("tinyo: init: the command runs as pid "), "{said:?}");
    assert!(said.err.ends_with("\ntinyo: init: the command ended with status 0\n"), "{said:?}");
}

#[test]
fn a_verbose_one_names_signals_and_a_quiet_one_nothing() {
    let Some(house) = House::build() else { return };
    let said = init(&house, &["-vv"], "trap 'exit 3' USR1; kill -USR1 $PPID; while :; do usleep 3000; done");
    assert!(said.err.contains("tinyo: init: passing signal 10 on\n"), "{said:?}");
    init(&house, &[], "exit 3").is(3, "", "");
}

/// Signals that do not end a process by themselves; a shell ends by them when it is told to.
const HARMLESS: [i32; 4] =
    [Signal::SIGCONT as i32, Signal::SIGTSTP as i32, Signal::SIGURG as i32, Signal::SIGWINCH as i32];

/// All but KILL and STOP, CHLD, TTIN and TTOU, the C library's own, and those that say that tinyo itself has a bug.
fn forwardable() -> impl Iterator<Item = i32> {
    (1..=64).filter(|signal| ![4, 5, 6, 7, 8, 9, 11, 17, 19, 21, 22, 31, 32, 33].contains(signal))
}

/// Every one of them, to the command alone or to its process group, as a subreaper and as PID 1.
#[test]
fn every_signal_is_passed_on() {
    let Some(house) = House::build() else { return };
    fs::copy(&house.tinyo, house.root().join("bin/tini")).unwrap();
    let outside = house.busybox.display().to_string();
    let kinds = [(false, false), (false, true), (true, false), (true, true)];
    for (signal, (group, first)) in forwardable().flat_map(|signal| kinds.map(|kind| (signal, kind))) {
        let shell = if first { "/bin/busybox" } else { &outside };
        let harmless = HARMLESS.contains(&signal);
        // In no other process, which TSTP would stop. Else one that handles none, not even INT and QUIT as shells do, with two more in its group, which none is for.
        let sleep = format!("printf \"\" | \"exec {shell} sleep 100");
        let words = match harmless {
            true => ["sh", "-c", &format!("trap 'exit 7' {signal}; echo ready; while :; do :; done")],
            false => ["awk", "--", &format!("BEGIN {{ {sleep}0\"; {sleep}1\"; print \"ready\"; fflush(); }}")],
        };
        let option = if group { "-g" } else { "-s" };
        let mut command = if first {
            house.command(&["--init=false"], &["/bin/tini", option, "--", shell])
        } else {
            house.tinyo(&["init", option, "--", shell])
        };
        command.args(words);
        let talk = Talk::start(command);
        let sleepers = || {
            house.processes().into_iter().filter(|line| line.contains("busybox sleep 100") && !line.contains("BEGIN"))
        };
        soon("both sleep", || harmless || sleepers().count() == 2);
        // SAFETY: the number of a signal; not all of them have a name in nix.
        assert_eq!(unsafe { nix::libc::kill(talk.pid().as_raw(), signal) }, 0);
        if !first && !group && !harmless {
            soon(&format!("the shell has ended by {signal}"), || house.processes().len() == 2);
            for line in sleepers() {
                // They hold its output.
                kill(Pid::from_raw(line.split(' ').next().unwrap().parse().unwrap()), Signal::SIGKILL).unwrap();
            }
        }
        talk.end().is(if harmless { 7 } else { 128 + signal }, "", "");
        soon(&format!("nobody is left after {signal}"), || sleepers().count() == 0);
    }
    assert_eq!(forwardable().count(), 50);
}

/// TTIN and TTOU to us are for somebody else's use of the terminal, and stop nobody here.
#[test]
fn the_signals_of_a_background_group_are_nobodys() {
    let Some(house) = House::build() else { return };
    let script =
        "trap 'echo heard' TTIN TTOU; kill -TTIN $PPID; kill -TTOU $PPID; kill -CHLD $PPID; usleep 20000; echo end";
    init(&house, &["-g"], script).says("end\n");
}

#[test]
fn its_parents_death_can_be_a_signal() {
    let Some(house) = House::build() else { return };
    let script = "$tinyo init -p USR1 -- $busybox sh -c \"trap 'echo orphan; exit' USR1; echo ready; \
                  echo >$root/../waits; while :; do usleep 3000; done\" & read x";
    let mut command = house.host(script);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut shell = command.spawn().unwrap();
    // Its end of the pipe; `read` ends with it.
    let mut input = shell.stdin.take().unwrap();
    // A parent that ends before it was asked for is not told of, and what has set no trap is killed.
    soon("it waits", || house.beside("waits").exists());
    input.write_all(b"\n").unwrap();
    crate::house::finish(shell).says("ready\norphan\n");
}

/// 10,000 at once: they end while tinyo cannot look.
#[test]
fn a_crowd_of_orphans_is_reaped() {
    let Some(house) = House::build() else { return };
    let script = "kill -STOP $PPID; i=0; while [ $i -lt 10000 ]; do (: &); i=$((i+1)); done; \
                  cat /proc/$PPID/task/$PPID/children | wc -w; kill -CONT $PPID; \
                  until [ $(cat /proc/$PPID/task/$PPID/children | wc -w) = 1 ]; do usleep 1000; done; exit 5";
    let said = init(&house, &["-w"], script);
    let reaped = said.err.lines().filter(|line| line.starts_with("tinyo: init: reaped orphan ")).count();
    assert_eq!((said.code, said.out.as_str(), reaped, said.err.lines().count()), (5, "10001\n", 10_000, 10_000));
}

/// What the caller had open is the command's; tinyo has let go of it, and of the directory.
#[test]
fn it_keeps_no_file_and_no_directory() {
    let Some(house) = House::build() else { return };
    let script = "cd $root; exec 3</etc/passwd 7</etc/group 200</etc/hosts; exec $tinyo init -- $busybox sh -c '\
                  until [ $(readlink /proc/$PPID/cwd) = / ]; do usleep 1000; done; \
                  for fd in /proc/$PPID/fd/*; do echo ${fd##*/}; done; \
                  for fd in 3 7 200; do readlink /proc/self/fd/$fd; done'";
    ended(house.host(script)).says("0\n1\n2\n3\n/etc/passwd\n/etc/group\n/etc/hosts\n");
    let script = "readlink /proc/$PPID/fd/3; pwd";
    let said = ended(house.host(&format!("cd /usr; exec $tinyo init $busybox sh -c 'usleep 100000; {script}'")));
    said.says("anon_inode:[signalfd]\n/usr\n");
}

/// As many as the kernel takes: a pod of many services has thousands of variables.
#[test]
fn words_and_variables_have_no_limit_of_ours() {
    let Some(house) = House::build() else { return };
    let busybox = house.busybox.display().to_string();
    let mut command = house.tinyo(&["init", "--", &busybox, "sh", "-c", "echo $# $V2999; env | wc -l", "sh"]);
    command.args((0..3000).map(|number| number.to_string()));
    command.envs((0..3000).map(|number| (format!("V{number}"), "x".to_owned())));
    // The shell adds some of its own.
    ended(command).says("3000 x\n3003\n");
    // And none is added.
    let mut command = house.tinyo(&["init", "--", &busybox, "env"]);
    command.env("A", "1");
    ended(command).says("A=1\n");
}
