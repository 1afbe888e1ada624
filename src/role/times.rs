//! What the boot has taken so far, for the init that goes on.

use core::ffi::CStr;

use crate::put;
use crate::sys::error::Result;
use crate::sys::{fs, poll};
use crate::text::duration::Millis;

/// The file's number, above those that are open, and what systemd is told of it. It takes times from an initrd's systemd as it
/// takes its state from itself before it executed itself anew, and has since version 38: `systemd-analyze` then has a time of
/// the initrd, which is the kernel's otherwise.
const NUMBER: i32 = 63;
const WORDS: [&CStr; 4] = [c"--switched-root", c"--system", c"--deserialize", c"63"];

/// Opens the file for systemd. `began` is when the kernel handed over to us, by the clock that no one sets.
#[inline(never)]
pub fn hand_over(began: Millis) -> Result<&'static [&'static CStr]> {
    let ago = poll::now().0.saturating_sub(began.0);
    let mut text = heapless::Vec::<u8, 64>::new();
    // Both clocks, in microseconds.
    put!(&mut text, "initrd-timestamp={}000 {}000\n", poll::time().0.saturating_sub(ago), began.0);
    let file = fs::memory_file()?;
    file.write(&text)?;
    fs::rewind(&file)?;
    file.dup_onto(NUMBER, false).map(|()| &WORDS[..])
}
