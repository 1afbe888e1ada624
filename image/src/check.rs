//! The config against the image, before the boot: what it names is there, and can run.

use std::ffi::CStr;

use tinyo::{
    config::{Config, Container, Log, OnFailure, Service, value},
    plan::run::DEFAULT_PATH,
    text::passwd,
};

use crate::{
    cpio::{Archive, DIR, Entry, FILE, LINK},
    elf::Machine,
    findings::Findings,
    libraries::Search,
    view::{Found, View},
    volume::file_system,
};

/// Where tinyo looks for programs when no PATH is given.
fn default_path() -> &'static str {
    DEFAULT_PATH.to_str().ok().and_then(|word| word.strip_prefix("PATH=")).unwrap_or_default()
}

/// Interpreters of interpreters that execve(2) follows.
const SCRIPTS: usize = 5;

/// What the kernel reads of a script's first line (BINPRM_BUF_SIZE).
const FIRST_LINE: usize = 256;

/// Looks whether the image has what the config names. `machine` is tinyo's.
pub fn config(config: &Config, archive: &Archive, machine: Machine, findings: &mut Findings) {
    let mut view = View::new(archive);
    roots(config, &view, findings);
    mounts(config, &mut view, findings);
    if config.roots.is_empty() {
        services(config, &view, machine, findings);
    } else if !config.services.is_empty() {
        findings
            .note("services run in the root that [root] names: whether their programs are there cannot be seen here");
    }
}

/// An image that is the root lies here where there is no source.
fn roots(config: &Config, view: &View, findings: &mut Findings) {
    for root in config.roots.iter().filter(|root| root.source.is_empty()) {
        let path = root.image.unwrap_or_default();
        let why = match view.find(path.to_bytes()) {
            Found::Missing => "is not in the image; add it with --add, or name the source that has it",
            Found::Entry(_, entry) if entry.is(FILE) && file_system(&entry.data).is_some() => continue,
            Found::Entry(..) => "is no file with a file system; mksquashfs makes one",
            Found::Mounted => "is not in the image, but below what is mounted over it; put it elsewhere",
        };
        findings.error(format!("[root]: image: {} {why}", path.to_string_lossy()));
    }
}

fn mounts(config: &Config, view: &mut View, findings: &mut Findings) {
    for place in ["/proc", "/sys", "/dev", "/run"].into_iter().map(str::as_bytes).chain(targets(config)) {
        let shown = String::from_utf8_lossy(place);
        if view
            .archive
            .resolve(b"", place, true)
            .and_then(|real| view.archive.get(real))
            .is_some_and(|entry| !entry.is(DIR))
        {
            findings.error(format!("{shown}: a file in the image, where something is to be mounted; take it away"));
        }
    }
    for mount in &config.mounts {
        let options = mount.options.map_or(b"".as_slice(), CStr::to_bytes).split(|&byte| byte == b',');
        let (mut bound, mut must) = (false, true);
        options.for_each(|option| match option {
            b"bind" | b"rbind" => bound = true,
            b"nofail" => must = false,
            _ => {}
        });
        let source = mount.source.to_bytes();
        if bound && must && matches!(view.find(source), Found::Missing) {
            let source = String::from_utf8_lossy(source);
            findings
                .error(format!("[[mount]]: source: {source} is not in the image; add it with --add, or write nofail"));
        }
        // Those behind it see what it puts there.
        view.mount(mount.target.to_bytes());
    }
}

fn services(config: &Config, view: &View, machine: Machine, findings: &mut Findings) {
    for service in &config.services {
        let name = String::from_utf8_lossy(service.name.as_bytes()).into_owned();
        let mut check = Check { config, service, name, view, machine, findings };
        check.service();
    }
    if matches!(config.on_failure, OnFailure::Unset | OnFailure::Rescue) {
        let missing = !default_path()
            .split(':')
            .any(|place| matches!(view.find(format!("{place}/sh").as_bytes()), Found::Entry(..)));
        if missing {
            findings
                .note("on-failure is rescue, and there is no sh in the image: a boot that fails waits, and reboots");
        }
    }
}

fn targets<'c>(config: &'c Config) -> impl Iterator<Item = &'c [u8]> {
    config.mounts.iter().map(|mount| mount.target.to_bytes())
}

struct Check<'a, 'f> {
    config: &'a Config<'a>,
    service: &'a Service<'a>,
    name: String,
    view: &'a View<'a>,
    machine: Machine,
    findings: &'f mut Findings,
}

