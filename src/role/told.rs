//! Who is told that the command of `tinyo run` runs: whoever reads a pid file, and whoever waits on a descriptor.

use core::ffi::CStr;

use super::options::Launch;
use crate::say;
use crate::sys::error::{Call, Error, Result};
use crate::sys::fd::{self, Fd};
use crate::sys::fs::{self, At};
use crate::sys::process::{self, Pid};
use crate::text::bytes::{Path, path};
use crate::text::put::{Out, Word};
use crate::text::show::Show;

/// The first number that a caller's file can have behind standard input, output and error.
const FIRST: i32 = 3;

/// Whether the caller's files that are asked for are open; one that is not was said. Before we open any ourselves.
#[inline(never)]
pub fn are_open(launch: &Launch, preserved: u8) -> bool {
    let behind = FIRST + i32::from(preserved);
    if let Some(closed) = (FIRST..behind).find(|number| !fd::is_open(*number)) {
        say!(Failure, "run: --preserve-fds {}: descriptor {} is not open", preserved, closed as u32);
        return false;
    }
    let Some(ready) = launch.ready else { return true };
    if i32::from(ready) < behind {
        say!(Failure, "run: --ready-fd {}: that is the container's by --preserve-fds", ready);
    } else if !fd::is_open(ready.into()) {
        say!(Failure, "run: --ready-fd {}: it is not open", ready);
    } else {
        return true;
    }
    false
}

/// The pid file, and the descriptor.
pub struct Told {
    file: Option<(&'static CStr, Fd)>,
    ready: Option<u8>,
    preserved: u8,
    /// Whom the file names.
    pid: Option<Pid>,
}

impl Told {
    /// Makes a file beside the one to be, so that what keeps it from being written is found before the launch. None: it was
    /// said.
    #[inline(never)]
    pub fn of(launch: &Launch, preserved: u8) -> Option<Told> {
        let mut told = Told { file: None, ready: launch.ready, preserved, pid: None };
        if let Some(path) = launch.pid_file {
            let made = beside(path, &mut Path::new())
                .ok_or(Error::new(Call::Open, libc::ENAMETOOLONG))
                .and_then(|temporary| fs::open(temporary, fs::WRITE | fs::CREATE | fs::EXCLUSIVE));
            match made {
                Ok(file) => told.file = Some((path, file)),
                Err(error) => {
                    say!(Failure, "run: --pid-file {}: {}", Show::from(path), error);
                    return None;
                }
            }
        }
        Some(told)
    }

    /// The command was executed in a container whose first process is `pid`. False: nobody could be told, which was said.
    pub fn tell(&mut self, pid: Pid) -> bool {
        self.pid = Some(pid);
        if let Some((path, file)) = &self.file
            && let Err(error) = publish(path, file, pid)
        {
            say!(Failure, "run: --pid-file {}: {}", Show::from(*path), error);
            return false;
        }
        if let Some(ready) = self.ready {
            // Nobody there to read it any more: the container is no worse for that.
            let _ = fd::write_to(ready.into(), b"\n");
            fd::close_between(ready.into(), i32::from(ready) + 1);
        }
        // A pipe among them ends when the container ends it.
        fd::close_between(FIRST, FIRST + i32::from(self.preserved));
        true
    }
}

impl Drop for Told {
    /// A pid file that stayed would name a stranger one day. One that somebody else has written meanwhile is theirs.
    fn drop(&mut self) {
        let Some((path, _)) = self.file else { return };
        let mut buffer = Path::new();
        if let Some(temporary) = beside(path, &mut buffer) {
            let _ = fs::remove(At::Cwd, temporary, false);
        }
        let mut text = [0; 16];
        if let Some(pid) = self.pid
            && fs::read_file(path, &mut text).is_ok_and(|text| text == line(pid).as_slice())
        {
            let _ = fs::remove(At::Cwd, path, false);
        }
    }
}

/// Atomic: nobody reads half of it.
fn publish(path: &CStr, file: &Fd, pid: Pid) -> Result<()> {
    file.write(&line(pid))?;
    match beside(path, &mut Path::new()) {
        Some(temporary) => fs::rename(temporary, path),
        None => Ok(()),
    }
}

fn line(pid: Pid) -> heapless::Vec<u8, 11> {
    let mut line = heapless::Vec::new();
    pid.number().write(&mut line);
    line.write(b"\n");
    line
}

/// `PATH.PID` with our own pid: in the same directory, and nobody else's.
fn beside<'b>(name: &CStr, buffer: &'b mut Path) -> Option<&'b CStr> {
    let mut own = heapless::Vec::<u8, 10>::new();
    process::id().write(&mut own);
    path(&[name.to_bytes(), b".", &own], buffer)
}
