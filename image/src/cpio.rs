//! A `newc` archive, the format of an initramfs (Documentation/driver-api/early-userspace/buffer-format.rst): device nodes
//! and owners need no root, and the same input gives the same bytes (sorted, dated 0, numbered in order).

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read, Write},
    path::PathBuf,
    sync::Arc,
};

use anyhow::{Context, Result, bail, ensure};

/// File type bits of st_mode.
pub const TYPE: u32 = 0o170_000;
pub const DIR: u32 = 0o040_000;
pub const FILE: u32 = 0o100_000;
pub const LINK: u32 = 0o120_000;
const CHAR: u32 = 0o020_000;

/// The kernel reads an archive in blocks of this size; QEMU and boot loaders pad to it anyway.
const BLOCK: u64 = 512;

/// `PATH_MAX`: what has a longer name, or is a link to one, the kernel passes over without a word (init/initramfs.c).
const LONGEST: usize = 4096;

/// Links that are followed on the way to one file: the kernel's own bound (path_resolution(7)).
const LINKS: usize = 40;

/// The name that ends an archive.
const TRAILER: &[u8] = b"TRAILER!!!";

/// What a file holds, or where a link leads.
#[derive(Debug, Clone)]
pub enum Data {
    Held(Vec<u8>),
    /// A file of this machine, read when the archive is written, and its size.
    Lies(PathBuf, u64),
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
    pub device: (u32, u32),
    pub data: Data,
    /// What brought it in.
    pub why: Arc<str>,
    /// Device and inode of a file of this machine that has several names: those in the archive stay one file.
    twin: Option<(u64, u64)>,
}

impl Entry {
    pub fn is(&self, kind: u32) -> bool {
        self.mode & TYPE == kind
    }
}

#[derive(Debug, Clone, Default)]
pub struct Archive {
    /// By path without the first slash. Ordered, which puts every directory before what it holds: the kernel creates no
    /// missing parent.
    entries: BTreeMap<Vec<u8>, Entry>,
    /// What brings in that which is added from now on.
    why: Arc<str>,
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

    /// A directory; one that is there, or a link to one, stays and only gets the permissions.
    pub fn dir(&mut self, path: impl AsRef<[u8]>, permissions: u32) -> &mut Archive {
        let real = self.resolve(b"", path.as_ref(), true);
        match real.and_then(|real| self.entries.get_mut(&real)).filter(|entry| entry.is(DIR)) {
            Some(entry) => entry.mode = DIR | permissions,
            None => self.add(path.as_ref(), DIR | permissions, (0, 0), Data::Held(Vec::new())),
        }
        self
    }

    pub fn file(&mut self, path: impl AsRef<[u8]>, permissions: u32, data: impl Into<Vec<u8>>) -> &mut Archive {
        self.add(path.as_ref(), FILE | permissions, (0, 0), Data::Held(data.into()));
        self
    }

    /// A file of this machine, of `size` bytes, that is read when the archive is written.
    pub fn lying(&mut self, path: impl AsRef<[u8]>, permissions: u32, host: PathBuf, size: u64) -> &mut Archive {
        self.add(path.as_ref(), FILE | permissions, (0, 0), Data::Lies(host, size));
        self
    }

    /// The same, of a file that may have other names too.
    pub(crate) fn lying_twin(&mut self, path: &[u8], permissions: u32, host: PathBuf, size: u64, inode: (u64, u64)) {
        self.lying(path, permissions, host, size);
        let real = self.resolve(b"", path, false);
        if let Some(entry) = real.and_then(|real| self.entries.get_mut(&real)) {
            entry.twin = Some(inode);
        }
    }

