//! A signal to tinyo is a signal to the command; tinyo's death is the container's.

use std::{
    io::{BufRead, BufReader},
    process::{Child, ChildStdout, Command, Stdio},
};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::house::{Ended, House, finish, pid, soon};

/// A run that talks: its command says `ready` first.
pub struct Talk {
    /// None: it was waited for.
    child: Option<Child>,
    output: BufReader<ChildStdout>,
}

impl Talk {
    pub fn start(mut command: Command) -> Talk {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut talk = Talk { child: Some(child), output };
        assert_eq!(talk.line(), "ready");
        talk
    }

    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    pub fn send(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    /// tinyo's own.
    pub fn pid(&self) -> Pid {
        pid(self.child.as_ref().unwrap())
    }

    pub fn end(mut self) -> Ended {
        finish(self.child.take().unwrap())
    }
}

/// A test that fails leaves nobody running either.
impl Drop for Talk {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

const FORWARDED: [(Signal, &str); 12] = [
    (Signal::SIGHUP, "HUP"),
    (Signal::SIGINT, "INT"),
    (Signal::SIGQUIT, "QUIT"),
    (Signal::SIGUSR1, "USR1"),
    (Signal::SIGUSR2, "USR2"),
    (Signal::SIGPIPE, "PIPE"),
    (Signal::SIGALRM, "ALRM"),
    (Signal::SIGTERM, "TERM"),
    (Signal::SIGCONT, "CONT"),
    (Signal::SIGWINCH, "WINCH"),
    (Signal::SIGIO, "IO"),
    (Signal::SIGPWR, "PWR"),
];

/// Says each signal that it gets, and ends by URG.
fn listener() -> String {
    let traps: String = FORWARDED.iter().map(|(_, name)| format!("trap 'echo {name}' {name}; ")).collect();
    format!("{traps} trap 'exit 11' URG; echo ready; while :; do usleep 3000; done")
}

#[test]
fn every_signal_to_tinyo_reaches_the_command() {
    let Some(house) = House::build() else { return };
    for init in ["--init", "--init=false"] {
        house.clean(|| {
            let mut talk = Talk::start(house.command(&[init], &["/bin/sh", "-c", &listener()]));
            for (signal, name) in FORWARDED {
                talk.send(signal);
                assert_eq!(talk.line(), name, "{init}");
            }
            talk.send(Signal::SIGURG);
            talk.end().is(11, "", "");
        });
    }
}

#[test]
fn a_signal_that_the_command_does_not_handle_ends_it() {
    let Some(house) = House::build() else { return };
    for (signal, code) in [(Signal::SIGTERM, 143), (Signal::SIGINT, 130), (Signal::SIGHUP, 129), (Signal::SIGUSR1, 138)]
    {
        house.clean(|| {
            let talk = Talk::start(house.command(&[], &["/bin/sh", "-c", "echo ready; exec sleep 1000"]));
            // `ready` comes before the exec; the shell has the same dispositions.
            talk.send(signal);
            talk.end().is(code, "", "");
        });
    }
}

/// Whenever it comes, TERM ends the run, and nothing is left: before the clone, in the set-up, around the execve.
#[test]
fn a_signal_during_the_launch_ends_it_and_leaves_nothing() {
    let Some(house) = House::build() else { return };
    house.clean(|| {
        for turn in 0..120u64 {
            let mut command = house.command(&[], &["/bin/sleep", "1000"]);
            let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            std::thread::sleep(std::time::Duration::from_micros(turn * 100));
            kill(pid(&child), Signal::SIGTERM).unwrap();
            let said = finish(child);
            // 1015: it had not even blocked its signals. 137: killed on the way, before there was a command.
            assert!(matches!(said.code, 143 | 137 | 1015), "{turn}: {said:?}");
            assert_eq!((said.out.as_str(), said.err.as_str()), ("", ""), "{turn}");
        }
    });
}

#[test]
fn the_death_of_tinyo_is_the_containers() {
    let Some(house) = House::build() else { return };
    for options in [&["--init"][..], &["--init=false"], &["--user", "7:7"], &["--privileged"]] {
        house.clean(|| {
            let script = "trap '' HUP INT TERM; sleep 1000 & setsid sleep 1001 & echo ready; while :; do sleep 1; done";
            let talk = Talk::start(house.command(options, &["/bin/sh", "-c", script]));
            assert!(house.processes().len() >= 3, "{:?}", house.processes());
            talk.send(Signal::SIGKILL);
            assert_eq!(talk.end().code, 1009);
            house.wait_for_nobody();
        });
    }
}

#[test]
fn a_stopped_tinyo_goes_on() {
    let Some(house) = House::build() else { return };
    house.clean(|| {
        let mut talk = Talk::start(house.command(&[], &["/bin/sh", "-c", &listener()]));
        talk.send(Signal::SIGSTOP);
        talk.send(Signal::SIGUSR1);
        talk.send(Signal::SIGCONT);
        let heard = [talk.line(), talk.line()];
        assert!(heard.contains(&"USR1".to_owned()) && heard.contains(&"CONT".to_owned()), "{heard:?}");
        talk.send(Signal::SIGURG);
        talk.end().is(11, "", "");
    });
}

/// The terminal's own signals (TSTP, TTIN, TTOU) stop the command, not tinyo: it still waits.
#[test]
fn a_command_that_is_stopped_is_not_over() {
    let Some(house) = House::build() else { return };
    house.clean(|| {
        let talk = Talk::start(house.command(&[], &["/bin/sh", "-c", "echo ready; kill -STOP $$; exit 8"]));
        soon("it is stopped", || {
            house.processes().iter().any(|line| {
                let number = line.split(' ').next().unwrap();
                std::fs::read_to_string(format!("/proc/{number}/stat")).is_ok_and(|stat| stat.contains(") T "))
            })
        });
        talk.send(Signal::SIGCONT);
        talk.end().is(8, "", "");
    });
}
