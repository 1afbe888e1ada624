//! A running guest: its serial line read as it comes, one absolute deadline, and the end of QEMU whatever happens.

use std::{
    fmt,
    fs::File,
    io::{Read, Seek, Write},
    os::unix::{net::UnixStream, process::CommandExt},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::{
    expect::{End, Transcript, regex},
    vm::Machine,
};

/// After a panic the kernel still prints its trace; after "System halted" nothing comes.
const LAST_WORDS: Duration = Duration::from_millis(700);

pub struct Guest {
    qemu: Child,
    input: Option<ChildStdin>,
    output: Receiver<Vec<u8>>,
    transcript: Transcript,
    started: Instant,
    deadline: Instant,
    echo: bool,
    has_command: bool,
    errors: File,
    /// Holds the monitor's socket.
    dir: TempDir,
}

/// What is left of a guest.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub end: End,
    /// Of the command after `--`, if tinyo printed one.
    pub status: Option<i32>,
    /// QEMU's own exit code: 0, or 2N+1 when the guest wrote N to isa-debug-exit.
    pub qemu: Option<i32>,
    pub transcript: String,
    pub took: Duration,
    pub has_command: bool,
}

impl Guest {
    /// Starts QEMU. It is killed when `allowed` has passed, when the guest is dropped, and when this process dies.
    pub fn start(machine: &Machine, allowed: Duration) -> Result<Guest> {
        let dir = tempfile::tempdir()?;
        let command = machine.command_line(&dir.path().join("monitor"))?;
        Guest::spawn(command, dir, machine.has_command(), allowed)
    }

    /// The same, with a command line of QEMU's that makes its serial line standard input and output, and has no monitor.
    pub fn of(command: Command, allowed: Duration) -> Result<Guest> {
        Guest::spawn(command, tempfile::tempdir()?, false, allowed)
    }

    fn spawn(mut command: Command, dir: TempDir, has_command: bool, allowed: Duration) -> Result<Guest> {
        let errors = tempfile::tempfile()?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors.try_clone()?);
        // Its own process group: the terminal's signals are for the guest, which gets them as bytes.
        command.process_group(0);
        die_with_parent(&mut command);
        let program = command.get_program().to_owned();
        let mut qemu = command.spawn().with_context(|| format!("{}: start it", program.display()))?;
        let input = qemu.stdin.take();
        let mut stdout = qemu.stdout.take().context("QEMU's stdout")?;
        let (sender, output) = channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = stdout.read(&mut buffer) {
                if sender.send(buffer[..n].to_vec()).is_err() {
                    break;
                }
            }
        });
        let started = Instant::now();
        Ok(Guest {
            qemu,
            input,
            output,
            transcript: Transcript::default(),
            started,
            deadline: started + allowed,
            echo: false,
            has_command,
            errors,
            dir,
        })
    }

    /// From now on what the guest says goes to our stdout too, as it comes.
    pub fn echo(&mut self) -> &mut Guest {
        self.echo = true;
        self
    }

    /// QEMU's process, for whoever may want to end it while we listen.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.qemu.id().cast_signed())
    }

    /// The guest's keyboard, for whoever types into it from another thread.
    pub fn take_input(&mut self) -> Option<ChildStdin> {
        self.input.take()
    }

    pub fn send(&mut self, line: &str) -> Result<()> {
        let input = self.input.as_mut().context("the guest's input was given away")?;
        input.write_all(format!("{line}\n").as_bytes()).context("the guest is gone")
    }

    /// Presses a key or a chord such as `ctrl-alt-delete` on the machine's keyboard.
    pub fn press(&mut self, chord: &str) -> Result<()> {
        self.monitor(&format!("sendkey {chord}")).map(drop)
    }

    /// Has QEMU's monitor (its human one) do `command`: plug a disk in, pull it out. Returns what it answers.
    pub fn monitor(&mut self, command: &str) -> Result<String> {
        const PROMPT: &str = "(qemu) ";
        let path = self.dir.path().join("monitor");
        let mut monitor = UnixStream::connect(&path).context("QEMU's monitor: connect to it")?;
        writeln!(monitor, "{command}")?;
        // The monitor drops what it has not read when its peer leaves: wait for the prompt that follows.
        monitor.set_read_timeout(Some(Duration::from_secs(5)))?;
        let mut answer = Vec::new();
        let mut buffer = [0; 512];
        loop {
            let text = String::from_utf8_lossy(&answer);
            // The greeting, then the command's echo with what it did, each up to a prompt.
            if let [_, done, _, ..] = text.split(PROMPT).collect::<Vec<_>>()[..] {
                let said = done.split_once("\r\n").map_or("", |(_, said)| said);
                return Ok(said.trim().to_owned());
            }
            match monitor.read(&mut buffer) {
                Ok(n @ 1..) => answer.extend_from_slice(&buffer[..n]),
                _ => bail!("QEMU's monitor: no answer to {command}"),
            }
        }
    }

    /// Waits until the guest says `pattern`, after what was expected last; gives the first group, or the match.
    pub fn expect(&mut self, pattern: &str) -> Result<String> {
        self.expect_within(pattern, self.deadline.saturating_duration_since(Instant::now()))
    }

    pub fn expect_within(&mut self, pattern: &str, allowed: Duration) -> Result<String> {
        let wanted = regex(pattern);
        let until = self.deadline.min(Instant::now() + allowed);
        loop {
            if let Some(found) = self.transcript.find(&wanted) {
                return Ok(found);
            }
            if let Some(line) = self.transcript.failure() {
                bail!("waiting for /{pattern}/ the guest broke: {line}");
            }
            match self.hear(until) {
                Heard::Words => {}
                Heard::Nothing => bail!("waiting for /{pattern}/: not said in time"),
                Heard::End => bail!("waiting for /{pattern}/: QEMU ended: {}", self.own_words()?),
            }
        }
    }

    /// QEMU has ended, whatever the guest said.
    pub fn is_gone(&mut self) -> Result<bool> {
        Ok(self.qemu.try_wait()?.is_some())
    }

    /// Waits for the machine's end, by itself or by the deadline.
    pub fn finish(mut self) -> Result<Outcome> {
        let mut until = self.deadline;
        let ended = loop {
            if matches!(self.transcript.end(), Some(End::Halt | End::Broken(_))) {
                until = until.min(Instant::now() + LAST_WORDS);
            }
            match self.hear(until) {
                Heard::Words => {}
                Heard::Nothing => break false,
                Heard::End => break true,
            }
        };
        if !ended {
            self.qemu.kill()?;
        }
        let status = self.qemu.wait()?;
        if ended && self.transcript.is_empty() {
            // QEMU refused its command line, or the kernel never started.
            bail!("the guest never spoke; QEMU ended ({status}): {}", self.own_words()?);
        }
        let qemu = status.code();
        let late = !ended && self.transcript.end().is_none();
        let end = self.transcript.end().cloned();
        Ok(Outcome {
            end: if late { End::TimedOut } else { end.unwrap_or(End::Gone) },
            status: self.transcript.status(),
            qemu,
            transcript: self.transcript.text(),
            took: self.started.elapsed(),
            has_command: self.has_command,
        })
    }

    /// What QEMU itself had to complain of.
    fn own_words(&mut self) -> Result<String> {
        let mut said = String::new();
        self.errors.rewind()?;
        self.errors.read_to_string(&mut said)?;
        Ok(said.trim().to_owned())
    }

    /// What was said so far, for an error's sake.
    pub fn transcript(&self) -> String {
        self.transcript.text()
    }

    fn hear(&mut self, until: Instant) -> Heard {
        match self.output.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(chunk) => {
                self.transcript.push(&chunk);
                if self.echo {
                    // Whoever read our output has gone: the guest's end still counts.
                    let mut out = std::io::stdout().lock();
                    let _ = out.write_all(&chunk).and_then(|()| out.flush());
                }
                Heard::Words
            }
            Err(RecvTimeoutError::Timeout) => Heard::Nothing,
            Err(RecvTimeoutError::Disconnected) => Heard::End,
        }
    }
}

