//! Words of the kernel command line, by the kernel's own rules (`next_arg` in lib/cmdline.c): white space separates,
//! `"` holds white space together and cannot be escaped, and the quotes around a word or around the value in
//! `name="value"` are taken off; any other quote stays.

use super::bytes::{shift, terminated};
use core::ffi::CStr;

/// One word, its quotes off: `name`, or `name=value`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    pub text: &'a CStr,
    /// Where the `=` is.
    equals: Option<usize>,
}

impl<'a> Word<'a> {
    pub fn name(self) -> &'a [u8] {
        let text = self.text.to_bytes();
        self.equals.and_then(|at| text.get(..at)).unwrap_or(text)
    }

    pub fn value(self) -> Option<&'a CStr> {
        let text = self.text.to_bytes_with_nul();
        terminated(text.get(self.equals?.checked_add(1)?..)?)
    }
}

/// The words of a line, which is taken apart in place: each separator becomes the NUL of the word before it.
pub struct Words<'a> {
    rest: &'a mut [u8],
    /// The last word had no byte left for its NUL and was dropped: the line did not fit where it was read to.
    pub cut: bool,
}

impl<'a> Words<'a> {
    /// `line` as /proc/cmdline gives it: up to its last newline or first NUL, which terminates the last word.
    pub fn new(line: &'a mut [u8]) -> Self {
        if let Some(last) = line.last_mut()
            && *last == b'\n'
        {
            *last = 0;
        }
        Words { rest: line, cut: false }
    }

    fn take(&mut self, count: usize) -> &'a mut [u8] {
        let rest = core::mem::take(&mut self.rest);
        let (head, tail) = rest.split_at_mut_checked(count).unwrap_or_default();
        self.rest = tail;
        head
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = Word<'a>;

    fn next(&mut self) -> Option<Word<'a>> {
        let blanks = self.rest.iter().position(|&byte| !is_space(byte))?;
        self.take(blanks);
        let quoted = self.rest.first() == Some(&b'"');
        if quoted {
            self.take(1);
        }
        let mut within = quoted;
        let mut equals = None;
        let end = self.rest.iter().enumerate().position(|(index, &byte)| {
            match byte {
                b'"' => within = !within,
                b'=' if equals.is_none() && index > 0 => equals = Some(index),
                _ => {}
            }
            byte == 0 || !within && is_space(byte)
        });
        let Some(end) = end else {
            self.cut = true;
            self.take(usize::MAX);
            return None;
        };
        if end == 0 && !quoted {
            // The NUL at the end of the line.
            return None;
        }
        let last = self.rest.get(end) == Some(&0);
        let word = self.take(end.checked_add(1)?);
        if last {
            self.take(usize::MAX);
        }
        Some(unquote(word, quoted, equals))
    }
}

/// Takes the quotes off a word that its separator ends, and makes that a NUL.
fn unquote(word: &mut [u8], quoted: bool, equals: Option<usize>) -> Word<'_> {
    let mut end = word.len().saturating_sub(1);
    let last = end.saturating_sub(1);
    let value = equals.and_then(|at| at.checked_add(1));
    let inner = value.filter(|&at| word.get(at) == Some(&b'"'));
    if (quoted || inner.is_some()) && end > 0 && word.get(last) == Some(&b'"') {
        end = last;
    }
    if let Some(open) = inner {
        // The value moves over its opening quote. When that was the closing quote too, it is off already.
        let from = open.saturating_add(1).min(end);
        if open < end {
            shift(word.get_mut(open..end).unwrap_or_default(), from.saturating_sub(open));
            end = end.saturating_sub(1);
        }
    }
    if let Some(terminator) = word.get_mut(end) {
        *terminator = 0;
    }
    let text = CStr::from_bytes_until_nul(word).unwrap_or_default();
    Word { text, equals }
}

