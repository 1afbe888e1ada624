//! Open files: owned, close-on-exec, closed when dropped.

use super::error::{Call, Result, check_long, done};
use super::fs;
use crate::put;
use crate::text::number;
use core::num::NonZeroI32;

/// `/proc/self/fd/N` and a NUL.
pub type FdName = heapless::Vec<u8, 32>;

/// An open file. Every one is close-on-exec: what a command shall inherit is put in place by `dup_onto`.
#[derive(Debug, PartialEq, Eq)]
pub struct Fd(NonZeroI32);

impl Drop for Fd {
    #[inline(never)]
    fn drop(&mut self) {
        // SAFETY: the number is ours. EINTR and EIO come after the kernel has let go of it: nothing to retry.
        unsafe { libc::syscall(libc::SYS_close, self.raw()) };
    }
}

/// fcntl(2) with a number.
pub(super) fn control(number: i32, command: i32, value: i32) -> Result<usize> {
    // SAFETY: plain numbers.
    check_long(Call::Fcntl, unsafe { libc::syscall(libc::SYS_fcntl, number, command, value) })
}

impl Fd {
    /// Kept with its bits turned over: -1, which is no descriptor, is the 0 that it never is, and None of an `Option<Fd>`.
    pub(super) fn own(raw: i32) -> Self {
        // SAFETY: only what the kernel gave as a descriptor comes here, and errors are negative.
        Fd(unsafe { NonZeroI32::new_unchecked(!raw) })
    }

    /// What a call that makes a descriptor has answered.
    #[inline(never)]
    pub(super) fn made(call: Call, value: libc::c_long) -> Result<Fd> {
        check_long(call, value).map(|raw| Fd::own(raw as i32))
    }

    pub(super) const fn raw(&self) -> i32 {
        !self.0.get()
    }

    /// What it is called in /proc, for calls that take only names. Links of /proc are followed to the file itself.
    pub fn name(&self) -> FdName {
        let mut name = FdName::new();
        put!(&mut name, "/proc/self/fd/{}\0", self.raw() as u32);
        name
    }

    /// The number, for messages and for poll.
    pub const fn number(&self) -> i32 {
        self.raw()
    }

    /// Keeps the file open for as long as the process lives, and says under which number.
    pub fn leak(self) -> i32 {
        let raw = self.raw();
        core::mem::forget(self);
        raw
    }

    /// read(2): how much of `buffer` was filled, 0 at the end.
    pub fn read(&self, buffer: &mut [u8]) -> Result<usize> {
        loop {
            // SAFETY: the buffer is ours for its whole length.
            let n = unsafe { libc::syscall(libc::SYS_read, self.raw(), buffer.as_mut_ptr(), buffer.len()) };
            match check_long(Call::Read, n) {
                Err(error) if error.is(libc::EINTR) => {}
                done => return done,
            }
        }
    }

    /// pread(2): as [`Fd::read`], `at` bytes from the beginning of the file.
    pub fn read_from(&self, at: usize, buffer: &mut [u8]) -> Result<usize> {
        // SAFETY: the buffer is ours for its whole length. The offset is one register on both our machines.
        let n = unsafe { libc::syscall(libc::SYS_pread64, self.raw(), buffer.as_mut_ptr(), buffer.len(), at) };
        check_long(Call::Read, n)
    }

    /// Fills all of `buffer` from `offset` on, or not; why not is nobody's matter.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> bool {
        self.read_from(offset as usize, buffer).is_ok_and(|count| count == buffer.len())
    }

    /// lseek(2), SEEK_END: the bytes of a file, or of a disk.
    pub fn size(&self) -> u64 {
        // SAFETY: plain numbers.
        let value = unsafe { libc::syscall(libc::SYS_lseek, self.raw(), 0usize, libc::SEEK_END) };
        u64::try_from(value).unwrap_or(0)
    }

    /// The logical sector of a disk in bytes: BLKSSZGET of ioctl_list(2).
    pub fn sector(&self) -> Option<u64> {
        const SECTOR_SIZE: usize = 0x1268;
        let mut bytes = 0u32;
        // SAFETY: the request writes an int.
        let value = unsafe { libc::syscall(libc::SYS_ioctl, self.raw(), SECTOR_SIZE, &raw mut bytes) };
        (value == 0).then_some(bytes.into())
    }

    /// Reads until the end or until `buffer` is full; a full buffer may mean that there is more.
    pub fn read_to_end(&self, buffer: &mut [u8]) -> Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.read(rest)? {
                0 => break,
                n => filled += n,
            }
        }
        Ok(filled)
    }

    /// write(2), once: how much was taken.
    pub fn write(&self, bytes: &[u8]) -> Result<usize> {
        write_to(self.raw(), bytes)
    }

    /// Reads and writes answer EAGAIN instead of waiting.
    pub fn set_non_blocking(&self) -> Result<()> {
        let flags = control(self.raw(), libc::F_GETFL, 0)?;
        control(self.raw(), libc::F_SETFL, flags as i32 | libc::O_NONBLOCK).map(drop)
    }

    /// Reads and writes wait again: a terminal was opened without, so that a missing carrier could not hang us.
    pub fn set_blocking(&self) -> Result<()> {
        let flags = control(self.raw(), libc::F_GETFL, 0)?;
        control(self.raw(), libc::F_SETFL, flags as i32 & !libc::O_NONBLOCK).map(drop)
    }

    /// dup3(2) onto a fixed number that a command inherits, or (`close_on_exec`) does not.
    pub fn dup_onto(&self, number: i32, close_on_exec: bool) -> Result<()> {
        if self.raw() == number {
            // dup3 onto itself is EINVAL, and would have left the flag as it was.
            let flag = if close_on_exec { libc::FD_CLOEXEC } else { 0 };
            return control(self.raw(), libc::F_SETFD, flag).map(drop);
        }
        let flags = if close_on_exec { libc::O_CLOEXEC } else { 0 };
        // SAFETY: plain numbers.
        done(Call::Dup3, unsafe { libc::syscall(libc::SYS_dup3, self.raw(), number, flags) })
    }
}