enum Heard {
    Words,
    Nothing,
    End,
}

impl Drop for Guest {
    fn drop(&mut self) {
        // Both fail only where QEMU was waited for already.
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

/// What the kernel said before its start of /init is rarely why a test fails.
pub fn from_init_on(transcript: &str) -> &str {
    &transcript[transcript.find("Run /init").unwrap_or(0)..]
}

impl Outcome {
    pub fn shown(&self) -> &str {
        from_init_on(&self.transcript)
    }

    /// What a program that ran this guest exits with; `run-qemu --help` prints this table.
    pub fn exit_code(&self) -> i32 {
        match (&self.end, self.status) {
            (End::Broken(_), _) => 125,
            (End::TimedOut, _) if self.transcript.is_empty() => 125,
            (End::TimedOut, _) => 124,
            (_, Some(status)) if self.has_command => status,
            (End::PowerOff, None) if self.has_command => 125,
            (End::PowerOff, _) => 0,
            (End::Reboot, _) => 122,
            (End::Halt, _) => 123,
            (End::Gone, _) => 125,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let seconds = self.took.as_secs_f32();
        match &self.end {
            End::PowerOff => write!(f, "powered off after {seconds:.1} s")?,
            End::Reboot => write!(f, "asked for a reboot after {seconds:.1} s")?,
            End::Halt => write!(f, "halted after {seconds:.1} s")?,
            End::Broken(line) => write!(f, "broke after {seconds:.1} s: {line}")?,
            End::Gone => write!(f, "QEMU ended after {seconds:.1} s without a word of the guest's")?,
            End::TimedOut => write!(f, "still running when its {seconds:.1} s were up")?,
        }
        match self.status {
            Some(status) => write!(f, ", exit status {status}"),
            None => Ok(()),
        }
    }
}

/// A killed test or a closed terminal must not leave a guest spinning on a core.
#[allow(unsafe_code)]
fn die_with_parent(command: &mut Command) {
    let die = || nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL).map_err(Into::into);
    // SAFETY: between fork and exec only prctl(2) is called, which allocates nothing and takes no lock.
    unsafe { command.pre_exec(die) };
}
