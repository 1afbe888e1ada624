//! A message with foreign text in it: a sentence from a table, and what goes into its gaps.

use super::show::Show;
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
        let mut pieces = self.what.split('%');
        out(pieces.next().unwrap_or_default());
        for piece in pieces {
            let gap = piece.bytes().next().unwrap_or_default().wrapping_sub(b'1');
            Show(self.with.get(usize::from(gap)).copied().unwrap_or_default()).write(out);
            out(piece.get(1..).unwrap_or_default());
        }
    }
}

impl uDisplay for Message<'_> {
    fn fmt<W: uWrite + ?Sized>(&self, formatter: &mut Formatter<'_, W>) -> Result<(), W::Error> {
        let mut result = Ok(());
        self.write(&mut |text| {
            if result.is_ok() {
                result = formatter.write_str(text);
            }
        });
        result
    }
}
