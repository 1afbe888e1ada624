//! Words of the kernel command line, by the kernel's own rules (`next_arg` in lib/cmdline.c): white space separates,
//! `"` holds white space together and cannot be escaped, and the quotes around a word or around the value in
//! `name="value"` are taken off; any other quote stays.

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
        CStr::from_bytes_with_nul(text.get(self.equals?.checked_add(1)?..)?).ok()
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
            word.copy_within(from..end, open);
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
