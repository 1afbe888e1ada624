//! What a system call can say went wrong, with names that people know.

use core::num::NonZeroU32;

use crate::limits;
use crate::put;
use crate::text::packed::{Packed, packed};
use crate::text::put::{Out, Piece, Word};

pub type Result<T> = core::result::Result<T, Error>;

/// An errno(3) number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(pub u16);

/// The kernel's errnos end at 4095. What is above is a line of the file that was read, and shown as one.
pub const LINES: i32 = 4096;
const _: () = assert!(LINES as usize + limits::ENV_FILE_BYTES < u16::MAX as usize);

/// A failed system call: which, and why. One number, never 0, so that a `Result<()>` of it is one too: errno in the low
/// half, the call above it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Error(NonZeroU32);

/// The system calls that can fail, by the names of their manual pages, and two things of our own that fail like them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Call {
    Accept4,
    Access,
    Bind,
    Capset,
    Chdir,
    Chown,
    Chroot,
    Clone,
    Clone3,
    Connect,
    Dup3,
    Execve,
    Execveat,
    Fchdir,
    Fchown,
    Fcntl,
    FinitModule,
    Getgroups,
    Getsockopt,
    InotifyAddWatch,
    Ioctl,
    Ioperm,
    Keyctl,
    Kill,
    Listen,
    Lookup,
    MemfdCreate,
    Mkdir,
    Mknod,
    Mount,
    MountSetattr,
    MoveMount,
    Open,
    OpenTree,
    Openat2,
    PidfdOpen,
    Pipe2,
    PivotRoot,
    Plan,
    Ppoll,
    Prctl,
    Prlimit,
    Read,
    Readlink,
    Reboot,
    Recvmsg,
    Rename,
    Seccomp,
    Send,
    Setgroups,
    Sethostname,
    Setns,
    Setpgid,
    Setresgid,
    Setresuid,
    Setsid,
    Setsockopt,
    Signalfd,
    Socket,
    Stat,
    Statfs,
    Swapoff,
    Symlink,
    Umount,
    Unlink,
    Unshare,
    Waitpid,
    Write,
}

/// In the order of [`Call`].
const CALLS: Packed = packed!(
    "accept4\naccess\nbind\ncapset\nchdir\nchown\nchroot\nclone\nclone3\nconnect\ndup3\nexecve\nexecveat\nfchdir\n\
    fchown\nfcntl\nfinit_module\ngetgroups\ngetsockopt\ninotify_add_watch\nioctl\nioperm\nkeyctl\nkill\nlisten\n\
    lookup\nmemfd_create\nmkdir\nmknod\nmount\nmount_setattr\nmove_mount\nopen\nopen_tree\nopenat2\npidfd_open\n\
    pipe2\npivot_root\nplan\nppoll\nprctl\nprlimit\nread\nreadlink\nreboot\nrecvmsg\nrename\nseccomp\nsend\n\
    setgroups\nsethostname\nsetns\nsetpgid\nsetresgid\nsetresuid\nsetsid\nsetsockopt\nsignalfd\nsocket\nstat\n\
    statfs\nswapoff\nsymlink\numount\nunlink\nunshare\nwaitpid\nwrite\n"
);

impl Error {
    /// `errno` is one of the kernel's: 1 to 4095.
    pub const fn new(call: Call, errno: i32) -> Self {
        let number = (call as u32) << 16 | (errno as u32 & 0xffff);
        match NonZeroU32::new(number) {
            Some(number) => Error(number),
            None => Error(NonZeroU32::MAX),
        }
    }

    pub const fn errno(self) -> Errno {
        Errno(self.0.get() as u16)
    }

    pub fn is(self, errno: i32) -> bool {
        self.errno().is(errno)
    }

    /// Whether it is one of `call`'s.
    pub const fn is_of(self, call: Call) -> bool {
        self.0.get() >> 16 == call as u32
    }
}

/// The name of the call in the number of an error.
fn call(number: u32) -> Packed {
    CALLS.line((number >> 16) as usize)
}

impl core::fmt::Debug for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        call(self.0.get()).write(&mut |piece: &[u8]| {
            let _ = f.write_str(core::str::from_utf8(piece).unwrap_or_default());
        });
        core::fmt::Debug::fmt(&self.errno(), f)
    }
}

impl Errno {
    pub fn is(self, errno: i32) -> bool {
        i32::from(self.0) == errno
    }
}

/// The errno of the call that just failed.
pub(super) fn last(call: Call) -> Error {
    // SAFETY: the C library's own thread-local, always there.
    #[cfg(target_env = "musl")]
    let errno = unsafe { *libc::__errno_location() };
    #[cfg(not(target_env = "musl"))]
    let errno = unsafe { *libc::__errno_location() };
    Error::new(call, errno)
}

/// -1 is a failure, everything else a value.
pub(super) fn check_long(call: Call, value: libc::c_long) -> Result<usize> {
    if value < 0 { Err(last(call)) } else { Ok(value as usize) }
}

/// As [`check_long`], where the value says no more.
pub(super) fn done(call: Call, value: impl Into<libc::c_long>) -> Result<()> {
    /// With the value widened.
    #[inline(never)]
    fn done(call: Call, value: libc::c_long) -> Result<()> {
        check_long(call, value).map(drop)
    }
    done(call, value.into())
}

/// Gives each errno its text, in one string.
macro_rules! errnos {
    ($($number:literal $text:literal,)*) => {
        const NUMBERS: &[u8] = &[$($number),*];
        const TEXTS: Packed = packed!(concat!($($text, "\n"),*));
    };
}

