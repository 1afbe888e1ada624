//! Files of this machine to an archive, and back.

use std::{
    ffi::OsStr,
    fs::{self, Metadata},
    os::unix::{
        ffi::{OsStrExt, OsStringExt},
        fs::{MetadataExt, PermissionsExt, symlink},
    },
    path::Path,
};

use anyhow::{Context, Result};

use crate::cpio::{Archive, BLOCK, CHAR, DIR, Data, Entry, FILE, LINK, TYPE};

/// Whose the files of this machine are in the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// This user's and group's.
    Id(u32, u32),
    /// Whose they are here, by number.
    Kept,
}

impl Default for Owner {
    fn default() -> Owner {
        Owner::ROOT
    }
}

impl Owner {
    pub const ROOT: Owner = Owner::Id(0, 0);
}

impl Archive {
    /// What is in a directory of the host goes into the directory `at` of the archive, all of it root's.
    pub fn tree(&mut self, host: &Path, at: &str) -> Result<&mut Archive> {
        self.directory(host, at.as_bytes(), Owner::ROOT)?;
        Ok(self)
    }

    pub fn directory(&mut self, host: &Path, at: &[u8], owner: Owner) -> Result<()> {
        let unread = || format!("{}: read the directory", host.display());
        for item in fs::read_dir(host).with_context(unread)? {
            let item = item.with_context(unread)?;
            let inside = [at, b"/", item.file_name().as_bytes()].concat();
            let path = item.path();
            let metadata = fs::symlink_metadata(&path).with_context(|| format!("{}: look at it", path.display()))?;
            self.take(&path, &metadata, &inside, owner)?;
        }
        Ok(())
    }

    /// What is at `host` goes to `at`: a directory with all that is in it; links, devices, fifos and sockets as such.
    pub fn take(&mut self, host: &Path, metadata: &Metadata, at: &[u8], owner: Owner) -> Result<()> {
        let ids = match owner {
            Owner::Id(user, group) => (user, group),
            Owner::Kept => (metadata.uid(), metadata.gid()),
        };
        let kind = metadata.mode() & TYPE;
        let data = match kind {
            DIR => {
                self.dir(at, metadata.mode() & !TYPE);
                self.at(at, true).into_iter().for_each(|entry| entry.owner = ids);
                return self.directory(host, at, owner);
            }
            LINK => {
                let target = fs::read_link(host).with_context(|| format!("{}: read the link", host.display()))?;
                Data::Held(target.into_os_string().into_vec())
            }
            FILE => Data::Lies(host.to_owned(), metadata.len()),
            _ => Data::default(),
        };
        let twin = (kind == FILE && metadata.nlink() > 1).then(|| (metadata.dev(), metadata.ino()));
        let device = if matches!(kind, CHAR | BLOCK) { numbers(metadata.rdev()) } else { (0, 0) };
        self.insert(at, Entry { owner: ids, device, twin, ..self.entry(metadata.mode(), data) });
        Ok(())
    }

    /// Writes the files to the host, for mkfs to take up; devices are left out, since making them needs root.
    pub fn unpack(&self, host: &Path) -> Result<()> {
        for (name, entry) in self.entries() {
            let path = host.join(OsStr::from_bytes(name));
            let kind = entry.mode & TYPE;
            let done = match (kind, &entry.data) {
                (DIR, _) => fs::create_dir_all(&path),
                (FILE, Data::Held(bytes)) => fs::write(&path, bytes),
                (FILE, Data::Lies(file, _)) => fs::copy(file, &path).map(drop),
                (LINK, Data::Held(target)) => symlink(OsStr::from_bytes(target), &path),
                _ => continue,
            };
            done.with_context(|| format!("{}: write it", path.display()))?;
            if kind != LINK {
                fs::set_permissions(&path, fs::Permissions::from_mode(entry.mode & 0o7777))?;
            }
        }
        Ok(())
    }
}

/// Major and minor number, as makedev(3) puts them together.
fn numbers(device: u64) -> (u32, u32) {
    let major = (device >> 8 & 0xfff) | (device >> 32 & 0xffff_f000);
    let minor = (device & 0xff) | (device >> 12 & 0xffff_ff00);
    (major as u32, minor as u32)
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
