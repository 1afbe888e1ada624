//! `tinyo run --tty`: a terminal of the container's own, and the caller's as it was.

use std::{fs::File, io::Read, os::fd::AsRawFd};

use nix::{
    libc,
    sys::{
        signal::{Signal, kill},
        termios::{LocalFlags, tcgetattr},
    },
    unistd::Pid,
};

use crate::house::{House, soon};
use crate::terminal::Terminal;

const CTRL_C: &str = "\x03";
const CTRL_Z: &str = "\x1a";

/// A shell script in a container with a terminal.
fn run(house: &House, options: &[&str], script: &str) -> Terminal {
    Terminal::start(house.command(&[&["--tty"], options].concat(), &["/bin/sh", "-c", script]))
}

fn resize(terminal: &Terminal, rows: u16, columns: u16) {
    let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: one readable winsize.
    assert_eq!(unsafe { libc::ioctl(terminal.keyboard.as_raw_fd(), libc::TIOCSWINSZ, &size) }, 0);
}

/// The caller's terminal hands on each byte as it is.
fn is_raw(terminal: &Terminal) -> bool {
    let flags = tcgetattr(&terminal.keyboard).unwrap().local_flags;
    !flags.intersects(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG)
}

/// The launcher: the process group in front of the terminal.
fn in_front(terminal: &Terminal) -> Pid {
    let mut group = 0;
    // SAFETY: room for one number.
    assert_eq!(unsafe { libc::ioctl(terminal.keyboard.as_raw_fd(), libc::TIOCGPGRP, &mut group) }, 0);
    Pid::from_raw(group)
}

#[test]
fn the_command_has_a_terminal_of_its_own() {
    let Some(house) = House::build() else { return };
    // It leads a session that has it, in front; each name that it goes by is of the container's own devpts.
    let script = "tty; set -- $(cat /proc/self/stat); [ $5 = $8 ] && [ $6 = $$ ] && echo in front; \
                  stat -c '%a %u:%g %t:%T' /dev/pts/0 /dev/console; echo $(ls /dev/pts); for n in 0 1 2; do readlink /proc/self/fd/$n; done; \
                  [ $(stat -Lc %d:%i /proc/self/fd/0) = $(stat -c %d:%i /dev/pts/0) ] && echo the same; \
                  echo words >/dev/tty; echo more >/dev/console; exit 5";
    for (options, owner) in [(&[][..], 0), (&["--user=7:8"], 7), (&["--privileged", "--init=false"], 0)] {
        let mut terminal = run(&house, options, script);
        let seen = terminal.expect("more\r\n");
        let node = format!("620 {owner}:5 88:0\r\n");
        let fds = "/dev/pts/0\r\n".repeat(3);
        let wanted = format!("/dev/pts/0\r\nin front\r\n{node}{node}0 ptmx\r\n{fds}the same\r\nwords\r\n");
        assert_eq!(seen, wanted, "{options:?}");
        assert_eq!(terminal.end(), 5);
    }
    house.wait_for_nobody();
}

#[test]
fn its_window_is_as_large_as_the_callers() {
    let Some(house) = House::build() else { return };
    let mut terminal = Terminal::start(house.host(
        "read line; exec $tinyo run -t $root sh -c 'stty size; read line; \
        trap \"echo larger\" WINCH; echo go; until [ \"$(stty size)\" = \"50 132\" ]; do usleep 5000; done; stty size'",
    ));
    resize(&terminal, 33, 101);
    terminal.enter("\n");
    terminal.expect("33 101\r\n");
    terminal.enter("\n");
    terminal.expect("go\r\n");
    resize(&terminal, 50, 132);
    terminal.expect("larger\r\n");
    terminal.expect("50 132\r\n");
    assert_eq!(terminal.end(), 0);
}

/// What is typed means something inside, and nothing to the launcher.
#[test]
fn keys_are_for_the_command() {
    let Some(house) = House::build() else { return };
    let mut terminal = run(
        &house,
        &[],
        "trap 'echo INT' INT; trap 'echo TSTP' TSTP; echo go; \
        until read line; do :; done; echo got $line; cat; exec cat",
    );
    terminal.expect("go\r\n");
    for (key, echo) in [(CTRL_C, "^CINT\r\n"), (CTRL_Z, "^ZTSTP\r\n")] {
        terminal.enter(key);
        terminal.expect(echo);
    }
    terminal.enter("wrods\x7f\x7f\x7f\x7fords\r");
    terminal.expect("got words\r\n");
    terminal.enter("\x04");
    terminal.enter("line\r");
    terminal.expect("line\r\nline\r\n");
    terminal.enter(CTRL_C);
    assert_eq!(terminal.end(), 130);
    house.wait_for_nobody();
}

