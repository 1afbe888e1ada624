//! `tinyo init` on a terminal: whose it is, what is typed, stopped and continued.

use std::{
    fs::File,
    io::{Read, Write},
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::process::CommandExt,
    },
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use nix::{
    libc,
    pty::openpty,
    sys::signal::{Signal, kill},
    unistd::{Pid, setsid},
};

use crate::house::{House, finish, soon};

const CTRL_C: &str = "\x03";
const CTRL_Z: &str = "\x1a";

/// A terminal, and the leader of the session that it controls.
pub struct Terminal {
    pub keyboard: File,
    screen: Receiver<Vec<u8>>,
    seen: String,
    pub leader: Option<Child>,
}

impl Terminal {
    pub fn start(command: Command) -> Terminal {
        Terminal::start_with(command, None)
    }

    /// Its standard output may go elsewhere.
    pub fn start_with(mut command: Command, output: Option<OwnedFd>) -> Terminal {
        let pty = openpty(None, None).unwrap();
        for end in [&pty.master, &pty.slave] {
            // SAFETY: plain numbers. Other tests' processes must not hold it open.
            unsafe { libc::fcntl(end.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) };
        }
        let slave = || Stdio::from(pty.slave.try_clone().unwrap());
        command.stdin(slave()).stdout(output.map_or_else(slave, Stdio::from)).stderr(slave());
        let control = || {
            setsid()?;
            // SAFETY: an ioctl with a number.
            match unsafe { libc::ioctl(0, libc::TIOCSCTTY, 0) } {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            }
        };
        // SAFETY: system calls between fork and exec, without allocation or locks.
        let leader = unsafe { command.pre_exec(control) }.spawn().unwrap();
        // It holds the slave side too, which must end with the session.
        drop(command);
        let keyboard = File::from(pty.master);
        let mut reader = keyboard.try_clone().unwrap();
        let (sender, screen) = channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n) = reader.read(&mut buffer) {
                if n == 0 || sender.send(buffer[..n].to_vec()).is_err() {
                    break;
                }
            }
        });
        Terminal { keyboard, screen, seen: String::new(), leader: Some(leader) }
    }

    /// busybox's shell with job control, and `tinyo` and `busybox` to call.
    pub fn shell(house: &House) -> Terminal {
        let mut command = Command::new(&house.busybox);
        command.args(["sh", "-i"]).env_clear().env("PS1", "shell> ").current_dir("/");
        command.env("tinyo", &house.tinyo).env("busybox", &house.busybox);
        let mut terminal = Terminal::start(command);
        terminal.expect("shell> ");
        terminal
    }

    pub fn enter(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).unwrap();
    }

    /// Waits for `text`, and says what came before it.
    #[track_caller]
    pub fn expect(&mut self, text: &str) -> String {
        let start = Instant::now();
        // What was looked at is not looked at again: a megabyte comes in a thousand pieces.
        let mut from = 0;
        loop {
            if let Some(at) = self.seen[from..].find(text).map(|at| from + at) {
                let before = self.seen[..at].to_owned();
                self.seen.drain(..at + text.len());
                return before;
            }
            from = self.seen.len().saturating_sub(text.len());
            while !self.seen.is_char_boundary(from) {
                from -= 1;
            }
            let left = Duration::from_secs(10).checked_sub(start.elapsed());
            match left.map(|left| self.screen.recv_timeout(left)) {
                Some(Ok(bytes)) => self.seen.push_str(&String::from_utf8_lossy(&bytes)),
                _ => {
                    let last: Vec<&str> = self.seen.lines().rev().take(20).collect();
                    panic!("not on the screen within 10 s: {text:?}; but at last, from below, {last:?}")
                }
            }
        }
    }

    /// The session's leader has ended.
    #[track_caller]
    pub fn end(mut self) -> i32 {
        finish(self.leader.take().unwrap()).code
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Some(leader) = &mut self.leader {
            let _ = leader.kill();
            let _ = leader.wait();
        }
    }
}

/// Says who it is, in a line; then each SIGINT, until a line is typed.
const LISTENER: &str = "n=0; trap 'n=$((n+1)); echo INT.' INT; set -- $(cat /proc/$$/stat); \
                        [ $5 = $$ ] && [ $8 = $$ ] && echo in front; \
                        until read line; do :; done; echo heard $n";

fn init(house: &House, words: &[&str]) -> Command {
    let busybox = house.busybox.display().to_string();
    let mut command = house.tinyo(&["init", "-g", "--", &busybox]);
    command.args(words);
    command
}

