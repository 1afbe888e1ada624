//! Labels that are not in the superblock: of exfat in its root directory, of ntfs in the file `$Volume`.

use super::disk::{Read, Text, fill, number, put_utf16};

/// As much as is read of either: a record of a file, or so much of a directory. mkfs.exfat puts the label first.
const BLOCK: usize = 4096;

/// A logarithm that the disk says, for shifts that lose nothing: sectors have at most 4 KiB, clusters 32 MiB.
fn logarithm(superblock: &[u8], at: usize) -> Option<u32> {
    let value = number(superblock, at, 1) as u32;
    (value <= 25).then_some(value)
}

/// Adds the label of the exfat with this `superblock` (exFAT specification, 3.1 and 7.3). None: it has none.
pub fn exfat(read: Read, size: u64, superblock: &[u8], text: &mut Text) -> Option<()> {
    let (sector, cluster) = (logarithm(superblock, 108)?, logarithm(superblock, 109)?);
    // Clusters count from 2.
    let root = number(superblock, 96, 4).checked_sub(2)? << cluster;
    let at = number(superblock, 88, 4).checked_add(root)?.checked_mul(1 << sector)?;
    let mut block = [0; BLOCK];
    let block = block.get_mut(..BLOCK.min(1 << sector.min(12) << cluster.min(12)))?;
    if !fill(read, size, at, block) {
        return None;
    }
    let label = block.as_chunks::<32>().0.iter().take_while(|entry| entry[0] != 0).find(|entry| entry[0] == 0x83)?;
    let length = usize::from(label[1]).saturating_mul(2);
    put_utf16(text, label.get(2..length.saturating_add(2))?, u16::from_le_bytes);
    Some(())
}

/// Adds the label of the ntfs with this `superblock`: the attribute $VOLUME_NAME of the file with the number 3.
pub fn ntfs(read: Read, size: u64, superblock: &[u8], text: &mut Text) -> Option<()> {
    let number_of = |at, width| number(superblock, at, width);
    // Both are numbers, or the logarithm of one as a negative byte.
    let scaled = |value: u64, unit: u64| match value {
        0..=0x80 => unit.checked_mul(value),
        _ => Some(1 << (256u64.saturating_sub(value) & 31)),
    };
    let sector = number_of(11, 2);
    let per_cluster = scaled(number_of(13, 1), 1)?;
    let cluster = sector.checked_mul(per_cluster)?;
    let record = scaled(number_of(64, 1), cluster)?;
    let at = number_of(48, 8).checked_mul(cluster)?.checked_add(record.checked_mul(3)?)?;
    let mut block = [0; BLOCK];
    let block = block.get_mut(..usize::try_from(record).ok()?)?;
    if !fill(read, size, at, block) || !block.starts_with(b"FILE") {
        return None;
    }
    let mut rest = block.get(number(block, 20, 2) as usize..)?;
    // 0x60 is it; they come in the order of their types.
    while number(rest, 0, 4) < 0x60 {
        // Of no length there is none.
        let length = number(rest, 4, 4) as usize;
        rest = rest.get(length..).filter(|_| length > 0)?;
    }
    // Its value is beside it (not "non-resident").
    if number(rest, 0, 4) == 0x60 && number(rest, 8, 1) == 0 {
        let value = rest.get(number(rest, 20, 2) as usize..)?;
        put_utf16(text, value.get(..number(rest, 16, 4) as usize)?, u16::from_le_bytes);
    }
    Some(())
}
