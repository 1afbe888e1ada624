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
    e its inert  t; o oron  an: , \x87w\
    d i\x82rer\x81\x93\x80\x8f\x94roleun\x86hstthnoa n\x88\x89 \
    almo\x81  \x91icof\x8b\x8b\x8c\x90abme\x83y\x84 nesey \x83g\
    ilot\x99\x80\x9c\x85v\xa4charens\x84\xa5 igadess\x85\x83 co\
    \x86\xaa\xb8\xb4c\x8al\x83\x8a a\x82a\x85e\x82hodew\x81--MEatlina\
    \x96\xb1\xaf \xbfm= \xa3\x9el r\x98v\x84\x81\x82\xc0\x88A\xccN\xda\x9b\x80\xa8\x97] ap\
    edexop\xd2mdis\x8eum\xa1\x98cteli\x97o\x88so\x8c dok\x84\
    \x86\x88\x8a\x80e\x95h ma\xa6\x8b\xef\xac \xd3loup\xc1eken\xe6u\x85\xc3e\xe3\xa7";

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
