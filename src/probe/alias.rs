//! What devices, file systems and algorithms say they are, and lines of modules.alias (depmod(8)): `alias PATTERN MODULE`.

use crate::text::bytes::{after, cut};
use heapless::Vec;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alias<'a> {
    /// As of fnmatch(3).
    pub pattern: &'a [u8],
    pub module: &'a [u8],
}

/// Reads a line.
pub fn parse(line: &[u8]) -> Option<Alias<'_>> {
    let (pattern, module) = cut(after(line, b"alias ")?, b' ');
    let module = module?;
    (!pattern.is_empty() && !module.is_empty()).then_some(Alias { pattern, module })
}

/// The modalias in what the kernel says of a device: lines, or words with an `end` behind each. A last one without was cut.
pub fn modalias(mut text: &[u8], end: u8) -> Option<&[u8]> {
    loop {
        let (word, rest) = cut(text, end);
        text = rest?;
        if let Some(found) = after(word, b"MODALIAS=").filter(|found| !found.is_empty()) {
            return Some(found);
        }
    }
}

/// Whether `text` is what `pattern` means: `*`, `?` and `[a-z]`, all that depmod(8) writes.
///
/// At most as many steps as the product of their lengths: only the last `*` is ever gone back to, for what one before it
/// takes more of, that one can take too.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    // Behind the last `*`, and what of the text it has not taken.
    let mut again: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern, text) {
            ([b'*'], _) | ([], []) => return true,
            ([b'*', rest @ ..], _) => {
                again = Some((rest, text));
                pattern = rest;
                continue;
            }
            (_, [byte, tail @ ..]) => {
                if let Some(rest) = one(pattern, *byte) {
                    (pattern, text) = (rest, tail);
                    continue;
                }
            }
            _ => {}
        }
        let Some((rest, [_, tail @ ..])) = again else { return false };
        again = Some((rest, tail));
        (pattern, text) = (rest, tail);
    }
}

/// What is behind the first character of `pattern`, if that one can be `byte`.
fn one(pattern: &[u8], byte: u8) -> Option<&[u8]> {
    let (fits, rest) = match pattern {
        [b'?', rest @ ..] => (true, rest),
        [b'[', set @ ..] => {
            let (set, rest) = cut(set, b']');
            (holds(set, byte), rest?)
        }
        [own, rest @ ..] => (*own == byte, rest),
        [] => return None,
    };
    fits.then_some(rest)
}

/// Whether `byte` is in a set.
fn holds(mut set: &[u8], byte: u8) -> bool {
    while let [low, rest @ ..] = set {
        let (high, tail) = match rest {
            [b'-', high, tail @ ..] => (high, tail),
            _ => (low, rest),
        };
        if (*low..=*high).contains(&byte) {
            return true;
        }
        set = tail;
    }
    false
}

/// Bytes of what is asked for at once: a hundred devices, or the longest modalias (a processor's, with its features).
const ASKED: usize = 4096;

/// What modules are looked for by, in one pass over the table.
pub struct Asked {
    /// Each with a NUL behind it.
    text: Vec<u8, ASKED>,
    /// A bit for the [`head`] of each.
    heads: u64,
}

impl Asked {
    pub const fn new() -> Self {
        Asked { text: Vec::new(), heads: 0 }
    }

    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    pub fn clear(&mut self) {
        self.text.clear();
        self.heads = 0;
    }

    /// Once: devices of one kind say the same. False: there is no room for it.
    pub fn add(&mut self, word: &[u8]) -> bool {
        if self.words().any(|own| own == word) {
            return true;
        }
        let room = self.text.capacity().saturating_sub(self.text.len());
        if word.len() >= room {
            return false;
        }
        let _ = self.text.extend_from_slice(word);
        let _ = self.text.push(0);
        self.heads |= head(word).map_or(0, bit);
        true
    }

    /// One of them fits `pattern`.
    pub fn fits(&self, pattern: &[u8]) -> bool {
        let head = head(pattern);
        if head.is_some_and(|head| self.heads & bit(head) == 0) {
            return false;
        }
        self.words().any(|word| (head.is_none() || self::head(word) == head) && matches(pattern, word))
    }

    pub fn words(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.text.as_slice();
        core::iter::from_fn(move || {
            let (word, tail) = cut(rest, 0);
            rest = tail?;
            Some(word)
        })
    }
}

impl Default for Asked {
    fn default() -> Self {
        Self::new()
    }
}

/// Most of a table is about devices that are not there. A pattern that begins with twelve plain bytes fits only what begins
/// with the same; the last eight of them tell busses and vendors apart (`pci:v00008086`, `usb:v046Dp0825`).
fn head(text: &[u8]) -> Option<u64> {
    let head = text.first_chunk::<12>()?;
    let plain = head.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b':');
    plain.then_some(u64::from_ne_bytes(*head.last_chunk()?))
}

/// One of 64, by the six bits that a multiplication mixes best: the topmost.
fn bit(head: u64) -> u64 {
    1u64.wrapping_shl((head.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58) as u32)
}

#[cfg(test)]
#[path = "alias_tests.rs"]
mod tests;
