//! The disk: GPT, and on its one partition an ext4 file system whose /sbin/init is the probe.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use tinyo_qemu::cpio::Archive;

pub const UUID: &str = "5d7e1a3c-0f2b-4c6d-8e9f-a0b1c2d3e4f5";
pub const PARTUUID: &str = "0c5f7d14-5d3a-4a1e-9b7c-2f6d8e91a3b4";
pub const LABEL: &str = "tinyo-root";

const MIB: u64 = 1 << 20;
const SIZE: u64 = 48 * MIB;
/// Of the partition, in sectors. The rest of the last MiB holds GPT's second header.
const SECTORS: u64 = (SIZE - 2 * MIB) / 512;

/// The same bytes each time, but for the dates of its files.
pub fn make(path: &Path, probe: Vec<u8>) -> Result<()> {
    File::create(path).and_then(|file| file.set_len(SIZE)).with_context(|| format!("{}: make it", path.display()))?;
    let table = format!(
        "label: gpt\nlabel-id: {PARTUUID}\nstart=2048, size={SECTORS}, uuid={PARTUUID}, \
         type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709\n"
    );
    run(Command::new("sfdisk").arg("--quiet").arg(path), &table)?;
    let files = tempfile::tempdir()?;
    root(probe).unpack(files.path())?;
    let place = format!("offset={MIB},hash_seed={UUID}");
    let mut mkfs = Command::new("mkfs.ext4");
    mkfs.args(["-q", "-F", "-O", "^has_journal", "-L", LABEL, "-U", UUID, "-E", &place, "-d"]).arg(files.path());
    run(mkfs.arg(path).arg(format!("{}k", SECTORS / 2)), "")
}

/// What each peer looks for in a root before it goes there, laid out as distributions lay it out: all programs are in /usr.
fn root(probe: Vec<u8>) -> Archive {
    let mut root = Archive::new();
    root.file("/usr/sbin/init", 0o755, probe);
    for place in ["dev", "proc", "sys", "run", "tmp", "root", "usr/bin", "usr/lib"] {
        root.dir(place, 0o755);
    }
    for link in ["bin", "sbin", "lib"] {
        root.link(format!("/{link}"), format!("usr/{link}"));
    }
    let release = "ID=probe\nNAME=probe\nVERSION_ID=1\n";
    root.file("/etc/os-release", 0o644, release).file("/usr/lib/os-release", 0o644, release);
    root.file("/etc/fstab", 0o644, "").file("/etc/machine-id", 0o644, "");
    root
}

fn run(command: &mut Command, input: &str) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let child = child.as_mut().map_err(|error| anyhow::anyhow!("{name}: run it: {error}"))?;
    child.stdin.take().context("its input")?.write_all(input.as_bytes())?;
    let status = child.wait()?;
    let said = child.stderr.take().map(std::io::read_to_string).transpose()?.unwrap_or_default();
    ensure!(status.success(), "{name}: {}", said.trim());
    Ok(())
}

/// Cuts off what the kernel's build appended to a module: the signature, twelve bytes about it, and the mark.
pub fn strip_signature(module: &mut Vec<u8>) -> Result<()> {
    const MARK: &[u8] = b"~Module signature appended~\n";
    let body = module.strip_suffix(MARK).context("a module without a signature")?;
    let length = body.last_chunk().map(|bytes| u32::from_be_bytes(*bytes) as usize).context("a module too short")?;
    let whole = body.len().checked_sub(12 + length).context("a signature longer than its module")?;
    module.truncate(whole);
    Ok(())
}

pub fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("{}: read it", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_cut_off_whole() {
        let mut module = b"ELF signature 12345678\0\0\0\x0a~Module signature appended~\n".to_vec();
        strip_signature(&mut module).unwrap();
        assert_eq!(module, b"ELF ");
        assert!(strip_signature(&mut module).is_err());
    }
}
