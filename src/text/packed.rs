//! What tinyo says, in half the bytes: pairs of bytes that our texts repeat, or pairs of such pairs, have one of the bytes
//! that ASCII does not use.
//!
//! A third of the binary would be sentences otherwise. They are packed where they are written, by the compiler, which is where
//! an index that is wrong ends, and unpacked as they go out; what is plain ASCII unpacks to itself.

use super::bytes::before;
use super::put::{Out, Piece, Word};

/// What each byte from 128 on stands for, the first ones first: byte pair encoding of the texts in this tree. Any pairs are
/// right; none has what a gap in a text or the end of a line is told by.
static PAIRS: &[u8; 256] = b"\
    e its inert ; o   thonor: , and \
    i\x82re\x86wr\x81\x93\x80\x92\x94role\x8b sta unn\x87\x89\x80no\x81 \
    y almot\x83of\x84 ic\x8e\x8fg  \x90\x88\x88\xa3yabenes\xa4 \
    ne\x83 fiotchv\xa6\x9e\x85ar\x8a ses\x84adamome\x82s\x85\
    di\xab\x87\xba\xb5a\x82c\x8al\x83a\x85det\x87umc\xbd--athol li\
    n\xbcsi\x81\x82w\x81\xa9\x9cMEto= ill\x80r\x9b\x96\xb3op\x83\xa8A\xd5N\xde\
    ] edemexe\x95\xac\x97\xcamapmaelh v\x84\x8e \xd6\x87ctk\x84\
    sos\x8d\x89\x90\x8a\x80\xa2\x9bup\xef\xb0f\x98lo\x89\x84 \xd7dota\x91\xbb\xaa\x88\xd3\xea";

/// The first byte that stands for a pair.
const FIRST: u8 = 128;

/// A text of ours, packed: `packed!("what is wrong")`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packed(&'static [u8]);

/// A [`Packed`] of a text that is known to the compiler.
macro_rules! packed {
    ($text:expr) => {{
        const PLAIN: &str = $text;
        const PACKED: ([u8; PLAIN.len()], usize) = $crate::text::packed::pack(PLAIN);
        const BYTES: [u8; PACKED.1] = $crate::text::packed::first(&PACKED.0);
        $crate::text::packed::Packed::of(&BYTES)
    }};
}
pub(crate) use packed;

/// `text`, and how many bytes of it are left when it is packed. For [`packed!`].
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
pub const fn pack<const N: usize>(text: &str) -> ([u8; N], usize) {
    assert!(text.is_ascii());
    let mut bytes = first::<N>(text.as_bytes());
    let mut len = N;
    let mut code = 0;
    while code < PAIRS.len() / 2 {
        let (mut from, mut to) = (0, 0);
        while from < len {
            bytes[to] = bytes[from];
            if from + 1 < len && bytes[from] == PAIRS[2 * code] && bytes[from + 1] == PAIRS[2 * code + 1] {
                bytes[to] = FIRST + code as u8;
                from += 1;
            }
            from += 1;
            to += 1;
        }
        len = to;
        code += 1;
    }
    (bytes, len)
}

/// The first bytes of `bytes`. For [`packed!`].
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
pub const fn first<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    let mut at = 0;
    while at < N {
        out[at] = bytes[at];
        at += 1;
    }
    out
}

impl Packed {
    pub const EMPTY: Packed = Packed(b"");

    /// For [`packed!`].
    pub const fn of(bytes: &'static [u8]) -> Self {
        Packed(bytes)
    }

    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    pub(super) const fn bytes(self) -> &'static [u8] {
        self.0
    }

    /// The line at `index`, without its end.
    pub fn line(self, index: usize) -> Packed {
        let mut rest = self.0;
        for _ in 0..index {
            rest = rest.get(before(rest, b'\n').len().wrapping_add(1)..).unwrap_or_default();
        }
        Packed(before(rest, b'\n'))
    }
}

impl Word for Packed {
    #[inline(always)]
    fn piece(&self) -> Piece<'_> {
        Piece::Packed(*self)
    }

    fn write(&self, out: &mut dyn Out) {
        unpack(self.0, out);
    }
}

/// Gives `out` what `text` stands for.
pub fn unpack(text: &[u8], out: &mut dyn Out) {
    for byte in text {
        let pair = byte.checked_sub(FIRST).and_then(|code| PAIRS.as_chunks::<2>().0.get(usize::from(code)));
        match pair {
            Some(pair) => unpack(pair, out),
            None => out.write(&[*byte]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::put::shown;
    use super::*;

    const TEXT: &str = "the kernel command line is too long; write at most %1 bytes of {}\n";

    #[test]
    fn what_is_packed_is_unpacked() {
        let packed = packed!(TEXT);
        assert!(packed.0.len() < TEXT.len() * 2 / 3, "{packed:?}");
        assert_eq!(shown(&packed), TEXT);
        assert_eq!(shown(&packed!("")), "");
        assert_eq!(shown(&Packed::of(b"plain {}")), "plain {}");
    }

    #[test]
    fn lines() {
        let packed = packed!("the one\n\nand another\n");
        let lines = [0, 1, 2, 3, 4].map(|index| shown(&packed.line(index)));
        assert_eq!(lines, ["the one", "", "and another", "", ""]);
    }

    /// So that unpacking ends, and gaps and lines are found without it.
    #[test]
    fn pairs_are_of_what_came_before_and_of_no_gap() {
        for (code, pair) in PAIRS.chunks(2).enumerate() {
            assert!(pair.iter().all(|byte| usize::from(*byte) < usize::from(FIRST) + code), "{code}");
            assert!(!pair.iter().any(|byte| b"%{}(\n0123456789".contains(byte)), "{code}");
        }
    }
}
