//! The input is a disk, what is looked for on it, and how it is read. The sums of a GPT's header and entries are made right:
//! else nothing behind them would ever be looked at.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tinyo::probe::table::{Wanted, find};

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
    if let Some(found) = find(&mut read, sector as u64, size as u64, wanted) {
        assert!((1..=255).contains(&found.number));
    }
    // Both headers, and twice the 4 MiB that the entries may have.
    assert!(bytes <= 9 << 20);
});
