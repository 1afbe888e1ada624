//! Lines of modules.softdep (depmod(8)): `softdep NAME pre: BEFORE... post: AFTER...`. What they name is wanted, and need not
//! be there.

use crate::text::bytes::after;

/// Reads a line: whose it is, and what it wants; `true` with what is to be loaded before.
pub fn parse(line: &[u8]) -> Option<(&[u8], impl Iterator<Item = (bool, &[u8])>)> {
    let mut words =
        after(line, b"softdep ")?.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    let name = words.next()?;
    let mut before = None;
    let wanted = words.filter_map(move |word| {
        match word {
            b"pre:" => before = Some(true),
            b"post:" => before = Some(false),
            // Without a word of when in front it means nothing, to modprobe(8) too.
            word => return before.map(|before| (before, word)),
        }
        None
    });
    Some((name, wanted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::String;
    use std::vec::Vec;

    fn read(line: &str) -> Option<(&str, Vec<(bool, &str)>)> {
        let text = |bytes| core::str::from_utf8(bytes).unwrap();
        parse(line.as_bytes()).map(|(name, words)| (text(name), words.map(|(pre, word)| (pre, text(word))).collect()))
    }

    #[test]
    fn reads_a_line() {
        assert_eq!(read("softdep a pre: b c post: d"), Some(("a", std::vec![(true, "b"), (true, "c"), (false, "d")])));
        assert_eq!(read("softdep\ta pre: b"), None);
        assert_eq!(read("softdep  a  post:\td "), Some(("a", std::vec![(false, "d")])));
        // Of a kernel that forgot it.
        assert_eq!(read("softdep cifs gcm"), Some(("cifs", std::vec![])));
        for line in ["", "softdep ", "# softdep a pre: b", "alias a b"] {
            assert_eq!(read(line), None, "{line:?}");
        }
    }

    proptest! {
        #[test]
        fn as_its_naive_twin(name in "[a-z]{1,3}", words in prop::collection::vec("[a-z]{1,3}|pre:|post:", 0..8)) {
            let line = std::format!("softdep {name} {}", words.join(" "));
            let mut when = None;
            let mut expected = Vec::new();
            for word in &words {
                match word.as_str() {
                    "pre:" => when = Some(true),
                    "post:" => when = Some(false),
                    word => expected.extend(when.map(|when| (when, String::from(word)))),
                }
            }
            let (found, wanted) = parse(line.as_bytes()).unwrap();
            prop_assert_eq!(found, name.as_bytes());
            let wanted: Vec<_> = wanted.map(|(pre, word)| (pre, String::from_utf8_lossy(word).into_owned())).collect();
            prop_assert_eq!(wanted, expected);
        }
    }
}
