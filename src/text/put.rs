//! How a text comes together: words put into the gaps of a sentence, piece by piece, wherever it goes.
//!
//! One `dyn` call a word: what a message costs at its place is a few bytes, and the code that puts a thing into words is
//! there once, whether for a line of the log or for standard output.

use core::convert::Infallible;

use super::bytes::cut;
use ufmt::{Formatter, uDisplay, uWrite};

/// Where words go.
pub trait Out {
    fn write(&mut self, text: &[u8]);
}

impl<F: FnMut(&[u8])> Out for F {
    fn write(&mut self, text: &[u8]) {
        self(text);
    }
}

/// What does not fit is left out.
impl<const N: usize> Out for heapless::Vec<u8, N> {
    fn write(&mut self, text: &[u8]) {
        let _ = self.extend_from_slice(text);
    }
}

/// A part of a text.
pub trait Word {
    fn write(&self, out: &mut dyn Out);
}

/// `out`, for ufmt.
struct Plain<'o>(&'o mut dyn Out);

impl uWrite for Plain<'_> {
    type Error = Infallible;

    fn write_str(&mut self, text: &str) -> Result<(), Infallible> {
        self.0.write(text.as_bytes());
        Ok(())
    }
}

/// Numbers and texts of our own.
impl<T: uDisplay + ?Sized> Word for T {
    fn write(&self, out: &mut dyn Out) {
        let Ok(()) = uDisplay::fmt(self, &mut Formatter::new(&mut Plain(out)));
    }
}

/// Gives `out` the text, and lets `fill` say what goes into each gap: `mark` and the byte behind it, which tells them apart.
pub fn fill(out: &mut dyn Out, text: &str, mark: u8, fill: &mut dyn FnMut(&mut dyn Out, u8)) {
    let (literal, mut rest) = cut(text.as_bytes(), mark);
    out.write(literal);
    while let Some([gap, tail @ ..]) = rest {
        fill(out, *gap);
        let (literal, more) = cut(tail, mark);
        out.write(literal);
        rest = more;
    }
}

/// See [`put!`](crate::put).
pub fn put(out: &mut dyn Out, text: &str, words: &[&dyn Word]) {
    let mut words = words.iter();
    fill(out, text, b'{', &mut |out, _| {
        if let Some(word) = words.next() {
            word.write(out);
        }
    });
}

/// Adds to a text: `put!(line, "{} of {}", part, whole)`.
#[macro_export]
macro_rules! put {
    ($out:expr, $text:expr $(, $word:expr)* $(,)?) => {
        $crate::text::put::put($out, $text, &[$(&$word as &dyn $crate::text::put::Word),*])
    };
}

/// What `word` puts into words.
#[cfg(test)]
pub fn shown(word: &dyn Word) -> std::string::String {
    let mut text = std::vec::Vec::new();
    word.write(&mut |piece: &[u8]| text.extend_from_slice(piece));
    std::string::String::from_utf8(text).unwrap()
}

#[cfg(test)]
mod tests {
    #[test]
    fn fills_its_gaps() {
        let mut text = std::vec::Vec::new();
        put!(&mut |piece: &[u8]| text.extend_from_slice(piece), "{}: {} of {};{", "a", 1u8, 20u64);
        assert_eq!(text, b"a: 1 of 20;");
    }
}
