//! Whether a program of the image can be executed there: execve(2), for whom a script is its interpreter's.

use tinyo::plan::run::DEFAULT_PATH;

use crate::{
    cpio::{Entry, FILE},
    elf::Machine,
    libraries::Search,
    view::{Found, View},
};

/// Where tinyo looks for programs when no PATH is given.
pub fn default_path() -> &'static str {
    DEFAULT_PATH.to_str().ok().and_then(|word| word.strip_prefix("PATH=")).unwrap_or_default()
}

/// Interpreters of interpreters that execve(2) follows.
const SCRIPTS: usize = 5;

/// What the kernel reads of a script's first line (BINPRM_BUF_SIZE).
const FIRST_LINE: usize = 256;

pub struct Programs<'v, 'a> {
    pub view: &'v View<'a>,
    /// tinyo's.
    pub machine: Machine,
    /// What is in the program's environment.
    pub variable: &'v dyn Fn(&str) -> Option<String>,
}

impl Programs<'_, '_> {
    /// Where execve would find the program: by PATH when there is no slash in it. What only the machine knows counts as found.
    pub fn search(&self, program: &[u8], workdir: &[u8]) -> Option<Vec<u8>> {
        let view = self.view;
        let there = |path: &Vec<u8>| !matches!(view.find(path), Found::Missing);
        if program.contains(&b'/') {
            let whole = if program.starts_with(b"/") { program.to_vec() } else { [workdir, b"/", program].concat() };
            return Some(whole).filter(there);
        }
        let path = (self.variable)("PATH");
        let places = path.as_deref().unwrap_or(default_path()).split(':').map(|place| match place {
            "" | "." => workdir.to_vec(),
            place => place.as_bytes().to_vec(),
        });
        let mut candidates: Vec<_> = places.map(|place| [&place[..], b"/", program].concat()).filter(there).collect();
        let can_run = |entry: &Entry| entry.is(FILE) && entry.mode & 0o111 != 0;
        let best =
            candidates.iter().position(|path| !matches!(view.find(path), Found::Entry(_, entry) if !can_run(entry)));
        (!candidates.is_empty()).then(|| candidates.swap_remove(best.unwrap_or(0)))
    }

    /// Why the file at `path` cannot be executed. None: it can, or that is not known.
    pub fn refused(&self, path: &[u8]) -> Option<String> {
        self.runs(path, SCRIPTS)
    }

    fn runs(&self, path: &[u8], depth: usize) -> Option<String> {
        let Found::Entry(real, entry) = self.view.find(path) else { return None };
        if !entry.is(FILE) {
            return Some("is no file".into());
        }
        if entry.mode & 0o111 == 0 {
            return Some("is not executable; chmod +x".into());
        }
        let bytes = match entry.data.read() {
            Ok(bytes) => bytes,
            Err(why) => return Some(format!("cannot be read: {why:#}")),
        };
        if let Some(line) = bytes.strip_prefix(b"#!") {
            return self.interpreter(line, depth);
        }
        let Some(machine) = Machine::of(&bytes) else {
            return Some("is no program: neither ELF nor a script that begins with #!".into());
        };
        if !self.machine.runs(machine) {
            return Some(format!("is for {machine}, and tinyo for {}", self.machine));
        }
        let given = (self.variable)("LD_LIBRARY_PATH").unwrap_or_default();
        let given = given.split([':', ';']).filter(|place| !place.is_empty()).map(str::to_owned).collect();
        let missing = Search { view: self.view, machine, given }.missing(self.view.as_seen(&real), &bytes);
        (!missing.is_empty()).then(|| format!("lacks {} in the image; add it with --add", missing.join(", and ")))
    }

    /// Of a script, whose first line goes on with `line`.
    fn interpreter(&self, line: &[u8], depth: usize) -> Option<String> {
        let line = &line[..line.len().min(FIRST_LINE)];
        let line = String::from_utf8_lossy(line.split(|&byte| byte == b'\n').next().unwrap_or_default()).into_owned();
        let mut words = line.split([' ', '\t', '\r']).filter(|word| !word.is_empty());
        let Some(interpreter) = words.next() else { return Some("begins with #! and no interpreter".into()) };
        if line.ends_with('\r') {
            return Some("has a carriage return behind its interpreter; write it with Unix line ends".into());
        }
        match self.view.find(interpreter.as_bytes()) {
            Found::Mounted => return None,
            Found::Missing => {
                return Some(format!("is a script for {interpreter}, which is not in the image; add it with --add"));
            }
            Found::Entry(..) if depth == 0 => return Some("is a script of a script of a script: too deep".into()),
            Found::Entry(..) => {}
        }
        if let Some(why) = self.runs(interpreter.as_bytes(), depth - 1) {
            return Some(format!("is a script for {interpreter}, which {why}"));
        }
        let wanted = words
            .next()
            .filter(|word| interpreter.ends_with("/env") && !word.starts_with('-') && !word.contains('='))?;
        match self.search(wanted.as_bytes(), b"/") {
            Some(found) => Some(format!("is a script for {wanted}, which {}", self.runs(&found, depth - 1)?)),
            None => Some(format!("is a script for {wanted}, which is in no directory of its PATH in the image")),
        }
    }
}
