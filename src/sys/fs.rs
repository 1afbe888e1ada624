//! Files and directories, by descriptor and a name under it wherever the name is not ours.

use super::error::{Call, Error, Result, check_long, done};
use super::fd::{Fd, control};
pub use super::inside::open_in;
use crate::text::bytes::terminated;
use core::ffi::CStr;

pub use super::directory::Names;
pub use super::status::{
    FileSystem, Status, exists, file_status, file_system, file_system_of, is_same, link_status, may_write, status,
};

/// Where a relative name starts: a directory, or the current one.
#[derive(Clone, Copy)]
pub enum At<'a> {
    Cwd,
    Dir(&'a Fd),
}

impl At<'_> {
    pub(super) fn raw(self) -> i32 {
        match self {
            At::Cwd => libc::AT_FDCWD,
            At::Dir(fd) => fd.raw(),
        }
    }
}

pub const READ: i32 = libc::O_RDONLY;
pub const WRITE: i32 = libc::O_WRONLY;
pub const READ_WRITE: i32 = libc::O_RDWR;
/// A handle to the place itself: nothing is opened, so no device starts and no fifo blocks.
pub const PLACE: i32 = libc::O_PATH;
pub const DIRECTORY: i32 = libc::O_DIRECTORY;
pub const NO_FOLLOW: i32 = libc::O_NOFOLLOW;
pub const NON_BLOCK: i32 = libc::O_NONBLOCK;
pub const CREATE: i32 = libc::O_CREAT;
pub const EXCLUSIVE: i32 = libc::O_EXCL;
pub const TRUNCATE: i32 = libc::O_TRUNC;
pub const APPEND: i32 = libc::O_APPEND;

/// openat(2), never with a controlling terminal as a side effect.
pub fn open_at(at: At, path: &CStr, flags: i32) -> Result<Fd> {
    let flags = flags | libc::O_CLOEXEC | libc::O_NOCTTY;
    loop {
        // SAFETY: a NUL-terminated path; 0644 is only used with O_CREAT.
        match Fd::made(Call::Open, unsafe { libc::syscall(libc::SYS_openat, at.raw(), path.as_ptr(), flags, 0o644) }) {
            Err(error) if error.is(libc::EINTR) => {}
            done => return done,
        }
    }
}

pub fn open(path: &CStr, flags: i32) -> Result<Fd> {
    open_at(At::Cwd, path, flags)
}

/// Opens what `place`, an [O_PATH](PLACE) descriptor, stands for. ENOENT without /proc.
pub fn reopen(place: &Fd, flags: i32) -> Result<Fd> {
    open(terminated(&place.name()).unwrap_or_default(), flags)
}

/// mkdirat(2); a directory that is there already is fine, anything else under that name is EEXIST.
pub fn make_directory(at: At, path: &CStr, mode: u32) -> Result<()> {
    // SAFETY: a NUL-terminated path.
    match done(Call::Mkdir, unsafe { libc::syscall(libc::SYS_mkdirat, at.raw(), path.as_ptr(), mode) }) {
        // A link of an image is not followed: absolute, it would be read as the host's.
        Err(error) if error.is(libc::EEXIST) => {
            match if matches!(at, At::Dir(_)) { link_status(at, path) } else { status(at, path) } {
                Ok(status) if status.is_directory() => Ok(()),
                _ => Err(error),
            }
        }
        done => done,
    }
}

/// mknodat(2) of an empty file.
pub fn make_file(at: At, path: &CStr, mode: u32) -> Result<()> {
    // SAFETY: a NUL-terminated path.
    done(Call::Mknod, unsafe { libc::syscall(libc::SYS_mknodat, at.raw(), path.as_ptr(), libc::S_IFREG | mode, 0) })
}

/// mknodat(2) of a character device.
pub fn make_device(at: At, path: &CStr, mode: u32, major: u32, minor: u32) -> Result<()> {
    let device = libc::makedev(major, minor);
    // SAFETY: a NUL-terminated path.
    done(Call::Mknod, unsafe {
        libc::syscall(libc::SYS_mknodat, at.raw(), path.as_ptr(), libc::S_IFCHR | mode, device)
    })
}

