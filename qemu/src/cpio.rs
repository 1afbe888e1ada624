//! A `newc` archive, the format of an initramfs, built in memory: device nodes need no root, and the same input gives
//! the same bytes (sorted, owned by root, dated 0).

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, symlink},
    },
    path::Path,
};

use anyhow::{Context, Result, bail};

/// File type bits of st_mode.
const DIR: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;
const CHAR: u32 = 0o020_000;

/// The kernel reads an archive in blocks of this size; QEMU and boot loaders pad to it anyway.
const BLOCK: usize = 512;

#[derive(Debug, Clone)]
struct Entry {
    mode: u32,
    device: (u32, u32),
    data: Vec<u8>,
}

#[derive(Debug, Clone, Default)]
pub struct Archive {
    /// Ordered, which puts every directory before what it holds: the kernel creates no missing parent.
    entries: BTreeMap<String, Entry>,
}

impl Archive {
    pub fn new() -> Archive {
        Archive::default()
    }

    pub fn dir(&mut self, path: &str, permissions: u32) -> &mut Archive {
        self.add(path, DIR | permissions, (0, 0), Vec::new())
    }

    pub fn file(&mut self, path: &str, permissions: u32, data: impl Into<Vec<u8>>) -> &mut Archive {
        self.add(path, FILE | permissions, (0, 0), data.into())
    }

    pub fn link(&mut self, path: &str, target: &str) -> &mut Archive {
        self.add(path, LINK | 0o777, (0, 0), target.into())
    }

    pub fn character(&mut self, path: &str, permissions: u32, major: u32, minor: u32) -> &mut Archive {
        self.add(path, CHAR | permissions, (major, minor), Vec::new())
    }

    /// Takes an entry away, with what is under it; returns whether there was one.
    pub fn remove(&mut self, path: &str) -> bool {
        let path = path.trim_matches('/');
        let under = format!("{path}/");
        let before = self.entries.len();
        self.entries.retain(|name, _| name != path && !name.starts_with(&under));
        self.entries.len() < before
    }

    /// A directory of the host becomes the directory `at` of the archive. Sockets and devices there are refused, since
    /// leaving them out silently would boot something else than what was asked for.
    pub fn tree(&mut self, host: &Path, at: &str) -> Result<&mut Archive> {
        let listing = fs::read_dir(host).with_context(|| format!("{}: read the directory", host.display()))?;
        for item in listing {
            let item = item?;
            let path = item.path();
            let shown = path.display();
            let name = item.file_name();
            let Some(name) = name.to_str() else {
                bail!("{shown}: a name that is not UTF-8; rename it");
            };
            let inside = format!("{at}/{name}");
            let kind = item.file_type()?;
            let permissions = item.metadata()?.permissions().mode() & 0o7777;
            if kind.is_dir() {
                self.dir(&inside, permissions).tree(&path, &inside)?;
            } else if kind.is_symlink() {
                let target = fs::read_link(&path)?;
                let target = target.to_str().with_context(|| format!("{shown}: a link target that is not UTF-8"))?;
                self.link(&inside, target);
            } else if kind.is_file() {
                let data = fs::read(&path).with_context(|| format!("{shown}: read the file"))?;
                self.file(&inside, permissions, data);
            } else {
                bail!("{shown}: neither file, directory nor link; leave it to the guest's devtmpfs");
            }
        }
        Ok(self)
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (index, (name, entry)) in self.entries.iter().enumerate() {
            member(&mut out, index + 1, name, entry);
        }
        let end = Entry { mode: 0, device: (0, 0), data: Vec::new() };
        member(&mut out, 0, "TRAILER!!!", &end);
        pad(&mut out, BLOCK);
        out
    }

    /// Writes the files to the host, for mkfs to take up; devices are left out, since making them needs root.
    pub fn unpack(&self, host: &Path) -> Result<()> {
        for (name, entry) in &self.entries {
            let path = host.join(name);
            let kind = entry.mode & 0o170_000;
            let done = match kind {
                DIR => fs::create_dir_all(&path),
                FILE => fs::write(&path, &entry.data),
                LINK => symlink(OsStr::from_bytes(&entry.data), &path),
                _ => continue,
            };
            done.with_context(|| format!("{}: write it", path.display()))?;
            if kind != LINK {
                fs::set_permissions(&path, fs::Permissions::from_mode(entry.mode & 0o7777))?;
            }
        }
        Ok(())
    }

    fn add(&mut self, path: &str, mode: u32, device: (u32, u32), data: Vec<u8>) -> &mut Archive {
        let path = path.trim_matches('/');
        if path.is_empty() {
            return self; // the root itself is always there
        }
        if let Some((parent, _)) = path.rsplit_once('/')
            && !self.entries.contains_key(parent)
        {
            self.dir(parent, 0o755);
        }
        self.entries.insert(path.to_owned(), Entry { mode, device, data });
        self
    }
}

