//! Lists of names in one string, and what somebody who wrote a name wrong probably meant.

/// Where `word` stands among the space-separated `list`. Letters of either case.
pub fn position(list: &str, word: &[u8]) -> Option<usize> {
    list.split(' ').position(|name| word.eq_ignore_ascii_case(name.as_bytes()))
}

/// The name at `index` of the space-separated `list`.
pub fn name(list: &'static str, index: usize) -> Option<&'static str> {
    list.split(' ').nth(index)
}

/// The one of `names` that is most like `word`, if one is.
pub fn nearest<'n>(word: &[u8], names: &mut dyn Iterator<Item = &'n str>) -> Option<&'n str> {
    let mut best = None;
    let mut least = usize::MAX;
    for name in names {
        if let Some(score) = difference(word, name.as_bytes())
            && score < least
        {
            least = score;
            best = Some(name);
        }
    }
    best
}

/// What is left of the longer word when the beginning and the end that both share are taken off; `None` if the two are
/// not alike. One letter more, less, changed or swapped leaves at most two, which an edit distance would tell with ten
/// times the code.
fn difference(word: &[u8], name: &[u8]) -> Option<usize> {
    let shorter = word.len().min(name.len());
    let longer = word.len().max(name.len());
    let prefix = word.iter().zip(name).take_while(|(a, b)| a == b).count();
    let suffix = word.iter().rev().zip(name.iter().rev()).take_while(|(a, b)| a == b).count();
    let shared = prefix.saturating_add(suffix).min(shorter);
    let left = longer.saturating_sub(shared);
    // `timeout` for `stop-timeout`: one is a part of the other.
    let part = shared == shorter && shared >= 4;
    (part || left <= 2 && shared >= left).then_some(left)
}