/// The kernel's isspace(): as in C, and the no-break space of Latin-1.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r' | 0xa0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::{String, ToString};
    use std::vec::Vec;

    fn words(line: &str) -> Vec<String> {
        let mut line = std::format!("{line}\n").into_bytes();
        let mut words = Words::new(&mut line);
        let all = words.by_ref().map(|word| String::from_utf8_lossy(word.text.to_bytes()).into_owned()).collect();
        assert!(!words.cut);
        all
    }

    #[test]
    fn as_the_kernel_takes_them() {
        let table: [(&str, &[&str]); 16] = [
            ("", &[]),
            ("  \t ", &[]),
            ("ro root=/dev/vda", &["ro", "root=/dev/vda"]),
            (" a\t\tb\u{b}c ", &["a", "b", "c"]),
            ("x=\"a b\" y", &["x=a b", "y"]),
            ("\"x=a b\" y", &["x=a b", "y"]),
            ("\"exit 7\"", &["exit 7"]),
            ("a\"b c\"d", &["a\"b c\"d"]),
            ("x=a\"b c\"", &["x=a\"b c\""]),
            ("x=\"a\"b", &["x=a\"b"]),
            ("x=", &["x="]),
            ("x=\"\" y", &["x=", "y"]),
            ("\"\" y", &["", "y"]),
            ("x=\"a b", &["x=a b"]),
            ("x=\"", &["x="]),
            ("=a=b", &["=a=b"]),
        ];
        for (line, expected) in table {
            assert_eq!(words(line), expected, "{line}");
        }
    }

    /// The no-break space of Latin-1 is white space to the kernel, even within UTF-8.
    #[test]
    fn one_space_more_than_elsewhere() {
        let mut line = *b"a\xa0b \xc3\xa0 \"c\xa0d\"\n";
        let found: Vec<_> = Words::new(&mut line).map(|word| word.text.to_bytes()).collect();
        assert_eq!(found, [&b"a"[..], b"b", b"\xc3", b"c\xa0d"]);
    }

    #[test]
    fn names_and_values() {
        let mut line = *b"ro x=1 y= =z a=b=c q=\"v w\"\n";
        let found: Vec<_> = Words::new(&mut line).map(|word| (word.name(), word.value())).collect();
        let expected: [(&[u8], Option<&CStr>); 6] = [
            (b"ro", None),
            (b"x", Some(c"1")),
            (b"y", Some(c"")),
            (b"=z", None),
            (b"a", Some(c"b=c")),
            (b"q", Some(c"v w")),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_line_that_did_not_fit_says_so() {
        let mut line = *b"a bc";
        let mut words = Words::new(&mut line);
        assert_eq!(words.next().unwrap().text, c"a");
        assert!(words.next().is_none() && words.cut);
        let mut line = *b"a b\0c d";
        let mut words = Words::new(&mut line);
        assert_eq!(words.by_ref().map(|word| word.text).collect::<Vec<_>>(), [c"a", c"b"]);
        assert!(!words.cut);
    }

    /// lib/cmdline.c and repair_env_string() of init/main.c, told step by step: a word, whether it has a value, the rest.
    fn next_arg(args: &str) -> (String, bool, String) {
        let space = |character: char| matches!(character, ' ' | '\t'..='\r');
        let quoted = args.starts_with('"');
        let args: Vec<char> = args.chars().skip(usize::from(quoted)).collect();
        let mut in_quote = quoted;
        let mut equals = 0;
        let mut i = 0;
        while i < args.len() && (in_quote || !space(args[i])) {
            if equals == 0 && args[i] == '=' {
                equals = i;
            }
            if args[i] == '"' {
                in_quote = !in_quote;
            }
            i += 1;
        }
        let rest: String = args[i..].iter().collect::<String>().trim_start_matches(space).to_string();
        let mut word: Vec<char> = args[..i].to_vec();
        let mut closed = false;
        if equals > 0 && word.get(equals + 1) == Some(&'"') {
            if word.last() == Some(&'"') {
                word.pop();
                closed = true;
            }
            if word.len() > equals + 1 {
                word.remove(equals + 1);
            }
        }
        if quoted && !closed && word.last() == Some(&'"') {
            word.pop();
        }
        (word.into_iter().collect(), equals > 0, rest)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn as_its_naive_twin(line in "[ab=\"\\- \t\r]{0,24}") {
            let mut text = std::format!("{line}\n").into_bytes();
            let mut rest = line.trim_start().to_string();
            for word in Words::new(&mut text) {
                let (twin, has_value, after) = next_arg(&rest);
                prop_assert_eq!(word.text.to_str().unwrap(), twin);
                prop_assert_eq!(word.value().is_some(), has_value);
                rest = after;
            }
            prop_assert_eq!(rest, "");
        }

        #[test]
        fn any_bytes(mut line in prop::collection::vec(any::<u8>(), 0..40)) {
            let bound = line.len() + 1;
            prop_assert!(Words::new(&mut line).take(bound).count() < bound);
        }
    }
}
