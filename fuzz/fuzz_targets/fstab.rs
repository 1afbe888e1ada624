#![no_main]

use libfuzzer_sys::fuzz_target;
use tinyo::probe::fstab;
use tinyo::text::bytes::Path;

/// `\040` is a space: three octal digits, of one byte.
fn decoded(word: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), word);
    while let Some((&byte, tail)) = rest.split_first() {
        let code = match rest {
            [b'\\', high @ b'0'..=b'3', middle @ b'0'..=b'7', low @ b'0'..=b'7', ..] => {
                Some((high - b'0') << 6 | (middle - b'0') << 3 | (low - b'0'))
            }
            _ => None,
        };
        out.push(code.unwrap_or(byte));
        rest = if code.is_some() { &rest[4..] } else { tail };
    }
    out
}

fuzz_target!(|text: &[u8]| {
    for line in text.split(|byte| *byte == b'\n').filter(|line| line.len() < 4000) {
        let words: Vec<_> = line.split(|byte| b" \t".contains(byte)).filter(|word| !word.is_empty()).map(decoded).collect();
        let nul = |count: usize| words.iter().take(count).any(|word| word.contains(&0));
        let mut place = Path::new();
        let entry = fstab::parse(line, &mut place);
        let comment = words.first().is_some_and(|word| word.starts_with(b"#"));
        // Of a comment that is written with an escape nobody says what it is.
        if comment && !line.trim_ascii_start().starts_with(b"#") {
            continue;
        }
        assert_eq!(entry.is_some(), words.len() >= 3 && !nul(3) && !comment, "{line:?}");
        let Some(entry) = entry else { continue };
        assert!(entry.source.to_bytes() == words[0] && entry.fstype.to_bytes() == words[2]);
        assert!(!entry.is_for(b"/usr") || words[1].starts_with(b"/usr"));
        if !nul(4) {
            assert_eq!(entry.options.to_bytes(), words.get(3).map_or(&b"defaults"[..], |options| options));
        }
        let checked = words.get(5).is_some_and(|pass| pass.iter().any(|digit| *digit != b'0'));
        assert!(!entry.checked || checked);
    }
});
