//! The config against the image, before the boot: what it names is there, and can run.

use std::ffi::CStr;

use tinyo::{
    config::{Config, Container, Log, OnFailure, Root, Service, value},
    text::passwd,
};

use crate::{
    cpio::{Archive, DIR, FILE, LINK},
    elf::Machine,
    findings::Findings,
    program::{Programs, default_path},
    view::{EARLY, Found, View},
    volume::file_system,
};

/// Where tinyo looks for the checker of a file system (role/fsck.rs).
const CHECKERS: [&str; 4] = ["/sbin", "/usr/sbin", "/bin", "/usr/bin"];

/// Looks whether the image has what the config names. `machine` is tinyo's.
pub fn config(config: &Config, archive: &Archive, machine: Machine, findings: &mut Findings) {
    let mut view = View::new(archive);
    roots(config, &view, machine, findings);
    mounts(config, &mut view, findings);
    if config.roots.is_empty() {
        services(config, &view, machine, findings);
    } else if !config.services.is_empty() {
        findings
            .note("services run in the root that [root] names: whether their programs are there cannot be seen here");
    }
}

fn roots(config: &Config, view: &View, machine: Machine, findings: &mut Findings) {
    for root in &config.roots {
        if let Some(path) = root.image.filter(|_| root.source.is_empty()) {
            let why = match view.find(path.to_bytes()) {
                Found::Missing => "is not in the image; add it with --add, or name the source that has it",
                Found::Entry(_, entry) if entry.is(FILE) && file_system(&entry.data).is_some() => continue,
                Found::Entry(..) => "is no file with a file system; mksquashfs makes one",
                Found::Mounted => "is not in the image, but below what is mounted over it; put it elsewhere",
            };
            findings.error(format!("[root]: image: {} {why}", path.to_string_lossy()));
        }
        if root.fsck {
            checker(root, view, machine, findings);
        }
    }
}

/// The checker of the file system that the root is said to be; of one that is not said, only the machine knows which.
fn checker(root: &Root, view: &View, machine: Machine, findings: &mut Findings) {
    let kind = root.fstype.map(|kind| kind.to_string_lossy()).filter(|kind| !kind.contains(','));
    let Some(kind) = kind else {
        let any =
            CHECKERS.iter().any(|place| view.list(place.as_bytes()).iter().any(|name| name.starts_with(b"fsck.")));
        if !any {
            findings.error("[root]: fsck: no fsck.TYPE is in the image; add that of the root's type with --add");
        }
        return;
    };
    let paths = CHECKERS.map(|place| format!("{place}/fsck.{kind}"));
    let Some(path) = paths.iter().find(|path| matches!(view.find(path.as_bytes()), Found::Entry(..))) else {
        findings.error(format!("[root]: fsck: {} is not in the image; add it with --add", paths[0]));
        return;
    };
    if let Some(why) = (Programs { view, machine, variable: &|_| None }).refused(path.as_bytes()) {
        findings.error(format!("[root]: fsck: {path} {why}"));
    }
}

fn mounts(config: &Config, view: &mut View, findings: &mut Findings) {
    // With another root the others are there.
    let mounts = if config.roots.is_empty() { &config.mounts[..] } else { &[] };
    let targets = mounts.iter().map(|mount| mount.target.to_bytes());
    for place in EARLY.into_iter().chain(targets) {
        let there = view.archive.resolve(b"", place, true).and_then(|real| view.archive.get(real));
        if there.is_some_and(|entry| !entry.is(DIR)) {
            let shown = String::from_utf8_lossy(place);
            findings.error(format!("{shown}: a file in the image, where something is to be mounted; take it away"));
        }
    }
    for mount in mounts {
        let options = || mount.options.map_or(b"".as_slice(), CStr::to_bytes).split(|&byte| byte == b',');
        let bound = options().any(|option| option == b"bind" || option == b"rbind");
        let source = mount.source.to_bytes();
        if bound && !options().any(|option| option == b"nofail") && matches!(view.find(source), Found::Missing) {
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
        let programs = Programs { view, machine: self.machine, variable: &|name| self.variable(name) };
        let why = match programs.search(program, workdir) {
            Some(found) => programs.refused(&found),
            None if program.contains(&b'/') => Some("is not in the image; add it with --add FILE:PATH".to_owned()),
            None => Some("is in no directory of its PATH in the image; add it with --add FILE:PATH".to_owned()),
        };
        if let Some(why) = why {
            self.error(key, program, &why);
        }
    }

    fn error(&mut self, key: &str, what: &[u8], why: &str) {
        self.findings.error(format!("{}: {key}: {} {why}", self.name, String::from_utf8_lossy(what)));
    }
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
