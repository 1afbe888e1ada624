//! Steps of any process on its way to its execve: its files, its user, its place, its words.

use core::ffi::CStr;

use super::handed::Own;
use super::{Place, environment};
use crate::config::Log;
use crate::container::seccomp;
use crate::limits;
use crate::plan::step::Signed;
use crate::sys::error::{Call, Error, Result};
use crate::sys::fd;
use crate::sys::fs::{self, At};
use crate::sys::memory::Static;
use crate::sys::process::{self, Room, Words};
use crate::sys::{self, args, tty};
use crate::text::bytes;
use crate::text::put::Word;

pub fn session(terminal: bool) -> Result<()> {
    match process::new_session() {
        // The leader of a process group cannot make a session, and has one that nobody else is in: it was just forked.
        Err(error) if error.is(libc::EPERM) => {}
        done => done?,
    }
    if terminal { tty::take(&fd::duplicate(0)?) } else { Ok(()) }
}

pub fn group() -> Result<()> {
    let left = process::group();
    process::new_group()?;
    // Here, not in the parent: nobody runs in the background for a moment. Who has no terminal passes none.
    tty::pass(left, process::group());
    Ok(())
}

/// Standard input is null, or what it is fed; output and error go where `log` says. The second time, in a container's
/// root, its input is what it was.
pub fn stdio(log: Log, fed: bool, place: &Place) -> Result<()> {
    let null = fs::open(c"/dev/null", fs::READ_WRITE)?;
    if let Some(input) = place.input.as_ref().or(if fed { None } else { Some(&null) }) {
        input.dup_onto(0, false)?;
    }
    let opened;
    let output = match (log, &place.log) {
        (Log::Kmsg | Log::Service(_), Some(pipe)) => pipe,
        (Log::Kmsg | Log::Service(_) | Log::Null, _) => &null,
        (Log::Console, _) => {
            // Without a console there is nobody to miss the output.
            opened = fs::open(c"/dev/console", fs::WRITE);
            opened.as_ref().unwrap_or(&null)
        }
        (Log::Path(path), _) => {
            opened = fs::open(path, fs::WRITE | fs::CREATE | fs::APPEND);
            opened.as_ref().map_err(|error| *error)?
        }
    };
    output.dup_onto(1, false)?;
    output.dup_onto(2, false)
}

/// The terminal as standard input, output and error; the session takes it later. Opened without waiting for a
/// carrier, which a modem line might never have.
pub fn terminal(path: Option<&CStr>) -> Result<()> {
    let mut name = bytes::Path::new();
    let path = match path {
        Some(path) => path,
        None => console_device(&mut name),
    };
    let terminal = fs::open(path, fs::READ_WRITE | fs::NON_BLOCK)?;
    if !tty::is_terminal(&terminal) {
        // A driver's node without hardware behind it.
        return Err(Error::new(Call::Open, libc::EIO));
    }
    terminal.set_blocking()?;
    terminal.onto_standard()
}

/// The real device behind /dev/console, which itself can never be a controlling terminal: the last one that the kernel
/// names (`console=` can be given several times, and the last is the one it reads from). tty0 is "the VT in front".
fn console_device(buffer: &mut bytes::Path) -> &CStr {
    let mut active = [0u8; 256];
    let read = fs::read_file(c"/sys/class/tty/console/active", &mut active);
    let name = match &read {
        Ok(names) => names.split(|byte| byte.is_ascii_whitespace()).rfind(|name| !name.is_empty()),
        Err(_) => None,
    };
    let name = match name {
        Some(b"tty0") => b"tty1",
        Some(name) => name,
        None => return c"/dev/console",
    };
    bytes::path(&[b"/dev/", name], buffer).unwrap_or(c"/dev/console")
}

/// From here on only what steps behind this one do: fork, setsid, signals, execve.
#[inline(never)]
pub fn filter_calls(set: u64) -> Result<()> {
    sys::seccomp::set_filter(&seccomp::filter(set))
}

/// How willingly the kernel ends this process, and what it becomes, for want of memory.
pub fn set_oom_score(score: i16) -> Result<()> {
    let mut text = heapless::Vec::<u8, 6>::new();
    Signed(score).write(&mut text);
    fs::write_file(At::Cwd, c"/proc/self/oom_score_adj", &text)
}

/// The working directory, as the user that the process has become, no magic link (/proc/PID/fd/N) followed, and inside
/// the root: a directory of the host's that leaked in would be the way out (CVE-2024-21626).
pub fn work_in(path: &CStr) -> Result<()> {
    // Back from wherever the steps before went: what follows is looked up from here.
    fs::change_directory(c"/")?;
    if path == c"/" {
        return Ok(());
    }
    let root = fs::open(c".", fs::PLACE | fs::DIRECTORY)?;
    fs::enter(&fs::open_in(&root, path, fs::PLACE | fs::DIRECTORY)?)?;
    if fs::is_inside_root() { Ok(()) } else { Err(Error::new(Call::Chdir, libc::EXDEV)) }
}

/// A shell that nobody asked for is a shell that nobody guards.
pub fn ask() -> Result<()> {
    fd::write_to(1, b"\nPress Enter for a shell.\n")?;
    let input = fd::duplicate(0)?;
    let mut byte = [0u8];
    loop {
        match input.read(&mut byte)? {
            0 => return Err(Error::new(Call::Read, libc::EIO)),
            _ if matches!(byte[0], b'\n' | b'\r') => return Ok(()),
            _ => {}
        }
    }
}

