//! Bytes of a disk: how they are read, and the numbers and texts among them.

use crate::text::bytes::before;

/// Reads a disk: fills all of the buffer from the offset on, or answers false (EIO, or an end that came too early).
pub type Read<'r> = &'r mut dyn FnMut(u64, &mut [u8]) -> bool;

/// Room for what a disk calls itself: the longest label is 255 bytes (btrfs), the longest identity 40 (LUKS).
pub type Text = heapless::Vec<u8, 296>;

/// How 16 bytes are shown as a UUID, and those of a GUID, whose first three numbers have their low byte first.
pub const UUID: &[u8] = b"0123-45-67-89-abcdef";
pub const GUID: &[u8] = b"3210-54-76-89-abcdef";

/// Reads what is in memory, as a disk is read.
#[cfg(test)]
pub fn reader(disk: &[u8]) -> impl FnMut(u64, &mut [u8]) -> bool {
    |at, buffer| {
        let from = disk.get(at as usize..).unwrap_or_default();
        from.get(..buffer.len()).is_some_and(|bytes| {
            buffer.copy_from_slice(bytes);
            true
        })
    }
}

/// Fills `block` from `at` on. Behind the end of the disk there are zeros.
pub fn fill(read: Read, size: u64, at: u64, block: &mut [u8]) -> bool {
    block.fill(0);
    let there = size.saturating_sub(at).min(block.len() as u64) as usize;
    there == 0 || block.get_mut(..there).is_some_and(|block| read(at, block))
}

/// The number of `width` bytes at `at`, its low byte first. What is not in the block is 0.
pub fn number(block: &[u8], at: usize, width: usize) -> u64 {
    let bytes = block.get(at..at.saturating_add(width)).unwrap_or_default();
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Adds bytes as two digits each. `order` has their numbers, each a hexadecimal digit, and what stands between them.
pub fn put_hex(text: &mut Text, bytes: &[u8], order: &[u8]) {
    for &mark in order {
        let byte = char::from(mark).to_digit(16).and_then(|index| bytes.get(index as usize));
        let digits = match byte {
            Some(byte) => {
                &[byte >> 4, byte & 15].map(|digit| if digit < 10 { b'0' | digit } else { b'W'.wrapping_add(digit) })[..]
            }
            None => &[mark],
        };
        let _ = text.extend_from_slice(digits);
    }
}

/// Adds what is before the first NUL, without the spaces at its end.
pub fn put_label(text: &mut Text, label: &[u8]) {
    let _ = text.extend_from_slice(before(label, 0).trim_ascii_end());
}

/// Adds UTF-16 up to its first NUL as UTF-8, as much of it as there is room for. Half a character is U+FFFD.
pub fn put_utf16(text: &mut Text, units: &[u8], of: fn([u8; 2]) -> u16) {
    let units = units.as_chunks().0.iter().map(|unit| of(*unit)).take_while(|unit| *unit != 0);
    for character in char::decode_utf16(units) {
        let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
        if text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()).is_err() {
            return;
        }
    }
}
