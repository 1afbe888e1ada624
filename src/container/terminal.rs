//! A terminal of a container's own, from its launcher's side: bytes are carried between it and the caller's terminal.
//!
//! The child opens it, in the devpts that the container will see, and sends its master through a socket. From then on the
//! caller's terminal is raw: what is typed means something inside, and nothing out here. It is as it was before again
//! whenever we stop, and at the end; only SIGKILL leaves it raw (`stty sane`). The caller's own terminal is out of the
//! container's reach: it has no descriptor of it, is in another session, and finds it under no name.

use super::queue::Queue;
use crate::say;
use crate::sys::error::{Call, Error, Result};
use crate::sys::fd::{self, Fd};
use crate::sys::memory::Static;
use crate::sys::poll::{self, Interest};
use crate::sys::process::{self, Exit, Pid, Waited};
use crate::sys::tty::{self, Modes};
use crate::sys::{fs, local, signal};

static QUEUES: Static<[Queue; 2]> = Static::new([Queue::new(), Queue::new()]);

/// The caller's terminal, and what is carried to and from it.
pub struct Relay {
    /// Where the master comes from.
    socket: Fd,
    keyboard: Fd,
    screen: Fd,
    /// The master, and a slave, for as long as neither side has hung up. We hold the slave so that a container whose processes
    /// have all closed it can open /dev/console again, as an init does.
    line: Option<(Fd, Fd)>,
    /// As they were, while they are raw.
    modes: Option<Modes>,
    typed: &'static mut Queue,
    shown: &'static mut Queue,
}

impl Relay {
    /// For the launcher called `name`, and what its child sends the master to. None: why not was said.
    ///
    /// Standard input must be a terminal, as docker wants it. Words from a pipe would come back as an echo, lines cut at 4,095
    /// bytes, each 3 or 4 in them a signal or the end: another thing than what was sent.
    #[inline(never)]
    pub fn open(name: &str) -> Option<(Relay, Fd)> {
        match Relay::make() {
            Ok(made) => Some(made),
            Err(error) => {
                let hint = if error.is(libc::ENOTTY) { "; standard input must be one, or leave --tty out" } else { "" };
                say!(Failure, "{}: --tty: {}{}", name, error.errno(), hint);
                None
            }
        }
    }

    fn make() -> Result<(Relay, Fd)> {
        Modes::get()?;
        let (socket, theirs) = local::pair(false)?;
        // Opened anew: not to wait in it is for us alone, and not for whoever shares the caller's. Where that is not allowed
        // (after su) a full screen makes us wait. A pipe takes what poll(2) says, and a file has a place of its own.
        let again = |number, path, flags| match tty::is_terminal_at(number) {
            true => fs::open(path, flags | fs::NON_BLOCK).or_else(|_| fd::duplicate(number)),
            false => fd::duplicate(number),
        };
        let keyboard = again(0, c"/proc/self/fd/0", fs::READ)?;
        let screen = again(1, c"/proc/self/fd/1", fs::WRITE)?;
        let [typed, shown] = QUEUES.take().ok_or(Error::new(Call::Plan, libc::EBUSY))?;
        Ok((Relay { socket, keyboard, screen, line: None, modes: None, typed, shown }, theirs))
    }

    /// Stays until `child` has ended and all that was written is shown, and says how it ended. `signals` is a signalfd.
    #[inline(never)]
    pub fn attend(mut self, child: Pid, signals: &Fd) -> Exit {
        self.line = local::receive_file(&self.socket)
            .and_then(|got| got.and_then(|(_, file)| file).ok_or(Error::new(Call::Recvmsg, libc::ENOTCONN)))
            .and_then(|master| tty::open_peer(&master).map(|slave| (master, slave)))
            .inspect_err(|error| say!(Failure, "--tty: {}", *error))
            .ok();
        self.come_to_front();
        let exit = self.carry(child, signals);
        self.restore();
        exit
    }

