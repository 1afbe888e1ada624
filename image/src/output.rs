//! A file that is there whole or not at all.

use std::{
    fs::{self, File, Permissions},
    io::{self, BufWriter, Write},
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

use crate::interrupt;

/// Links that are followed on the way to one file, as the kernel does.
const LINKS: usize = 40;

/// Makes the file `path` of what `write` writes: under another name beside it, on the disk, and then renamed. Links to it are
/// followed: what they lead to is replaced.
///
/// # Errors
/// Whatever goes wrong, `path` is as it was, and the other name is gone.
pub fn whole<T>(path: &Path, write: impl FnOnce(&mut dyn Write) -> Result<T>) -> Result<T> {
    let shown = path.display();
    let path = followed(path);
    if let Ok(there) = fs::symlink_metadata(&path) {
        ensure!(there.is_file(), "{shown}: not a regular file; write the name of one");
    }
    ensure!(path.file_name().is_some() && !path.as_os_str().as_bytes().ends_with(b"/"), "{shown}: no name of a file");
    let folder = folder(&path);
    ensure!(folder.is_dir(), "{shown}: {} is no directory; make it first", folder.display());
    // As open(2) would make it: the umask applies.
    let mut place = tempfile::Builder::new();
    place.prefix(".mkinitramfs-").permissions(Permissions::from_mode(0o666));
    let file = interrupt::unfinished(|| place.tempfile_in(&folder))
        // Its own words name the other name, which says nothing to anybody.
        .map_err(|error| io::Error::from(error.kind()))
        .with_context(|| format!("{}: make a file there", folder.display()))?;
    let mut buffer = BufWriter::with_capacity(1 << 20, Named { file: file.as_file(), shown: shown.to_string() });
    let written = write(&mut buffer)?;
    buffer.flush()?;
    drop(buffer);
    file.as_file().sync_all().with_context(|| format!("{shown}: write it"))?;
    file.persist(&path).map_err(|failed| failed.error).with_context(|| format!("{shown}: rename it into place"))?;
    // The name is on the disk once its directory is. Some file systems have no such call: the rename is then as safe as it gets.
    let _ = File::open(&folder).and_then(|folder| folder.sync_all());
    Ok(written)
}

/// What a name stands for: links are followed, to what is not there too.
fn followed(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        match fs::read_link(&path) {
            Ok(target) => path = folder(&path).join(target),
            Err(_) => break,
        }
    }
    path
}

fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// A file that is named when it cannot be written: what is copied into it is named when that cannot be read.
struct Named<'a> {
    file: &'a File,
    shown: String,
}

impl Named<'_> {
    fn error(&self, why: &io::Error) -> io::Error {
        io::Error::new(why.kind(), format!("{}: write it: {why}", self.shown))
    }
}

impl Write for Named<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes).map_err(|why| self.error(&why))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush().map_err(|why| self.error(&why))
    }
}

/// Whether the file `path`, which need not be there yet, is `folder` or lies below it.
pub fn is_below(path: &Path, folder: &Path) -> bool {
    let path = followed(path);
    let parent = self::folder(&path);
    let whole = fs::canonicalize(&path).or_else(|_| Ok::<_, io::Error>(fs::canonicalize(parent)?.join("new")));
    whole.is_ok_and(|whole| fs::canonicalize(folder).is_ok_and(|folder| whole.starts_with(folder)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;
    use std::os::unix::fs::symlink;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            folder.read_dir().unwrap().map(|item| item.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_fails_half_way_leaves_the_old_file_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        whole(&path, |out| Ok(out.write_all(b"old")?)).unwrap();
        let failed = whole(&path, |out| {
            out.write_all(b"half")?;
            bail!("the disk is full");
            #[allow(unreachable_code)]
            Ok(())
        });
        assert_eq!(failed.unwrap_err().to_string(), "the disk is full");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["image"]);
    }

    #[test]
    fn a_link_is_followed_and_what_is_no_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("image"), folder.path().join("link"));
        fs::write(&path, "old").unwrap();
        symlink("image", &link).unwrap();
        whole(&link, |out| Ok(out.write_all(b"new")?)).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&path).unwrap(), b"new");
        for wrong in [Path::new("/dev/full"), folder.path()] {
            let error = whole(wrong, |_| Ok(())).unwrap_err().to_string();
            assert!(error.contains("not a regular file"), "{error}");
        }
        let error = whole(&folder.path().join("none/image"), |_| Ok(())).unwrap_err().to_string();
        assert!(error.ends_with("none is no directory; make it first"), "{error}");
        // A link to what is not there yet stays one, too.
        symlink("none", path.with_file_name("to-none")).unwrap();
        whole(&path.with_file_name("to-none"), |out| Ok(out.write_all(b"new")?)).unwrap();
        assert_eq!(names(folder.path()), ["image", "link", "none", "to-none"]);
        assert_eq!(fs::read_link(path.with_file_name("to-none")).unwrap(), Path::new("none"));
        let error = whole(&folder.path().join("name/"), |_| Ok(())).unwrap_err().to_string();
        assert!(error.ends_with("name/: no name of a file"), "{error}");
    }

    #[test]
    fn what_is_below_a_folder_is_told_whatever_it_is_called() {
        let top = tempfile::tempdir().unwrap();
        let path = |name: &str| top.path().join(name);
        fs::create_dir_all(path("d/e")).unwrap();
        fs::write(path("d/file"), "").unwrap();
        symlink("d/e", path("link")).unwrap();
        for (name, below) in [
            ("d/e/new", true),
            ("link/new", true),
            ("d/file", true),
            ("d/../new", false),
            ("dd", false),
            ("none/d", false),
        ] {
            assert_eq!(is_below(&path(name), &path("d")), below, "{name}");
        }
        assert!(is_below(&path("d/file"), &path("d/file")) && !is_below(&path("d/new"), &path("d/file")));
    }
}
