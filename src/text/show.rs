//! Foreign bytes in a message. What a file, a command line or a disk says is shown so that it can neither break a log
//! line nor speak to a terminal.

use core::ffi::CStr;
use ufmt::{Formatter, uDisplay, uWrite};

/// The longest text shown, in bytes of it; what is longer ends in `...`.
pub const SHOWN: usize = 200;

/// Shows bytes: control characters and what is not UTF-8 as `\xNN`.
#[derive(Clone, Copy)]
pub struct Show<'a>(pub &'a [u8]);

impl<'a> From<&'a CStr> for Show<'a> {
    fn from(text: &'a CStr) -> Self {
        Show(text.to_bytes())
    }
}

impl<'a> From<&'a str> for Show<'a> {
    fn from(text: &'a str) -> Self {
        Show(text.as_bytes())
    }
}

impl Show<'_> {
    /// Gives `out` the text piece by piece.
    pub fn write(self, out: &mut dyn FnMut(&str)) {
        let mut room = SHOWN;
        for chunk in self.0.utf8_chunks() {
            for (start, character) in chunk.valid().char_indices() {
                let end = start.saturating_add(character.len_utf8());
                let Some(text) = chunk.valid().get(start..end) else { return };
                let Some(left) = room.checked_sub(text.len()) else { return out("...") };
                room = left;
                if harmless(character) { out(text) } else { escape(text.as_bytes(), out) }
            }
            let Some(left) = room.checked_sub(chunk.invalid().len()) else { return out("...") };
            room = left;
            escape(chunk.invalid(), out);
        }
    }
}

/// Not a control character (C0, DEL, C1), a line or paragraph separator, or one that turns the direction of writing.
fn harmless(character: char) -> bool {
    !matches!(character, '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn escape(bytes: &[u8], out: &mut dyn FnMut(&str)) {
    for &byte in bytes {
        out("\\x");
        for digit in [byte >> 4, byte & 15] {
            let start = usize::from(digit);
            out("0123456789abcdef".get(start..=start).unwrap_or("?"));
        }
    }
}

impl uDisplay for Show<'_> {
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
