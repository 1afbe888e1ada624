//! Lists of names in one string with spaces between, and what somebody who wrote a name wrong probably meant.

use super::bytes::{alike, before, cut};

/// Where `word` stands in `list`.
pub fn position(list: &str, word: &[u8]) -> Option<usize> {
    find(list, word, |name, word| name == word)
}

/// Where `word` stands in `list`, with letters of either case.
pub fn position_alike(list: &str, word: &[u8]) -> Option<usize> {
    find(list, word, alike)
}

fn find(list: &str, word: &[u8], same: fn(&[u8], &[u8]) -> bool) -> Option<usize> {
    let mut rest = Some(list.as_bytes());
    let mut index = 0usize;
    while let Some((name, more)) = rest.map(|rest| cut(rest, b' ')) {
        if same(name, word) {
            return Some(index);
        }
        index = index.wrapping_add(1);
        rest = more;
    }
    None
}

/// The name at `index` of `list`.
pub fn name(list: &'static str, index: usize) -> Option<&'static str> {
    Some(at(list, b' ', index)).filter(|name| !name.is_empty())
}

/// The text at `index` of `list`, with `separator` between.
pub fn at(list: &'static str, separator: u8, index: usize) -> &'static str {
    let mut start = 0usize;
    for _ in 0..index {
        start = start
            .saturating_add(before(list.as_bytes().get(start..).unwrap_or_default(), separator).len().wrapping_add(1));
    }
    let rest = list.get(start..).unwrap_or_default();
    rest.get(..before(rest.as_bytes(), separator).len()).unwrap_or_default()
}

/// Whether two names of modules, or of their options, are the same: `-` and `_` are, in them.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b || is_dash(*a) && is_dash(*b))
}

pub fn is_dash(byte: u8) -> bool {
    matches!(byte, b'-' | b'_')
}

/// The one of some names that is most like a word.
pub struct Nearest<'w> {
    word: &'w [u8],
    least: usize,
    name: &'w [u8],
}

impl<'w> Nearest<'w> {
    pub fn to(word: &'w [u8]) -> Self {
        Nearest { word, least: usize::MAX, name: &[] }
    }

    pub fn consider(&mut self, name: &'w [u8]) {
        let score = difference(self.word, name);
        if score < self.least {
            self.least = score;
            self.name = name;
        }
    }

    pub fn found(self) -> Option<&'w [u8]> {
        if self.name.is_empty() { None } else { Some(self.name) }
    }
}

/// The one of all the names in `lists` that is most like `word`.
pub fn nearest<'w>(word: &'w [u8], lists: &[&'w str]) -> Option<&'w [u8]> {
    let mut nearest = Nearest::to(word);
    for list in lists {
        let mut rest = Some(list.as_bytes());
        while let Some((name, more)) = rest.map(|rest| cut(rest, b' ')) {
            nearest.consider(name);
            rest = more;
        }
    }
    nearest.found()
}

/// How far `word` is from `name`: twice what is left of the longer one when the beginning and the end that both share are
/// taken off, one less for two letters swapped; `usize::MAX` when the two are not alike. One letter more, less, changed
/// or swapped leaves at most two, which an edit distance would tell with ten times the code.
fn difference(word: &[u8], name: &[u8]) -> usize {
    let shorter = word.len().min(name.len());
    let longer = word.len().max(name.len());
    let (word, name) = strip(word, name, |text| text.split_first());
    let (word, name) = strip(word, name, |text| text.split_last());
    let left = word.len().max(name.len());
    let shared = longer.wrapping_sub(left);
    // `timeout` for `stop-timeout`: one is a part of the other.
    let part = shared == shorter && shared >= 4;
    let swapped = matches!((word, name), ([a, b], [c, d]) if a == d && b == c);
    if left == 0 || part || left <= 2 && shared >= left || swapped && shared > 0 {
        left.wrapping_mul(2).wrapping_sub(usize::from(swapped))
    } else {
        usize::MAX
    }
}

/// One byte off an end of a text.
type Take = fn(&[u8]) -> Option<(&u8, &[u8])>;

/// Takes off both what they share at one end.
fn strip<'a>(mut a: &'a [u8], mut b: &'a [u8], take: Take) -> (&'a [u8], &'a [u8]) {
    while let (Some((first, rest)), Some((other, others))) = (take(a), take(b))
        && first == other
    {
        a = rest;
        b = others;
    }
    (a, b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::String;
    use std::vec::Vec;

    #[test]
    fn finds_places() {
        assert_eq!((position("a bc d", b"bc"), position("a bc d", b"b"), position("a b", b"")), (Some(1), None, None));
        assert_eq!((position("a b", b"A"), position_alike("a b", b"B")), (None, Some(1)));
        assert_eq!((name("a bc d", 1), name("a bc d", 2), name("a bc d", 3)), (Some("bc"), Some("d"), None));
        assert_eq!((at("one two\nthree\n", b'\n', 1), at("one\n", b'\n', 9)), ("three", ""));
    }

    #[test]
    fn guesses() {
        let keys = "exec stop type tty ask restart after requires stop-signal stop-timeout workdir env on-exit";
        let table: [(&str, &str); 14] = [
            ("exce", "exec"),
            ("exe", "exec"),
            ("execs", "exec"),
            ("restrat", "restart"),
            ("requries", "requires"),
            ("require", "requires"),
            ("timeout", "stop-timeout"),
            ("signal", "stop-signal"),
            ("work_dir", "workdir"),
            ("typ", "type"),
            ("stop_timeout", "stop-timeout"),
            ("on_exit", "on-exit"),
            ("evn", "env"),
            ("stops", "stop"),
        ];
        for (word, expected) in table {
            assert_eq!(nearest(word.as_bytes(), &[keys]), Some(expected.as_bytes()), "{word}");
        }
        for word in ["", "x", "ab", "image", "volume", "command", "t", "zzzzzzzzzzzz"] {
            assert_eq!(nearest(word.as_bytes(), &[keys]), None, "{word}");
        }
        assert_eq!(nearest(b"TREM", &["TRAP TERM"]), Some(&b"TERM"[..]));
        assert_eq!(nearest(b"x", &[""]), None);
    }

    /// The distance of Levenshtein, as in a textbook.
    fn distance(a: &[u8], b: &[u8]) -> usize {
        let mut row: Vec<usize> = (0..=b.len()).collect();
        for (i, x) in a.iter().enumerate() {
            let mut left = i + 1;
            for (j, y) in b.iter().enumerate() {
                let here = (row[j] + usize::from(x != y)).min(row[j + 1] + 1).min(left + 1);
                row[j] = left;
                left = here;
            }
            row[b.len()] = left;
        }
        row[b.len()]
    }

    proptest! {
        /// What is called alike is near by the textbook too, and one typing error is always alike.
        #[test]
        fn near_is_near(word in "[a-e-]{0,8}", name in "[a-e-]{4,8}", at in 0usize..4, letter in "[a-e]") {
            let score = difference(word.as_bytes(), name.as_bytes());
            prop_assert!(score == usize::MAX || distance(word.as_bytes(), name.as_bytes()) <= score.div_ceil(2));
            prop_assert_eq!(score == 0, word == name);
            let (before, after) = name.split_at(at);
            let mut chars = after.chars();
            let first = chars.next().unwrap();
            let rest: String = chars.collect();
            for typo in [
                std::format!("{before}{letter}{after}"), std::format!("{before}{letter}{rest}"), std::format!("{before}{rest}"),
            ] {
                prop_assert!(difference(typo.as_bytes(), name.as_bytes()) <= 2, "{typo} {name} {first}");
            }
        }
    }
}
