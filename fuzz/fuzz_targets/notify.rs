#![no_main]

use libfuzzer_sys::fuzz_target;
use tinyo::text::notify::{self, Notice};

fuzz_target!(|text: &[u8]| {
    let mut rest = Some(text);
    while let Some(notice) = notify::next(&mut rest) {
        assert!(!matches!(notice, Notice::Status(status) if status.contains(&b'\n')));
    }
    assert!(notify::service_of(text).is_none_or(|name| !name.contains(&b'/')));
    let _ = notify::parent(text);
});
