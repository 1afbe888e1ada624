#![no_main]

use libfuzzer_sys::fuzz_target;
use tinyo::probe::alias::{Asked, matches, modalias, parse};

// A line of modules.alias, and behind a NUL what devices say.
fuzz_target!(|text: &[u8]| {
    let (line, words) = text.split_at(text.iter().position(|byte| *byte == 0).unwrap_or(text.len()));
    let mut asked = Asked::new();
    let words: Vec<_> = words.split(|byte| *byte == 0).filter(|word| asked.add(word)).collect();
    if let Some(alias) = parse(line) {
        // What is passed over unread fits nothing.
        assert_eq!(asked.fits(alias.pattern), words.iter().any(|word| matches(alias.pattern, word)));
    }
    if let Some(found) = modalias(text, b'\n') {
        assert!(!found.is_empty() && !found.contains(&b'\n'));
    }
});
