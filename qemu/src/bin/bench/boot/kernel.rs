//! The kernel as an ELF file, which QEMU enters by PVH: nothing is decompressed in the guest then.

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
    thread,
};

use anyhow::{Context, Result, bail, ensure};

/// What packs a bzImage, by its first bytes, and who unpacks it. The size in its last four bytes is not part of the stream.
const PACKED: &[(&[u8], &str)] =
    &[(b"\x02\x21\x4c\x18", "lz4"), (b"\x1f\x8b", "gzip"), (b"\xfd7zXZ", "xz"), (b"\x28\xb5\x2f\xfd", "zstd")];

/// Takes the ELF file out of `image` (Documentation/arch/x86/boot.rst: setup_sects, payload_offset, payload_length).
pub fn unpack(image: &Path, to: &Path) -> Result<()> {
    let bytes = fs::read(image).with_context(|| format!("{}: read it", image.display()))?;
    let elf = payload(&bytes).and_then(decompress).with_context(|| format!("{}: unpack it", image.display()))?;
    ensure!(elf.starts_with(b"\x7fELF"), "{}: what it holds is no ELF file", image.display());
    fs::write(to, elf).with_context(|| format!("{}: write it", to.display()))
}

fn payload(image: &[u8]) -> Result<&[u8]> {
    let number = |at: usize| {
        let bytes = image.get(at..at + 4).context("too short")?;
        Ok::<_, anyhow::Error>(u32::from_le_bytes(bytes.try_into()?) as usize)
    };
    ensure!(image.get(0x202..0x206) == Some(b"HdrS"), "no bzImage");
    let sectors = usize::from(image[0x1f1]);
    // 0 means 4, for the sake of old ones.
    let start = (if sectors == 0 { 4 } else { sectors } + 1) * 512 + number(0x248)?;
    image.get(start..start + number(0x24c)?).context("its payload lies outside of it")
}

fn decompress(packed: &[u8]) -> Result<Vec<u8>> {
    let Some((_, program)) = PACKED.iter().find(|(magic, _)| packed.starts_with(magic)) else {
        bail!("packed in a way that is not known here");
    };
    let size = packed.len() - 4;
    pipe(program, &["-dc"], &packed[..size])
}

/// What `program` makes of `input`. A complaint of its own about what follows the stream is no failure.
pub fn pipe(program: &str, words: &[&str], input: &[u8]) -> Result<Vec<u8>> {
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().with_context(|| format!("{program}: run it (scripts/setup.sh installs it)"))?;
    let mut stdin = child.stdin.take().context("its input")?;
    let output = thread::scope(|scope| {
        // It may have had enough before the end.
        scope.spawn(move || drop(stdin.write_all(input)));
        child.wait_with_output()
    })?;
    ensure!(!output.stdout.is_empty(), "{program} {}: gave nothing", words.join(" "));
    Ok(output.stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_where_the_header_says() {
        let mut image = vec![0; 4096];
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image[0x1f1] = 1;
        image[0x248] = 16;
        image[0x24c] = 8;
        image[1024 + 16..][..8].copy_from_slice(b"payload!");
        assert_eq!(payload(&image).unwrap(), b"payload!");
        image[0x24e] = 1;
        assert!(payload(&image).is_err());
        assert!(payload(b"MZ").is_err());
    }
}
