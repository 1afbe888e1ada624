//! `--add SRC:/DST[:MODE[:UID:GID]]`: a file or directory of this machine and where it goes.

use std::{
    ffi::OsString,
    fs,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::PathBuf,
};

use anyhow::{Context, Result};

use crate::{
    cpio::{Archive, DIR},
    findings::Findings,
    tree::Owner,
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addition {
    pub source: PathBuf,
    /// Absolute.
    pub target: Vec<u8>,
    /// Of the target itself.
    pub mode: Option<u32>,
    /// Of all that comes with it.
    pub owner: Owner,
}

impl Addition {
    /// The source ends where an absolute path begins behind a colon; so it may have colons itself.
    pub fn parse(word: OsString) -> Result<Addition, String> {
        let bytes = word.as_bytes();
        let wrong = || format!("{} is not SRC:/DST, SRC:/DST:MODE or SRC:/DST:MODE:UID:GID", word.to_string_lossy());
        let at = bytes.windows(2).position(|pair| pair == b":/").filter(|&at| at > 0).ok_or_else(wrong)?;
        let (source, rest) = (&bytes[..at], &bytes[at + 1..]);
        let number = |digits: &[u8], radix, most| {
            let number = u32::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok();
            number.filter(|&number| number <= most && digits[0] != b'+')
        };
        let mode = |digits| number(digits, 8, 0o7777).ok_or_else(wrong);
        let id = |digits| number(digits, 10, u32::MAX - 1).ok_or_else(wrong);
        let (target, mode, owner) = match rest.split(|&byte| byte == b':').collect::<Vec<_>>()[..] {
            [target] => (target, None, Owner::ROOT),
            [target, digits] => (target, Some(mode(digits)?), Owner::ROOT),
            [target, b"", user, group] => (target, None, Owner::Id(id(user)?, id(group)?)),
            [target, digits, user, group] => (target, Some(mode(digits)?), Owner::Id(id(user)?, id(group)?)),
            _ => return Err(wrong()),
        };
        let source = PathBuf::from(OsString::from_vec(source.to_vec()));
        let mut target = target.to_vec();
        // Into the directory, under its own name, as cp(1) does it.
        if target.ends_with(b"/")
            && let Some(name) = source.file_name().filter(|_| target.len() > 1 || !source.is_dir())
        {
            target.extend(name.as_bytes());
        }
        Ok(Addition { source, target, mode, owner })
    }

    /// Puts it in. A source that is a link is followed, as it is somebody's name for a file; links in a directory are kept.
    pub fn add(&self, archive: &mut Archive, findings: &mut Findings) -> Result<()> {
        let shown = self.source.display();
        let metadata = fs::metadata(&self.source).with_context(|| format!("--add {shown}: look at it"))?;
        archive.because(&format!("--add {shown}"));
        let there = archive.resolve(b"", &self.target, false).and_then(|real| archive.get(real));
        if !metadata.is_dir() && there.is_some_and(|entry| entry.is(DIR)) {
            let target = String::from_utf8_lossy(&self.target);
            findings.error(format!(
                "--add {shown}: {target} is a directory in the image; write the whole path of the file, or {target}/"
            ));
            return Ok(());
        }
        archive.take(&self.source, &metadata, &self.target, self.owner)?;
        if let Some(mode) = self.mode {
            archive.allow(&self.target, mode);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(word: &str) -> Result<Addition, String> {
        Addition::parse(word.into())
    }

    fn addition(source: impl Into<PathBuf>, target: &str, mode: Option<u32>) -> Addition {
        Addition { source: source.into(), target: target.into(), mode, owner: Owner::ROOT }
    }

    #[test]
    fn words_are_taken_apart_at_the_absolute_path() {
        let owned = |mode, owner| Addition { owner, ..addition("a", "/b", mode) };
        let table = [
            ("a:/b", addition("a", "/b", None)),
            ("/x/a:b:/c", addition("/x/a:b", "/c", None)),
            ("a:/b:0755", addition("a", "/b", Some(0o755))),
            ("/x/a:/bin/", addition("/x/a", "/bin/a", None)),
            ("/x/a:/", addition("/x/a", "/a", None)),
            ("/:/srv/", addition("/", "/srv/", None)),
            ("a:/b:750:7:8", owned(Some(0o750), Owner::Id(7, 8))),
            ("a:/b::0:4294967294", owned(None, Owner::Id(0, 4_294_967_294))),
        ];
        for (word, expected) in table {
            assert_eq!(parsed(word).unwrap(), expected, "{word}");
        }
        let wrong = [
            "a",
            "a:b",
            ":/b",
            "a:/b:9",
            "a:/b:17777",
            "a:/b:",
            "a:/b:x",
            "",
            "a:/b:+7",
            "a:/b:7:1",
            "a:/b:7:1:x",
            "a:/b:7:1:4294967295",
            "a:/b:7::",
            "a:/b:7:1:1:1",
        ];
        for word in wrong {
            assert!(parsed(word).unwrap_err().contains("is not SRC:/DST, "), "{word}");
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
            addition(path(source), target, mode).add(&mut archive, &mut Findings::default()).unwrap();
        }
        assert_eq!(archive.get("followed").unwrap().mode, 0o104_711);
        assert_eq!(archive.get("x/f").unwrap().mode, 0o100_600);
        assert!(archive.get("x/l").unwrap().is(crate::cpio::LINK) && archive.get("f").is_some());
        let error = |source, target| {
            let mut findings = Findings::default();
            match addition(path(source), target, None).add(&mut Archive::clone(&archive), &mut findings) {
                Ok(()) => findings.errors.concat(),
                Err(error) => format!("{error:#}"),
            }
        };
        assert!(
            error("d/f", "/x").ends_with("/x is a directory in the image; write the whole path of the file, or /x/")
        );
        assert!(error("d/f", "/").contains("/ is a directory in the image"));
        assert!(error("none", "/x").contains("none: look at it: No such file"));
        let whose = Addition { owner: Owner::Id(7, 8), ..addition(path("d"), "/a/b", None) };
        whose.add(&mut archive, &mut Findings::default()).unwrap();
        let owners = ["a", "a/b", "a/b/f", "a/b/l"].map(|path| archive.get(path).unwrap().owner);
        assert_eq!(owners, [(0, 0), (7, 8), (7, 8), (7, 8)]);
    }
}