/// It leads a group of its own, in front, and what is typed is for it alone: one ^C is one SIGINT.
#[test]
fn the_command_has_the_terminal() {
    let Some(house) = House::build() else { return };
    let mut terminal = Terminal::start(init(&house, &["sh", "-c", LISTENER]));
    terminal.expect("in front");
    for _ in 0..3 {
        terminal.enter(CTRL_C);
        terminal.expect("INT.");
    }
    terminal.enter("x\n");
    terminal.expect("heard 3\r\n");
    assert_eq!(terminal.end(), 0);
    let mut terminal = Terminal::start(init(&house, &["cat"]));
    terminal.enter("ready\n");
    terminal.expect("ready\r\nready\r\n");
    terminal.enter(CTRL_C);
    assert_eq!(terminal.end(), 130);
}

/// A shell that it starts has job control.
#[test]
fn job_control_works_inside() {
    let Some(house) = House::build() else { return };
    let mut command = init(&house, &["sh", "-i"]);
    command.env("PS1", "inner> ").env("busybox", &house.busybox);
    let mut terminal = Terminal::start(command);
    assert!(!terminal.expect("inner> ").contains("job control"));
    terminal.enter("$busybox sleep 1000\n");
    soon("it sleeps", || state(&house, "sleep 1000") == Some('S'));
    terminal.enter(CTRL_Z);
    terminal.expect("Stopped");
    terminal.enter("kill %1; fg\n");
    soon("it is over", || state(&house, "sleep 1000").is_none());
    terminal.enter("exit 6\n");
    assert_eq!(terminal.end(), 6);
}

/// The state letter of the process whose words end so, of those that have to do with this house.
fn state(house: &House, words: &str) -> Option<char> {
    let is_it = |line: &String| line.trim_end().ends_with(words) && !line.contains("init");
    letter(&house.processes().into_iter().find(is_it)?)
}

/// The same of the process in this line of [`House::processes`].
fn letter(line: &str) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", line.split(' ').next()?)).ok()?;
    stat.rsplit(") ").next()?.chars().next()
}

/// ^Z stops the command and tinyo, so that the shell sees its job stopped; `fg` gives both back, as often as it likes.
#[test]
fn a_job_is_stopped_and_continued() {
    let Some(house) = House::build() else { return };
    // With standard input elsewhere too: then ^Z comes to tinyo, which passes it on.
    for (redirect, pipe) in [("", ""), ("</dev/null", ""), ("", "| $busybox cat")] {
        let mut terminal = Terminal::shell(&house);
        terminal.enter(&format!("$tinyo init -- $busybox sleep 1000 {redirect} {pipe}\n"));
        // A shell's child does not stop before it is the command.
        soon("the pipe is there", || pipe.is_empty() || state(&house, "busybox cat") == Some('S'));
        for turn in 0..3 {
            soon("it sleeps", || state(&house, "sleep 1000") == Some('S'));
            terminal.enter(CTRL_Z);
            terminal.expect("Stopped");
            terminal.expect("shell> ");
            assert_eq!(state(&house, "sleep 1000"), Some('T'), "{redirect} {turn}");
            terminal.enter("fg\n");
        }
        soon("it sleeps", || state(&house, "sleep 1000") == Some('S'));
        terminal.enter(CTRL_C);
        terminal.expect("shell> ");
        soon("it is over", || state(&house, "sleep 1000").is_none());
        if pipe.is_empty() {
            terminal.enter("echo status $?\n");
            terminal.expect("status 130\r\n");
        }
        terminal.enter("exit 3\n");
        assert_eq!(terminal.end(), 3);
    }
}

/// The same of a container, which has no part in the terminal: all its processes stop.
#[test]
fn a_container_is_stopped_and_continued() {
    let Some(house) = House::build() else { return };
    let root = house.root().display().to_string();
    for init in ["--init", "--init=false"] {
        let mut terminal = Terminal::shell(&house);
        terminal.enter(&format!("$tinyo run {init} {root} sh -c 'sleep 2000 & exec sleep 1000'\n"));
        let both = |wanted| {
            move |house: &House| ["sleep 1000", "sleep 2000"].map(|words| state(house, words)) == [Some(wanted); 2]
        };
        for _ in 0..3 {
            soon("they sleep", || both('S')(&house));
            terminal.enter(CTRL_Z);
            terminal.expect("Stopped");
            terminal.expect("shell> ");
            soon("they are stopped", || both('T')(&house));
            terminal.enter("fg\n");
        }
        soon("they sleep", || both('S')(&house));
        let launcher = house.processes().into_iter().find(|line| line.contains(" run --init")).unwrap();
        terminal.enter(CTRL_Z);
        terminal.expect("Stopped");
        // A stopped launcher that is killed takes a stopped container with it.
        kill(Pid::from_raw(launcher.split(' ').next().unwrap().parse().unwrap()), Signal::SIGKILL).unwrap();
        soon("it is over", || state(&house, "sleep 1000").is_none() && state(&house, "sleep 2000").is_none());
    }
    // A script is no job of anybody's: what nobody could continue goes on.
    let mut terminal = Terminal::start(house.command(&[], &["/bin/cat"]));
    terminal.enter("one\n");
    terminal.expect("one\r\none\r\n");
    terminal.enter(CTRL_Z);
    terminal.enter("two\n");
    terminal.expect("two\r\ntwo\r\n");
    terminal.enter("\x04");
    assert_eq!(terminal.end(), 0);
}

