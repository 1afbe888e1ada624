//! Directories of this machine to an archive, and back.

use std::{
    ffi::OsStr,
    fs::{self, Metadata},
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, PermissionsExt, symlink},
    },
    path::Path,
};

use anyhow::{Context, Result, bail};

use crate::cpio::{Archive, DIR, Data, FILE, LINK, TYPE};

impl Archive {
    /// A directory of the host becomes the directory `at` of the archive, all of it root's. Sockets and devices there are
    /// refused, since leaving them out silently would boot something else than what was asked for.
    pub fn tree(&mut self, host: &Path, at: &str) -> Result<&mut Archive> {
        self.directory(host, at.as_bytes())?;
        Ok(self)
    }

    fn directory(&mut self, host: &Path, at: &[u8]) -> Result<()> {
        let listing = fs::read_dir(host).with_context(|| format!("{}: read the directory", host.display()))?;
        for item in listing {
            let item = item?;
            let inside = [at, b"/", item.file_name().as_bytes()].concat();
            let path = item.path();
            let metadata = fs::symlink_metadata(&path).with_context(|| format!("{}: look at it", path.display()))?;
            self.take(&path, &metadata, &inside)?;
        }
        Ok(())
    }

    /// What is at `host` goes to `at`: a directory with all that is in it.
    pub fn take(&mut self, host: &Path, metadata: &Metadata, at: &[u8]) -> Result<()> {
        let shown = host.display();
        let kind = metadata.file_type();
        let permissions = metadata.permissions().mode() & 0o7777;
        if kind.is_dir() {
            self.dir(at, permissions).directory(host, at)?;
        } else if kind.is_symlink() {
            let target = fs::read_link(host).with_context(|| format!("{shown}: read the link"))?;
            self.link(at, target.as_os_str().as_bytes());
        } else if kind.is_file() {
            let (host, size) = (host.to_owned(), metadata.len());
            match metadata.nlink() {
                1 => _ = self.lying(at, permissions, host, size),
                _ => self.lying_twin(at, permissions, host, size, (metadata.dev(), metadata.ino())),
            }
        } else {
            bail!("{shown}: neither file, directory nor link; remove it, tinyo mounts a devtmpfs on /dev");
        }
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
