//! Debian's packages as `scripts/setup.sh --package` unpacks them: programs, and the libraries they need.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use tinyo_qemu::{cpio::Archive, kit::target};

/// What the dynamic programs of x86_64 ask the kernel for.
const LOADER: &str = "ld-linux-x86-64.so.2";
const LIBRARIES: &str = "/lib/x86_64-linux-gnu";

pub struct Package {
    root: PathBuf,
    pub version: String,
}

impl Package {
    /// The packages `names` in one tree, fetched if they are not there.
    pub fn fetch(names: &[&str]) -> Result<Package> {
        let root = target().join("bench/packages").join(names[0]);
        if !root.exists() {
            let script = target().with_file_name("scripts/setup.sh");
            let done = Command::new(&script).arg("--package").args(names).stdin(Stdio::null()).output();
            let done = done.with_context(|| format!("{}: run it", script.display()))?;
            let said = String::from_utf8_lossy(&done.stderr);
            ensure!(done.status.success(), "{}", said.lines().last().unwrap_or("scripts/setup.sh --package failed"));
        }
        let version = fs::read_to_string(root.join("version"))?.trim().to_owned();
        Ok(Package { root, version })
    }

    /// The first of `places` that is a file here; distributions move theirs from /lib to /usr/lib one by one.
    pub fn file(&self, places: &[&str]) -> Result<PathBuf> {
        let mut found = places.iter().map(|place| self.root.join(place.trim_start_matches('/')));
        found.find(|path| path.is_file()).with_context(|| format!("none of {} in the package", places.join(", ")))
    }

    pub fn directory(&self, places: &[&str]) -> Result<PathBuf> {
        let mut found = places.iter().map(|place| self.root.join(place.trim_start_matches('/')));
        found.find(|path| path.is_dir()).with_context(|| format!("none of {} in the package", places.join(", ")))
    }

    /// One program of the package becomes `at` of the archive, with its libraries.
    pub fn program(&self, archive: &mut Archive, at: &str, places: &[&str]) -> Result<()> {
        let path = self.file(places)?;
        let binary = fs::read(&path)?;
        if is_dynamic(&binary) {
            self.libraries(archive, &path)?;
        }
        archive.file(at, 0o755, binary);
        Ok(())
    }

    /// As ldd(1) finds them, but with the package's own loader, in the package's own directories.
    fn libraries(&self, archive: &mut Archive, program: &Path) -> Result<()> {
        let loader = self.file(&[&format!("lib64/{LOADER}"), &format!("usr/lib64/{LOADER}")])?;
        let places = ["lib", "usr/lib", "lib/x86_64-linux-gnu/systemd", "usr/lib/x86_64-linux-gnu/systemd"];
        let near = ["lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"];
        let places: Vec<_> = near.iter().chain(&places).map(|p| self.root.join(p).display().to_string()).collect();
        let listed = Command::new(&loader).args(["--library-path", &places.join(":"), "--list"]).arg(program).output();
        let listed = listed.with_context(|| format!("{}: run it", loader.display()))?;
        let text = String::from_utf8_lossy(&listed.stdout);
        if !listed.status.success() {
            bail!("{}: {}", program.display(), String::from_utf8_lossy(&listed.stderr).trim());
        }
        // NAME => PATH (ADDRESS)
        for (name, rest) in text.lines().filter_map(|line| line.trim().split_once(" => ")) {
            let path = rest.split(' ').next().unwrap_or(rest);
            ensure!(path.starts_with('/'), "{}: {name}: {rest}", program.display());
            if !name.ends_with(LOADER) {
                let name = name.rsplit('/').next().unwrap_or(name);
                archive.file(format!("{LIBRARIES}/{name}"), 0o755, fs::read(path)?);
            }
        }
        archive.file(format!("/lib64/{LOADER}"), 0o755, fs::read(&loader)?);
        Ok(())
    }
}

/// elf(5): a program header of the type PT_INTERP.
fn is_dynamic(binary: &[u8]) -> bool {
    const PT_INTERP: u32 = 3;
    let word = |at: usize| u16::from_le_bytes([binary[at], binary[at + 1]]) as usize;
    if binary.len() < 64 || !binary.starts_with(b"\x7fELF") {
        return false;
    }
    let table = u64::from_le_bytes(binary[32..40].try_into().unwrap_or_default()) as usize;
    let (size, count) = (word(54), word(56));
    (0..count)
        .filter_map(|n| binary.get(table + n * size..)?.first_chunk())
        .any(|t| u32::from_le_bytes(*t) == PT_INTERP)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An ELF header and one program header of `kind`.
    fn program(kind: u8) -> Vec<u8> {
        let mut binary = vec![0; 120];
        binary[..4].copy_from_slice(b"\x7fELF");
        (binary[32], binary[54], binary[56], binary[64]) = (64, 56, 1, kind);
        binary
    }

    #[test]
    fn an_interpreter_makes_a_program_dynamic() {
        assert!(is_dynamic(&program(3)));
        assert!(!is_dynamic(&program(1)));
        assert!(!is_dynamic(b"#!/bin/sh\n"));
    }
}
