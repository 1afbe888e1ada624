//! Where the config comes from: the file that was named, the usual one, the one baked in, or the built-in default.

use core::ffi::CStr;

use super::boot::Stuck;
use crate::config::file::{self, Problem, Verdict};
use crate::config::{Config, OnFailure};
use crate::limits;
use crate::say;
use crate::sys::error::{Call, Error};
use crate::sys::fs;
use crate::sys::memory::Static;
use crate::text::show::Word;

/// What `build.rs` was given as `TINYO_CONFIG`, checked there with this same parser.
mod baked {
    include!(concat!(env!("OUT_DIR"), "/baked.rs"));
}

const USUAL: &CStr = c"/etc/tinyo.toml";

/// A console shell, for whoever has nothing but a shell in the image.
const DEFAULT: &[u8] = b"[service.console]\nexec = [\"sh\"]\ntype = \"console\"\n";

/// The shell of a boot that failed: once, and then a reboot.
const RESCUE: &[u8] =
    b"[service.rescue]\nexec = [\"sh\"]\ntype = \"console\"\nrestart = \"never\"\non-exit = \"reboot\"\n";

/// One place more than the largest file: a file that fills it is too large.
const FILE: usize = limits::CONFIG_BYTES + 1;
/// What the config borrows from: the kernel command line, and right behind it the file, so that both begin in one page.
static TEXT: Static<[u8; limits::CMDLINE_BYTES + FILE]> = Static::new([0; limits::CMDLINE_BYTES + FILE]);
static RESCUE_TEXT: Static<[u8; RESCUE.len()]> = Static::new([0; RESCUE.len()]);

/// Which config it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loaded {
    File(&'static CStr),
    Baked,
    Default,
}

impl Loaded {
    /// What stands for FILE in `FILE:LINE:COLUMN`.
    pub fn name(self) -> &'static str {
        match self {
            Loaded::File(path) => path.to_str().unwrap_or("config"),
            Loaded::Baked => "built-in config",
            Loaded::Default => "default config",
        }
    }
}

/// The room for the kernel command line and a config, once.
pub fn room() -> &'static mut [u8] {
    TEXT.take().map_or(&mut [], |text| text)
}

/// Reads the config of this machine into `config`. A file that was named must be there; every error is said. The config
/// borrows from `room`: what the command line left of [`room`].
pub fn load(
    named: Option<&'static CStr>,
    room: &'static mut [u8],
    config: &mut Config<'static>,
) -> Result<(Loaded, Verdict), Stuck> {
    let buffer = room.get_mut(..FILE).ok_or(Stuck)?;
    let path = named.unwrap_or(USUAL);
    let (loaded, length) = match read(path, buffer) {
        Ok(length) => (Loaded::File(path), length),
        Err(errno) if errno == libc::ENOENT && named.is_none() => match baked::CONFIG {
            Some(text) => (Loaded::Baked, fill(buffer, text)),
            None => {
                say!(Info, "no {}: starting a shell on the console", Word(USUAL.to_bytes()));
                (Loaded::Default, fill(buffer, DEFAULT))
            }
        },
        Err(_) => return Err(Stuck),
    };
    let text = buffer.get_mut(..length).unwrap_or_default();
    let verdict = file::parse(text, config, &mut |problem| say_problem(loaded.name(), problem));
    Ok((loaded, verdict))
}

/// Reads a file and says what is wrong with it as a file; a missing one is only said when it is not the usual one.
fn read(path: &CStr, buffer: &mut [u8]) -> Result<usize, i32> {
    let size = buffer.len();
    let result = fs::open(path, fs::READ | fs::NON_BLOCK).and_then(|file| {
        // A fifo or a terminal would keep us waiting.
        if fs::file_status(&file)?.is_regular() { file.read_to_end(buffer) } else { Err(not_a_file()) }
    });
    match result {
        Ok(length) if length == size => {
            say!(Failure, "{}: too large; write at most {} bytes", Word(path.to_bytes()), limits::CONFIG_BYTES);
            Err(libc::EFBIG)
        }
        Ok(length) => Ok(length),
        Err(error) => {
            if !(error.is(libc::ENOENT) && path == USUAL) {
                let reason = if error == not_a_file() { "not a regular file" } else { "" };
                match reason {
                    "" => say!(Failure, "{}: {}", Word(path.to_bytes()), error.errno()),
                    reason => say!(Failure, "{}: {}", Word(path.to_bytes()), reason),
                }
            }
            Err(i32::from(error.errno().0))
        }
    }
}

fn not_a_file() -> Error {
    Error::new(Call::Open, libc::EISDIR)
}

fn fill(buffer: &mut [u8], text: &[u8]) -> usize {
    let Some(place) = buffer.get_mut(..text.len()) else { return 0 };
    place.copy_from_slice(text);
    text.len()
}

/// `tinyo: FILE:LINE:COLUMN: what is wrong; what to write instead`.
fn say_problem(name: &str, problem: &Problem) {
    let (line, column) = (problem.place.line, problem.place.column);
    say!(Failure, "{}:{}:{}: {}", name, line, column, problem.message);
}

/// The config of the rescue shell.
pub fn rescue(config: &mut Config<'static>) -> Result<(), Stuck> {
    let buffer = RESCUE_TEXT.take().ok_or(Stuck)?;
    buffer.copy_from_slice(RESCUE);
    file::parse(buffer, config, &mut |_| {});
    if let Some(service) = config.services.first_mut() {
        // No console, or no shell: nothing that anybody could do.
        service.on_failure = OnFailure::Reboot;
    }
    Ok(())
}
