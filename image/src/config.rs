//! The config, read by tinyo's own reader.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use tinyo::{
    config::{Config, file},
    limits,
    text::put::Word,
};

use crate::{
    cpio::{Archive, FILE},
    findings::Findings,
};

const IN_IMAGE: &str = "/etc/tinyo.toml";

/// A config file's text, as it goes into the image.
pub struct Source {
    /// What it is called in a message.
    pub name: PathBuf,
    pub text: Vec<u8>,
}

impl Source {
    pub fn read(path: &Path) -> Result<Source> {
        let mut text = Vec::new();
        // One that has no end, as a device, ends where it is too large.
        File::open(path)
            .and_then(|file| file.take(limits::CONFIG_BYTES as u64 + 1).read_to_end(&mut text))
            .with_context(|| format!("{}: read the config", path.display()))?;
        Ok(Source { name: path.to_owned(), text })
    }

    /// The one that an image has where tinyo looks for it.
    pub fn inside(archive: &Archive) -> Result<Option<Source>> {
        let entry = archive.resolve(b"", IN_IMAGE.as_bytes(), true).and_then(|real| archive.get(real));
        let Some(entry) = entry else { return Ok(None) };
        ensure!(entry.is(FILE), "{IN_IMAGE}: no file in the image; take it away");
        Ok(Some(Source { name: IN_IMAGE.into(), text: entry.data.read()? }))
    }

    /// Gives what it says to `look`, unless it has errors: then `findings` has each with its place, as `tinyo check` says it.
    pub fn parse<T>(&self, findings: &mut Findings, look: impl FnOnce(&Config, &mut Findings) -> T) -> Option<T> {
        let shown = self.name.display();
        let before = findings.errors.len();
        if self.text.len() > limits::CONFIG_BYTES {
            findings.error(format!("{shown}: too large; write at most {} bytes", limits::CONFIG_BYTES));
            return None;
        }
        // Taken apart in place.
        let mut text = self.text.clone();
        let mut config = Box::new(Config::new());
        file::parse(&mut text, &mut config, &mut |problem| {
            let mut message = Vec::new();
            problem.message.write(&mut |piece: &[u8]| message.extend_from_slice(piece));
            let place = problem.place;
            findings.errors.push(format!(
                "{shown}:{}:{}: {}",
                place.line,
                place.column,
                String::from_utf8_lossy(&message)
            ));
        });
        (findings.errors.len() == before).then(|| look(&config, findings))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_their_place_and_nothing_is_made_of_such_a_config() {
        let source =
            Source { name: "a.toml".into(), text: b"hostname = \"a\"\nmodule = [\"x\"]\n[service.a]\n".to_vec() };
        let mut findings = Findings::default();
        assert!(source.parse(&mut findings, |_, _| ()).is_none());
        assert_eq!(findings.errors[0], "a.toml:2:1: unknown key module; did you mean modules");
        assert!(findings.errors[1].starts_with("a.toml:3:1: exec is missing"), "{:?}", findings.errors);
        let good = Source { name: "a".into(), text: b"modules = [\"x\"]\n".to_vec() };
        let count = good.parse(&mut Findings::default(), |config, _| config.list(config.modules).len());
        assert_eq!(count, Some(1));
        // What was wrong before hides nothing.
        assert!(good.parse(&mut findings, |_, _| ()).is_some());
        assert_eq!(Source::read(Path::new("/dev/zero")).unwrap().text.len(), limits::CONFIG_BYTES + 1);
        let large = Source { name: "a".into(), text: vec![b'#'; limits::CONFIG_BYTES + 1] };
        assert!(large.parse(&mut findings, |_, _| ()).is_none());
        assert!(findings.errors.last().unwrap().contains("too large"));
    }
}
