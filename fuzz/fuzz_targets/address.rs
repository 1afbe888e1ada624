#![no_main]

use libfuzzer_sys::fuzz_target;
use tinyo::text::address;

fuzz_target!(|word: &[u8]| {
    let _ = address::parse(word);
});