impl Fd {
    /// The same file as descriptor `number`, whatever that was.
    pub fn moved_onto(&self, number: i32) -> Result<Fd> {
        self.dup_onto(number, true).map(|()| Fd::own(number))
    }

    /// Becomes standard input, output and error.
    pub fn onto_standard(&self) -> Result<()> {
        (0..3).try_for_each(|number| self.dup_onto(number, false))
    }
}

/// Closes every file but `kept` and standard input, output and error.
pub fn close_all_but(kept: Fd) -> Fd {
    const PLACE: i32 = 3;
    if kept.dup_onto(PLACE, true).is_err() {
        // Our limit of open files is below four.
        return kept;
    }
    // Closed with the others, or on that number already.
    kept.leak();
    close_from(PLACE + 1);
    Fd::own(PLACE)
}

/// write(2) to a descriptor by number: the standard ones, which nobody owns.
pub fn write_to(number: i32, bytes: &[u8]) -> Result<usize> {
    loop {
        // SAFETY: the bytes are readable for their whole length.
        let n = unsafe { libc::syscall(libc::SYS_write, number, bytes.as_ptr(), bytes.len()) };
        match check_long(Call::Write, n as libc::c_long) {
            Err(error) if error.is(libc::EINTR) => {}
            done => return done,
        }
    }
}

/// Whether descriptor `number` is open.
pub fn is_open(number: i32) -> bool {
    !control(number, libc::F_GETFD, 0).is_err_and(|error| error.is(libc::EBADF))
}

/// pipe2(2): the reading and the writing end.
pub fn pipe(flags: i32) -> Result<(Fd, Fd)> {
    let mut ends = [0i32; 2];
    // SAFETY: room for two numbers.
    check_long(Call::Pipe2, unsafe { libc::syscall(libc::SYS_pipe2, ends.as_mut_ptr(), flags | libc::O_CLOEXEC) })?;
    Ok((Fd::own(ends[0]), Fd::own(ends[1])))
}

/// A second descriptor for the same open file, numbered 3 or more.
pub fn duplicate(number: i32) -> Result<Fd> {
    duplicate_above(number, 3)
}

/// A second descriptor for the same open file, numbered `least` or more; EINVAL past the limit of open files.
pub fn duplicate_above(number: i32, least: i32) -> Result<Fd> {
    control(number, libc::F_DUPFD_CLOEXEC, least).map(|raw| Fd::own(raw as i32))
}

/// Closes `first` and all above it.
pub fn close_from(first: i32) {
    close_between(first, i32::MAX);
}

/// close_range(2) from `first` to the one before `end`; Linux < 5.9: one by one.
pub fn close_between(first: i32, end: i32) {
    // SAFETY: the caller has no use for these descriptors any more.
    unsafe {
        // None, which the kernel would call invalid.
        if first >= end || libc::syscall(libc::SYS_close_range, first, end - 1, 0) == 0 {
            return;
        }
        // Where the limit of open files is met, this is a place for one.
        libc::syscall(libc::SYS_close, first);
    }
    close_listed(first, end);
}

#[inline(never)]
fn close_listed(first: i32, end: i32) {
    // SAFETY: as above.
    let close = |number: i32| unsafe {
        libc::syscall(libc::SYS_close, number);
    };
    let Ok(list) = fs::open(c"/proc/self/fd", fs::READ | fs::DIRECTORY) else {
        // Our limit may have been higher: the kernel's is this, until somebody raises it (fs.nr_open).
        return (first..end.min(1 << 20)).for_each(close);
    };
    let mut names = fs::Names::of(&list);
    let own = list.raw();
    while let Some((name, _)) = names.next_name() {
        match number::decimal(name.to_bytes()).map(|number| number as i32) {
            Some(number) if (first..end).contains(&number) && number != own => close(number),
            _ => {}
        }
    }
}