// The wording is the C library's, in lower case, for the errnos that an init or a launcher meets. The numbers are those of
// x86_64 and aarch64 alike.
errnos! {
    1 "operation not permitted",
    2 "no such file or directory",
    3 "no such process",
    4 "interrupted",
    5 "input/output error",
    6 "no such device or address",
    7 "argument list too long",
    8 "not an executable for this machine",
    9 "bad file descriptor",
    10 "no child processes",
    11 "resource temporarily unavailable",
    12 "out of memory",
    13 "permission denied",
    14 "bad address",
    15 "block device required",
    16 "device or resource busy",
    17 "file exists",
    18 "crosses a mount or leaves the root",
    19 "no such device",
    20 "not a directory",
    21 "is a directory",
    22 "invalid argument",
    23 "too many open files in system",
    24 "too many open files",
    25 "not a terminal",
    26 "text file busy",
    27 "file too large",
    28 "no space left on device",
    29 "illegal seek",
    30 "read-only file system",
    31 "too many links",
    32 "broken pipe",
    34 "out of range",
    36 "name too long",
    38 "not in this kernel",
    39 "directory not empty",
    40 "a symbolic link, or too many of them",
    61 "no data",
    71 "protocol error",
    74 "bad message",
    75 "value too large",
    76 "not the only one",
    87 "too many users",
    95 "not supported",
    97 "address family not supported",
    98 "address in use",
    99 "address not available",
    101 "network is unreachable",
    104 "connection reset",
    110 "timed out",
    111 "connection refused",
    116 "stale file handle",
    117 "the file system needs checking",
    122 "quota exceeded",
    123 "no medium",
    126 "key not available",
    129 "key was rejected",
    // What `probe::superblock` says of a file or a disk, in the order of `probe::magic::Kind`.
    197 "not a file",
    198 "on a mount with noexec",
    199 "cut short",
    200 "no loop device",
    201 "an image that cannot be written to",
    202 "an xfs file system",
    203 "a btrfs file system",
    204 "an f2fs file system",
    205 "a vfat file system",
    206 "an exfat file system",
    207 "an ntfs file system",
    208 "an iso9660 file system",
    209 "swap space",
    210 "a LUKS container",
    211 "a physical volume of LVM",
    212 "a member of a RAID",
    213 "the journal of another file system",
    214 "gzip data",
    215 "xz data",
    216 "zstd data",
    217 "a tar archive",
    218 "a cpio archive",
    219 "a qcow2 disk",
    220 "a program",
    221 "a disk with partitions",
    222 "a disk with partitions, of an old kind",
    223 "text",
    224 "no file system known here",
}

impl Errno {
    /// None: nobody meets it here.
    pub fn name(self) -> Option<Packed> {
        let index = NUMBERS.iter().position(|number| u16::from(*number) == self.0)?;
        Some(TEXTS.line(index))
    }
}

fn write_errno(number: u32, out: &mut dyn Out) {
    match Errno(number as u16).name() {
        Some(name) => name.write(out),
        None => {
            let line = number.checked_sub(LINES as u32);
            put!(out, "{}{}", if line.is_some() { "" } else { "error " }, line.unwrap_or(number));
        }
    }
}

fn write_error(number: u32, out: &mut dyn Out) {
    put!(out, "{}: {}", call(number), Errno(number as u16));
}

impl Word for Errno {
    fn write(&self, out: &mut dyn Out) {
        write_errno(self.0.into(), out);
    }

    fn piece(&self) -> Piece<'_> {
        Piece::Code(self.0.into(), write_errno)
    }
}

impl Word for Error {
    fn write(&self, out: &mut dyn Out) {
        write_error(self.0.get(), out);
    }

    fn piece(&self) -> Piece<'_> {
        Piece::Code(self.0.get(), write_error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::put::shown;

    #[test]
    fn an_error_names_its_call_and_its_reason() {
        assert_eq!(shown(&Error::new(Call::Mount, libc::ENODEV)), "mount: no such device");
        assert_eq!(shown(&Error::new(Call::Read, 4095)), "read: error 4095");
    }

    #[test]
    fn every_call_has_its_name() {
        for (call, name) in [(Call::Accept4, "accept4"), (Call::PivotRoot, "pivot_root"), (Call::Write, "write")] {
            assert_eq!(shown(&CALLS.line(call as usize)), name);
        }
        assert!(CALLS.line(Call::Write as usize + 1).is_empty());
    }

    /// Those of `probe::superblock`, which has the kinds in this order.
    #[test]
    fn what_is_no_image_has_a_name() {
        use crate::probe::superblock::{FOREIGN, NEVER_WRITTEN, NO_LOOP};
        for (reason, name) in [
            (NO_LOOP, "no loop device"),
            (NEVER_WRITTEN, "an image that cannot be written to"),
            (FOREIGN, "an xfs file system"),
            (FOREIGN + 8, "a LUKS container"),
            (FOREIGN + 11, "the journal of another file system"),
            (FOREIGN + 12, "gzip data"),
            (FOREIGN + 19, "a disk with partitions"),
            (FOREIGN + 21, "text"),
            (FOREIGN + 22, "no file system known here"),
        ] {
            assert_eq!(shown(&Errno(reason as u16)), name);
        }
    }

    #[test]
    fn no_errno_is_named_twice() {
        for (i, number) in NUMBERS.iter().enumerate() {
            assert!(!NUMBERS[i + 1..].contains(number), "{number} twice");
            assert!(Errno((*number).into()).name().is_some_and(|name| !name.is_empty()));
        }
    }
}