/// Where programs are looked for when nobody says otherwise.
pub const DEFAULT_PATH: &CStr = c"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// PID 1 never takes them, so that each of its children can.
static WORDS: Static<Room<{ limits::EXEC_WORDS }>> = Static::new(Room::new());
static VARIABLES: Static<Room<{ limits::EXEC_WORDS }>> = Static::new(Room::new());

/// execve(2) of `argv` by PATH. It only returns to say why not.
pub fn execute(argv: &[&CStr], env: &[&CStr], term: Option<&CStr>, place: &Place) -> Error {
    if place.variables.is_empty() { execute_in(argv, env, term, place) } else { execute_beside(argv, env, term, place) }
}

/// With variables of files: apart, for 20 kB of stack that others never touch.
#[inline(never)]
fn execute_beside(argv: &[&CStr], env: &[&CStr], term: Option<&CStr>, place: &Place) -> Error {
    let mut all = environment::Environment::new();
    execute_in(argv, place.variables.with(env, &mut all), term, place)
}

#[inline(never)]
fn execute_in(argv: &[&CStr], env: &[&CStr], term: Option<&CStr>, place: &Place) -> Error {
    let mut texts = Texts::default();
    let (Some(words), Some(variables)) = (WORDS.take(), VARIABLES.take()) else {
        return Error::new(Call::Execve, libc::E2BIG);
    };
    let (mut words, mut environment) = (Words::of(words), Words::of(variables));
    match prepare(argv, env, term, place, &mut texts, &mut words, &mut environment) {
        Ok(()) => {}
        Err(error) => return error,
    }
    let program = argv.first().copied().unwrap_or_default();
    let path = env.iter().rev().find_map(|word| bytes::after(word.to_bytes(), b"PATH="));
    search(program, path, &mut |file| process::execute(file, &words, &environment))
}

/// The same with the words and the environment that we were given ourselves, as they are.
pub fn execute_given(program: &CStr, skip: usize) -> Error {
    search(program, args::variable(b"PATH"), &mut |file| process::execute_given(file, skip))
}

/// Gives `execute` what `program` may stand for, until it works. It only returns to say why none did.
pub fn search(program: &CStr, path: Option<&[u8]>, execute: &mut dyn FnMut(&CStr) -> Error) -> Error {
    let name = program.to_bytes();
    // execve(2) knows no empty name, and no directory of the PATH has one.
    if name.is_empty() {
        return Error::new(Call::Execve, libc::ENOENT);
    }
    if bytes::has(name, b'/') {
        return execute(program);
    }
    let path = path.or(DEFAULT_PATH.to_bytes().get(5..)).unwrap_or_default();
    let mut found = Error::new(Call::Execve, libc::ENOENT);
    let mut buffer = bytes::Path::new();
    let mut rest = Some(path);
    while let Some((directory, more)) = rest.map(|rest| bytes::cut(rest, b':')) {
        rest = more;
        // An empty entry is the current directory, as in sh(1).
        let directory = if directory.is_empty() { b"." } else { directory };
        let Some(candidate) = bytes::path(&[directory, b"/", name], &mut buffer) else { continue };
        let error = execute(candidate);
        match i32::from(error.errno().0) {
            libc::ENOENT | libc::ENOTDIR => {}
            // Remembered, and the search goes on: another one may be executable.
            libc::EACCES => found = error,
            _ => return error,
        }
    }
    found
}

/// What words of the environment lie in.
#[derive(Default)]
struct Texts {
    home: heapless::Vec<u8, 264>,
    own: Own,
}

/// Whether one of `words` has the name of `word`: each is `NAME=VALUE`.
#[inline(never)]
fn is_set(words: &[&CStr], word: &CStr) -> bool {
    let name = bytes::before(word.to_bytes(), b'=');
    words.iter().any(|other| bytes::before(other.to_bytes(), b'=') == name)
}

fn prepare<'w>(
    argv: &[&'w CStr],
    env: &[&'w CStr],
    term: Option<&'w CStr>,
    place: &Place,
    texts: &'w mut Texts,
    words: &mut Words<'w>,
    environment: &mut Words<'w>,
) -> Result<()> {
    for word in argv {
        words.push(word)?;
    }
    words.end()?;
    let Texts { home, own } = texts;
    let at: &[u8] = if place.identity.home.is_empty() { b"/" } else { &place.identity.home };
    let fits = [b"HOME=".as_slice(), at, b"\0"].iter().all(|part| home.extend_from_slice(part).is_ok());
    let home = bytes::terminated(home).filter(|_| fits).unwrap_or(c"HOME=/");
    for default in [Some(DEFAULT_PATH), Some(home), term].iter().flatten() {
        if !is_set(env, default) {
            environment.push(default)?;
        }
    }
    own.fill(&place.told);
    let own = &*own;
    for (index, word) in env.iter().enumerate() {
        // The last of several with one name wins, as with docker run; what is said of this very process wins over all.
        let is_ours = own.words().any(|other| is_set(&[other], word));
        if !is_ours && !is_set(env.get(index + 1..).unwrap_or_default(), word) {
            environment.push(word)?;
        }
    }
    for word in own.words() {
        environment.push(word)?;
    }
    environment.end()
}
