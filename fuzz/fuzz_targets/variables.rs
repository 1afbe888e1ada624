#![no_main]

use libfuzzer_sys::fuzz_target;
use tinyo::text::variables;

fuzz_target!(|text: &[u8]| {
    let mut text = text.to_vec();
    if let Ok(count) = variables::read(&mut text) {
        let words: Vec<_> = text.split_inclusive(|&byte| byte == 0).filter_map(variables::variable).collect();
        assert_eq!(words.len(), count);
        assert!(words.iter().all(|word| word.to_bytes().contains(&b'=') && !word.to_bytes().starts_with(b"=")));
    }
});