#[test]
fn all_output_arrives() {
    let Some(house) = House::build() else { return };
    let mut terminal = Terminal::start(house.command(&["-t"], &["/bin/seq", "1000000", "1140000"]));
    let mut seen = terminal.expect("1140000\r\n");
    seen.push_str("1140000\r\n");
    let wanted: String = (1_000_000..=1_140_000).map(|number| format!("{number}\r\n")).collect();
    assert!(seen == wanted, "{} bytes of {}", seen.len(), wanted.len());
    assert_eq!(terminal.end(), 0);
}

/// What is still on its way when the command has ended is carried to the end, for whoever takes his time.
#[test]
fn the_last_output_arrives() {
    let Some(house) = House::build() else { return };
    let (mut reader, writer) = std::io::pipe().unwrap();
    // 10,893 bytes: more than this pipe and our page hold, a page each, and less than with what a terminal holds.
    // SAFETY: plain numbers.
    assert!(unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_SETPIPE_SZ, 4096) } > 0);
    let command = house.command(&["-t"], &["/bin/seq", "2000"]);
    let terminal = Terminal::start_with(command, Some(writer.into()));
    let mut first = [0; 3];
    reader.read_exact(&mut first).unwrap();
    soon("only the launcher is left", || {
        let processes = house.processes();
        processes.len() == 1 && processes[0].contains("run -t")
    });
    let mut seen = String::from_utf8(first.to_vec()).unwrap();
    reader.read_to_string(&mut seen).unwrap();
    let wanted: String = (1..=2000).map(|number| format!("{number}\r\n")).collect();
    assert!(seen == wanted, "{} bytes of {}", seen.len(), wanted.len());
    assert_eq!(terminal.end(), 0);
}

/// Typing reaches a command whose output nobody takes; the end of whoever took it is the end of its terminal.
#[test]
fn neither_side_holds_up_the_other() {
    let Some(house) = House::build() else { return };
    let command =
        house.command(&["-t"], &["/bin/sh", "-c", "trap 'echo x >/tmp/flag' INT; while :; do seq 100000; done"]);
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut terminal = Terminal::start_with(command, Some(writer.into()));
    let mut piece = [0; 2];
    reader.read_exact(&mut piece).unwrap();
    assert_eq!(&piece, b"1\r");
    // More than the pipe and all terminals hold is there to come.
    std::thread::sleep(std::time::Duration::from_millis(300));
    let flag = house.root().join("tmp/flag");
    terminal.enter(CTRL_C);
    soon("the key is inside", || flag.exists());
    assert!(is_raw(&terminal));
    drop(reader);
    assert_eq!(terminal.end(), 128 + libc::SIGHUP);
    house.wait_for_nobody();
}

/// However it ends, and whether it began or not.
#[test]
fn the_callers_terminal_is_as_it_was() {
    let Some(house) = House::build() else { return };
    let ask = "$busybox stty -g";
    for (words, status, by) in [
        ("$root /bin/sh -c 'echo go; read line'", 0, None),
        ("$root /bin/sh -c 'echo go; exec sleep 1000'", 143, Some(Signal::SIGTERM)),
        ("$root /bin/sh -c 'echo go; exec sleep 1000'", 129, Some(Signal::SIGHUP)),
        ("$root /not/there; echo go", 127, None),
        ("/not/there /bin/true; echo go", 125, None),
    ] {
        let script = format!("{ask}; $tinyo run -t {words}; status=$?; {ask}; echo status $status");
        let script = script.replace("; echo go;", "; status=$?; echo go;").replace("go; status=$?;", "go;");
        let mut terminal = Terminal::start(house.host(&script));
        let modes = terminal.expect("\r\n");
        terminal.expect("go\r\n");
        if status < 125 || by.is_some() {
            soon("it is raw", || is_raw(&terminal));
        }
        match by {
            Some(signal) => {
                let launcher =
                    house.processes().into_iter().find(|line| line.contains("run -t") && !line.contains("sh -c $b"));
                let launcher = launcher.unwrap().split(' ').next().unwrap().parse().unwrap();
                kill(Pid::from_raw(launcher), signal).unwrap();
            }
            None if status == 0 => terminal.enter("\r"),
            None => {}
        }
        let after = terminal.expect(&format!("status {status}\r\n"));
        assert!(after.ends_with(&format!("{modes}\r\n")), "{words}: {modes:?} {after:?}");
        assert_eq!(terminal.end(), 0);
    }
    house.wait_for_nobody();
}

