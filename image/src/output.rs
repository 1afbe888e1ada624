//! A file that is there whole or not at all.

use std::{
    fs::{self, File, Permissions},
    io::{self, BufWriter, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};

/// Makes the file `path` of what `write` writes: under another name beside it, on the disk, and then renamed. Links to it are
/// followed: what they lead to is replaced.
///
/// # Errors
/// Whatever goes wrong, `path` is as it was, and the other name is gone.
pub fn whole<T>(path: &Path, write: impl FnOnce(&mut dyn Write) -> Result<T>) -> Result<T> {
    let shown = path.display();
    let path = match fs::metadata(path) {
        Ok(there) => {
            ensure!(there.is_file(), "{shown}: not a regular file; write the name of one");
            fs::canonicalize(path)?
        }
        Err(_) => path.to_owned(),
    };
    ensure!(path.file_name().is_some(), "{shown}: no name of a file");
    let folder = match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    // As open(2) would make it: the umask applies.
    let file = tempfile::Builder::new()
        .prefix(".mkinitramfs-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(&folder)
        .with_context(|| format!("{}: make a file there", folder.display()))?;
    let mut buffer = BufWriter::with_capacity(1 << 20, file.as_file());
    let written = write(&mut buffer)?;
    buffer.flush().with_context(|| format!("{shown}: write it"))?;
    drop(buffer);
    file.as_file().sync_all().with_context(|| format!("{shown}: write it"))?;
    file.persist(&path).map_err(|failed| failed.error).with_context(|| format!("{shown}: rename it into place"))?;
    // The name is on the disk once its directory is. Some file systems have no such call: the rename is then as safe as it gets.
    let _ = File::open(&folder).and_then(|folder| folder.sync_all());
    Ok(written)
}

/// Whether the file `path`, which need not be there yet, is `folder` or lies below it.
pub fn is_below(path: &Path, folder: &Path) -> bool {
    let parent = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    let whole = fs::canonicalize(path).or_else(|_| Ok::<_, io::Error>(fs::canonicalize(parent)?.join("new")));
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
        assert!(error.contains("none: make a file there"), "{error}");
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
