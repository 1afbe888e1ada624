#![no_main]

use libfuzzer_sys::fuzz_target;
use tinyo::probe::softdep;

// A module's name, and behind a NUL a line of modules.softdep.
fuzz_target!(|text: &[u8]| {
    let (name, line) = text.split_at(text.iter().position(|byte| *byte == 0).unwrap_or(text.len()));
    let line = line.get(1..).unwrap_or_default();
    let mut wanted = Vec::new();
    softdep::each(line, name, &mut |before, word| wanted.push((before, word.to_vec())));
    let mut words = line.split(|byte| *byte == b' ');
    let mut twin = Vec::new();
    let plain = |name: &[u8]| name.iter().map(|byte| if *byte == b'-' { b'_' } else { *byte }).collect::<Vec<_>>();
    if words.next() == Some(b"softdep") && words.next().map(plain) == Some(plain(name)) {
        let mut before = None;
        for word in words.filter(|word| !word.is_empty()) {
            match word {
                b"pre:" | b"post:" => before = Some(word == b"pre:"),
                word => twin.extend(before.map(|before| (before, word.to_vec()))),
            }
        }
    }
    assert_eq!(wanted, twin);
});
