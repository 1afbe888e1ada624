//! The image as a service will see it: from its root on, and without what is mounted over it by then.

use crate::cpio::{Archive, DIR, Entry, FILE, trimmed};

/// What is at a path.
pub enum Found<'a> {
    /// With its links followed: a file, a directory, a device.
    Entry(Vec<u8>, &'a Entry),
    Missing,
    /// Below a mount of the boot's: only the machine knows.
    Mounted,
}

pub struct View<'a> {
    pub archive: &'a Archive,
    /// Of the service's root in the archive.
    root: Vec<u8>,
    mounted: Vec<Vec<u8>>,
}

/// What tinyo mounts before anything else.
pub const EARLY: [&[u8]; 4] = [b"/proc", b"/sys", b"/dev", b"/run"];

impl<'a> View<'a> {
    pub fn new(archive: &'a Archive) -> View<'a> {
        let mut view = View { archive, root: Vec::new(), mounted: Vec::new() };
        EARLY.iter().for_each(|path| view.mount(path));
        view
    }

    /// The same with its root at `root`: of a container, whose own mounts are added to it.
    pub fn inside(&self, root: &[u8]) -> View<'a> {
        let mut view = View { archive: self.archive, root: trimmed(root).to_vec(), mounted: self.mounted.clone() };
        EARLY.iter().for_each(|path| view.mount(path));
        view
    }

    /// From now on something lies over `path`.
    pub fn mount(&mut self, path: &[u8]) {
        self.mounted.extend(self.archive.resolve(&self.root, path, true));
    }

    pub fn find(&self, path: &[u8]) -> Found<'a> {
        let Some(real) = self.archive.resolve(&self.root, path, true) else { return Found::Missing };
        let is_over = |mount: &Vec<u8>| {
            real.strip_prefix(&mount[..]).is_some_and(|rest| mount.is_empty() || rest.is_empty() || rest[0] == b'/')
        };
        if self.mounted.iter().any(is_over) {
            return Found::Mounted;
        }
        match self.archive.get(&real) {
            Some(entry) => Found::Entry(real, entry),
            None => Found::Missing,
        }
    }

    /// The path of the archive as it is called inside the root, without its first slash.
    pub fn as_seen<'p>(&self, real: &'p [u8]) -> &'p [u8] {
        trimmed(real.strip_prefix(&self.root[..]).unwrap_or(real))
    }

    /// Whether it may be there, and be a directory.
    pub fn may_be_directory(&self, path: &[u8]) -> bool {
        match self.find(path) {
            Found::Entry(_, entry) => entry.is(DIR),
            Found::Mounted => true,
            Found::Missing => trimmed(path).is_empty(),
        }
    }

    /// The bytes of a file. None: it is not there, or not known, or no file.
    pub fn read(&self, path: &[u8]) -> Option<Vec<u8>> {
        match self.find(path) {
            Found::Entry(_, entry) if entry.is(FILE) => entry.data.read().ok(),
            _ => None,
        }
    }

    /// The names of the files in a directory.
    pub fn list(&self, path: &[u8]) -> Vec<Vec<u8>> {
        let Found::Entry(real, _) = self.find(path) else { return Vec::new() };
        let names = self.archive.below(&real).filter_map(|path| path.strip_prefix(&real[..])?.strip_prefix(b"/"));
        names.filter(|name| !name.contains(&b'/')).map(<[u8]>::to_vec).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(view: &View, path: &str) -> String {
        match view.find(path.as_bytes()) {
            Found::Entry(real, _) => String::from_utf8(real).unwrap(),
            Found::Missing => "missing".into(),
            Found::Mounted => "mounted".into(),
        }
    }

    #[test]
    fn links_are_followed_inside_the_root_only() {
        let mut archive = Archive::new();
        archive.file("srv/web/bin/sh", 0o755, "").link("srv/web/sh", "/bin/sh").link("srv/web/up", "../../../bin/sh");
        archive.file("bin/sh", 0o755, "").link("loop", "loop").link("var", "srv").link("lock", "/run/lock");
        let host = View::new(&archive);
        let table = [
            ("/srv/web/sh", "bin/sh"),
            ("/srv/web/up", "bin/sh"),
            ("/var/web/bin/sh", "srv/web/bin/sh"),
            ("/loop", "missing"),
            ("/loop/x", "missing"),
            ("/bin/sh/x", "missing"),
            ("/bin/../bin/./sh", "bin/sh"),
            ("/lock", "mounted"),
            ("/proc/self", "mounted"),
            ("/process", "missing"),
        ];
        for (path, expected) in table {
            assert_eq!(shown(&host, path), expected, "{path}");
        }
        let mut inside = host.inside(b"/srv/web");
        for path in ["/sh", "/up", "../../../bin/sh"] {
            assert_eq!(shown(&inside, path), "srv/web/bin/sh", "{path}");
        }
        assert_eq!(shown(&inside, "/srv"), "missing");
        inside.mount(b"/bin");
        assert_eq!(shown(&inside, "/sh"), "mounted");
        assert_eq!(shown(&inside, "/dev/null"), "mounted");
    }

    #[test]
    fn directories_are_listed_without_what_is_below() {
        let mut archive = Archive::new();
        archive.file("etc/d/a", 0o644, "1").file("etc/d/b/c", 0o644, "").link("d", "etc/d").file("etc/dd", 0o644, "");
        let view = View::new(&archive);
        assert_eq!(view.list(b"/d"), [b"a", b"b"]);
        assert_eq!(view.read(b"/d/a").unwrap(), b"1");
        assert!(view.may_be_directory(b"/d/b") && view.may_be_directory(b"/") && !view.may_be_directory(b"/d/a"));
        assert!(view.read(b"/d/b").is_none() && !view.may_be_directory(b"/none") && view.may_be_directory(b"/run/x"));
    }
}
