#![no_main]

use libfuzzer_sys::fuzz_target;
use tinyo::text::source::{self, Source, Tag};

fuzz_target!(|text: &[u8]| {
    match source::parse(text) {
        Source::Path(path) => assert!(path == text && path.starts_with(b"/")),
        Source::Number(major, minor) => assert!(major < 1 << 12 && minor < 1 << 20),
        Source::Tag { value, .. } => assert!(!value.is_empty() && value.len() < text.len()),
        Source::Behind(uuid, _) => assert!(!uuid.is_empty() && text.starts_with(b"PARTUUID=")),
        Source::Other(other) => assert!(other == text && !other.starts_with(b"/")),
        Source::GptAuto | Source::Udevs | Source::Wrong => {}
    }
    // Quotes around a value change nothing.
    let [mut bare, mut quoted] = [b"UUID=".to_vec(), b"UUID=\"".to_vec()];
    bare.extend_from_slice(text);
    quoted.extend_from_slice(text);
    quoted.push(b'"');
    if let Source::Tag { tag: Tag::Uuid, value, .. } = source::parse(&bare)
        && !text.starts_with(b"\"")
    {
        assert_eq!(source::parse(&quoted), Source::Tag { tag: Tag::Uuid, value, escaped: false });
    }
});
