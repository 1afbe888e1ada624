//! Where the config comes from: the file that was named, the usual one, the one baked in, or the built-in default.

use core::ffi::CStr;

use super::boot::Stuck;
use crate::config::file::{self, Problem, Verdict};
use crate::config::{Config, OnFailure};
use crate::limits;
use crate::say;
use crate::source::{self as file_source, Refused, Text};
use crate::sys::memory::Static;
use crate::text::show::{Show, Word};

/// What `build.rs` was given as `TINYO_CONFIG`, checked there with this same parser; and when it was.
pub mod baked {
    include!(concat!(env!("OUT_DIR"), "/baked.rs"));
}

pub const USUAL: &CStr = c"/etc/tinyo.toml";

/// A console shell, for whoever has nothing but a shell in the image.
const DEFAULT: &[u8] = b"[service.console]\nexec = [\"sh\"]\ntype = \"console\"\n";

/// The shell of a boot that failed: once, and then a reboot.
const RESCUE: &[u8] =
    b"[service.rescue]\nexec = [\"sh\"]\ntype = \"console\"\nrestart = \"never\"\non-exit = \"reboot\"\n";

/// What the config borrows from: the kernel command line, and right behind it the file, so that both begin in one page.
static TEXT: Static<[u8; limits::CMDLINE_BYTES + size_of::<Text>()]> =
    Static::new([0; limits::CMDLINE_BYTES + size_of::<Text>()]);
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
    pub fn name(self) -> Show<'static> {
        Show(match self {
            Loaded::File(path) => path.to_bytes(),
            Loaded::Baked => b"built-in config",
            Loaded::Default => b"default config",
        })
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
    let buffer = room.get_mut(..size_of::<Text>()).ok_or(Stuck)?;
    let path = named.unwrap_or(USUAL);
    let (loaded, length) = match read(path, buffer) {
        Ok(length) => (Loaded::File(path), length),
        Err(refused) if is_missing(refused) && named.is_none() => match baked::CONFIG {
            Some(text) => (Loaded::Baked, fill(buffer, text)),
            None => {
                say!(Info, "no {}: a shell on the console, unless there is a root=", Word(USUAL.to_bytes()));
                (Loaded::Default, fill(buffer, DEFAULT))
            }
        },
        Err(_) => return Err(Stuck),
    };
    let text = buffer.get_mut(..length).unwrap_or_default();
    let verdict = file::parse(text, config, &mut |problem| say_problem(loaded.name(), problem));
    Ok((loaded, verdict))
}

/// Reads a file, and says what is wrong with it as a file; a missing one is only said when it is not the usual one.
fn read(path: &CStr, text: &mut [u8]) -> Result<usize, Refused> {
    let read = file_source::read(path, text);
    if let Err(refused) = read
        && !(is_missing(refused) && path == USUAL)
    {
        say!(Failure, "{}: {}", Word(path.to_bytes()), refused);
    }
    read
}

fn is_missing(refused: Refused) -> bool {
    matches!(refused, Refused::Error(error) if error.is(libc::ENOENT))
}

fn fill(buffer: &mut [u8], text: &[u8]) -> usize {
    let Some(place) = buffer.get_mut(..text.len()) else { return 0 };
    place.copy_from_slice(text);
    text.len()
}

/// `tinyo: FILE:LINE:COLUMN: what is wrong; what to write instead`.
fn say_problem(name: Show, problem: &Problem) {
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
