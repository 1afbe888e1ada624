//! Numbers and words, without `core::fmt`.

use crate::sys;

/// One line to the console. A kernel message may have left it in the middle of another.
pub fn print(name: &str, number: u64) {
    let mut line = Line::new();
    line.text(b"\n@ ").text(name.as_bytes()).text(b" ").number(number).text(b"\n");
    sys::log(c"/dev/console", line.bytes());
}

/// A short line, or a path. What does not fit is left out.
pub struct Line {
    buffer: [u8; 80],
    length: usize,
}

impl Line {
    pub fn new() -> Line {
        Line { buffer: [0; 80], length: 0 }
    }

    pub fn text(&mut self, text: &[u8]) -> &mut Line {
        // The last byte stays 0, for whoever wants a C string.
        let room = self.buffer.len() - 1 - self.length;
        let fits = &text[..text.len().min(room)];
        self.buffer[self.length..][..fits.len()].copy_from_slice(fits);
        self.length += fits.len();
        self
    }

    pub fn number(&mut self, mut number: u64) -> &mut Line {
        let mut digits = [0; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return self.text(&digits[at..]);
            }
        }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.buffer[..self.length]
    }

    pub fn path(&self) -> &core::ffi::CStr {
        core::ffi::CStr::from_bytes_until_nul(&self.buffer).unwrap_or_default()
    }
}

/// What follows `key`, where it is in `text`.
pub fn after<'t>(text: &'t [u8], key: &[u8]) -> Option<&'t [u8]> {
    let at = text.windows(key.len()).position(|window| window == key)?;
    Some(&text[at + key.len()..])
}

/// The number that `text` begins with, blanks before it passed over.
pub fn number(text: &[u8]) -> u64 {
    let digits = text.iter().skip_while(|byte| matches!(byte, b' ' | b'\t')).take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
}

/// The number behind `key` in `text`, or 0.
pub fn field(text: &[u8], key: &[u8]) -> u64 {
    after(text, key).map_or(0, number)
}