    fn carry(&mut self, child: Pid, signals: &Fd) -> Exit {
        let mut ended = None;
        loop {
            match ended {
                None => match process::reap() {
                    Waited::NoneYet => {}
                    Waited::Ended(pid, exit) => {
                        ended = (pid == child).then_some(exit);
                        continue;
                    }
                    // Somebody else took it.
                    Waited::NoChildren => {
                        ended = Some(Exit::Code(125));
                        continue;
                    }
                },
                // Nobody writes any more, and the kernel flushes what was written before it says that there is nothing.
                Some(exit) if self.shown.is_empty() && !self.read_line() => return exit,
                Some(_) => {}
            }
            let master = self.line.as_ref().map_or(-1, |(master, _)| master.number());
            let mut files = [
                Interest::readable(signals),
                Interest::readable(&self.keyboard)
                    .only_if(self.line.is_some() && ended.is_none() && self.typed.is_empty()),
                Interest::writable(self.screen.number()).only_if(!self.shown.is_empty()),
                Interest::writable(master).only_if(!self.typed.is_empty()),
                Interest::readable_at(master).only_if(self.shown.is_empty()),
            ];
            // Without kernel memory it has taken a pause, and nothing is ready.
            let _ = poll::wait(&mut files, None);
            let [_, typed, shows, takes, says] = files.map(|file| file.is_ready());
            if typed {
                self.read_keyboard();
            }
            if shows {
                self.write_screen();
            }
            if takes {
                self.write_line();
            }
            if says {
                self.read_line();
            }
            while let Ok(Some(number)) = signal::next(signals) {
                if let (false, Some(exit)) = (self.take_signal(number, child, ended.is_none()), ended) {
                    return exit;
                }
            }
        }
    }

    fn read_keyboard(&mut self) {
        match self.keyboard.read(self.typed.room()) {
            Ok(count @ 1..) => self.typed.fill(count),
            Err(error) if error.is(libc::EAGAIN) => {}
            // What the kernel answers who is in the background and lets no SIGTTIN stop him.
            Err(_) if is_in_background() => self.come_to_front(),
            _ => self.hang_up(),
        }
    }

    fn write_screen(&mut self) {
        match self.screen.write(self.shown.rest()) {
            Ok(count) => self.shown.take(count),
            Err(error) if error.is(libc::EAGAIN) => {}
            Err(_) => self.hang_up(),
        }
    }

    fn write_line(&mut self) {
        match self.line.as_ref().map(|(master, _)| master.write(self.typed.rest())) {
            Some(Ok(count)) => self.typed.take(count),
            Some(Err(error)) if error.is(libc::EAGAIN) => {}
            _ => self.typed.clear(),
        }
    }

    /// Whether there was something to read.
    fn read_line(&mut self) -> bool {
        match self.line.as_ref().map(|(master, _)| master.read(self.shown.room())) {
            Some(Ok(count @ 1..)) => {
                self.shown.fill(count);
                return true;
            }
            Some(Err(error)) if error.is(libc::EAGAIN) => {}
            // EIO: somebody inside has hung up.
            _ => self.line = None,
        }
        false
    }

    /// What a terminal does when its cable is pulled: SIGHUP for who leads the session, the end of input for all others.
    fn hang_up(&mut self) {
        self.line = None;
        self.shown.clear();
        self.typed.clear();
    }

    /// Whether a signal leaves us where we are: others are for the command, or, once that has ended, for us.
    fn take_signal(&mut self, number: u8, child: Pid, runs: bool) -> bool {
        let pass = |number| runs && process::kill(child, number).is_ok();
        match i32::from(number) {
            libc::SIGCHLD | libc::SIGTTIN | libc::SIGTTOU => {}
            libc::SIGWINCH => {
                if let Some((master, _)) = &self.line {
                    tty::copy_size(master);
                }
            }
            libc::SIGTSTP | libc::SIGCONT => {
                if i32::from(number) == libc::SIGTSTP {
                    self.restore();
                    pass(number);
                    signal::stop(number, false);
                }
                self.come_to_front();
                pass(libc::SIGCONT as u8);
            }
            _ => {
                pass(number);
                return runs;
            }
        }
        true
    }

    /// Raw, once the terminal is ours: in the background we stop as anybody does who reads there, until `fg`.
    fn come_to_front(&mut self) {
        while is_in_background() {
            if !signal::stop(libc::SIGTTIN as u8, true) {
                // Nobody could continue us: for who has no job control the input is at its end.
                return self.hang_up();
            }
        }
        if self.modes.is_none() {
            self.modes = Modes::get().ok();
        }
        if let Some(modes) = self.modes {
            modes.raw().set();
        }
        if let Some((master, _)) = &self.line {
            tty::copy_size(master);
        }
    }

    /// As it was; another's, who has it meanwhile, is his.
    fn restore(&mut self) {
        if let Some(modes) = self.modes.take_if(|_| !is_in_background()) {
            modes.set();
        }
    }
}

/// Standard input is the terminal of our session, and another group has it.
fn is_in_background() -> bool {
    tty::foreground().is_some_and(|group| group != process::group())
}
