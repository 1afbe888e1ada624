#![no_main]

use libfuzzer_sys::fuzz_target;
use tinyo::text::passwd;

fuzz_target!(|line: &[u8]| {
    assert!(passwd::user(line).is_none_or(|user| user.uid != u32::MAX && user.is(user.name)));
    assert!(passwd::group(line).is_none_or(|group| group.gid != u32::MAX && group.is(group.name)));
});
