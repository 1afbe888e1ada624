#![no_main]

use libfuzzer_sys::fuzz_target;
use tinyo::probe::executable;

/// As load_script() of the kernel goes through its 256 bytes, with zeros behind the end of the file.
fn script(head: &[u8]) -> Option<Vec<u8>> {
    let mut line = [0; 256];
    let length = head.len().min(256);
    line[..length].copy_from_slice(&head[..length]);
    let blank = |at: usize| matches!(line[at], b' ' | b'\t');
    let first = (2..256).find(|&at| !blank(at));
    let newline = line.iter().position(|byte| matches!(byte, 0 | b'\n')).filter(|&at| line[at] == b'\n');
    let end = match newline {
        Some(end) => end,
        None => {
            (first?..256).find(|&at| blank(at) || line[at] == 0)?;
            255
        }
    };
    let name = first.filter(|&first| first < end)?;
    let stop = (name..end).find(|&at| blank(at) || line[at] == 0).unwrap_or(end);
    Some(line[name..stop].to_vec()).filter(|name| !name.is_empty())
}

/// A number that is not all there is 0: of a header that is cut off nothing is taken.
fn field(from: &[u8], at: usize, width: usize) -> usize {
    from.get(at..at + width).unwrap_or_default().iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// A program of this machine's own kind, by elf(5).
fn elf(head: &[u8]) -> Option<Vec<u8>> {
    let machine = if cfg!(target_arch = "aarch64") { [183, 40] } else { [62, 3] };
    let (count, start) = (field(head, 56, 2), field(head, 32, 8));
    let good = [2, 3].contains(&field(head, 16, 2)) && machine.contains(&field(head, 18, 2));
    if !good || field(head, 54, 2) != 56 || count == 0 {
        return None;
    }
    let mut loader = Vec::new();
    for index in 0..count {
        let entry = start.checked_add(index * 56).and_then(|at| head.get(at..)?.get(..56))?;
        let kind = field(entry, 0, 4);
        if kind != 1 && kind != 3 {
            continue;
        }
        let (at, length) = (field(entry, 8, 8), field(entry, 32, 8));
        if at.saturating_add(length) > head.len() || kind == 3 && !(2..=4096).contains(&length) {
            return None;
        }
        if kind == 3 {
            let words: Vec<_> = head[at..at + length].split(|byte| *byte == 0).collect();
            loader = words[0].to_vec();
            if *words.last()? != b"" || loader.is_empty() {
                return None;
            }
        }
    }
    Some(loader)
}

fuzz_target!(|head: &[u8]| {
    let name = executable::interpreter(head, head.len() as u64);
    if let Some(name) = name {
        assert!(!name.contains(&0) && (name.is_empty() || head.windows(name.len()).any(|part| part == name)));
    }
    if head.starts_with(b"#!") {
        assert_eq!(name.map(<[u8]>::to_vec), script(head));
    } else if !head.starts_with(b"\x7fELF") {
        assert_eq!(name, None);
    } else if head.starts_with(b"\x7fELF\x02\x01") {
        assert_eq!(name.map(<[u8]>::to_vec), elf(head));
    }
    // A program that is cut off has that loader or none.
    if !head.starts_with(b"#!") {
        let half = &head[..head.len() / 2];
        let half = executable::interpreter(half, half.len() as u64);
        assert!(half.is_none_or(|half| half.is_empty() || Some(half) == name));
    }
});
