//! The variables of a command that come from files: read by the child, into memory that nobody else ever touches.

use core::ffi::CStr;

use crate::limits;
use crate::sys::error::{Call, Error, LINES, Result};
use crate::sys::fs;
use crate::sys::memory::Static;
use crate::text::{bytes, variables};

type Text = [u8; limits::ENV_FILE_BYTES];

/// PID 1 never takes it, so that each of its children can.
static TEXT: Static<Text> = Static::new([0; limits::ENV_FILE_BYTES]);

/// All that a command can have.
pub type Environment<'w> = heapless::Vec<&'w CStr, { limits::EXEC_WORDS }>;

/// Those of all files so far.
#[derive(Default)]
pub struct Variables {
    text: Option<&'static mut Text>,
    used: usize,
    count: usize,
}

impl Variables {
    /// `PATH`, or `-PATH`, which may be missing. Nothing blocks: neither a fifo nor a terminal is waited for.
    #[inline(never)]
    pub fn read(&mut self, path: &CStr) -> Result<()> {
        let behind = bytes::after(path.to_bytes_with_nul(), b"-").and_then(bytes::terminated);
        let file = match fs::open(behind.unwrap_or(path), fs::READ | fs::NON_BLOCK) {
            Err(error) if behind.is_some() && error.is(libc::ENOENT) => return Ok(()),
            opened => opened?,
        };
        if self.text.is_none() {
            self.text = TEXT.take();
        }
        let room = self.text.as_mut().and_then(|text| text.get_mut(self.used..)).unwrap_or_default();
        let length = file.read_to_end(room)?;
        // One byte stays free for the end of a last line without.
        let text = room.get_mut(..=length).ok_or(Error::new(Call::Read, libc::EFBIG))?;
        self.count += variables::read(text).map_err(|line| Error::new(Call::Read, LINES + i32::from(line)))?;
        self.used += text.len();
        if self.count > limits::LIST { Err(Error::new(Call::Read, libc::E2BIG)) } else { Ok(()) }
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Before those of the config, which win.
    pub fn with<'a, 'w>(&'w self, env: &'a [&'w CStr], all: &'a mut Environment<'w>) -> &'a [&'w CStr] {
        let text = self.text.as_ref().and_then(|text| text.get(..self.used)).unwrap_or_default();
        // There is room for a LIST of the ones and all WORDS of the others.
        for line in bytes::Words(text) {
            let _ = variables::variable(line).map(|word| all.push(word));
        }
        let _ = all.extend_from_slice(env);
        all
    }
}
