//! What a file begins with: a file system that can be a root, or what it is instead.

use core::ffi::CStr;

use super::disk::number;
use super::magic::{self, Kind, Place};
use crate::text::bytes;

/// As much of a file as it takes to tell: the superblock of ext4 ends at 2 KiB.
pub const HEAD_BYTES: usize = 2048;

// Why a file is no root, or no init, among the kernel's errnos, which end at 133; `sys::error` has their texts.
/// A program would be a file, and this is neither that nor a directory, which has an errno.
pub const NO_FILE: i32 = 197;
/// Its mount has `noexec`.
pub const NO_EXEC: i32 = 198;
/// Its file system is longer than it is.
pub const CUT_SHORT: i32 = 199;
/// There is nothing to make a disk of a file.
pub const NO_LOOP: i32 = 200;
/// Nobody can write to such an image.
pub const NEVER_WRITTEN: i32 = 201;
/// It is something else: so and so many from here.
pub const FOREIGN: i32 = 202;

/// The one of them that can be written to.
pub const EXT4: &CStr = c"ext4";

/// Those of an image, in the order of [`Kind`]. The driver of ext4 takes ext2 and ext3.
static MOUNTED: [&CStr; 3] = [c"squashfs", c"erofs", EXT4];

/// The number of `kind` among the reasons.
pub fn reason(kind: Kind) -> i32 {
    FOREIGN.saturating_add(i32::from((kind as u8).saturating_sub(Kind::Xfs as u8)))
}

/// The type of the file system in a file that begins with `head`, or the number of what it is instead.
pub fn recognise(head: &[u8]) -> Result<&'static CStr, i32> {
    let plain = |byte: u8| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..);
    let kind = match magic::find(Place::Head, 0, head) {
        Some(magic) => magic.kind,
        None if bytes::all(head, plain) => Kind::Text,
        None => Kind::Nothing,
    };
    MOUNTED.get(kind as usize).copied().ok_or(reason(kind))
}

