//! An archive for the kernel to boot from, as it is put together: paths lead where they will lead there, and device nodes
//! and owners need no root. `newc` writes it.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, LazyLock},
};

use anyhow::{Context, Result};

/// File type bits of st_mode.
pub const TYPE: u32 = 0o170_000;
pub const DIR: u32 = 0o040_000;
pub const FILE: u32 = 0o100_000;
pub const LINK: u32 = 0o120_000;
pub const CHAR: u32 = 0o020_000;
pub const BLOCK: u32 = 0o060_000;
pub const FIFO: u32 = 0o010_000;

/// Links that are followed on the way to one file: the kernel's own bound (path_resolution(7)).
const LINKS: usize = 40;

/// What a file holds, or where a link leads.
#[derive(Debug, Clone)]
pub enum Data {
    Held(Vec<u8>),
    /// A file of this machine, read when the archive is written, and its size.
    Lies(PathBuf, u64),
}

impl Default for Data {
    fn default() -> Data {
        Data::Held(Vec::new())
    }
}

impl Data {
    pub fn len(&self) -> u64 {
        match self {
            Data::Held(bytes) => bytes.len() as u64,
            Data::Lies(_, size) => *size,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn read(&self) -> Result<Vec<u8>> {
        match self {
            Data::Held(bytes) => Ok(bytes.clone()),
            Data::Lies(path, _) => std::fs::read(path).with_context(|| format!("{}: read it", path.display())),
        }
    }
}

#[derive(Debug, Clone)]
pub struct Entry {
    /// st_mode: the type, and who may do what.
    pub mode: u32,
    /// User and group.
    pub owner: (u32, u32),
    /// Major and minor number of a device.
    pub device: (u32, u32),
    pub data: Data,
    /// What brought it in.
    pub why: Arc<str>,
    /// Device and inode of a file of this machine that has several names: those in the archive stay one file.
    pub(crate) twin: Option<(u64, u64)>,
}

impl Entry {
    pub fn is(&self, kind: u32) -> bool {
        self.mode & TYPE == kind
    }
}

/// The directory that is always there, and in no archive.
static ROOT: LazyLock<Entry> = LazyLock::new(|| Archive::new().entry(DIR | 0o755, Data::default()));

#[derive(Debug, Clone, Default)]
pub struct Archive {
    /// By path without the first slash. Ordered, which puts every directory before what it holds: the kernel creates no
    /// missing parent.
    entries: BTreeMap<Vec<u8>, Entry>,
    /// What brings in that which is added from now on.
    why: Arc<str>,
    /// What lay where something else was put: its path, and what brought in the one and the other.
    replaced: Vec<(Vec<u8>, Arc<str>, Arc<str>)>,
}

impl Archive {
    pub fn new() -> Archive {
        Archive::default()
    }

    /// What is added from now on comes because of `why`.
    pub fn because(&mut self, why: &str) -> &mut Archive {
        self.why = why.into();
        self
    }

    /// The same, as what `why` brought in: a ground that is built on, whatever it was put together of.
    pub fn brought_by(mut self, why: &str) -> Archive {
        self.because(why).replaced.clear();
        let why = self.why.clone();
        self.entries.values_mut().for_each(|entry| entry.why = why.clone());
        self
    }

    /// A directory; one that is there, or a link to one, stays and only gets the permissions.
    pub fn dir(&mut self, path: impl AsRef<[u8]>, permissions: u32) -> &mut Archive {
        match self.at(path.as_ref(), true).filter(|entry| entry.is(DIR)) {
            Some(entry) => entry.mode = DIR | permissions,
            None => _ = self.put(path, DIR | permissions, Data::default()),
        }
        self
    }

    pub fn file(&mut self, path: impl AsRef<[u8]>, permissions: u32, data: impl Into<Vec<u8>>) -> &mut Archive {
        self.put(path, FILE | permissions, Data::Held(data.into()))
    }

    pub fn link(&mut self, path: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> &mut Archive {
        self.put(path, LINK | 0o777, Data::Held(target.as_ref().to_vec()))
    }

    pub fn character(&mut self, path: impl AsRef<[u8]>, permissions: u32, major: u32, minor: u32) -> &mut Archive {
        let entry = Entry { device: (major, minor), ..self.entry(CHAR | permissions, Data::default()) };
        self.insert(path.as_ref(), entry);
        self
    }

    /// Changes the permissions of what lies at `path`.
    pub fn allow(&mut self, path: impl AsRef<[u8]>, permissions: u32) {
        if let Some(entry) = self.at(path.as_ref(), false) {
            entry.mode = entry.mode & TYPE | permissions;
            entry.twin = None;
        }
    }

    /// Takes an entry away, with what is under it; returns whether there was one.
    pub fn remove(&mut self, path: impl AsRef<[u8]>) -> bool {
        let path = trimmed(path.as_ref()).to_vec();
        let under = [&path[..], b"/"].concat();
        let before = self.entries.len();
        self.entries.retain(|name, _| *name != path && !name.starts_with(&under));
        self.entries.len() < before
    }

    /// What lies at `path`; links on the way to it are not followed.
    pub fn get(&self, path: impl AsRef<[u8]>) -> Option<&Entry> {
        match trimmed(path.as_ref()) {
            b"" => Some(&ROOT),
            path => self.entries.get(path),
        }
    }

    /// All of it, in the order of the archive.
    pub fn entries(&self) -> impl Iterator<Item = (&[u8], &Entry)> {
        self.entries.iter().map(|(path, entry)| (&path[..], entry))
    }

    /// What gave way to something else, by path: what had brought it in, and what has brought in the other.
    pub fn replaced(&self) -> impl Iterator<Item = (&[u8], &str, &str)> {
        self.replaced.iter().map(|(path, gone, here)| (&path[..], &**gone, &**here))
    }

    /// What lies below the directory `path`.
    pub fn below<'a>(&'a self, path: &[u8]) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let under = [trimmed(path), b"/"].concat();
        let all = self.entries.range(under.clone()..).map(|(path, _)| &path[..]);
        all.take_while(move |path| path.starts_with(&under))
    }

    /// Where `path` leads in the directory `root` when its links are followed as the kernel does there, the last one only
    /// if `last`: there may be nothing. None: the links go round in a circle.
    pub fn resolve(&self, root: &[u8], path: &[u8], last: bool) -> Option<Vec<u8>> {
        let root = trimmed(root);
        let mut at = root.to_vec();
        let mut rest: Vec<Vec<u8>> = split(path);
        let mut links = 0;
        while let Some(part) = rest.pop() {
            if part == b".." {
                if at.len() > root.len() {
                    at.truncate(at.iter().rposition(|&byte| byte == b'/').unwrap_or(0).max(root.len()));
                }
                continue;
            }
            let mut next = at.clone();
            if !next.is_empty() {
                next.push(b'/');
            }
            next.extend(part);
            let link = self.entries.get(&next).filter(|entry| entry.is(LINK) && (last || !rest.is_empty()));
            match link.map(|entry| &entry.data) {
                Some(Data::Held(target)) => {
                    links += 1;
                    if links > LINKS {
                        return None;
                    }
                    if target.starts_with(b"/") {
                        at = root.to_vec();
                    }
                    rest.extend(split(target));
                }
                _ => at = next,
            }
        }
        Some(at)
    }

    /// What lies there, to be changed.
    pub(crate) fn at(&mut self, path: &[u8], last: bool) -> Option<&mut Entry> {
        let real = self.resolve(b"", path, last)?;
        self.entries.get_mut(&real)
    }

    fn put(&mut self, path: impl AsRef<[u8]>, mode: u32, data: Data) -> &mut Archive {
        self.insert(path.as_ref(), self.entry(mode, data));
        self
    }

    /// Root's, and no device.
    pub(crate) fn entry(&self, mode: u32, data: Data) -> Entry {
        Entry { mode, owner: (0, 0), device: (0, 0), data, why: self.why.clone(), twin: None }
    }

    /// Puts it where the kernel will: `/lib/x` goes to `usr/lib/x` where lib is a link to usr/lib.
    pub(crate) fn insert(&mut self, path: &[u8], entry: Entry) {
        let path = self.resolve(b"", path, false).unwrap_or_else(|| trimmed(path).to_vec());
        if path.is_empty() {
            return; // the root itself is always there
        }
        if let Some(at) = path.iter().rposition(|&byte| byte == b'/')
            && !self.entries.contains_key(&path[..at])
        {
            self.dir(&path[..at], 0o755);
        }
        let why = entry.why.clone();
        if let Some(gone) = self.entries.insert(path.clone(), entry)
            && gone.why != why
        {
            self.replaced.push((path, gone.why, why));
        }
    }
}

/// Without slashes at its ends.
pub fn trimmed(path: &[u8]) -> &[u8] {
    let start = path.iter().take_while(|&&byte| byte == b'/').count();
    let end = path.iter().rposition(|&byte| byte != b'/').map_or(start, |at| at + 1);
    &path[start..end]
}

/// Its names, the last one first.
fn split(path: &[u8]) -> Vec<Vec<u8>> {
    let parts = path.rsplit(|&byte| byte == b'/').filter(|part| !part.is_empty() && *part != b".");
    parts.map(<[u8]>::to_vec).collect()
}

#[cfg(test)]
#[path = "cpio_tests.rs"]
mod tests;
