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
        for (index, piece) in self.what.split('%').enumerate() {
            let gap = if index == 0 { None } else { piece.split_at_checked(1) };
            let text = match gap {
                Some(("1", rest)) => (0, rest),
                Some(("2", rest)) => (1, rest),
                Some(("3", rest)) => (2, rest),
                _ => (usize::MAX, piece),
            };
            if let Some(with) = self.with.get(text.0) {
                Show(with).write(out);
            }
            out(text.1);
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
