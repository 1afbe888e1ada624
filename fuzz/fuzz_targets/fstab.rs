#![no_main]

use libfuzzer_sys::fuzz_target;
use tinyo::probe::fstab;
use tinyo::text::bytes::Path;

fuzz_target!(|text: &[u8]| {
    for line in text.split(|byte| *byte == b'\n') {
        if let Some(entry) = fstab::parse(line, &mut Path::new()) {
            assert!(entry.source.count_bytes() + entry.fstype.count_bytes() <= line.len());
        }
    }
});