/// fchownat(2), of a link itself.
pub fn set_owner(at: At, path: &CStr, (uid, gid): (u32, u32)) -> Result<()> {
    // SAFETY: a NUL-terminated path.
    let value =
        unsafe { libc::syscall(libc::SYS_fchownat, at.raw(), path.as_ptr(), uid, gid, libc::AT_SYMLINK_NOFOLLOW) };
    done(Call::Chown, value)
}

/// symlinkat(2).
pub fn make_link(target: &CStr, at: At, path: &CStr) -> Result<()> {
    // SAFETY: NUL-terminated paths.
    done(Call::Symlink, unsafe { libc::syscall(libc::SYS_symlinkat, target.as_ptr(), at.raw(), path.as_ptr()) })
}

/// rename(2).
pub fn rename(from: &CStr, to: &CStr) -> Result<()> {
    // SAFETY: NUL-terminated paths.
    done(Call::Rename, unsafe {
        libc::syscall(libc::SYS_renameat, libc::AT_FDCWD, from.as_ptr(), libc::AT_FDCWD, to.as_ptr())
    })
}

/// unlinkat(2) of a file, or of an empty directory.
pub fn remove(at: At, path: &CStr, directory: bool) -> Result<()> {
    let flags = if directory { libc::AT_REMOVEDIR } else { 0 };
    // SAFETY: a NUL-terminated path.
    done(Call::Unlink, unsafe { libc::syscall(libc::SYS_unlinkat, at.raw(), path.as_ptr(), flags) })
}

pub fn change_directory(path: &CStr) -> Result<()> {
    // SAFETY: a NUL-terminated path.
    done(Call::Chdir, unsafe { libc::syscall(libc::SYS_chdir, path.as_ptr()) })
}

pub fn enter(directory: &Fd) -> Result<()> {
    // SAFETY: an open descriptor.
    done(Call::Fchdir, unsafe { libc::syscall(libc::SYS_fchdir, directory.raw()) })
}

pub fn change_root(path: &CStr) -> Result<()> {
    // SAFETY: a NUL-terminated path.
    done(Call::Chroot, unsafe { libc::syscall(libc::SYS_chroot, path.as_ptr()) })
}

/// The current directory is reachable from the root: getcwd(2) says "(unreachable)/..." where it is not.
pub fn is_inside_root() -> bool {
    let mut path = [0u8; 4096];
    // SAFETY: room for the length given.
    let n = unsafe { libc::syscall(libc::SYS_getcwd, path.as_mut_ptr(), path.len()) };
    n > 0 && path.first() == Some(&b'/')
}

/// umask(2): the mask that was.
pub fn set_mode_mask(mask: u32) -> u32 {
    // SAFETY: cannot fail.
    unsafe { libc::syscall(libc::SYS_umask, mask) as u32 }
}

/// readlinkat(2) into `buffer`: the part that was filled. A target as long as the buffer is refused, not cut.
pub fn read_link<'b>(at: At, path: &CStr, buffer: &'b mut [u8]) -> Result<&'b [u8]> {
    // SAFETY: a NUL-terminated path, and room for the length given.
    let n = unsafe { libc::syscall(libc::SYS_readlinkat, at.raw(), path.as_ptr(), buffer.as_mut_ptr(), buffer.len()) };
    let n = check_long(Call::Readlink, n)?;
    buffer.get(..n).filter(|_| n < buffer.len()).ok_or(Error::new(Call::Readlink, libc::ENAMETOOLONG))
}

/// Reads a whole small file. EFBIG when it does not fit: nothing is ever cut.
pub fn read_file<'b>(path: &CStr, buffer: &'b mut [u8]) -> Result<&'b mut [u8]> {
    let file = open(path, READ)?;
    let n = file.read_to_end(buffer)?;
    if n == buffer.len() && file.read(&mut [0])? != 0 {
        return Err(Error::new(Call::Read, libc::EFBIG));
    }
    Ok(buffer.get_mut(..n).unwrap_or_default())
}

