#![no_main]

use libfuzzer_sys::fuzz_target;
use tinyo::probe::alias::{Asked, matches, modalias, parse};

/// The same by a table of which part of the pattern fits which part of the text.
fn twin(pattern: &[u8], text: &[u8]) -> bool {
    // Where in the text what is behind each place of the pattern can begin.
    let mut begins = vec![false; text.len() + 1];
    begins[0] = true;
    let mut rest = pattern;
    while let Some((&first, tail)) = rest.split_first() {
        let set = rest.iter().position(|byte| *byte == b']').filter(|_| first == b'[');
        if first == b'*' {
            let from = begins.iter().position(|begins| *begins).unwrap_or(begins.len());
            begins[from..].fill(true);
            rest = tail;
            continue;
        }
        let fits = |byte: u8| match (first, set) {
            (b'?', _) => true,
            (b'[', None) => false,
            (b'[', Some(end)) => {
                let (mut set, mut fits) = (&rest[1..end], false);
                while !set.is_empty() {
                    let range = set.len() > 2 && set[1] == b'-';
                    fits |= set[0] <= byte && byte <= if range { set[2] } else { set[0] };
                    set = &set[if range { 3 } else { 1 }..];
                }
                fits
            }
            _ => first == byte,
        };
        begins = (0..=text.len()).map(|at| at > 0 && begins[at - 1] && fits(text[at - 1])).collect();
        rest = set.map_or(tail, |end| &rest[end + 1..]);
    }
    begins[text.len()]
}

// A line of modules.alias, and behind a NUL what devices say.
fuzz_target!(|text: &[u8]| {
    let (line, words) = text.split_at(text.iter().position(|byte| *byte == 0).unwrap_or(text.len()));
    let mut asked = Asked::new();
    let words: Vec<_> = words.split(|byte| *byte == 0).filter(|word| asked.add(word)).collect();
    if let Some(alias) = parse(line) {
        assert_eq!([b"alias ", alias.pattern, b" ", alias.module].concat(), line);
        for word in &words {
            assert_eq!(matches(alias.pattern, word), twin(alias.pattern, word));
        }
        // What is passed over unread fits nothing.
        assert_eq!(asked.fits(alias.pattern), words.iter().any(|word| matches(alias.pattern, word)));
    }
    let mut lines: Vec<_> = text.split(|byte| *byte == b'\n').collect();
    lines.pop();
    let named = lines.iter().filter_map(|line| line.strip_prefix(b"MODALIAS=")).find(|found| !found.is_empty());
    assert_eq!(modalias(text, b'\n'), named);
});
