//! How a text comes together: words put into the gaps of a sentence, piece by piece, wherever it goes.
//!
//! Most words are bytes or a number: a [`Piece`] carries those as they are, in two words and a tag, so that a message costs
//! little at its place; what is more than that writes itself.

use core::convert::Infallible;

use super::bytes::cut;
use super::packed::{Packed, unpack};
use super::show;
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

/// What can be said.
pub trait Word {
    fn write(&self, out: &mut dyn Out);

    fn piece(&self) -> Piece<'_>
    where
        Self: Sized,
    {
        Piece::Other(self)
    }
}

/// A part of a text.
#[derive(Clone, Copy)]
pub enum Piece<'p> {
    /// Of our own, as it is.
    Text(&'p [u8]),
    Packed(Packed),
    Show(show::Show<'p>),
    Word(show::Word<'p>),
    Number(u64),
    /// What a number stands for, and who knows that.
    Code(u32, fn(u32, &mut dyn Out)),
    Other(&'p dyn Word),
}

impl Word for Piece<'_> {
    fn write(&self, out: &mut dyn Out) {
        match self {
            Piece::Text(text) => out.write(text),
            Piece::Packed(text) => text.write(out),
            Piece::Show(text) => text.write(out),
            Piece::Word(text) => text.write(out),
            Piece::Number(number) => {
                let Ok(()) = uDisplay::fmt(number, &mut Formatter::new(&mut Plain(out)));
            }
            Piece::Code(number, write) => write(*number, out),
            Piece::Other(word) => word.write(out),
        }
    }
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

/// Words that are pieces at once.
macro_rules! pieces {
    ($($word:ty, $self:ident => $piece:expr;)*) => {$(
        impl Word for $word {
            fn write(&self, out: &mut dyn Out) {
                self.piece().write(out);
            }

            #[inline(always)]
            fn piece(&$self) -> Piece<'_> {
                $piece
            }
        }
    )*};
}

pieces! {
    &str, self => Piece::Text(self.as_bytes());
    u8, self => Piece::Number(u64::from(*self));
    u16, self => Piece::Number(u64::from(*self));
    u32, self => Piece::Number(u64::from(*self));
    u64, self => Piece::Number(*self);
    usize, self => Piece::Number(*self as u64);
}

/// Gives `out` the text, and lets `fill` say what goes into each gap: `mark` and the byte behind it, which tells them apart.
pub fn fill(out: &mut dyn Out, text: Packed, mark: u8, fill: &mut dyn FnMut(&mut dyn Out, u8)) {
    let (literal, mut rest) = cut(text.bytes(), mark);
    unpack(literal, out);
    while let Some([gap, tail @ ..]) = rest {
        fill(out, *gap);
        let (literal, more) = cut(tail, mark);
        unpack(literal, out);
        rest = more;
    }
}

/// See [`put!`](crate::put).
pub fn put(out: &mut dyn Out, text: Packed, words: &[Piece]) {
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
        $crate::text::put::put($out, $crate::text::packed::packed!($text), &[$($crate::text::put::Word::piece(&$word)),*])
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
