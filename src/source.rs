//! A config file from the disk, whole or not at all.

use core::ffi::CStr;

use crate::limits;
use crate::put;
use crate::sys::error::{Call, Error};
use crate::sys::fs;
use crate::text::put::{Out, Word};

/// One place more than the largest file: a file that fills it is too large.
pub type Text = [u8; limits::CONFIG_BYTES + 1];

/// Why a file is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    Error(Error),
    NotAFile,
    TooLarge,
}

impl Word for Refused {
    fn write(&self, out: &mut dyn Out) {
        match self {
            Refused::Error(error) => error.errno().write(out),
            Refused::NotAFile => out.write(b"not a regular file"),
            Refused::TooLarge => put!(out, "too large; write at most {} bytes", limits::CONFIG_BYTES),
        }
    }
}

/// Reads the file at `path` into `text`, as large as a [`Text`]: its length. A fifo or a terminal would keep us waiting, and is refused.
pub fn read(path: &CStr, text: &mut [u8]) -> Result<usize, Refused> {
    let not_a_file = Error::new(Call::Open, libc::EISDIR);
    let read = fs::open(path, fs::READ | fs::NON_BLOCK)
        .and_then(|file| if fs::file_status(&file)?.is_regular() { file.read_to_end(text) } else { Err(not_a_file) });
    match read {
        Ok(length) if length > limits::CONFIG_BYTES => Err(Refused::TooLarge),
        Ok(length) => Ok(length),
        Err(error) if error == not_a_file => Err(Refused::NotAFile),
        Err(error) => Err(Refused::Error(error)),
    }
}
