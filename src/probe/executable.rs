//! What a program says of itself in its first bytes: whether this machine's kernel takes it, and what it then runs it by. As
//! execve(2), elf(5), and the kernel's fs/binfmt_elf.c and fs/binfmt_script.c have it.

use super::disk::number;
use crate::text::bytes::{after, before};

/// As much of a program as it takes: linkers put the name of its loader there (Go's at the end of these 4 KiB).
pub const HEAD_BYTES: usize = 4096;

/// As much as the kernel reads of a script's first line (BINPRM_BUF_SIZE; before Linux 5.1 half of it).
const LINE: usize = 256;

/// The `e_machine` of this machine's programs and of its 32-bit ones, which most kernels take too.
const MACHINES: [u64; 2] = if cfg!(target_arch = "aarch64") { [183, 40] } else { [62, 3] };

const EXECUTABLE: u64 = 2;
const SHARED: u64 = 3;
/// What a segment is.
const LOADED: u64 = 1;
const INTERPRETER: u64 = 3;

/// The program that runs the one that begins with `head`: of a script that of its `#!` line, of others their loader. It is
/// empty where there is none, or where its name is behind `head`. None: this kernel runs no such file (ENOEXEC), or it has not
/// all the bytes of which it says that they are in it: such a file is executed, and killed (SIGBUS) when it comes to them.
/// `size` is the file's.
pub fn interpreter(head: &[u8], size: u64) -> Option<&[u8]> {
    match after(head, b"#!") {
        Some(rest) => of_script(rest),
        None => of_elf(head, size),
    }
}

fn of_script(rest: &[u8]) -> Option<&[u8]> {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let line = rest.get(..LINE - 2).unwrap_or(rest);
    let start = line.iter().position(|byte| !blank(byte))?;
    let name = line.get(start..)?;
    let end = name.iter().position(|byte| blank(byte) || matches!(byte, b'\n' | 0));
    // Behind the end of a file the kernel has a NUL; a name that is cut off is none.
    let end = end.or((rest.len() < LINE - 2).then_some(name.len()))?;
    name.get(..end).filter(|name| !name.is_empty())
}

