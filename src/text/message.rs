//! A message with foreign text in it: a sentence from a table, and what goes into its gaps.

use super::packed::Packed;
use super::put::{Out, Word, fill};
use super::show::Show;

/// `what` with `%1` to `%3` for the texts of `with`, shown harmlessly.
#[derive(Clone, Copy, Debug)]
pub struct Message<'m> {
    pub what: Packed,
    pub with: [&'m [u8]; 3],
}

impl Word for Message<'_> {
    fn write(&self, out: &mut dyn Out) {
        fill(out, self.what, b'%', &mut |out, digit| {
            let with = self.with.get(usize::from(digit.wrapping_sub(b'1')));
            Show(with.copied().unwrap_or_default()).write(out);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::put::shown;
    use super::*;

    #[test]
    fn fills_its_gaps() {
        let table = [
            ("plain", "plain"),
            ("%1 and %2, %1", "a and b\\x0a, a"),
            ("[%3]", "[]"),
            ("%1%2", "ab\\x0a"),
            ("%9", ""),
            ("%", ""),
        ];
        for (what, expected) in table {
            assert_eq!(shown(&Message { what: Packed::of(what.as_bytes()), with: [b"a", b"b\n", b""] }), expected);
        }
    }
}
