//! Whether a program will find its interpreter and its libraries: as ld.so(8) searches, or musl's.

use std::collections::BTreeSet;

use crate::{
    cpio::FILE,
    elf::{self, Machine},
    view::{Found, View},
};

/// Where glibc looks last, with Debian's directories for each architecture.
const TRUSTED: [&str; 4] = ["/lib", "/usr/lib", "/lib64", "/usr/lib64"];

/// `include` of ld.so.conf, within each other.
const INCLUDES: usize = 8;

/// What musl's loader has in itself, whatever file a program names: `lib` + this + `.` (ldso/dynlink.c).
const MUSL: [&str; 7] = ["c", "pthread", "rt", "m", "dl", "util", "xnet"];

pub struct Search<'v, 'a> {
    pub view: &'v View<'a>,
    pub machine: Machine,
    /// LD_LIBRARY_PATH of the service.
    pub given: Vec<String>,
}

impl Search<'_, '_> {
    /// What the program `path` lacks, one line each: `its interpreter /lib/ld.so`, `the library libx.so.1, for liby.so.2`.
    pub fn missing(&self, path: &[u8], bytes: &[u8]) -> Vec<String> {
        let program = match elf::linked(bytes) {
            Ok(program) => program,
            Err(why) => return vec![format!("a sound ELF header ({why})")],
        };
        // Static, or static-pie: it needs nobody.
        let Some(interpreter) = &program.interpreter else { return Vec::new() };
        let mut missing = Vec::new();
        match self.view.find(interpreter.as_bytes()) {
            Found::Mounted => return Vec::new(),
            Found::Entry(_, entry) if entry.is(FILE) => {
                let machine = entry.data.read().ok().and_then(|bytes| Machine::of(&bytes));
                if machine != Some(self.machine) {
                    return vec![format!("its interpreter {interpreter} for {} (that is another's)", self.machine)];
                }
                if entry.mode & 0o111 == 0 {
                    return vec![format!("its interpreter {interpreter} as an executable file (chmod +x)")];
                }
            }
            // And all at once what else it lacks.
            _ => missing.push(format!("its interpreter {interpreter}")),
        }
        let musl = interpreter.contains("/ld-musl-");
        let system = if musl { self.musl_path(interpreter) } else { self.glibc_path(interpreter) };
        let mut seen = BTreeSet::new();
        let mut rest = vec![(path.to_vec(), program, Vec::new())];
        while let Some((path, object, from)) = rest.pop() {
            let own: Vec<_> = object.path.iter().map(|word| expand(word, &path)).collect();
            // DT_RPATH is that of whoever loads it too, unless the object has a DT_RUNPATH.
            let inherited = if object.inherited { [own.clone(), from].concat() } else { Vec::new() };
            for name in object.needed {
                if musl && is_in_musl(&name) || !seen.insert(name.clone()) {
                    continue;
                }
                let places = if object.inherited {
                    [&inherited[..], &self.given, &system]
                } else {
                    [&self.given[..], &own, &system]
                };
                let Some((place, bytes)) = self.library(&name, &places.concat()) else {
                    let file =
                        String::from_utf8_lossy(path.rsplit(|&byte| byte == b'/').next().unwrap_or(&path)).into_owned();
                    missing.push(format!("the library {name}, which {file} needs"));
                    continue;
                };
                if let Some(library) = bytes.and_then(|bytes| elf::linked(&bytes).ok()) {
                    rest.push((place, library, inherited.clone()));
                }
            }
        }
        missing
    }

    /// Where the library is and what is in it, unless only the machine knows. One for another processor is passed over.
    fn library(&self, name: &str, places: &[String]) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
        let candidates = match name.contains('/') {
            true => vec![name.to_owned()],
            false => places.iter().map(|place| format!("{place}/{name}")).collect(),
        };
        candidates.into_iter().find_map(|candidate| match self.view.find(candidate.as_bytes()) {
            Found::Mounted => Some((candidate.into(), None)),
            Found::Entry(_, entry) if entry.is(FILE) => {
                let bytes = entry.data.read().ok()?;
                (Machine::of(&bytes) == Some(self.machine)).then(|| (candidate.into(), Some(bytes)))
            }
            _ => None,
        })
    }

    fn glibc_path(&self, interpreter: &str) -> Vec<String> {
        let mut path = Vec::new();
        // ld.so itself reads no ld.so.conf, but what ldconfig(8) made of it.
        if matches!(self.view.find(b"/etc/ld.so.cache"), Found::Entry(..)) {
            self.read_conf("/etc/ld.so.conf", INCLUDES, &mut path);
        }
        // Debian's name of the architecture, as in /lib/x86_64-linux-gnu: the interpreter's machine, but i386's.
        let triplet = match self.machine.to_string().as_str() {
            "i386" => "i386-linux-gnu".to_owned(),
            "arm" if interpreter.contains("armhf") => "arm-linux-gnueabihf".to_owned(),
            machine => format!("{machine}-linux-gnu"),
        };
        path.extend(["/lib", "/usr/lib"].map(|place| format!("{place}/{triplet}")));
        path.extend(TRUSTED.map(str::to_owned));
        path
    }

    fn read_conf(&self, file: &str, depth: usize, path: &mut Vec<String>) {
        let text = self.view.read(file.as_bytes()).unwrap_or_default();
        for line in String::from_utf8_lossy(&text).lines() {
            let line = line.split('#').next().unwrap_or_default().trim();
            let Some(pattern) = line.strip_prefix("include ").map(str::trim) else {
                path.extend((!line.is_empty()).then(|| line.trim_end_matches('/').to_owned()));
                continue;
            };
            let Some((folder, names)) = pattern.rsplit_once('/').filter(|_| depth > 0) else { continue };
            let folder = if folder.starts_with('/') { folder.to_owned() } else { format!("/etc/{folder}") };
            let Ok(names) = glob::Pattern::new(names) else { continue };
            for name in self.view.list(folder.as_bytes()) {
                if let Some(name) = String::from_utf8(name).ok().filter(|name| names.matches(name)) {
                    self.read_conf(&format!("{folder}/{name}"), depth - 1, path);
                }
            }
        }
    }

    /// /etc/ld-musl-ARCH.path, in which anything may be between the directories, or the usual ones.
    fn musl_path(&self, interpreter: &str) -> Vec<String> {
        let name = interpreter.rsplit('/').next().unwrap_or_default();
        let file = format!("/etc/{}.path", name.trim_end_matches(".so.1"));
        match self.view.read(file.as_bytes()) {
            Some(text) => String::from_utf8_lossy(&text).split([':', '\n']).map(str::to_owned).collect(),
            None => ["/lib", "/usr/local/lib", "/usr/lib"].map(str::to_owned).to_vec(),
        }
    }
}

fn is_in_musl(name: &str) -> bool {
    let rest = name.strip_prefix("lib").unwrap_or_default();
    name.starts_with("ld-musl-")
        || MUSL.iter().any(|own| rest.strip_prefix(own).is_some_and(|rest| rest.starts_with('.')))
}

/// `$ORIGIN` is where the object itself lies.
fn expand(word: &str, object: &[u8]) -> String {
    let object = String::from_utf8_lossy(object);
    let origin = object.rsplit_once('/').map_or("", |(folder, _)| folder);
    let origin = if origin.starts_with('/') { origin.to_owned() } else { format!("/{origin}") };
    word.replace("${ORIGIN}", &origin).replace("$ORIGIN", &origin)
}

#[cfg(test)]
#[path = "libraries_tests.rs"]
mod tests;