/// How many bytes the file system has that begins with `head`, by what it says of itself: the kernel notices a file that is
/// cut short late (erofs: when it reads there), or calls it an invalid argument. Of ext4 the lower half of the number, up to 2^32
/// blocks, is enough to tell.
pub fn bytes_of(head: &[u8]) -> u64 {
    let number = |at, width| number(head, at, width);
    // Blocks, and the logarithm of their size.
    let (blocks, logarithm) = match magic::find(Place::Head, 0, head).map(|magic| magic.kind) {
        Some(Kind::Squashfs) => (number(40, 8), 0),
        Some(Kind::Erofs) => (number(1024 + 36, 4), number(1024 + 12, 1)),
        Some(Kind::Ext4) => (number(1024 + 4, 4), number(1024 + 24, 4).saturating_add(10)),
        _ => (0, 0),
    };
    // Neither has blocks of more than 64 KiB.
    if logarithm > 16 { u64::MAX } else { blocks.saturating_mul(1 << logarithm) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;
    use std::vec::Vec;

    /// What it is, in the words of `sys::error`, whose test has the same table.
    fn is(head: &[u8]) -> &'static str {
        const FOREIGNERS: [&str; 23] = [
            "an xfs file system",
            "a btrfs file system",
            "an f2fs file system",
            "a vfat file system",
            "an exfat file system",
            "an ntfs file system",
            "an iso9660 file system",
            "swap space",
            "a LUKS container",
            "a physical volume of LVM",
            "a member of a RAID",
            "the journal of another file system",
            "gzip data",
            "xz data",
            "zstd data",
            "a tar archive",
            "a cpio archive",
            "a qcow2 disk",
            "a program",
            "a disk with partitions",
            "a disk with partitions, of an old kind",
            "text",
            "no file system known here",
        ];
        match recognise(head) {
            Ok(fstype) => fstype.to_str().unwrap(),
            Err(reason) => FOREIGNERS[(reason - FOREIGN) as usize],
        }
    }

    /// `text` at `at` among bytes that are nothing.
    fn head(at: usize, text: &[u8]) -> Vec<u8> {
        let mut head = std::vec![0; HEAD_BYTES];
        head[at..at + text.len()].copy_from_slice(text);
        head
    }

    #[test]
    fn each_has_its_name() {
        for (at, text, name) in [
            (0, &b"hsqs"[..], "squashfs"),
            (1024, b"\xe2\xe1\xf5\xe0", "erofs"),
            (1080, b"\x53\xef", "ext4"),
            (0, b"LUKS\xba\xbe\0\x02", "a LUKS container"),
            (0, b"XFSB", "an xfs file system"),
            (1024, b"\x10\x20\xf5\xf2", "an f2fs file system"),
            (0, b"\x1f\x8b\x08", "gzip data"),
            (0, b"\xfd7zXZ\0", "xz data"),
            (0, b"\x28\xb5\x2f\xfd", "zstd data"),
            (257, b"ustar\x0000", "a tar archive"),
            (0, b"070701", "a cpio archive"),
            (0, b"QFI\xfb", "a qcow2 disk"),
            (0, b"\x7fELF\x02", "a program"),
            (512, b"EFI PART", "a disk with partitions"),
            (510, b"\x55\xaa", "a disk with partitions, of an old kind"),
            (0, b"", "no file system known here"),
            (0, b"SQSH", "no file system known here"),
        ] {
            assert_eq!(is(&head(at, text)), name);
        }
        for text in ["", "#!/bin/sh\nexec true\n", "gr\u{fc}n\r\n\t"] {
            assert_eq!(is(text.as_bytes()), "text");
        }
        // Boot code before a file system ends like a table of partitions.
        let mut both = head(1080, b"\x53\xef");
        both[510..512].copy_from_slice(b"\x55\xaa");
        assert_eq!(is(&both), "ext4");
    }

    /// Few bytes, or somebody's text, alone are no file system: the kernel would not mount it, and something else may be there.
    #[test]
    fn a_magic_alone_is_not_enough() {
        // Blocks of 64 KiB, and larger.
        let mut ext4 = head(1080, b"\x53\xef");
        for (logarithm, name) in [(6, "ext4"), (7, "no file system known here")] {
            ext4[1024 + 24] = logarithm;
            assert_eq!(is(&ext4), name, "{logarithm}");
        }
        for (at, text) in [(54, &b"FAT16   "[..]), (54, b"FAT12   "), (54, b"FAT     "), (82, b"FAT32   ")] {
            let mut vfat = head(at, text);
            assert_eq!(is(&vfat), "no file system known here");
            // 512 bytes a sector, 4 sectors a cluster, 1 reserved, 2 tables.
            vfat[11..17].copy_from_slice(&[0, 2, 4, 1, 0, 2]);
            assert_eq!(is(&vfat), "a vfat file system");
            for (at, byte) in [(11, 1), (12, 1), (12, 3), (12, 32), (13, 0), (13, 3), (14, 0), (16, 0)] {
                let mut other = vfat.clone();
                other[at] = byte;
                assert_eq!(is(&other), "no file system known here", "{at} {byte}");
            }
        }
    }

    /// Cut anywhere, it is never what lies behind the cut.
    #[test]
    fn what_is_cut_off_is_not_there() {
        let whole = head(1080, b"\x53\xef");
        for end in 0..whole.len() {
            assert_eq!(recognise(&whole[..end]).is_ok(), end >= 1082, "{end}");
        }
    }

    #[test]
    fn its_length_is_what_it_says() {
        let of = |magic: (usize, &[u8]), numbers: &[(usize, u8)]| {
            let mut head = head(magic.0, magic.1);
            numbers.iter().for_each(|(at, byte)| head[*at] = *byte);
            bytes_of(&head)
        };
        let erofs = (1024, &b"\xe2\xe1\xf5\xe0"[..]);
        for (logarithm, bytes) in
            [(9, 3 << 9), (12, 3 << 12), (16, 3 << 16), (17, u64::MAX), (64, u64::MAX), (255, u64::MAX)]
        {
            assert_eq!(of(erofs, &[(1024 + 36, 3), (1024 + 12, logarithm)]), bytes, "{logarithm}");
        }
        assert_eq!(of((1080, b"\x53\xef"), &[(1024 + 4, 3), (1024 + 24, 2)]), 3 << 12);
        assert_eq!(of((0, b"hsqs"), &[(40, 7), (47, 1)]), 7 | 1 << 56);
        assert_eq!(of((0, b"XFSB"), &[(40, 7)]), 0);
    }

    /// As those programs make them that make such images, as far as they are here.
    #[test]
    fn the_real_ones() {
        let place = std::env::temp_dir().join(std::format!("tinyo-superblock-{}", std::process::id()));
        let at = |name: &str| std::format!("{}/{name}", place.display());
        std::fs::create_dir_all(at("tree")).unwrap();
        for (fstype, program, words) in [
            ("squashfs", "mksquashfs", std::vec![at("tree"), at("image"), "-quiet".into()]),
            ("erofs", "mkfs.erofs", std::vec![at("image"), at("tree")]),
            ("ext4", "mkfs.ext4", std::vec!["-q".into(), at("image"), "1M".into()]),
            ("gzip data", "sh", std::vec!["-c".into(), std::format!("tar -cz {} >{}", at("tree"), at("image"))]),
        ] {
            let _ = std::fs::remove_file(at("image"));
            let mut command = Command::new(program);
            command.args(words).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
            match command.output() {
                Ok(made) if made.status.success() => {
                    let whole = std::fs::read(at("image")).unwrap();
                    assert_eq!(is(&whole), fstype);
                    // Padded to pages, where it is.
                    let bytes = bytes_of(&whole) as usize;
                    let least = if fstype.contains(' ') { 0..=0 } else { whole.len() - 4095..=whole.len() };
                    assert!(least.contains(&bytes), "{fstype}: {bytes} of {}", whole.len());
                }
                _ => std::eprintln!("skipped: {fstype}: {program} is not here"),
            }
        }
        std::fs::remove_dir_all(&place).unwrap();
    }

    proptest! {
        #[test]
        fn any_bytes(head in prop::collection::vec(any::<u8>(), 0..HEAD_BYTES), at in 0usize..3) {
            let mut head = head;
            let (place, magic): (usize, &[u8]) = [(0, &b"hsqs"[..]), (1024, b"\xe2\xe1\xf5\xe0"), (1080, b"\x53\xef")][at];
            if let Some(room) = head.get_mut(place..place + magic.len()) {
                room.copy_from_slice(magic);
            }
            let _ = bytes_of(&head);
            let _ = recognise(&head);
        }
    }
}
