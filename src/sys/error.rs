//! What a system call can say went wrong, with names that people know.

use ufmt::{Formatter, uDisplay, uWrite};

pub type Result<T> = core::result::Result<T, Error>;

/// An errno(3) number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(pub u16);

/// A failed system call: which, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    pub call: &'static str,
    pub errno: Errno,
}

impl Error {
    pub const fn new(call: &'static str, errno: i32) -> Self {
        Error { call, errno: Errno(errno as u16) }
    }

    pub fn is(&self, errno: i32) -> bool {
        self.errno.is(errno)
    }
}

impl Errno {
    pub fn is(self, errno: i32) -> bool {
        i32::from(self.0) == errno
    }
}

/// The errno of the call that just failed.
pub(super) fn last(call: &'static str) -> Error {
    // SAFETY: the C library's own thread-local, always there.
    #[cfg(target_env = "musl")]
    let errno = unsafe { *libc::__errno_location() };
    #[cfg(not(target_env = "musl"))]
    let errno = unsafe { *libc::__errno_location() };
    Error::new(call, errno)
}

/// -1 is a failure, everything else a value.
pub(super) fn check(call: &'static str, value: libc::c_int) -> Result<libc::c_int> {
    if value < 0 { Err(last(call)) } else { Ok(value) }
}

/// As [`check`], for calls made by number or with a size as their value.
pub(super) fn check_long(call: &'static str, value: libc::c_long) -> Result<usize> {
    if value < 0 { Err(last(call)) } else { Ok(value as usize) }
}

/// The wording is the C library's, in lower case, for the errnos that an init or a launcher meets.
const NAMES: &[(i32, &str)] = &[
    (libc::EPERM, "operation not permitted"),
    (libc::ENOENT, "no such file or directory"),
    (libc::ESRCH, "no such process"),
    (libc::EINTR, "interrupted"),
    (libc::EIO, "input/output error"),
    (libc::ENXIO, "no such device or address"),
    (libc::E2BIG, "argument list too long"),
    (libc::ENOEXEC, "not an executable for this machine"),
    (libc::EBADF, "bad file descriptor"),
    (libc::ECHILD, "no child processes"),
    (libc::EAGAIN, "resource temporarily unavailable"),
    (libc::ENOMEM, "out of memory"),
    (libc::EACCES, "permission denied"),
    (libc::EFAULT, "bad address"),
    (libc::ENOTBLK, "block device required"),
    (libc::EBUSY, "device or resource busy"),
    (libc::EEXIST, "file exists"),
    (libc::EXDEV, "crosses a mount or leaves the root"),
    (libc::ENODEV, "no such device"),
    (libc::ENOTDIR, "not a directory"),
    (libc::EISDIR, "is a directory"),
    (libc::EINVAL, "invalid argument"),
    (libc::ENFILE, "too many open files in system"),
    (libc::EMFILE, "too many open files"),
    (libc::ENOTTY, "not a terminal"),
    (libc::ETXTBSY, "text file busy"),
    (libc::EFBIG, "file too large"),
    (libc::ENOSPC, "no space left on device"),
    (libc::ESPIPE, "illegal seek"),
    (libc::EROFS, "read-only file system"),
    (libc::EMLINK, "too many links"),
    (libc::EPIPE, "broken pipe"),
    (libc::ERANGE, "out of range"),
    (libc::ENAMETOOLONG, "name too long"),
    (libc::ENOSYS, "not in this kernel"),
    (libc::ENOTEMPTY, "directory not empty"),
    (libc::ELOOP, "a symbolic link, or too many of them"),
    (libc::ENODATA, "no data"),
    (libc::EPROTO, "protocol error"),
    (libc::EBADMSG, "bad message"),
    (libc::EOVERFLOW, "value too large"),
    (libc::EUSERS, "too many users"),
    (libc::EOPNOTSUPP, "not supported"),
    (libc::EADDRINUSE, "address in use"),
    (libc::ENETUNREACH, "network is unreachable"),
    (libc::ECONNRESET, "connection reset"),
    (libc::ETIMEDOUT, "timed out"),
    (libc::ECONNREFUSED, "connection refused"),
    (libc::ESTALE, "stale file handle"),
    (libc::EUCLEAN, "the file system needs checking"),
    (libc::EDQUOT, "quota exceeded"),
    (libc::ENOMEDIUM, "no medium"),
    (libc::ENOKEY, "key not available"),
    (libc::EKEYREJECTED, "key was rejected"),
];

impl uDisplay for Errno {
    fn fmt<W: uWrite + ?Sized>(&self, f: &mut Formatter<'_, W>) -> core::result::Result<(), W::Error> {
        match NAMES.iter().find(|(number, _)| self.is(*number)) {
            Some((_, name)) => f.write_str(name),
            None => {
                f.write_str("error ")?;
                uDisplay::fmt(&self.0, f)
            }
        }
    }
}

impl uDisplay for Error {
    fn fmt<W: uWrite + ?Sized>(&self, f: &mut Formatter<'_, W>) -> core::result::Result<(), W::Error> {
        f.write_str(self.call)?;
        f.write_str(": ")?;
        uDisplay::fmt(&self.errno, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;

    fn text(error: Error) -> String {
        let mut out = heapless::String::<200>::new();
        ufmt::uwrite!(out, "{}", error).unwrap();
        String::from(out.as_str())
    }

    #[test]
    fn an_error_names_its_call_and_its_reason() {
        assert_eq!(text(Error::new("mount", libc::ENODEV)), "mount: no such device");
        assert_eq!(text(Error::new("read", 4095)), "read: error 4095");
    }

    #[test]
    fn no_errno_is_named_twice() {
        for (i, (number, _)) in NAMES.iter().enumerate() {
            assert!(NAMES[i + 1..].iter().all(|(other, _)| other != number), "{number} twice");
        }
    }
}
