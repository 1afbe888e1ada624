//! The input is a disk: its last bytes say how large it claims to be, and where the rest of it lies.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tinyo::probe::volume::{Role, recognise};

fuzz_target!(|input: (u64, &[u8])| {
    let (claimed, disk) = input;
    for size in [claimed, disk.len() as u64] {
        let mut reads = 0;
        let mut read = |at: u64, buffer: &mut [u8]| {
            reads += 1;
            assert!(at.checked_add(buffer.len() as u64).is_some_and(|end| end <= size));
            let there = usize::try_from(at).ok().and_then(|at| disk.get(at..)?.get(..buffer.len()));
            there.map(|bytes| buffer.copy_from_slice(bytes)).is_some()
        };
        if let Some(volume) = recognise(&mut read, size) {
            let name = volume.type_name().to_str().unwrap();
            assert!(!name.is_empty() && volume.uuid().len() <= 40 && volume.label().len() <= 256 + 40);
            let held = ["swap", "crypto_LUKS", "LVM2_member", "linux_raid_member", "jbd"].contains(&name);
            assert_eq!(volume.role() == Role::FileSystem, !held);
            // A label is bytes of the disk, or was UTF-16 there.
            let label = volume.label();
            let there = label.is_empty() || disk.windows(label.len()).any(|bytes| bytes == label);
            assert!(there || ["exfat", "ntfs", "f2fs"].contains(&name) && std::str::from_utf8(label).is_ok());
        }
        assert!(reads <= 12);
    }
});