fn of_elf(head: &[u8], whole: u64) -> Option<&[u8]> {
    // Where each is, and how wide, with addresses of 32 and of 64 bits: the table of segments and its length; of an entry of it
    // its size, the place of what it has in the file, and how much that is.
    let (width, table, count, size, place, length) = match after(head, b"\x7fELF")? {
        [1, 1, ..] => (4, 28, 44, 32, 4, 16),
        [2, 1, ..] => (8, 32, 56, 56, 8, 32),
        _ => return None,
    };
    let kind = number(head, 16, 2);
    let entries = number(head, count, 2);
    let right = matches!(kind, EXECUTABLE | SHARED) && MACHINES.contains(&number(head, 18, 2));
    // The kernel takes entries of its own size only, and some.
    if !right || number(head, count.wrapping_sub(2), 2) != size || entries == 0 {
        return None;
    }
    let mut rest = usize::try_from(number(head, table, width)).ok().and_then(|table| head.get(table..));
    let mut loader: &[u8] = &[];
    for _ in 0..entries {
        let Some((entry, others)) = rest.and_then(|rest| rest.split_at_checked(size as usize)) else {
            return (whole > head.len() as u64).then_some(loader);
        };
        rest = Some(others);
        let kind = number(entry, 0, 4);
        if kind != LOADED && kind != INTERPRETER {
            continue;
        }
        let (start, length) = (number(entry, place, width), number(entry, length, width));
        let end = start.saturating_add(length);
        if end > whole || kind == INTERPRETER && !(2..=4096).contains(&length) {
            return None;
        }
        // What is in the file and not in the head was not read.
        if kind == INTERPRETER
            && let Some(name) = head.get(start as usize..end as usize)
        {
            loader = Some(before(name.strip_suffix(b"\0")?, 0)).filter(|name| !name.is_empty())?;
        }
    }
    Some(loader)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn interpreter(head: &[u8]) -> Option<&[u8]> {
        super::interpreter(head, head.len() as u64)
    }

    /// A program of this machine's with a segment before that of its loader.
    fn elf(machine: u16, wide: bool, loader: &[u8]) -> Vec<u8> {
        let (header, size, width) = if wide { (64, 56, 8) } else { (52, 32, 4) };
        let mut head = std::vec![0; header + 2 * size + loader.len()];
        let mut put = |at: usize, width: usize, value: u64| {
            head[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
        };
        put(0, 4, u64::from(u32::from_le_bytes(*b"\x7fELF")));
        put(4, 2, if wide { 0x102 } else { 0x101 });
        put(16, 2, 3);
        put(18, 2, machine.into());
        put(if wide { 32 } else { 28 }, width, header as u64);
        put(if wide { 54 } else { 42 }, 2, size as u64);
        put(if wide { 56 } else { 44 }, 2, 2);
        put(header, 4, 6);
        put(header + size, 4, 3);
        put(header + size + if wide { 8 } else { 4 }, width, (header + 2 * size) as u64);
        put(header + size + if wide { 32 } else { 16 }, width, loader.len() as u64);
        head[header + 2 * size..].copy_from_slice(loader);
        head
    }

    const OWN: u16 = MACHINES[0] as u16;
    const KIN: u16 = MACHINES[1] as u16;

    #[test]
    fn programs() {
        for (machine, wide) in [(OWN, true), (KIN, false), (OWN, false)] {
            let head = elf(machine, wide, b"/lib/ld.so\0");
            assert_eq!(interpreter(&head), Some(&b"/lib/ld.so"[..]), "{machine} {wide}");
        }
        // Foreign: RISC-V, MIPS, nothing.
        for machine in [243, 8, 0] {
            assert_eq!(interpreter(&elf(machine, true, b"/lib/ld.so\0")), None, "{machine}");
        }
        for (at, byte, what) in [
            (4, 3, "class"),
            (5, 2, "high byte first"),
            (16, 1, "an object"),
            (16, 4, "a core"),
            (54, 57, "entries of another size"),
            (56, 0, "no entries"),
        ] {
            let mut head = elf(OWN, true, b"/lib/ld.so\0");
            head[at] = byte;
            assert_eq!(interpreter(&head), None, "{what}");
        }
        // No loader: a static one. One without a NUL, without a name, too long: the kernel refuses each.
        let mut head = elf(OWN, true, b"/lib/ld.so\0");
        head[64 + 56] = 1;
        assert_eq!(interpreter(&head), Some(&b""[..]));
        assert_eq!(interpreter(&elf(OWN, true, b"/lib/ld.so")), None);
        assert_eq!(interpreter(&elf(OWN, true, b"\0\0")), None);
        assert_eq!(interpreter(&elf(OWN, true, b"\0")), None);
        assert_eq!(interpreter(&elf(OWN, true, &[b'x'; 4097])), None);
        // As long as a path may be (PATH_MAX), and a byte longer.
        for (length, is) in [(4096, true), (4097, false)] {
            let mut loader = std::vec![b'x'; length];
            loader[length - 1] = 0;
            assert_eq!(interpreter(&elf(OWN, true, &loader)).is_some(), is, "{length}");
        }
        // Its name is not among the bytes that were read: that is no reason to refuse it.
        let whole = elf(OWN, true, b"/lib/ld.so\0");
        assert_eq!(super::interpreter(&whole[..whole.len() - 1], whole.len() as u64), Some(&b""[..]));
    }

    #[test]
    fn scripts() {
        let long = |spaces: usize, end: &str| std::format!("#!{}/bin/sh{end}", " ".repeat(spaces));
        for (text, name) in [
            ("#!/bin/sh\n", Some("/bin/sh")),
            ("#!/bin/sh", Some("/bin/sh")),
            ("#! \t/bin/sh -e\nexit", Some("/bin/sh")),
            ("#!/bin/sh\t-e", Some("/bin/sh")),
            ("#!/bin/sh\0x", Some("/bin/sh")),
            ("#!/bin/sh\r\n", Some("/bin/sh\r")),
            ("#!\n/bin/sh", None),
            ("#!  \n", None),
            ("#!", None),
            ("#", None),
            ("", None),
            ("exit 0\n", None),
            (&long(246, "\n"), Some("/bin/sh")),
            (&long(247, "\n"), None),
            (&long(246, ""), Some("/bin/sh")),
            (&long(247, ""), None),
            (&long(300, "\n"), None),
        ] {
            assert_eq!(interpreter(text.as_bytes()), name.map(str::as_bytes), "{text:?}");
        }
    }

    /// Cut anywhere, a program's loader is the whole name or none, and a script's never becomes another's.
    #[test]
    fn what_is_cut_off_is_not_there() {
        let whole = elf(OWN, true, b"/lib/ld.so\0");
        for end in 0..whole.len() {
            assert_eq!(interpreter(&whole[..end]), None, "{end}");
            // The rest is in the file, and was not read.
            let name = super::interpreter(&whole[..end], whole.len() as u64);
            assert!(name.is_none_or(<[u8]>::is_empty), "{end}");
        }
    }

    /// The kernel maps what is behind the end of a file, and an init that comes to it is killed.
    #[test]
    fn what_is_to_be_loaded_is_in_the_file() {
        for (machine, wide, entry) in [(OWN, true, 64), (KIN, false, 52)] {
            let mut head = elf(machine, wide, b"/lib/ld.so\0");
            let (place, length) = if wide { (8, 32) } else { (4, 16) };
            head[entry] = 1;
            head[entry + place] = 16;
            head[entry + length] = head.len() as u8 - 16;
            assert_eq!(interpreter(&head), Some(&b"/lib/ld.so"[..]), "{machine}");
            head[entry + length] += 1;
            assert_eq!(interpreter(&head), None, "{machine}");
            assert_eq!(super::interpreter(&head, head.len() as u64 + 1), Some(&b"/lib/ld.so"[..]), "{machine}");
            head[entry + length..][..4].fill(0xff);
            assert_eq!(interpreter(&head), None, "{machine}");
        }
    }

    /// Of programs that are here.
    #[test]
    fn the_real_ones() {
        let own = std::fs::read("/proc/self/exe").unwrap();
        let name = super::interpreter(&own[..HEAD_BYTES], own.len() as u64).unwrap();
        assert!(name.starts_with(b"/lib"), "{name:?}");
        let shell = std::fs::read("/bin/sh").unwrap();
        assert_eq!(super::interpreter(&shell[..HEAD_BYTES], shell.len() as u64), Some(name));
    }

    proptest! {
        #[test]
        fn any_bytes(head in prop::collection::vec(any::<u8>(), 0..300), elf_at in any::<bool>()) {
            let mut head = head;
            if elf_at && head.len() >= 20 {
                head[..6].copy_from_slice(b"\x7fELF\x02\x01");
                head[16] = 2;
                head[17] = 0;
                head[18..20].copy_from_slice(&OWN.to_le_bytes());
            }
            if let Some(name) = interpreter(&head) {
                prop_assert!(!name.contains(&0) && name.len() <= head.len());
            }
        }
    }
}
