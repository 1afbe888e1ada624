//! Tables of partitions, for the names that only they have. The partitions themselves are the kernel's: what is looked for here
//! is the number of one, by its PARTUUID or its PARTLABEL.

use super::disk::{GUID, Read, Text, number, put_hex, put_utf16};
use crate::text::bytes::alike;
use crate::text::number::digits;

/// What a partition is looked for by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// In either case of its letters: the GUID of GPT, or `SSSSSSSS-NN` of MS-DOS.
    Uuid(&'a [u8]),
    Label(&'a [u8]),
    /// The GUID of a type, and not marked as one that nobody shall take by itself.
    Type(&'a [u8]),
}

/// A partition that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    pub number: u32,
    /// It says so itself: an attribute of GPT.
    pub read_only: bool,
}

// Attributes of the Discoverable Partitions Specification, by bit. Bit 59, that the file system is to grow, is for who can do that.
const READ_ONLY: u32 = 60;
const NO_AUTO: u32 = 63;

/// The longest sector, and what is read at once.
const BLOCK: usize = 4096;
/// The kernel's last number (DISK_MAX_PARTS), and so the most entries that are of use.
const LAST: u64 = 255;

/// The first partition that is `wanted`, on a disk of `size` bytes in sectors of `sector` (512 to 4096).
///
/// None: there is none, no table, or it cannot be read. A GPT whose header or entries are broken is read from its backup at
/// the end of the disk (UEFI specification, 5.3).
#[inline(never)]
pub fn find(read: Read, sector: u64, size: u64, wanted: Wanted) -> Option<Partition> {
    if !sector.is_power_of_two() || !(512..=BLOCK as u64).contains(&sector) {
        return None;
    }
    let mut block = [0; BLOCK];
    let last = size.checked_div(sector)?.checked_sub(1)?;
    let first = block.get_mut(..512)?;
    if !read(0, first) || number(first, 510, 2) != 0xaa55 {
        return None;
    }
    // One that begins right behind the table, or the kernel makes partitions of what the table itself says.
    let protective = [(450usize, 454usize), (466, 470), (482, 486), (498, 502)]
        .iter()
        .any(|&(kind, start)| number(first, kind, 1) == 0xee && number(first, start, 4) == 1);
    if protective {
        return gpt(read, sector, 1, wanted, &mut block)
            .or_else(|| gpt(read, sector, last, wanted, &mut block))
            .flatten();
    }
    // The number is in the name; whether there is one of it, the kernel knows.
    let Wanted::Uuid([signature @ .., b'-', high, low]) = wanted else { return None };
    if signature.len() != 8 || digits(signature, 16)? != number(first, 440, 4) {
        return None;
    }
    let number = digits(&[*high, *low], 16).and_then(|number| u32::try_from(number).ok())?;
    (number > 0).then_some(Partition { number, read_only: false })
}

/// Looks through the GPT whose header is in sector `at`. None: that is not whole.
fn gpt(read: Read, sector: u64, at: u64, wanted: Wanted, block: &mut [u8; BLOCK]) -> Option<Option<Partition>> {
    let header = block.get_mut(..sector as usize)?;
    if !read(at.checked_mul(sector)?, header) || !header.starts_with(b"EFI PART") {
        return None;
    }
    let length = number(header, 12, 4) as usize;
    let sum = number(header, 16, 4) as u32;
    header.get_mut(16..20)?.fill(0);
    let crc = Crc::new();
    if !(92..=512).contains(&length) || crc.add(!0, header.get(..length)?) != !sum || number(header, 24, 8) != at {
        return None;
    }
    let (entries, count, width, sum) =
        (number(header, 72, 8), number(header, 80, 4), number(header, 84, 4), number(header, 88, 4) as u32);
    // 128 times a power of two; the kernel takes 128 alone. As many as it could be are summed up, and no more than 4 MiB.
    if !width.is_power_of_two() || !(128..=BLOCK as u64).contains(&width) || count.checked_mul(width)? > 4 << 20 {
        return None;
    }
    let (mut found, mut running, mut index) = (None, !0, 0);
    let mut place = entries.checked_mul(sector)?;
    while index < count {
        let many = (BLOCK as u64).checked_div(width)?.min(count.saturating_sub(index));
        let piece = block.get_mut(..many.saturating_mul(width) as usize)?;
        if !read(place, piece) {
            return None;
        }
        running = crc.add(running, piece);
        for (entry, number) in piece.chunks_exact(width as usize).zip(index.saturating_add(1)..=LAST) {
            if found.is_none() && is(entry, wanted) {
                found = Some(Partition { number: number as u32, read_only: has(entry, READ_ONLY) });
            }
        }
        index = index.saturating_add(many);
        place = place.checked_add(BLOCK as u64)?;
    }
    (running == !sum).then_some(found)
}

fn is(entry: &[u8], wanted: Wanted) -> bool {
    let part = |from: usize, to: usize| entry.get(from..to).unwrap_or_default();
    let mut text = Text::new();
    // A type of zeros: nothing is there.
    if number(entry, 0, 8) == 0 && number(entry, 8, 8) == 0 {
        return false;
    }
    match wanted {
        Wanted::Uuid(uuid) => {
            put_hex(&mut text, part(16, 32), GUID);
            alike(&text, uuid)
        }
        Wanted::Type(kind) => {
            put_hex(&mut text, part(0, 16), GUID);
            alike(&text, kind) && !has(entry, NO_AUTO)
        }
        Wanted::Label(label) => {
            put_utf16(&mut text, part(56, 128), u16::from_le_bytes);
            !label.is_empty() && text == label
        }
    }
}

/// The entry has that attribute.
fn has(entry: &[u8], attribute: u32) -> bool {
    number(entry, 48, 8).wrapping_shr(attribute) & 1 != 0
}

/// CRC-32 of IEEE 802.3 by bytes: a table of partitions has 16 KiB. Its own table is made where it is used, for that takes a
/// hundredth of the time and no room in the file.
struct Crc([u32; 256]);

impl Crc {
    fn new() -> Crc {
        Crc(core::array::from_fn(|byte| {
            (0..8).fold(byte as u32, |sum, _| if sum & 1 == 0 { sum >> 1 } else { sum >> 1 ^ 0xedb8_8320 })
        }))
    }

    fn add(&self, sum: u32, bytes: &[u8]) -> u32 {
        let Crc(table) = self;
        bytes
            .iter()
            .fold(sum, |sum, &byte| table.get(usize::from(sum as u8 ^ byte)).copied().unwrap_or_default() ^ (sum >> 8))
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
