//! A module's file: unpacked, its signature, and what it says about itself.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::{
    compress,
    elf::{self, Machine},
};

/// What ends a signed module (Documentation/admin-guide/module-signing.rst).
const MAGIC: &[u8] = b"~Module signature appended~\n";

/// `struct module_signature`: eight bytes about the kind, and the signature's length, big endian.
const ABOUT: usize = 12;

/// Its `id_type` of a PKCS#7 message, the only one since Linux 4.3.
const PKCS7: u8 = 2;

#[derive(Debug, Clone)]
pub struct File {
    /// Unpacked.
    pub bytes: Vec<u8>,
    pub machine: Machine,
    pub firmware: Vec<String>,
    /// The kernel that it was built for, as `uname -r` says it: the first word of its vermagic.
    pub kernel: Option<String>,
    pub signed: bool,
}

impl File {
    /// What `packed` is, as the ending of its name says.
    pub fn parse(path: &Path, packed: Vec<u8>) -> Result<File> {
        let shown = path.display();
        let bytes = compress::unpack(&path.to_string_lossy(), packed)?;
        let Some(machine) = Machine::of(&bytes) else { bail!("{shown}: no module; it is not even an ELF file") };
        let info = |name| elf::module_info(&bytes, name).map_err(|why| anyhow::anyhow!("{shown}: {why}"));
        let firmware = info("firmware")?;
        let kernel = info("vermagic")?.first().and_then(|magic| magic.split(' ').next()).map(str::to_owned);
        let signed = bytes.ends_with(MAGIC);
        Ok(File { bytes, machine, firmware, kernel, signed })
    }

    /// Cuts its signature off.
    ///
    /// # Errors
    /// It has one that is not as the kernel makes it: what to cut is not known then.
    pub fn strip(&mut self) -> Result<()> {
        if self.signed {
            let length = unsigned_length(&self.bytes)
                .context("its signature is not as the kernel makes it; leave out --strip-signatures")?;
            self.bytes.truncate(length);
            self.signed = false;
        }
        Ok(())
    }
}

/// Where the module ends and its signature begins.
fn unsigned_length(bytes: &[u8]) -> Option<usize> {
    let (bytes, about) = bytes.strip_suffix(MAGIC)?.split_last_chunk::<ABOUT>()?;
    let [algorithm, hash, kind, signer, key, 0, 0, 0, length @ ..] = *about else { return None };
    let signature = usize::try_from(u32::from_be_bytes(length)).ok()?;
    // A PKCS#7 message says all that by itself.
    let consistent = [algorithm, hash, kind, signer, key] == [0, 0, PKCS7, 0, 0] && signature > 0;
    bytes.len().checked_sub(signature).filter(|&rest| consistent && rest > 0)
}

#[cfg(test)]
pub fn sign(module: &[u8], length: u32) -> Vec<u8> {
    let signature = vec![0x30; length as usize];
    [module, &signature, &[0, 0, PKCS7, 0, 0, 0, 0, 0], &length.to_be_bytes(), MAGIC].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_signed_is_what_is_left(module in prop::collection::vec(any::<u8>(), 1..300), length in 1u32..900) {
            prop_assert_eq!(unsigned_length(&sign(&module, length)), Some(module.len()));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            prop_assert_eq!(unsigned_length(&bytes), None);
            if let Some(rest) = unsigned_length(&[&bytes[..], MAGIC].concat()) {
                prop_assert!(rest < bytes.len());
            }
        }
    }

    #[test]
    fn a_length_that_does_not_fit_is_refused() {
        let good = sign(b"module", 100);
        let at = good.len() - MAGIC.len() - 4;
        for length in [0u32, 106, 107, u32::MAX] {
            let mut wrong = good.clone();
            wrong[at..at + 4].copy_from_slice(&length.to_be_bytes());
            assert_eq!(unsigned_length(&wrong), None, "{length}");
        }
        for about in 0..8 {
            let mut wrong = good.clone();
            wrong[at - 8 + about] ^= 1;
            assert_eq!(unsigned_length(&wrong), None, "byte {about} of what is said about it");
        }
    }
}
