//! What a file begins with, and the same file as a disk.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tinyo::probe::superblock::{FOREIGN, bytes_of, recognise};
use tinyo::probe::volume;

fuzz_target!(|head: &[u8]| {
    let found = recognise(head);
    match found {
        Ok(fstype) => assert!(["squashfs", "erofs", "ext4"].contains(&fstype.to_str().unwrap())),
        Err(reason) => assert!((FOREIGN..FOREIGN + 23).contains(&reason) && bytes_of(head) == 0),
    }
    // A file system of which no more than its beginning is looked at is the same on a disk, but for what a RAID has at its end.
    let mut read = |at: u64, buffer: &mut [u8]| {
        let there = usize::try_from(at).ok().and_then(|at| head.get(at..)?.get(..buffer.len()));
        there.map(|bytes| buffer.copy_from_slice(bytes)).is_some()
    };
    let volume = volume::recognise(&mut read, head.len() as u64);
    let role = volume.as_ref().map(volume::Volume::role);
    if let (Ok(fstype), Some(volume)) = (found, &volume)
        && role == Some(volume::Role::FileSystem)
        && head.len() < 32 << 10
    {
        let same = |name: &str| fstype == volume.type_name() || fstype == c"ext4" && volume.type_name().to_str() == Ok(name);
        assert!(same("ext2") || same("ext3"), "{fstype:?} {:?}", volume.type_name());
    }
});