impl Check<'_, '_> {
    fn service(&mut self) {
        for word in self.config.list(self.service.env_files) {
            let path = word.to_bytes();
            if !path.starts_with(b"-") && matches!(self.view.find(path), Found::Missing) {
                self.error("env-file", path, "is not in the image; add it, or write - before it if it may be missing");
            }
        }
        let Some(container) = &self.service.container else {
            self.inside(self.view);
            return;
        };
        self.volumes(container);
        let root = container.root.to_bytes();
        match self.view.find(root) {
            Found::Mounted => {}
            Found::Missing => self.error("root", root, "is not in the image; add it with --add"),
            // An image's own files would have to be mounted to be seen.
            Found::Entry(_, entry) if entry.is(FILE) => {}
            Found::Entry(real, entry) if entry.is(DIR) => {
                let mut view = self.view.inside(&real);
                let words = |list| self.config.list(list).iter().map(|word| word.to_bytes());
                words(container.volumes).filter_map(value::volume).for_each(|volume| view.mount(volume.target));
                words(container.tmpfs).filter_map(value::tmpfs).for_each(|(path, _)| view.mount(path));
                if container.read_only {
                    [b"/tmp".as_slice(), b"/run"].iter().for_each(|path| view.mount(path));
                }
                self.inside(&view);
            }
            Found::Entry(..) => self.error("root", root, "is neither a directory nor an image file"),
        }
    }

    fn volumes(&mut self, container: &Container) {
        for word in self.config.list(container.volumes) {
            if let Some(volume) = value::volume(word.to_bytes())
                && matches!(self.view.find(volume.source), Found::Missing)
            {
                self.error("volumes", volume.source, "is not in the image; add it with --add");
            }
        }
    }

    /// What is looked up in the service's own root.
    fn inside(&mut self, view: &View) {
        let workdir = self.service.workdir.map_or(b"/".as_slice(), CStr::to_bytes);
        if !view.may_be_directory(workdir) {
            self.error("workdir", workdir, "is no directory in the image; add it with --add");
        }
        if let Log::Path(path) = self.service.log {
            let path = path.to_bytes();
            let folder = &path[..path.iter().rposition(|&byte| byte == b'/').unwrap_or(0)];
            if !view.may_be_directory(folder) {
                self.error("log", path, "is in no directory of the image; add its directory with --add");
            }
        }
        self.users(view);
        for (key, list) in [("exec", self.service.exec), ("stop", self.service.stop)] {
            if let Some(program) = self.config.list(list).first() {
                self.program(view, key, program.to_bytes(), workdir);
            }
        }
    }

    fn users(&mut self, view: &View) {
        let table = |path: &[u8]| view.read(path).unwrap_or_default();
        let known = |text: &[u8], is: &dyn Fn(&[u8]) -> bool| text.split(|&byte| byte == b'\n').any(is);
        let word = self.service.user.map_or(b"".as_slice(), CStr::to_bytes);
        let mut parts = word.splitn(2, |&byte| byte == b':');
        let (user, group) = (parts.next().unwrap_or_default(), parts.next());
        let is_name = |word: &&[u8]| !word.is_empty() && passwd::id(word).is_none();
        if is_name(&user)
            && !known(&table(b"/etc/passwd"), &|line| passwd::user(line).is_some_and(|entry| entry.is(user)))
        {
            self.error("user", user, "is nobody in the image's /etc/passwd; add a line there, or write a number");
        }
        let groups = self.config.list(self.service.groups).iter().map(|word| ("group-add", word.to_bytes()));
        for (key, group) in group.map(|group| ("user", group)).into_iter().chain(groups) {
            if is_name(&group)
                && !known(&table(b"/etc/group"), &|line| passwd::group(line).is_some_and(|entry| entry.is(group)))
            {
                self.error(key, group, "is no group of the image's /etc/group; add a line there, or write a number");
            }
        }
    }

    /// What the service's variable is: the last one counts, and `env` over all files.
    fn variable(&self, name: &str) -> Option<String> {
        let find = |text: &[u8]| {
            let text = String::from_utf8_lossy(text).into_owned();
            Some(text.trim_end().strip_prefix(name)?.strip_prefix('=')?.to_owned())
        };
        let own = self.config.list(self.service.env).iter().rev().find_map(|word| find(word.to_bytes()));
        let files = self.config.list(self.service.env_files).iter().rev();
        own.or_else(|| {
            files
                .filter_map(|word| self.view.read(word.to_bytes().strip_prefix(b"-").unwrap_or(word.to_bytes())))
                .find_map(|text| text.rsplit(|&byte| byte == b'\n').find_map(find))
        })
    }

    fn program(&mut self, view: &View, key: &str, program: &[u8], workdir: &[u8]) {
        let path = self.variable("PATH");
        let Some(found) = search(view, program, path.as_deref().unwrap_or(default_path()), workdir) else {
            let hint = match program.contains(&b'/') {
                true => "is not in the image; add it with --add FILE:PATH",
                false => "is in no directory of its PATH in the image; add it with --add FILE:PATH",
            };
            return self.error(key, program, hint);
        };
        if let Some(why) = self.runs(view, &found, SCRIPTS) {
            self.error(key, program, &why);
        }
    }

