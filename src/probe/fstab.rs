//! Lines of fstab(5).

use core::ffi::CStr;

use super::mountinfo::Rest;
use crate::text::bytes::Path;
use crate::text::number::decimal;

/// What shall be mounted where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    pub source: &'a CStr,
    target: &'a CStr,
    /// `auto`: whatever it is.
    pub fstype: &'a CStr,
    pub options: &'a CStr,
    /// fsck(8) looks at it: its sixth field is not 0.
    pub checked: bool,
}

impl Entry<'_> {
    /// It is for the directory `path`, whatever slashes are behind it.
    pub fn is_for(&self, path: &[u8]) -> bool {
        let mut target = self.target.to_bytes();
        while let [rest @ .., b'/'] = target {
            target = rest;
        }
        target == path
    }
}

/// Reads a line, without its newline, into `text`, where the entry is then: escapes decoded, a NUL behind each field.
///
/// None: a comment, an empty line, or none that mount(8) would take. The options, and the numbers behind them, may be left out.
pub fn parse<'t>(line: &[u8], text: &'t mut Path) -> Option<Entry<'t>> {
    text.clear();
    let mut blank = true;
    // With one space behind each field, as in mountinfo.
    for byte in line.iter().map(|byte| if *byte == b'\t' { b' ' } else { *byte }).chain([b' ']) {
        if !(blank && byte == b' ') {
            text.push(byte).ok()?;
        }
        blank = byte == b' ';
    }
    if text.first() == Some(&b'#') {
        return None;
    }
    let mut rest = Rest(text);
    let (source, target, fstype) = (rest.text()?, rest.text()?, rest.text()?);
    let options = rest.text().unwrap_or(c"defaults");
    let _dump = rest.field();
    let checked = rest.field().is_some_and(|pass| decimal(pass).is_some_and(|pass| pass != 0));
    Some(Entry { source, target, fstype, options, checked })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::String;
    use std::vec::Vec;

    #[test]
    fn reads_lines_as_people_write_them() {
        for (line, entry) in [
            ("UUID=5d7e /usr ext4 noatime,ro 0 2", Some(("UUID=5d7e", "/usr", "ext4", "noatime,ro", true))),
            ("\t LABEL=a\\040b\t/mnt\\134x  auto\t", Some(("LABEL=a b", "/mnt\\x", "auto", "defaults", false))),
            ("/dev/vdb /usr ext4", Some(("/dev/vdb", "/usr", "ext4", "defaults", false))),
            ("/dev/vdb /usr ext4 nofail 0 0 # twice", Some(("/dev/vdb", "/usr", "ext4", "nofail", false))),
            ("a b c d 0 1", Some(("a", "b", "c", "d", true))),
            ("a b c d 1 0", Some(("a", "b", "c", "d", false))),
            ("a b c d 1 01", Some(("a", "b", "c", "d", false))),
            ("a b c d", Some(("a", "b", "c", "d", false))),
            ("# UUID=5d7e /usr ext4", None),
            ("  #/dev/vdb /usr ext4", None),
            ("/dev/vdb /usr", None),
            ("/dev/vdb", None),
            ("", None),
            (" \t ", None),
            ("a \\000 c d", None),
            ("a b\0b c d", None),
        ] {
            let mut text = Path::new();
            let is = |text: &CStr| String::from_utf8_lossy(text.to_bytes()).into_owned();
            let read = parse(line.as_bytes(), &mut text)
                .map(|e| (is(e.source), is(e.target), is(e.fstype), is(e.options), e.checked));
            let wanted = entry.map(|(a, b, c, d, checked)| (a.into(), b.into(), c.into(), d.into(), checked));
            assert_eq!(read, wanted, "{line:?}");
        }
    }

    #[test]
    fn slashes_behind_it_are_no_other_place() {
        for (target, is) in [("/usr", true), ("/usr///", true), ("/usr/local", false), ("/", false), ("usr", false)] {
            let line = std::format!("a {target} c");
            assert_eq!(parse(line.as_bytes(), &mut Path::new()).unwrap().is_for(b"/usr"), is, "{target}");
        }
    }

    /// By the standard library's words, each decoded by itself.
    fn twin(line: &str) -> Option<[Vec<u8>; 4]> {
        let decoded = |word: &str| {
            let (mut out, bytes, mut at) = (Vec::new(), word.as_bytes(), 0);
            while at < bytes.len() {
                let digits =
                    bytes.get(at + 1..at + 4).filter(|digits| digits.iter().all(|digit| (b'0'..b'8').contains(digit)));
                let code = digits.and_then(|digits| u8::from_str_radix(core::str::from_utf8(digits).unwrap(), 8).ok());
                let code = code.filter(|_| bytes[at] == b'\\');
                out.push(code.unwrap_or(bytes[at]));
                at += if code.is_some() { 4 } else { 1 };
            }
            out
        };
        let words: Vec<&str> = line.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
        let field = |at: usize| words.get(at).map(|word| decoded(word));
        let fields = [field(0)?, field(1)?, field(2)?, field(3).unwrap_or(b"defaults".to_vec())];
        (!fields[0].starts_with(b"#") && !fields.iter().any(|field| field.contains(&0))).then_some(fields)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn as_its_naive_twin(line in "([ \t]{1,2}|#?)([#a/=,\\\\0-4]{1,7}[ \t]{1,2}){0,7}[a,]{0,2}") {
            let mut text = Path::new();
            let read = parse(line.as_bytes(), &mut text);
            let fields = read.map(|e| [e.source, e.target, e.fstype, e.options].map(|field| field.to_bytes().to_vec()));
            // Options with a NUL are as good as none.
            if !line.contains("\\000") {
                prop_assert_eq!(fields, twin(&line));
            }
        }

        #[test]
        fn any_bytes(line in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = parse(&line, &mut Path::new());
        }
    }
}
