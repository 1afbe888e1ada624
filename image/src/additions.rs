//! `--add SRC:DST[:MODE]`: a file or directory of this machine and where it goes.

use std::{
    ffi::OsString,
    fs,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::PathBuf,
};

use anyhow::{Context, Result, ensure};

use crate::cpio::{Archive, DIR, trimmed};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addition {
    pub source: PathBuf,
    /// Absolute.
    pub target: Vec<u8>,
    pub mode: Option<u32>,
}

impl Addition {
    /// The source ends where an absolute path begins behind a colon; so it may have colons itself.
    pub fn parse(word: OsString) -> Result<Addition, String> {
        let bytes = word.as_bytes();
        let wrong = || format!("{} is not SRC:/DST or SRC:/DST:MODE", word.to_string_lossy());
        let at = bytes.windows(2).position(|pair| pair == b":/").filter(|&at| at > 0).ok_or_else(wrong)?;
        let (source, target) = (&bytes[..at], &bytes[at + 1..]);
        let (target, mode) = match target.iter().rposition(|&byte| byte == b':') {
            Some(colon) => {
                let digits = std::str::from_utf8(&target[colon + 1..]).ok();
                let mode = digits.and_then(|digits| u32::from_str_radix(digits, 8).ok()).filter(|&mode| mode <= 0o7777);
                (&target[..colon], Some(mode.ok_or_else(wrong)?))
            }
            None => (target, None),
        };
        let source = PathBuf::from(OsString::from_vec(source.to_vec()));
        let mut target = target.to_vec();
        // Into the directory, under its own name, as cp(1) does it.
        if target.ends_with(b"/")
            && let Some(name) = source.file_name().filter(|_| target.len() > 1 || !source.is_dir())
        {
            target.extend(name.as_bytes());
        }
        Ok(Addition { source, target, mode })
    }

    /// Puts it in. A source that is a link is followed, as it is somebody's name for a file; links in a directory are kept.
    pub fn add(&self, archive: &mut Archive) -> Result<()> {
        let shown = self.source.display();
        let metadata = fs::metadata(&self.source).with_context(|| format!("--add {shown}: look at it"))?;
        archive.because(&format!("--add {shown}"));
        if metadata.is_file() {
            let real = archive.resolve(b"", &self.target, false);
            let there = real.and_then(|real| archive.get(real));
            ensure!(
                there.is_none_or(|entry| !entry.is(DIR)) && !trimmed(&self.target).is_empty(),
                "--add {shown}: {} is a directory in the image; write the whole path of the file",
                String::from_utf8_lossy(&self.target)
            );
        }
        archive.take(&self.source, &metadata, &self.target)?;
        if let Some(mode) = self.mode {
            archive.allow(&self.target, mode);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(word: &str) -> Result<(String, String, Option<u32>), String> {
        let addition = Addition::parse(word.into())?;
        Ok((addition.source.display().to_string(), String::from_utf8(addition.target).unwrap(), addition.mode))
    }

    #[test]
    fn words_are_taken_apart_at_the_absolute_path() {
        let table = [
            ("a:/b", ("a", "/b", None)),
            ("/x/a:b:/c", ("/x/a:b", "/c", None)),
            ("a:/b:0755", ("a", "/b", Some(0o755))),
            ("/x/a:/bin/", ("/x/a", "/bin/a", None)),
            ("/x/a:/", ("/x/a", "/a", None)),
            ("/:/srv/", ("/", "/srv/", None)),
        ];
        for (word, (source, target, mode)) in table {
            assert_eq!(parsed(word).unwrap(), (source.to_owned(), target.to_owned(), mode), "{word}");
        }
        for word in ["a", "a:b", ":/b", "a:/b:9", "a:/b:17777", "a:/b:", "a:/b:x", ""] {
            assert!(parsed(word).unwrap_err().contains("is not SRC:/DST"), "{word}");
        }
    }

    #[test]
    fn modes_are_the_hosts_or_what_is_written_and_links_are_followed_once() {
        let host = tempfile::tempdir().unwrap();
        let path = |name: &str| host.path().join(name);
        fs::create_dir(path("d")).unwrap();
        fs::write(path("d/f"), "text").unwrap();
        std::os::unix::fs::symlink("f", path("d/l")).unwrap();
        let mut archive = Archive::new();
        for (source, target, mode) in
            [("d", "/x", None), ("d/l", "/followed", Some(0o4711)), ("d", "/", None), ("d/f", "/x/f", Some(0o600))]
        {
            Addition { source: path(source), target: target.into(), mode }.add(&mut archive).unwrap();
        }
        assert_eq!(archive.get("followed").unwrap().mode, 0o104_711);
        assert_eq!(archive.get("x/f").unwrap().mode, 0o100_600);
        assert!(archive.get("x/l").unwrap().is(crate::cpio::LINK) && archive.get("f").is_some());
        let onto = Addition { source: path("d/f"), target: b"/x".to_vec(), mode: None };
        assert!(onto.add(&mut archive).unwrap_err().to_string().contains("/x is a directory in the image"));
        let none = Addition { source: path("none"), target: b"/x".to_vec(), mode: None };
        assert!(format!("{:#}", none.add(&mut archive).unwrap_err()).contains("none: look at it: No such file"));
    }
}
