//! Waiting, and the clock that waiting is measured by.

use super::error::{Call, Result, check_long};
use super::fd::Fd;
use crate::text::duration::Millis;

/// One file to wait for.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct Interest(libc::pollfd);

impl Interest {
    /// Wait until `fd` can be read, or its other end is gone.
    pub fn readable(fd: &Fd) -> Self {
        Interest::readable_at(fd.raw())
    }

    /// The same of descriptor `number`; of -1, which is none, for ever.
    pub fn readable_at(number: i32) -> Self {
        Interest(libc::pollfd { fd: number, events: libc::POLLIN, revents: 0 })
    }

    /// Wait until the other end of `fd` is gone, whatever is written before.
    pub fn end_of(fd: &Fd) -> Self {
        Interest(libc::pollfd { fd: fd.raw(), events: 0, revents: 0 })
    }

    /// Wait until descriptor `number` takes some bytes: a pipe as many as PIPE_BUF (pipe(7)), or its end is gone.
    pub fn writable(number: i32) -> Self {
        Interest(libc::pollfd { fd: number, events: libc::POLLOUT, revents: 0 })
    }

    /// Wait for nothing at all, unless `holds`.
    pub fn only_if(self, holds: bool) -> Self {
        if holds { self } else { Interest(libc::pollfd { fd: -1, events: 0, revents: 0 }) }
    }

    /// It waits for `fd`.
    pub fn is_for(&self, fd: &Fd) -> bool {
        self.0.fd == fd.raw()
    }

    /// Something is there: data, the end, or an error that a read will name.
    pub fn is_ready(&self) -> bool {
        self.0.revents != 0
    }
}

/// ppoll(2) until one of `files` is ready or `deadline` (None: no deadline) has passed. EINTR counts as "something
/// happened": the caller looks at everything anyway. Whatever else it fails for takes a [`pause`].
pub fn wait(files: &mut [Interest], deadline: Option<Millis>) -> Result<()> {
    // The kernel writes what is left into it.
    let mut left;
    let timeout = match deadline {
        None => core::ptr::null_mut(),
        Some(deadline) => {
            // `now` rounds up, so this wakes up to a millisecond early, by when `now` has reached the deadline.
            let ms = deadline.0.saturating_sub(now().0);
            left = libc::timespec {
                tv_sec: (ms / 1000).min(i32::MAX as u64) as _,
                tv_nsec: ((ms % 1000) * 1_000_000) as _,
            };
            &raw mut left
        }
    };
    // SAFETY: `Interest` is a transparent pollfd; the time-out lives until the call is over; no signal mask.
    let n = unsafe {
        libc::syscall(libc::SYS_ppoll, files.as_mut_ptr(), files.len(), timeout, core::ptr::null::<u64>(), 8usize)
    };
    match check_long(Call::Ppoll, n) {
        Err(error) if error.is(libc::EINTR) => Ok(()),
        Err(error) => {
            pause();
            Err(error)
        }
        Ok(_) => Ok(()),
    }
}

/// Which of standard input, output and error are open. (With a limit of open files below three the kernel does not say, and
/// none could be opened either.)
pub fn open_standard_files() -> [bool; 3] {
    let mut files = [0, 1, 2].map(|fd| libc::pollfd { fd, events: 0, revents: 0 });
    let at_once = [0u64; 2];
    // SAFETY: three entries, a time of two words, no signal mask.
    unsafe {
        libc::syscall(libc::SYS_ppoll, files.as_mut_ptr(), 3, at_once.as_ptr(), core::ptr::null::<u64>(), 8usize)
    };
    files.map(|file| file.revents & libc::POLLNVAL == 0)
}

/// Lets 10 ms pass: for whoever would at once try again what the kernel has no memory or no descriptor for.
pub fn pause() {
    let time = [0u64, 10_000_000];
    // SAFETY: a readable timespec, of two words on 64-bit machines; what is left of it is not asked for.
    unsafe { libc::syscall(libc::SYS_nanosleep, time.as_ptr(), 0usize) };
}

/// CLOCK_MONOTONIC, in whole milliseconds, rounded up so that a deadline reached is a deadline passed.
pub fn now() -> Millis {
    read(libc::CLOCK_MONOTONIC)
}

/// CLOCK_REALTIME likewise, since 1970.
pub fn time() -> Millis {
    read(libc::CLOCK_REALTIME)
}

#[inline(never)]
fn read(clock: i32) -> Millis {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // The kernel itself, not its vDSO: finding that costs a kilobyte, and nobody asks often.
    // SAFETY: the clock exists on every Linux; the call fills one timespec.
    unsafe { libc::syscall(libc::SYS_clock_gettime, clock, &raw mut time) };
    Millis((time.tv_sec as u64) * 1000 + (time.tv_nsec as u64).div_ceil(1_000_000))
}
