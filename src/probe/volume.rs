//! What a disk or a partition holds: a file system, or what is never mounted, with what it calls itself.

use core::ffi::CStr;

use super::disk::{Read, Text, UUID, fill, number, put_hex, put_label, put_utf16};
use super::label;
use super::magic::{self, Kind, Place};
use super::superblock;
use crate::text::bytes::{Words, all, terminated};

/// What can be done with a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It is mounted.
    FileSystem,
    Swap,
    /// Others lie in it (LUKS, LVM, md) or belong to it (a journal): it is never mounted.
    Container,
}

/// What was recognised.
#[derive(Clone, Debug)]
pub struct Volume {
    kind: Kind,
    /// The identity, and behind it the label.
    text: Text,
    uuid: usize,
}

impl Volume {
    /// The number of its type, for [`file_system`].
    pub fn kind(&self) -> u8 {
        self.kind as u8
    }

    /// As blkid(8) names it, and mount(2) takes it. The driver of ext4 takes ext2 and ext3 too, where they have none of their own.
    pub fn type_name(&self) -> &'static CStr {
        Words(magic::TYPES).nth(self.kind as usize).and_then(terminated).unwrap_or_default()
    }

    pub fn role(&self) -> Role {
        match self.kind {
            Kind::Swap => Role::Swap,
            kind if kind < Kind::Swap => Role::FileSystem,
            _ => Role::Container,
        }
    }

    /// Why it is not mounted: a number whose text is `sys::error`'s ("a LUKS container").
    pub fn reason(&self) -> i32 {
        superblock::reason(self.kind)
    }

    /// As blkid(8) writes it, which is how it is compared, in either case; empty: it has none.
    pub fn uuid(&self) -> &[u8] {
        self.text.get(..self.uuid).unwrap_or_default()
    }

    /// The bytes on the disk, UTF-16 as UTF-8; empty: it has none. What is over 255 bytes is cut, which only f2fs can have.
    pub fn label(&self) -> &[u8] {
        self.text.get(self.uuid..).unwrap_or_default()
    }
}

/// The type of the file system that has this number. None: what has it is not mounted.
pub fn file_system(kind: u8) -> Option<&'static CStr> {
    Words(magic::TYPES).nth(kind.into()).and_then(terminated).filter(|_| kind < Kind::Swap as u8)
}

/// As much as is read of a place: up to the label of md 1.2 at 4 KiB.
const BLOCK: usize = 4096 + 256;

/// Looks at a disk of `size` bytes: three reads for most file systems, twelve at most, of 4,352 bytes at most.
///
/// None: it is nothing known here, or a read failed. The member of a RAID is recognised before the file system that it
/// mirrors, wherever its superblock is: behind that file system, so not where this one still has its blocks.
#[inline(never)]
pub fn recognise(read: Read, size: u64) -> Option<Volume> {
    let mut block = [0; BLOCK];
    let (mut found, mut end) = (None, 0);
    for place in [Place::Head, Place::At64K, Place::At32K, Place::End, Place::OldEnd] {
        let at = match place {
            Place::Head => 0,
            Place::At32K => 32 << 10,
            Place::At64K => 64 << 10,
            // Sixteen sectors before the end, at a multiple of eight.
            Place::End => size.saturating_sub(8 << 10) & !0xfff,
            Place::OldEnd => (size & !0xffff).saturating_sub(64 << 10),
        };
        let at_end = matches!(place, Place::End | Place::OldEnd);
        if found.is_some() && (!at_end || at < end) {
            continue;
        }
        if !fill(read, size, at, block.get_mut(..if place == Place::Head { BLOCK } else { 1024 })?) {
            return None;
        }
        if let Some(magic) = magic::find(place, at, &block).filter(|magic| magic.kind <= Kind::Journal) {
            let superblock = block.get(magic.start.into()..).unwrap_or_default();
            found = Some(describe(read, size, magic.kind, superblock));
            if place == Place::Head {
                end = superblock::bytes_of(&block);
            }
        }
    }
    found
}

