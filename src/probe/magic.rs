//! What a disk or a file is, by bytes at their places: the one table of them.

use super::disk::number;

/// What there is, in the order of [`TYPES`], and behind those of the texts in `sys::error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    Squashfs,
    Erofs,
    Ext4,
    Ext3,
    Ext2,
    Xfs,
    Btrfs,
    F2fs,
    Vfat,
    Exfat,
    Ntfs,
    Iso9660,
    Swap,
    Luks,
    Lvm,
    Raid,
    /// The journal of an ext file system on another disk.
    Journal,
    // From here on only files are looked at.
    Gzip,
    Xz,
    Zstd,
    Tar,
    Cpio,
    Qcow2,
    Program,
    Gpt,
    Mbr,
    Text,
    Nothing,
}

/// The names of the kinds that a disk can have, as blkid(8) has them and mount(2) takes them.
pub const TYPES: &[u8] = b"squashfs\0erofs\0ext4\0ext3\0ext2\0xfs\0btrfs\0f2fs\0vfat\0exfat\0ntfs\0iso9660\0swap\0\
    crypto_LUKS\0LVM2_member\0linux_raid_member\0jbd\0";

/// Where a disk is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Place {
    /// At its beginning.
    Head,
    /// Behind what an ISO 9660 leaves to boot loaders.
    At32K,
    /// Where btrfs has its first superblock.
    At64K,
    /// At the last 4 KiB that have 8 behind them: md 1.0.
    End,
    /// At the last 64 KiB of which all are there: md 0.90.
    OldEnd,
}

/// Bytes that tell a kind.
pub struct Magic {
    pub kind: Kind,
    place: Place,
    /// Where the superblock begins, from the place on.
    pub start: u16,
    /// Where the bytes are in it.
    at: u16,
    length: u8,
    bytes: [u8; 8],
}

const fn magic<const N: usize>(kind: Kind, place: Place, start: u16, at: u16, text: &[u8; N]) -> Magic {
    let mut bytes = [0; 8];
    let (head, _) = bytes.split_at_mut(N);
    head.copy_from_slice(text);
    Magic { kind, place, start, at, length: N as u8, bytes }
}

/// What holds others comes first: a half of a mirror also looks like the file system that is mirrored. mkswap clears what ext
/// is told by, but not the other way round. A table of partitions comes last: its two bytes may end the boot code of a file
/// system, too.
static MAGICS: [Magic; 32] = {
    use Kind::*;
    use Place::*;
    [
        magic(Raid, End, 0, 0, b"\xfc\x4e\x2b\xa9\x01\0\0\0"),
        magic(Raid, OldEnd, 0, 0, b"\xfc\x4e\x2b\xa9\0\0\0\0"),
        magic(Raid, Head, 4096, 0, b"\xfc\x4e\x2b\xa9\x01\0\0\0"),
        magic(Raid, Head, 0, 0, b"\xfc\x4e\x2b\xa9\x01\0\0\0"),
        magic(Luks, Head, 0, 0, b"LUKS\xba\xbe\0"),
        magic(Lvm, Head, 0, 24, b"LVM2 001"),
        magic(Lvm, Head, 512, 24, b"LVM2 001"),
        magic(Lvm, Head, 1024, 24, b"LVM2 001"),
        magic(Lvm, Head, 1536, 24, b"LVM2 001"),
        magic(Squashfs, Head, 0, 0, b"hsqs"),
        magic(Xfs, Head, 0, 0, b"XFSB"),
        magic(Erofs, Head, 1024, 0, b"\xe2\xe1\xf5\xe0"),
        magic(F2fs, Head, 1024, 0, b"\x10\x20\xf5\xf2"),
        magic(Ext4, Head, 1024, 56, b"\x53\xef"),
        magic(Ntfs, Head, 0, 3, b"NTFS    "),
        magic(Exfat, Head, 0, 3, b"EXFAT   "),
        magic(Vfat, Head, 0, 82, b"FAT32   "),
        magic(Vfat, Head, 0, 54, b"FAT16   "),
        magic(Vfat, Head, 0, 54, b"FAT12   "),
        magic(Vfat, Head, 0, 54, b"FAT     "),
        // At the end of the first page, which is where the kernel looks; of 4 KiB here.
        magic(Swap, Head, 1024, 3062, b"SWAPSPAC"),
        magic(Btrfs, At64K, 0, 64, b"_BHRfS_M"),
        magic(Iso9660, At32K, 0, 1, b"CD001"),
        magic(Gzip, Head, 0, 0, b"\x1f\x8b"),
        magic(Xz, Head, 0, 0, b"\xfd7zXZ"),
        magic(Zstd, Head, 0, 0, b"\x28\xb5\x2f\xfd"),
        magic(Tar, Head, 0, 257, b"ustar"),
        magic(Cpio, Head, 0, 0, b"0707"),
        magic(Qcow2, Head, 0, 0, b"QFI\xfb"),
        magic(Program, Head, 0, 0, b"\x7fELF"),
        magic(Gpt, Head, 0, 512, b"EFI P"),
        magic(Mbr, Head, 0, 510, b"\x55\xaa"),
    ]
};

/// What it is that has `block` at `place`, which is `at` bytes from the beginning.
pub fn find(place: Place, at: u64, block: &[u8]) -> Option<&'static Magic> {
    MAGICS.iter().find(|magic| {
        let from = usize::from(magic.start).saturating_add(magic.at.into());
        let bytes = magic.bytes.get(..magic.length.into()).unwrap_or_default();
        magic.place == place
            && block.get(from..).is_some_and(|rest| rest.starts_with(bytes))
            && is_sound(magic, at, block.get(magic.start.into()..).unwrap_or_default())
    })
}

/// Whether more than the bytes of the magic speak for it, where those are few, or may be somebody's text.
fn is_sound(magic: &Magic, place: u64, superblock: &[u8]) -> bool {
    let number = |at, width| number(superblock, at, width);
    match magic.kind {
        // Version 1 says where it lies, in sectors: the end of a partition may be that of the disk, too.
        Kind::Raid if number(4, 4) == 1 => number(128, 8) == place.saturating_add(magic.start.into()) >> 9,
        // Blocks of 1 to 64 KiB.
        Kind::Ext4 => number(24, 4) <= 6,
        // Sectors of 512 to 4096 bytes, clusters of a power of two, and tables and what is before them are there.
        Kind::Vfat => {
            (number(11, 2) as u16).is_power_of_two()
                && (512..=4096).contains(&number(11, 2))
                && (number(13, 1) as u16).is_power_of_two()
                && number(14, 2) != 0
                && number(16, 1) != 0
        }
        _ => true,
    }
}
