#![no_main]

use libfuzzer_sys::fuzz_target;
use tinyo::probe::mountinfo;

fuzz_target!(|text: &[u8]| {
    if let Some(mount) = mountinfo::parse(&mut text.to_vec()) {
        assert!(mount.mount_point.count_bytes() <= text.len());
    }
});