fn member(out: &mut Vec<u8>, inode: usize, name: &str, entry: &Entry) {
    let links = if entry.mode & 0o170_000 == DIR { 2 } else { 1 };
    out.extend_from_slice(b"070701");
    for field in [
        inode as u32,
        entry.mode,
        0, // uid
        0, // gid
        links,
        0, // mtime
        entry.data.len() as u32,
        0, // the archive's own device
        0,
        entry.device.0,
        entry.device.1,
        name.len() as u32 + 1,
        0, // no checksum in newc
    ] {
        out.extend_from_slice(format!("{field:08X}").as_bytes());
    }
    out.extend_from_slice(name.as_bytes());
    out.push(0);
    pad(out, 4);
    out.extend_from_slice(&entry.data);
    pad(out, 4);
}

fn pad(out: &mut Vec<u8>, to: usize) {
    out.resize(out.len().next_multiple_of(to), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Archive {
        let mut archive = Archive::new();
        archive.file("/sbin/x", 0o755, *b"hello").character("dev/console", 0o600, 5, 1).link("/init", "sbin/x");
        archive
    }

    type Member = (String, u32, (u32, u32), Vec<u8>);

    /// A reader as plain as the format: (name, mode, rdev, data).
    fn read(mut bytes: &[u8]) -> Vec<Member> {
        let start = bytes.len();
        let mut found = Vec::new();
        loop {
            assert_eq!(&bytes[..6], b"070701");
            let field = |n: usize| {
                u32::from_str_radix(std::str::from_utf8(&bytes[6 + 8 * n..14 + 8 * n]).unwrap(), 16).unwrap()
            };
            let name = &bytes[110..110 + field(11) as usize - 1];
            let name = String::from_utf8(name.to_vec()).unwrap();
            if name == "TRAILER!!!" {
                return found;
            }
            let at = (110 + field(11) as usize).next_multiple_of(4);
            let data = bytes[at..at + field(6) as usize].to_vec();
            assert_eq!((field(2), field(3), field(5)), (0, 0, 0), "{name}: owner and date");
            found.push((name, field(1), (field(9), field(10)), data));
            bytes = &bytes[(at + field(6) as usize).next_multiple_of(4)..];
            assert_eq!((start - bytes.len()) % 4, 0);
        }
    }

    #[test]
    fn parents_come_first_and_devices_need_no_root() {
        let found = read(&sample().to_bytes());
        let names: Vec<_> = found.iter().map(|e| e.0.as_str()).collect();
        assert_eq!(names, ["dev", "dev/console", "init", "sbin", "sbin/x"]);
        assert_eq!((found[1].1, found[1].2), (0o020_600, (5, 1)));
        assert_eq!((found[2].1, &found[2].3[..]), (0o120_777, &b"sbin/x"[..]));
        assert_eq!((found[4].1, &found[4].3[..]), (0o100_755, &b"hello"[..]));
    }

    #[test]
    fn the_same_input_gives_the_same_bytes() {
        let bytes = sample().to_bytes();
        assert_eq!(bytes, sample().to_bytes());
        assert_eq!(bytes.len() % BLOCK, 0);
    }

    #[test]
    fn remove_takes_what_is_under_it_and_no_namesake() {
        let mut archive = sample();
        archive.file("devices", 0o644, *b"");
        assert!(archive.remove("/dev"));
        assert!(!archive.remove("/dev"));
        let names: Vec<_> = read(&archive.to_bytes()).into_iter().map(|e| e.0).collect();
        assert_eq!(names, ["devices", "init", "sbin", "sbin/x"]);
    }

    #[test]
    fn a_host_directory_becomes_a_tree() {
        let host = tempfile::tempdir().unwrap();
        fs::create_dir(host.path().join("etc")).unwrap();
        fs::write(host.path().join("etc/a"), "b").unwrap();
        std::os::unix::fs::symlink("a", host.path().join("etc/l")).unwrap();
        let mut archive = Archive::new();
        archive.tree(host.path(), "").unwrap();
        let names: Vec<_> = read(&archive.to_bytes()).into_iter().map(|e| e.0).collect();
        assert_eq!(names, ["etc", "etc/a", "etc/l"]);
    }

    #[test]
    fn a_socket_on_the_host_is_refused_by_name() {
        let host = tempfile::tempdir().unwrap();
        let path = host.path().join("s");
        let _listening = std::os::unix::net::UnixListener::bind(&path).unwrap();
        let error = Archive::new().tree(host.path(), "").unwrap_err().to_string();
        assert!(error.contains("/s: neither file"), "{error}");
    }
}