/// What `kind` has in its superblock, or elsewhere.
fn describe(read: Read, size: u64, kind: Kind, superblock: &[u8]) -> Volume {
    let bytes = |at: usize, length: usize| superblock.get(at..at.saturating_add(length)).unwrap_or_default();
    let number = |at, width| number(superblock, at, width);
    let mut text = Text::new();
    // Where the identity is, in which order its bytes are written, and where the label is, with its length.
    let (id, order, (label, length)): (usize, &[u8], (usize, usize)) = match kind {
        Kind::Erofs => (48, UUID, (64, 16)),
        Kind::Ext4 => (104, UUID, (120, 16)),
        Kind::Xfs => (32, UUID, (108, 12)),
        Kind::Btrfs => (32, UUID, (299, 256)),
        Kind::F2fs => (108, UUID, (0, 0)),
        Kind::Swap => (12, UUID, (28, 16)),
        Kind::Raid => (16, UUID, (32, 32)),
        Kind::Vfat if bytes(82, 5) == b"FAT32" => (67, b"32-10", (71, 11)),
        Kind::Vfat => (39, b"32-10", (43, 11)),
        Kind::Exfat => (100, b"32-10", (0, 0)),
        Kind::Ntfs => (72, b"76543210", (0, 0)),
        Kind::Iso9660 => (0, b"", (40, 32)),
        Kind::Luks => (0, b"", (24, 48)),
        _ => (0, b"", (0, 0)),
    };
    match kind {
        Kind::Luks => put_label(&mut text, bytes(168, 40)),
        Kind::Lvm => put_groups(&mut text, bytes(32, 32), &[6, 10, 14, 18, 22, 26]),
        Kind::Iso9660 => {
            // When it was modified, else when it was made.
            let date = if all(bytes(830, 16), |byte| byte == b'0') { bytes(813, 16) } else { bytes(830, 16) };
            put_groups(&mut text, date, &[4, 6, 8, 10, 12, 14]);
        }
        _ => put_hex(&mut text, bytes(id, 16), order),
    }
    let uuid = text.len();
    match kind {
        Kind::Exfat => drop(label::exfat(read, size, superblock, &mut text)),
        Kind::Ntfs => drop(label::ntfs(read, size, superblock, &mut text)),
        Kind::F2fs => put_utf16(&mut text, bytes(124, 1024), u16::from_le_bytes),
        // The first version has a cipher there.
        Kind::Luks if number(6, 2) == 0x0100 => {}
        _ if bytes(label, length) == b"NO NAME    " => {}
        _ => put_label(&mut text, bytes(label, length)),
    }
    let kind = match kind {
        Kind::Ext4 => ext(number(92, 4), number(96, 4), number(100, 4)),
        kind => kind,
    };
    Volume { kind, text, uuid }
}

/// Adds text with a dash before each of the bytes at `dashes`.
fn put_groups(text: &mut Text, bytes: &[u8], dashes: &[usize]) {
    for (index, byte) in bytes.iter().enumerate() {
        if dashes.contains(&index) {
            let _ = text.push(b'-');
        }
        let _ = text.push(*byte);
    }
}

/// Which ext it is, by its features as blkid(8) tells them apart: ext4 has one that the driver of ext3 did not know.
fn ext(compatible: u64, incompatible: u64, read_only: u64) -> Kind {
    match () {
        // JOURNAL_DEV
        () if incompatible & 8 != 0 => Kind::Journal,
        // All but FILETYPE, RECOVER, META_BG; SPARSE_SUPER, LARGE_FILE, BTREE_DIR.
        () if incompatible & !0x16 != 0 || read_only & !7 != 0 => Kind::Ext4,
        // HAS_JOURNAL
        () if compatible & 4 != 0 => Kind::Ext3,
        () => Kind::Ext2,
    }
}

#[cfg(test)]
#[path = "volume_tests.rs"]
mod tests;
