//! The image's own compression, and that of single modules.

use std::io::{self, Read, Write};

use anyhow::{Context, Result};
use flate2::{Compression, read::MultiGzDecoder, write::GzEncoder};

use crate::kernel::Kernel;

/// One thread and one level for everybody, so that the same input gives the same bytes.
const GZIP_LEVEL: u32 = 9;
const ZSTD_LEVEL: i32 = 19;

/// The largest module or firmware that is unpacked: the kernel's own modules end at some 20 MB, with debugging at 300.
const UNPACKED: u64 = 1 << 30;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Compress {
    #[default]
    None,
    Gzip,
    Zstd,
}

impl Compress {
    /// The kernel's switch for reading it.
    pub const fn switch(self) -> Option<&'static str> {
        match self {
            Compress::None => None,
            Compress::Gzip => Some("CONFIG_RD_GZIP"),
            Compress::Zstd => Some("CONFIG_RD_ZSTD"),
        }
    }

    /// What is wrong with it, as far as is known of the kernel.
    pub fn refused(self, kernel: &Kernel) -> Option<String> {
        let switch = self.switch().filter(|switch| kernel.is_known() && !kernel.has(switch))?;
        Some(format!("--compress: the kernel reads no such image ({switch} is not set); leave it out"))
    }

    /// `write` writes into it, and what comes out goes to `out`.
    pub fn through<T>(self, out: &mut dyn Write, write: impl FnOnce(&mut dyn Write) -> Result<T>) -> Result<T> {
        match self {
            Compress::None => write(out),
            Compress::Gzip => {
                // No name and no date in its header, which would differ from run to run.
                let mut encoder = GzEncoder::new(out, Compression::new(GZIP_LEVEL));
                let done = write(&mut encoder)?;
                encoder.finish()?;
                Ok(done)
            }
            Compress::Zstd => {
                let mut encoder = zstd::Encoder::new(out, ZSTD_LEVEL)?;
                encoder.include_checksum(true)?;
                let done = write(&mut encoder)?;
                encoder.finish()?;
                Ok(done)
            }
        }
    }
}

/// The name without the ending that says how it is packed.
pub fn plain_name(name: &str) -> &str {
    [".xz", ".zst", ".gz"].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name)
}

/// What is in `bytes`, packed as the ending of `name` says.
pub fn unpack(name: &str, bytes: Vec<u8>) -> Result<Vec<u8>> {
    let mut reader: Box<dyn Read> = match name.rsplit('.').next() {
        Some("xz") => Box::new(lzma_rust2::XzReader::new(&bytes[..], true)),
        Some("zst") => Box::new(zstd::Decoder::new(&bytes[..])?),
        Some("gz") => Box::new(MultiGzDecoder::new(&bytes[..])),
        _ => return Ok(bytes),
    };
    let mut plain = Vec::new();
    let read = reader.by_ref().take(UNPACKED).read_to_end(&mut plain);
    let read = read
        .and_then(|length| if length as u64 == UNPACKED { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(()) });
    drop(reader);
    read.with_context(|| format!("{name}: unpack it"))?;
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_out_again_and_twice_the_same() {
        let plain = b"some words, some words, ".repeat(9000);
        for (compress, name) in [(Compress::Gzip, "a.gz"), (Compress::Zstd, "a.zst"), (Compress::None, "a")] {
            let once = || {
                let mut packed = Vec::new();
                compress.through(&mut packed, |out| Ok(out.write_all(&plain)?)).unwrap();
                packed
            };
            let packed = once();
            assert_eq!(packed, once());
            assert_eq!(unpack(name, packed.clone()).unwrap(), plain);
            if compress != Compress::None {
                let error = format!("{:#}", unpack(name, packed[..packed.len() / 2].to_vec()).unwrap_err());
                assert!(error.starts_with(&format!("{name}: unpack it")), "{error}");
            }
        }
    }

    #[test]
    fn endings_are_taken_off_once() {
        assert_eq!([plain_name("k/a.ko.xz"), plain_name("a.ko"), plain_name("a.gz.zst")], ["k/a.ko", "a.ko", "a.gz"]);
    }

    #[test]
    fn a_kernel_that_cannot_read_it_is_told_before_the_boot() {
        let gzip_only = Kernel::parse("CONFIG_RD_GZIP=y\n# CONFIG_RD_ZSTD is not set\n");
        assert_eq!(Compress::Gzip.refused(&gzip_only), None);
        assert!(Compress::Zstd.refused(&gzip_only).unwrap().contains("CONFIG_RD_ZSTD"));
        assert_eq!(Compress::Zstd.refused(&Kernel::default()), None);
    }
}
