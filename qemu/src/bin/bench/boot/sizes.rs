//! How large an image is, and packed the usual ways.

use anyhow::{Context, Result};

use super::kernel::pipe;

#[derive(Debug, Clone, Default)]
pub struct Sizes {
    /// As it is booted.
    pub booted: usize,
    pub cpio: usize,
    pub gzip: usize,
    pub zstd: usize,
    /// MiB; none: it was not found out.
    pub memory: Option<u32>,
}

impl Sizes {
    pub fn of(image: &[u8]) -> Result<Sizes> {
        let cpio = match image {
            [0x1f, 0x8b, ..] => pipe("gzip", &["-dc"], image)?,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => pipe("zstd", &["-qdc"], image)?,
            _ => image.to_vec(),
        };
        cpio.starts_with(b"070701").then_some(()).context("an image that is no cpio archive")?;
        let gzip = pipe("gzip", &["-9nc"], &cpio)?.len();
        let zstd = pipe("zstd", &["-q19c"], &cpio)?.len();
        Ok(Sizes { booted: image.len(), cpio: cpio.len(), gzip, zstd, memory: None })
    }
}