/// Writes `bytes` to a file that takes them in one piece, as those of procfs, sysfs and cgroupfs do.
pub fn write_file(at: At, path: &CStr, bytes: &[u8]) -> Result<()> {
    let n = open_at(at, path, WRITE)?.write(bytes)?;
    if n == bytes.len() { Ok(()) } else { Err(Error::new(Call::Write, libc::EIO)) }
}

/// A copy of `file` in memory that nobody can ever change: memfd_create(2), sealed.
pub fn sealed_copy(file: &Fd) -> Result<Fd> {
    let seals = libc::F_SEAL_SEAL | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_WRITE;
    let copy = memory_file()?;
    pour(file, &copy)?;
    control(copy.raw(), libc::F_ADD_SEALS, seals)?;
    Ok(copy)
}

/// sendfile(2) of all that there is, in as few pieces as the kernel makes of it.
pub fn pour(from: &Fd, to: &Fd) -> Result<()> {
    let all = 1usize << 30;
    // SAFETY: open descriptors, no offset to write to, plain numbers.
    while check_long(Call::Write, unsafe { libc::syscall(libc::SYS_sendfile, to.raw(), from.raw(), 0usize, all) })? > 0
    {
    }
    Ok(())
}

/// A file that can no longer be written, by its seals.
pub fn is_sealed(file: &Fd) -> bool {
    // EINVAL for files that have none.
    control(file.raw(), libc::F_GET_SEALS, 0).is_ok_and(|seals| seals as i32 & libc::F_SEAL_WRITE != 0)
}

/// An inotify(7) descriptor that becomes readable when something in the directory at `path`, or itself, is removed or moved
/// away. It never blocks.
pub fn watch_removals(path: &CStr) -> Result<Fd> {
    let events = libc::IN_DELETE | libc::IN_MOVED_FROM | libc::IN_DELETE_SELF | libc::IN_MOVE_SELF;
    // SAFETY: plain numbers, then a NUL-terminated path.
    unsafe {
        let raw = libc::syscall(libc::SYS_inotify_init1, libc::IN_CLOEXEC | libc::IN_NONBLOCK);
        let watch = Fd::made(Call::InotifyAddWatch, raw)?;
        let added = libc::syscall(libc::SYS_inotify_add_watch, watch.raw(), path.as_ptr(), events);
        check_long(Call::InotifyAddWatch, added).map(|_| watch)
    }
}

/// memfd_create(2): a file in memory, without a name.
pub fn memory_file() -> Result<Fd> {
    // SAFETY: a NUL-terminated name; MFD_CLOEXEC and MFD_ALLOW_SEALING.
    Fd::made(Call::MemfdCreate, unsafe { libc::syscall(libc::SYS_memfd_create, c"tinyo".as_ptr(), 1 | 2) })
}

/// lseek(2): back to the beginning.
pub fn rewind(file: &Fd) -> Result<()> {
    // SAFETY: plain numbers.
    done(Call::Read, unsafe { libc::syscall(libc::SYS_lseek, file.raw(), 0usize, libc::SEEK_SET) })
}

/// ftruncate(2).
pub fn cut(file: &Fd, length: usize) -> Result<()> {
    // SAFETY: plain numbers.
    done(Call::Write, unsafe { libc::syscall(libc::SYS_ftruncate, file.raw(), length) })
}

/// fsync(2): what was written to it is on its disk.
pub fn sync(file: &Fd) -> Result<()> {
    // SAFETY: an open descriptor.
    done(Call::Write, unsafe { libc::syscall(libc::SYS_fsync, file.raw()) })
}

/// flock(2), without waiting: whether the lock is ours now. It lasts as long as the descriptor.
pub fn lock(file: &Fd, exclusive: bool) -> bool {
    let kind = if exclusive { libc::LOCK_EX } else { libc::LOCK_SH };
    // SAFETY: an open descriptor.
    unsafe { libc::syscall(libc::SYS_flock, file.raw(), kind | libc::LOCK_NB) == 0 }
}
