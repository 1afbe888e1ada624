//! Lines of modules.softdep (depmod(8)): `softdep NAME pre: BEFORE... post: AFTER...`. What they name is wanted, and need not
//! be there.

use crate::text::bytes::{after, cut};
use crate::text::names::same;

/// Gives `take` what a line says that module `name` wants; `true` with what is to be loaded before.
pub fn each(line: &[u8], name: &[u8], take: &mut dyn FnMut(bool, &[u8])) {
    let (own, rest) = cut(after(line, b"softdep ").unwrap_or_default(), b' ');
    if !same(own, name) {
        return;
    }
    let mut before = None;
    for word in rest.unwrap_or_default().split(|byte| *byte == b' ') {
        match word {
            b"pre:" => before = Some(true),
            b"post:" => before = Some(false),
            b"" => {}
            // Without a word of when in front it means nothing, to modprobe(8) too.
            word => _ = before.map(|before| take(before, word)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::String;
    use std::vec::Vec;

    fn read(line: &str, name: &str) -> Vec<(bool, String)> {
        let mut wanted = Vec::new();
        each(line.as_bytes(), name.as_bytes(), &mut |before, word| {
            wanted.push((before, String::from_utf8_lossy(word).into_owned()))
        });
        wanted
    }

    #[test]
    fn reads_a_line() {
        let words =
            |list: &[(bool, &str)]| list.iter().map(|(pre, word)| (*pre, String::from(*word))).collect::<Vec<_>>();
        let three = words(&[(true, "b"), (true, "c"), (false, "d")]);
        assert_eq!(read("softdep a-a pre: b c post: d", "a_a"), three);
        assert_eq!(read("softdep a  post: d ", "a"), words(&[(false, "d")]));
        // Of a kernel that forgot it.
        assert_eq!(read("softdep cifs gcm", "cifs"), []);
        for line in
            ["", "softdep ", "softdep a", "# softdep a pre: b", "alias a b", "softdep ab pre: b", "softdepa a pre: b"]
        {
            assert_eq!(read(line, "a"), [], "{line:?}");
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
            prop_assert_eq!(read(&line, &name), expected);
        }
    }
}
