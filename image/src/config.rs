//! The config, read by tinyo's own reader.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use tinyo::{
    config::{Config, file},
    limits,
    text::put::Word,
};

use crate::findings::Findings;

/// A config file's text, as it goes into the image.
pub struct Source {
    pub text: Vec<u8>,
}

impl Source {
    pub fn read(path: &Path) -> Result<Source> {
        let text = fs::read(path).with_context(|| format!("{}: read the config", path.display()))?;
        Ok(Source { text })
    }

    /// Gives what it says to `look`, unless it has errors: then `findings` has each with its place, as `tinyo check` says it.
    pub fn parse<T>(
        &self,
        path: &Path,
        findings: &mut Findings,
        look: impl FnOnce(&Config, &mut Findings) -> T,
    ) -> Option<T> {
        let shown = path.display();
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
        findings.errors.is_empty().then(|| look(&config, findings))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_their_place_and_nothing_is_made_of_such_a_config() {
        let source = Source { text: b"hostname = \"a\"\nmodule = [\"x\"]\n[service.a]\n".to_vec() };
        let mut findings = Findings::default();
        assert!(source.parse(Path::new("a.toml"), &mut findings, |_, _| ()).is_none());
        assert_eq!(findings.errors[0], "a.toml:2:1: unknown key module; did you mean modules");
        assert!(findings.errors[1].starts_with("a.toml:3:1: exec is missing"), "{:?}", findings.errors);
        let good = Source { text: b"modules = [\"x\"]\n".to_vec() };
        let count = good.parse(Path::new("a"), &mut Findings::default(), |config, _| config.list(config.modules).len());
        assert_eq!(count, Some(1));
        let large = Source { text: vec![b'#'; limits::CONFIG_BYTES + 1] };
        assert!(large.parse(Path::new("a"), &mut findings, |_, _| ()).is_none());
        assert!(findings.errors.last().unwrap().contains("too large"));
    }
}