    /// Why the file at `path` cannot be executed. None: it can, or that is not known.
    fn runs(&self, view: &View, path: &[u8], depth: usize) -> Option<String> {
        let Found::Entry(real, entry) = view.find(path) else { return None };
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
            return self.interpreter(view, line, depth);
        }
        let Some(machine) = Machine::of(&bytes) else {
            return Some("is no program: neither ELF nor a script that begins with #!".into());
        };
        if !self.machine.runs(machine) {
            return Some(format!("is for {machine}, and tinyo for {}", self.machine));
        }
        let given = self.variable("LD_LIBRARY_PATH").unwrap_or_default();
        let given = given.split([':', ';']).filter(|place| !place.is_empty()).map(str::to_owned).collect();
        let missing = Search { view, machine, given }.missing(view.as_seen(&real), &bytes);
        (!missing.is_empty()).then(|| format!("lacks {} in the image; add it with --add", missing.join(", and ")))
    }

    /// Of a script, whose first line goes on with `line`.
    fn interpreter(&self, view: &View, line: &[u8], depth: usize) -> Option<String> {
        let line = &line[..line.len().min(FIRST_LINE)];
        let line = String::from_utf8_lossy(line.split(|&byte| byte == b'\n').next().unwrap_or_default()).into_owned();
        let mut words = line.split([' ', '\t', '\r']).filter(|word| !word.is_empty());
        let Some(interpreter) = words.next() else { return Some("begins with #! and no interpreter".into()) };
        if line.ends_with('\r') {
            return Some("has a carriage return behind its interpreter; write it with Unix line ends".into());
        }
        match view.find(interpreter.as_bytes()) {
            Found::Mounted => return None,
            Found::Missing => {
                return Some(format!("is a script for {interpreter}, which is not in the image; add it with --add"));
            }
            Found::Entry(..) if depth == 0 => return Some("is a script of a script of a script: too deep".into()),
            Found::Entry(..) => {}
        }
        if let Some(why) = self.runs(view, interpreter.as_bytes(), depth - 1) {
            return Some(format!("is a script for {interpreter}, which {why}"));
        }
        let wanted = words
            .next()
            .filter(|word| interpreter.ends_with("/env") && !word.starts_with('-') && !word.contains('='))?;
        let path = self.variable("PATH");
        match search(view, wanted.as_bytes(), path.as_deref().unwrap_or(default_path()), b"/") {
            Some(found) => Some(format!("is a script for {wanted}, which {}", self.runs(view, &found, depth - 1)?)),
            None => Some(format!("is a script for {wanted}, which is in no directory of its PATH in the image")),
        }
    }

    fn error(&mut self, key: &str, what: &[u8], why: &str) {
        self.findings.error(format!("{}: {key}: {} {why}", self.name, String::from_utf8_lossy(what)));
    }
}

/// Where execve would find the program: by PATH when there is no slash in it. What only the machine knows counts as found.
fn search(view: &View, program: &[u8], path: &str, workdir: &[u8]) -> Option<Vec<u8>> {
    let there = |path: &Vec<u8>| !matches!(view.find(path), Found::Missing);
    if program.contains(&b'/') {
        let whole = if program.starts_with(b"/") { program.to_vec() } else { [workdir, b"/", program].concat() };
        return Some(whole).filter(there);
    }
    let places = path.split(':').map(|place| match place {
        "" | "." => workdir.to_vec(),
        place => place.as_bytes().to_vec(),
    });
    let mut candidates: Vec<_> = places.map(|place| [&place[..], b"/", program].concat()).filter(there).collect();
    let can_run = |entry: &Entry| entry.is(FILE) && entry.mode & 0o111 != 0;
    let best = candidates.iter().position(|path| !matches!(view.find(path), Found::Entry(_, entry) if !can_run(entry)));
    (!candidates.is_empty()).then(|| candidates.swap_remove(best.unwrap_or(0)))
}

/// What the kernel cannot unpack, as a link with something below it; and what two wanted to be, when it is not `ground`,
/// which is there to be built on.
pub fn layout(archive: &Archive, ground: &str, findings: &mut Findings) {
    for (path, entry) in archive.entries() {
        if !entry.is(DIR) && archive.below(path).next().is_some() {
            let kind = if entry.is(LINK) { "a link" } else { "a file" };
            findings.error(format!(
                "/{}: {kind}, with files below it; take one of them away",
                String::from_utf8_lossy(path)
            ));
        }
    }
    for (path, one, other) in archive.replaced().filter(|(_, one, _)| *one != ground) {
        let path = String::from_utf8_lossy(path);
        findings.error(format!("/{path}: there by `{one}`, and again by `{other}`; leave one of them out"));
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
