#![no_main]

use libfuzzer_sys::fuzz_target;
use tinyo::probe::softdep;

// A module's name, and behind a NUL a line of modules.softdep.
fuzz_target!(|text: &[u8]| {
    let (name, line) = text.split_at(text.iter().position(|byte| *byte == 0).unwrap_or(text.len()));
    softdep::each(line.get(1..).unwrap_or_default(), name, &mut |_, word| assert!(!word.is_empty() && !word.contains(&b' ')));
});
