//! What a service is called.

use crate::text::put::{Out, Piece, Word};

/// The name of a service: `[A-Za-z0-9][A-Za-z0-9_-]{0,31}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name<'a>(&'a [u8]);

impl<'a> Name<'a> {
    pub const fn of(bytes: &'a [u8]) -> Self {
        Name(bytes)
    }

    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }
}

impl Word for Name<'_> {
    fn write(&self, out: &mut dyn Out) {
        out.write(self.0);
    }

    #[inline(always)]
    fn piece(&self) -> Piece<'_> {
        Piece::Text(self.0)
    }
}