/// Nobody could continue the leader of a session, or PID 1: then ^Z stops nobody.
#[test]
fn what_nobody_could_continue_is_not_stopped() {
    let Some(house) = House::build() else { return };
    let first = house.host("exec $busybox unshare -p -f $tinyo init -- $busybox cat");
    for command in [init(&house, &["cat"]), first] {
        let mut terminal = Terminal::start(command);
        terminal.enter("one\n");
        terminal.expect("one\r\none\r\n");
        terminal.enter(CTRL_Z);
        terminal.enter("two\n");
        terminal.expect("two\r\ntwo\r\n");
        terminal.enter("\x04");
        assert_eq!(terminal.end(), 0);
    }
}

/// In the background it takes no terminal; a command that wants it stops, and gets it with `fg`.
#[test]
fn a_background_job_takes_nothing() {
    let Some(house) = House::build() else { return };
    let mut terminal = Terminal::shell(&house);
    terminal.enter("$tinyo init -- $busybox cat &\n");
    soon("it wants to read", || state(&house, "busybox cat") == Some('T'));
    // And the shell knows.
    let is_tinyo = |line: &String| line.contains("init --");
    soon("tinyo is stopped", || {
        house.processes().iter().find(|line| is_tinyo(line)).and_then(|line| letter(line)) == Some('T')
    });
    terminal.enter("echo still $((40+2))\n");
    terminal.expect("still 42");
    terminal.enter("fg\n");
    soon("it reads", || state(&house, "busybox cat") == Some('S'));
    terminal.enter("one\n");
    terminal.expect("one\r\none\r\n");
    terminal.enter("\x04");
    terminal.expect("shell> ");
    terminal.enter("exit\n");
    assert_eq!(terminal.end(), 0);
}

/// In front before it wants to read: it is not stopped on the way.
#[test]
fn a_job_that_came_to_the_front_reads() {
    let Some(house) = House::build() else { return };
    let flag = house.beside("flag");
    let mut terminal = Terminal::shell(&house);
    let script = format!("until [ -e {} ]; do $busybox usleep 2000; done; read x; echo got $x", flag.display());
    terminal.enter(&format!("$tinyo init -- $busybox sh -c '{script}' &\n"));
    terminal.expect("shell> ");
    terminal.enter("fg\n");
    let shell = terminal.leader.as_ref().unwrap().id();
    let in_front =
        || std::fs::read_to_string(format!("/proc/{shell}/stat")).unwrap().split(' ').nth(7).unwrap().to_owned();
    soon("another is in front", || in_front() != shell.to_string());
    std::fs::write(flag, "").unwrap();
    terminal.enter("words\n");
    terminal.expect("got words\r\n");
    terminal.expect("shell> ");
    terminal.enter("exit 4\n");
    assert_eq!(terminal.end(), 4);
}

/// A script without job control reads on after it, whether the command ran or not.
#[test]
fn the_terminal_is_given_back() {
    let Some(house) = House::build() else { return };
    for (command, status) in [("$busybox true", 0), ("/not/there", 127), ("$busybox sh -c 'kill -9 $$'", 137)] {
        let script = format!("$tinyo init -- {command}; echo $?; read line; echo \"got $line\"");
        let mut terminal = Terminal::start(house.host(&script));
        terminal.expect(&format!("{status}\r\n"));
        terminal.enter("words\n");
        terminal.expect("got words");
        assert_eq!(terminal.end(), 0);
    }
}

/// One in another: each passes on what it got.
#[test]
fn one_inside_another_is_the_same() {
    let Some(house) = House::build() else { return };
    let mut terminal = Terminal::shell(&house);
    terminal.enter("$tinyo init -- $tinyo init -s -- $busybox sleep 1000\n");
    for _ in 0..2 {
        soon("it sleeps", || state(&house, "sleep 1000") == Some('S'));
        terminal.enter(CTRL_Z);
        terminal.expect("Stopped");
        terminal.expect("shell> ");
        terminal.enter("fg\n");
    }
    soon("it sleeps", || state(&house, "sleep 1000") == Some('S'));
    terminal.enter(CTRL_C);
    terminal.expect("shell> ");
    terminal.enter("echo status $?; exit 2\n");
    terminal.expect("status 130\r\n");
    assert_eq!(terminal.end(), 2);
}
