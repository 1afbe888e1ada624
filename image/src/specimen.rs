//! ELF files for tests, with the few bytes that decide whether they can run.

use goblin::elf::{
    dynamic::{DT_NEEDED, DT_STRSZ, DT_STRTAB},
    program_header::{PT_DYNAMIC, PT_INTERP, PT_LOAD},
};

pub const X86_64: u16 = 62;
pub const AARCH64: u16 = 183;

/// Linked against `needed`, with `path` as (DT_RUNPATH or DT_RPATH, directories); without an interpreter a library.
pub fn elf(machine: u16, interpreter: Option<&str>, needed: &[&str], path: Option<(u64, &str)>) -> Vec<u8> {
    const HEADERS: usize = 64 + 3 * 56;
    let mut strings = vec![0u8];
    let mut text = |word: &str| {
        let at = strings.len();
        strings.extend(word.as_bytes());
        strings.push(0);
        at as u64
    };
    let mut dynamic: Vec<_> = needed.iter().map(|name| (DT_NEEDED, text(name))).collect();
    dynamic.extend(path.map(|(tag, path)| (tag, text(path))));
    let interpreter = interpreter.map(|name| (HEADERS as u64 + text(name), name.len() as u64 + 1));
    let table = (HEADERS + strings.len()).next_multiple_of(8);
    dynamic.extend([(DT_STRTAB, HEADERS as u64), (DT_STRSZ, strings.len() as u64), (0, 0)]);
    let length = dynamic.len() as u64 * 16;
    let mut bytes = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0".to_vec();
    bytes.extend(machine.to_le_bytes());
    bytes.extend([1, 0, 0, 0]);
    for word in [0u64, 64, 0] {
        bytes.extend(word.to_le_bytes()); // entry, program headers, section headers
    }
    for half in [0u16, 0, 64, 56, 3, 64, 0, 0] {
        bytes.extend(half.to_le_bytes());
    }
    let parts = [
        (PT_LOAD, 0, table as u64 + length),
        interpreter.map_or((0, 0, 0), |(at, length)| (PT_INTERP, at, length)),
        (PT_DYNAMIC, table as u64, length),
    ];
    for (kind, at, length) in parts {
        bytes.extend(kind.to_le_bytes());
        bytes.extend([4, 0, 0, 0]);
        for word in [at, at, at, length, length, 8] {
            bytes.extend(word.to_le_bytes());
        }
    }
    bytes.extend(strings);
    bytes.resize(table, 0);
    bytes.extend(dynamic.iter().flat_map(|(tag, value)| [*tag, *value]).flat_map(u64::to_le_bytes));
    bytes
}
