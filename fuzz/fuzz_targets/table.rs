//! The input is a disk, what is looked for on it, and how it is read. The sums of a GPT's header and entries are made right:
//! else nothing behind them would ever be looked at.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tinyo::probe::table::{Partition, Wanted, find};

/// CRC-32, a bit at a time: not the twin's way.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| sum >> 1 ^ if sum & 1 == 1 { 0xedb8_8320 } else { 0 })
    })
}

fn number(disk: &[u8], at: usize, width: usize) -> Option<usize> {
    Some(disk.get(at..at + width)?.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
}

fn repair(disk: &mut [u8], at: usize, sector: usize) -> Option<()> {
    disk.get_mut(at..at + 8)?.copy_from_slice(b"EFI PART");
    disk.get_mut(at + 24..at + 32)?.copy_from_slice(&(at as u64 / sector as u64).to_le_bytes());
    let (from, count, width) = (number(disk, at + 72, 4)?, number(disk, at + 80, 4)?, number(disk, at + 84, 4)?);
    let from = from.checked_mul(sector)?;
    if let Some(entries) = disk.get(from..from.checked_add(count.checked_mul(width)?)?) {
        let sum = crc(entries);
        disk.get_mut(at + 88..at + 92)?.copy_from_slice(&sum.to_le_bytes());
    }
    disk.get_mut(at + 16..at + 20)?.fill(0);
    let sum = crc(disk.get(at..at.checked_add(number(disk, at + 12, 4)?)?)?);
    disk.get_mut(at + 16..at + 20)?.copy_from_slice(&sum.to_le_bytes());
    Some(())
}

/// As the UEFI specification has it, on a disk that is all in memory. None: no whole GPT is at sector `at`.
fn twin(disk: &[u8], sector: usize, at: usize, wanted: Wanted) -> Option<Option<Partition>> {
    let mut header = disk.get(at * sector..)?.get(..sector)?.to_vec();
    let (length, sum) = (number(&header, 12, 4)?, number(&header, 16, 4)?);
    header[16..20].fill(0);
    let whole = header.starts_with(b"EFI PART") && (92..=512).contains(&length) && number(&header, 24, 8)? == at;
    if !whole || crc(&header[..length]) as usize != sum {
        return None;
    }
    let (from, count, width) = (number(&header, 72, 8)?, number(&header, 80, 4)?, number(&header, 84, 4)?);
    if !width.is_power_of_two() || !(128..=4096).contains(&width) || count * width > 4 << 20 {
        return None;
    }
    let entries = disk.get(from.checked_mul(sector)?..)?.get(..count * width)?;
    if crc(entries) as usize != number(&header, 88, 4)? {
        return None;
    }
    let shown = |guid: &[u8]| {
        let order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
        let dash = |at: usize| if [4, 6, 8, 10].contains(&at) { "-" } else { "" };
        order.iter().enumerate().map(|(at, index)| format!("{}{:02x}", dash(at), guid[*index])).collect::<String>()
    };
    let is = |entry: &[u8]| match wanted {
        _ if entry[..16] == [0; 16] => false,
        Wanted::Uuid(uuid) => shown(&entry[16..32]).as_bytes() == uuid.to_ascii_lowercase(),
        Wanted::Type(kind) => shown(&entry[..16]).as_bytes() == kind.to_ascii_lowercase() && entry[55] >> 7 == 0,
        Wanted::Label(label) => {
            let units = entry[56..128].chunks(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
            let units: Vec<_> = units.take_while(|unit| *unit != 0).collect();
            !label.is_empty() && String::from_utf16_lossy(&units).as_bytes() == label
        }
    };
    let found = entries.chunks(width).zip(1..=255).find(|(entry, _)| is(entry));
    Some(found.map(|(entry, number)| Partition { number, read_only: entry[55] >> 4 & 1 == 1 }))
}

fuzz_target!(|input: (u8, &[u8], &[u8])| {
    let (how, name, disk) = input;
    let sector = 512 << (how & 3);
    let mut disk = disk.to_vec();
    let size = disk.len();
    if how & 4 != 0 && size >= 512 {
        disk[510..512].copy_from_slice(b"\x55\xaa");
        disk[450] = if how & 8 != 0 { 0xee } else { disk[450] };
        for at in [sector, (size / sector).saturating_sub(1) * sector] {
            repair(&mut disk, at, sector);
        }
    }
    let wanted = match how & 48 {
        0 => Wanted::Uuid(name),
        16 => Wanted::Type(name),
        _ => Wanted::Label(name),
    };
    let mut bytes = 0;
    let mut read = |at: u64, buffer: &mut [u8]| {
        bytes += buffer.len();
        let there = usize::try_from(at).ok().and_then(|at| disk.get(at..at.checked_add(buffer.len())?));
        there.map(|bytes| buffer.copy_from_slice(bytes)).is_some()
    };
    let found = find(&mut read, sector as u64, size as u64, wanted);
    if disk.get(510..512) == Some(b"\x55\xaa") && [450, 466, 482, 498].iter().any(|&at| disk[at] == 0xee) {
        let last = (size / sector).saturating_sub(1);
        let twin = twin(&disk, sector, 1, wanted).or_else(|| twin(&disk, sector, last, wanted)).flatten();
        assert_eq!(found, twin);
    }
    assert!(found.is_none_or(|found| (1..=255).contains(&found.number)));
    // Both headers, and twice the 4 MiB that the entries may have.
    assert!(bytes <= 9 << 20);
});
