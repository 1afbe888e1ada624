//! What file system a file of the image holds: told by its bytes, as at the boot.

use std::{fs::File, os::unix::fs::FileExt};

use tinyo::probe::volume::{self, Role};

use crate::cpio::Data;

/// The type of the file system that is in a file, as far as it is known.
pub fn file_system(data: &Data) -> Option<String> {
    let read_at = |buffer: &mut [u8], at: u64| match data {
        Data::Held(bytes) => {
            bytes.get(usize::try_from(at).ok()?..)?.get(..buffer.len()).map(|bytes| buffer.copy_from_slice(bytes))
        }
        Data::Lies(path, _) => File::open(path).ok()?.read_exact_at(buffer, at).ok(),
    };
    let volume = volume::recognise(&mut |at, buffer| read_at(buffer, at).is_some(), data.len())?;
    (volume.role() == Role::FileSystem).then(|| volume.type_name().to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_is_told_by_its_bytes() {
        let mut ext2 = vec![0u8; 1 << 16];
        ext2[1024 + 56..1024 + 58].copy_from_slice(&[0x53, 0xef]);
        let host = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(host.path(), &ext2).unwrap();
        let lies = Data::Lies(host.path().to_owned(), 1 << 16);
        assert_eq!(file_system(&lies).unwrap(), file_system(&Data::Held(ext2)).unwrap());
        assert_eq!(file_system(&lies).as_deref(), Some("ext2"));
        assert_eq!(file_system(&Data::Held(b"text".to_vec())), None);
    }
}