    pub fn link(&mut self, path: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> &mut Archive {
        self.add(path.as_ref(), LINK | 0o777, (0, 0), Data::Held(target.as_ref().to_vec()));
        self
    }

    pub fn character(&mut self, path: impl AsRef<[u8]>, permissions: u32, major: u32, minor: u32) -> &mut Archive {
        self.add(path.as_ref(), CHAR | permissions, (major, minor), Data::Held(Vec::new()));
        self
    }

    /// Changes the permissions of what lies at `path`.
    pub fn allow(&mut self, path: impl AsRef<[u8]>, permissions: u32) {
        let real = self.resolve(b"", path.as_ref(), false);
        if let Some(entry) = real.and_then(|real| self.entries.get_mut(&real)) {
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
        self.entries.get(trimmed(path.as_ref()))
    }

    /// All of it, in the order of the archive.
    pub fn entries(&self) -> impl Iterator<Item = (&[u8], &Entry)> {
        self.entries.iter().map(|(path, entry)| (&path[..], entry))
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

    /// Puts it where the kernel will: `/lib/x` goes to `usr/lib/x` where lib is a link to usr/lib.
    fn add(&mut self, path: &[u8], mode: u32, device: (u32, u32), data: Data) {
        let path = self.resolve(b"", path, false).unwrap_or_else(|| trimmed(path).to_vec());
        if path.is_empty() {
            return; // the root itself is always there
        }
        if let Some(at) = path.iter().rposition(|&byte| byte == b'/')
            && !self.entries.contains_key(&path[..at])
        {
            self.add(&path[..at], DIR | 0o755, (0, 0), Data::Held(Vec::new()));
        }
        self.entries.insert(path, Entry { mode, device, data, why: self.why.clone(), twin: None });
    }

    /// Bytes that it has when written.
    ///
    /// # Panics
    /// Where a file of this machine that is to be in it cannot be read: for tests and archives held in memory.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write_to(&mut out).expect("all that is in the archive can be read");
        out
    }

    /// Writes it, and returns how long it is.
    ///
    /// # Errors
    /// Names what has no place in the format: 4 GiB, a path of 4,096 bytes; and a file that changed its size meanwhile.
    pub fn write_to(&self, out: &mut dyn Write) -> Result<u64> {
        let mut out = Counted { out, length: 0 };
        let mut twins: BTreeMap<(u64, u64), (u32, u32)> = BTreeMap::new();
        for (index, inode) in self.entries.values().enumerate().filter_map(|(index, entry)| Some((index, entry.twin?)))
        {
            let (last, count) = twins.entry(inode).or_default();
            (*last, *count) = (u32::try_from(index + 1)?, *count + 1);
        }
        for (index, (name, entry)) in self.entries.iter().enumerate() {
            let shown = || format!("/{}", String::from_utf8_lossy(name));
            let target = if entry.is(LINK) { entry.data.len() } else { 0 };
            ensure!(name.len() < LONGEST && target < LONGEST as u64, "{}: a path of more than 4095 bytes", shown());
            ensure!(name != TRAILER, "{}: this name ends an archive; rename it", shown());
            let Ok(size) = u32::try_from(entry.data.len()) else {
                bail!("{}: {} bytes; the format holds files of less than 4 GiB", shown(), entry.data.len());
            };
            let index = u32::try_from(index + 1)?;
            // Of one file's names the last one has what is in it: cpio(1) and the kernel link the others to that.
            let alone = if entry.is(DIR) { 2 } else { 1 };
            let (inode, links) = entry.twin.and_then(|inode| twins.get(&inode)).copied().unwrap_or((index, alone));
            let size = if inode == index { size } else { 0 };
            let header = Header { inode, mode: entry.mode, links, size, device: entry.device };
            header.write(&mut out, name)?;
            if inode == index {
                contents(&mut out, &entry.data).with_context(|| format!("{}: write it", shown()))?;
            }
            out.pad(4)?;
        }
        Header { links: 1, ..Header::default() }.write(&mut out, TRAILER)?;
        out.pad(BLOCK)?;
        Ok(out.length)
    }
}

#[derive(Default)]
struct Header {
    inode: u32,
    mode: u32,
    links: u32,
    size: u32,
    device: (u32, u32),
}

impl Header {
    fn write(&self, out: &mut Counted, name: &[u8]) -> io::Result<()> {
        out.write_all(b"070701")?;
        for field in [
            self.inode,
            self.mode,
            0, // uid
            0, // gid
            self.links,
            0, // mtime
            self.size,
            0, // the archive's own device
            0,
            self.device.0,
            self.device.1,
            name.len() as u32 + 1,
            0, // no checksum in newc
        ] {
            write!(out, "{field:08X}")?;
        }
        out.write_all(name)?;
        out.write_all(&[0])?;
        out.pad(4)
    }
}

fn contents(out: &mut Counted, data: &Data) -> Result<()> {
    match data {
        Data::Held(bytes) => out.write_all(bytes)?,
        Data::Lies(path, size) => {
            let file = File::open(path).with_context(|| path.display().to_string())?;
            let copied = io::copy(&mut file.take(size + 1), out).with_context(|| path.display().to_string())?;
            ensure!(copied == *size, "{}: it changed while it was read; try again", path.display());
        }
    }
    Ok(())
}

struct Counted<'a> {
    out: &'a mut dyn Write,
    length: u64,
}

impl Counted<'_> {
    fn pad(&mut self, to: u64) -> io::Result<()> {
        let missing = self.length.next_multiple_of(to) - self.length;
        self.write_all(&[0; BLOCK as usize][..missing as usize])
    }
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.length += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
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
