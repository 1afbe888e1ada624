//! What is in a directory.

use super::fd::Fd;
use core::ffi::CStr;

/// The names in a directory, read in pieces of 1 KiB, `.` and `..` left out.
pub struct Names<'d> {
    directory: &'d Fd,
    buffer: [u8; 1024],
    filled: usize,
    next: usize,
}

impl<'d> Names<'d> {
    pub fn of(directory: &'d Fd) -> Self {
        Names { directory, buffer: [0; 1024], filled: 0, next: 0 }
    }

    /// The next name and whether it is a directory (not through a link). Errors end the walk.
    pub fn next_name(&mut self) -> Option<(&CStr, bool)> {
        loop {
            if self.next >= self.filled {
                // SAFETY: room for the length given.
                let n = unsafe {
                    libc::syscall(
                        libc::SYS_getdents64,
                        self.directory.raw(),
                        self.buffer.as_mut_ptr(),
                        self.buffer.len(),
                    )
                };
                if n <= 0 {
                    return None;
                }
                (self.filled, self.next) = (n as usize, 0);
            }
            // struct linux_dirent64: u64 inode, i64 offset, u16 length, u8 type, name.
            let start = self.next;
            let entry = self.buffer.get(start..self.filled)?;
            let length = usize::from(u16::from_ne_bytes([*entry.get(16)?, *entry.get(17)?]));
            self.next += length.max(19);
            let entry = self.buffer.get(start..start + length)?;
            let name = CStr::from_bytes_until_nul(entry.get(19..)?).ok()?;
            if !matches!(name.to_bytes(), b"." | b"..") {
                // Re-borrowed from the buffer: what was borrowed above ends with this turn of the loop.
                let entry = self.buffer.get(start..start + length)?;
                let is_directory = entry.get(18) == Some(&libc::DT_DIR);
                return CStr::from_bytes_until_nul(entry.get(19..)?).ok().map(|name| (name, is_directory));
            }
        }
    }
}
