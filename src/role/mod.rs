//! Who we are: one binary, and what it does by where it finds itself and how it was called.

mod boot;
mod choose;
mod client;
mod ending;
mod exec;
mod fsck;
mod handover;
mod init;
mod leftovers;
mod limited;
mod options;
mod output;
mod own;
mod report;
mod run;
mod source;
mod supervisor;
mod times;
mod tini;
mod told;
mod usr;
mod words;

use crate::container::shield;
use crate::say;
use crate::sys::args::Args;
use crate::sys::fd;
use crate::sys::fs::{self, At};
use crate::sys::{poll, process, user};
use crate::text::show::Show;
use choose::{Place, Role};

/// Exit codes of tinyo's own (those of commands are passed on as they are).
pub mod exit {
    /// tinyo itself failed where it stands for a command: `run`, `init`.
    pub const LAUNCHER: u8 = 125;
    /// The command is there, and cannot be executed.
    pub const NOT_EXECUTABLE: u8 = 126;
    pub const USAGE: u8 = 100;
    pub const SYSTEM: u8 = 111;
}

/// The whole program.
pub fn main(args: Args) -> u8 {
    fill_standard_files();
    if user::is_elevated() {
        say!(Failure, "not with setuid, setgid or file capabilities: run it as the user it shall be");
        return exit::LAUNCHER;
    }
    if let Some(script) = shield::script(&args) {
        say!(
            Failure,
            "{}: its #! line leads to tinyo's own file; name a program of the image",
            Show(script.to_bytes())
        );
        return exit::NOT_EXECUTABLE;
    }
    let words = [args.get(0), args.get(1)].map(|word| word.map_or(b"".as_slice(), |word| word.to_bytes()));
    match choose::choose(place(), words[0], words[1]) {
        Role::Machine => boot::machine(args),
        Role::Supervisor => supervisor::namespace(args),
        Role::Run => run::run(args, false),
        Role::Exec => run::run(args, true),
        Role::Init(first) => init::init(args, first),
        Role::Ask(verb, first) => client::ask(args, verb, first),
        Role::Check => words::check(args),
        Role::Plan => words::plan(args),
        Role::Help => words::help(),
        Role::Version => words::version(),
        Role::Unknown => words::unknown(words[1]),
    }
}

/// 0, 1 and 2 are open from the first moment: the next open would take their place, and somebody's file would become
/// somebody else's standard output. Before /dev is there, a pipe with nobody at its other end keeps the place: never a
/// directory, which a container would find there.
fn fill_standard_files() {
    for (number, is_open) in (0..).zip(poll::open_standard_files()) {
        if is_open {
            continue;
        }
        let console = fs::open(c"/dev/console", fs::READ_WRITE).ok().filter(|_| process::id() == 1);
        let file = console.or_else(|| fs::open(c"/dev/null", fs::READ_WRITE).ok());
        if let Some(file) = file.or_else(|| fd::pipe(0).ok().map(|(reader, _)| reader)) {
            // The lowest free number is the one that was missing.
            let _ = file.dup_onto(number, false);
            if file.number() == number {
                file.leak();
            }
        }
    }
}

/// The kernel's fixed inode of the first pid namespace (PROC_PID_INIT_INO).
const FIRST_PID_NAMESPACE: u64 = 0xeffffffc;

fn place() -> Place {
    if process::id() != 1 {
        return Place::NotFirst;
    }
    match fs::status(At::Cwd, c"/proc/self/ns/pid") {
        Ok(status) if status.inode() == FIRST_PID_NAMESPACE => Place::FirstOfMachine,
        // Not mounted yet, or its place is none: only the kernel starts a PID 1 so early.
        Err(error) if error.is(libc::ENOENT) || error.is(libc::ENOTDIR) => Place::FirstOfMachine,
        // Nobody can tell: what only keeps services is the lesser evil in the other's place.
        _ => Place::FirstOfNamespace,
    }
}

/// Where a bug of ours was met: the last words of this process.
pub fn bug(place: Option<&core::panic::Location>) -> ! {
    let (file, line) = place.map_or(("?", 0), |place| (place.file(), place.line()));
    say!(Failure, "bug at {}:{}", file, line);
    process::exit(exit::SYSTEM)
}
