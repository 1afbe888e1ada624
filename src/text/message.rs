//! A message with foreign text in it: a sentence from a table, and what goes into its gaps.

use super::bytes::cut;
use super::show::{self, Show};
use ufmt::{Formatter, uDisplay, uWrite};

/// `what` with `%1` to `%3` for the texts of `with`, shown harmlessly.
#[derive(Clone, Copy, Debug)]
pub struct Message<'m> {
    pub what: &'static str,
    pub with: [&'m [u8]; 3],
}

impl Message<'_> {
    /// Gives `out` the message piece by piece.
    pub fn write(&self, out: &mut dyn FnMut(&str)) {
        let mut rest = Some(self.what.as_bytes());
        let mut gap = None;
        while let Some((piece, more)) = rest.map(|rest| cut(rest, b'%')) {
            let literal = match (gap, piece) {
                (Some(()), [digit, literal @ ..]) => {
                    let with = self.with.get(usize::from(digit.wrapping_sub(b'1')));
                    Show(with.copied().unwrap_or_default()).write(out);
                    literal
                }
                _ => piece,
            };
            out(core::str::from_utf8(literal).unwrap_or_default());
            gap = Some(());
            rest = more;
        }
    }
}

impl uDisplay for Message<'_> {
    fn fmt<W: uWrite + ?Sized>(&self, formatter: &mut Formatter<'_, W>) -> Result<(), W::Error> {
        show::pieces(formatter, |out| self.write(out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;

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
            let mut shown = String::new();
            Message { what, with: [b"a", b"b\n", b""] }.write(&mut |piece| shown.push_str(piece));
            assert_eq!(shown, expected);
            let mut other = heapless::String::<64>::new();
            ufmt::uwrite!(&mut other, "{}", Message { what, with: [b"a", b"b\n", b""] }).unwrap();
            assert_eq!(other.as_str(), expected);
        }
    }
}
