//! How large an image is, and packed the usual ways.

use anyhow::{Result, ensure};

use super::kernel::pipe;

#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// As it is booted.
    pub booted: usize,
    pub cpio: usize,
    pub gzip: usize,
    pub zstd: usize,
}

impl Sizes {
    pub fn of(image: &[u8]) -> Result<Sizes> {
        let cpio = unpack(image)?;
        let gzip = pipe("gzip", &["-9nc"], &cpio)?.len();
        let zstd = pipe("zstd", &["-q19c"], &cpio)?.len();
        Ok(Sizes { booted: image.len(), cpio: cpio.len(), gzip, zstd })
    }
}

/// The cpio archive that `image` is or holds.
pub fn unpack(image: &[u8]) -> Result<Vec<u8>> {
    let cpio = match image {
        [0x1f, 0x8b, ..] => pipe("gzip", &["-dc"], image)?,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => pipe("zstd", &["-qdc"], image)?,
        _ => image.to_vec(),
    };
    ensure!(cpio.starts_with(b"070701"), "an image that is no cpio archive");
    Ok(cpio)
}