/// A stop from outside gives the terminal back, and `fg` takes it again; in the background it waits for that.
#[test]
fn a_job_is_stopped_and_continued() {
    let Some(house) = House::build() else { return };
    let mut terminal = Terminal::shell(&house);
    let run = format!("$tinyo run -t {} /bin/sh -c 'while read line; do echo got $line; done'", house.root().display());
    terminal.enter(&format!("{run}\n"));
    terminal.enter("one\r");
    for turn in 0..3 {
        if turn == 1 {
            // The second time it begins in the background.
            terminal.enter("\x04");
            terminal.expect("shell> ");
            terminal.enter(&format!("{run} &\n"));
            soon("it is stopped", || stopped(&house));
        } else {
            terminal.expect(if turn == 0 { "got one\r\n" } else { "got two\r\n" });
            assert!(is_raw(&terminal));
            kill(in_front(&terminal), Signal::SIGTSTP).unwrap();
            terminal.expect("Stopped");
        }
        terminal.expect("shell> ");
        assert!(!tcgetattr(&terminal.keyboard).unwrap().local_flags.is_empty());
        terminal.enter("echo $((40+2))\n");
        terminal.expect("42\r\n");
        terminal.enter("fg\n");
        soon("it is raw", || is_raw(&terminal));
        terminal.enter(if turn == 0 { "back\r" } else { "two\r" });
        if turn == 0 {
            terminal.expect("got back\r\n");
        }
    }
    terminal.expect("got two\r\n");
    terminal.enter("\x04");
    terminal.expect("shell> ");
    terminal.enter("exit 3\n");
    assert_eq!(terminal.end(), 3);
}

fn stopped(house: &House) -> bool {
    let launcher = house.processes().into_iter().find(|line| line.contains("tinyo run -t"));
    let stat = launcher.map(|line| std::fs::read_to_string(format!("/proc/{}/stat", line.split(' ').next().unwrap())));
    stat.is_some_and(|stat| stat.is_ok_and(|stat| stat.contains(") T ")))
}

/// No process of the container has the caller's terminal open or as its own, so that nothing could be typed into it (TIOCSTI).
#[test]
fn the_callers_terminal_is_out_of_reach() {
    let Some(house) = House::build() else { return };
    // Once the reaper has closed what it came with: its signals are all that it reads then.
    let script = "until [ -e /proc/1/fd/0 ] && [ ! -c /proc/1/fd/0 ]; do usleep 1000; done; \
                  for file in /proc/[0-9]*/fd/*; do [ -c $file ] && stat -Lc '%d:%i' $file; done | sort -u; \
                  stat -c '%d:%i' /dev/pts/0; cat /proc/[0-9]*/stat | while read line; do set -- $line; echo tty $7; done";
    let mut terminal = run(&house, &["--privileged"], &format!("{script}; echo end"));
    let seen = terminal.expect("end\r\n");
    let lines: Vec<_> = seen.lines().collect();
    assert_eq!(lines[0], lines[1], "{seen}");
    let ttys: Vec<_> = lines[2..].iter().filter(|line| !matches!(**line, "tty 0" | "tty 34816")).collect();
    assert!(ttys.is_empty(), "{seen}");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn standard_input_must_be_a_terminal() {
    let Some(house) = House::build() else { return };
    let said = house.run(&["-t"], &["/bin/true"]);
    said.fails(125, "run: --tty: not a terminal; standard input must be one, or leave --tty out");
    // Its output may go anywhere.
    let file = house.beside("output");
    let command = house.command(&["-t"], &["/bin/echo", "words"]);
    let terminal = Terminal::start_with(command, Some(File::create(&file).unwrap().into()));
    assert_eq!(terminal.end(), 0);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "words\r\n");
}
