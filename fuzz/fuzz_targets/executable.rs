#![no_main]

use libfuzzer_sys::fuzz_target;
use tinyo::probe::executable;

fuzz_target!(|head: &[u8]| {
    if let Some(name) = executable::interpreter(head, head.len() as u64) {
        assert!(!name.contains(&0) && (name.is_empty() || head.windows(name.len()).any(|part| part == name)));
    }
});
