//! What a file is, and the file system that it lies in.

use super::error::{Call, Result, check_long, done};
use super::fd::Fd;
use super::fs::At;
use core::ffi::CStr;
use core::mem::MaybeUninit;

/// What is under a name.
pub struct Status(libc::stat);

impl Status {
    pub fn is_directory(&self) -> bool {
        self.0.st_mode & libc::S_IFMT == libc::S_IFDIR
    }

    pub fn is_block_device(&self) -> bool {
        self.0.st_mode & libc::S_IFMT == libc::S_IFBLK
    }

    pub fn is_regular(&self) -> bool {
        self.0.st_mode & libc::S_IFMT == libc::S_IFREG
    }

    pub fn is_socket(&self) -> bool {
        self.0.st_mode & libc::S_IFMT == libc::S_IFSOCK
    }

    /// Any of the three execute bits.
    pub fn is_executable(&self) -> bool {
        self.is_regular() && self.0.st_mode & 0o111 != 0
    }

    /// A character or a block device.
    pub fn is_any_device(&self) -> bool {
        self.is_block_device() || self.0.st_mode & libc::S_IFMT == libc::S_IFCHR
    }

    /// A character device of these numbers.
    pub fn is_device(&self, major: u32, minor: u32) -> bool {
        self.0.st_mode & libc::S_IFMT == libc::S_IFCHR && self.0.st_rdev == libc::makedev(major, minor)
    }

    pub fn same_file_system(&self, other: &Status) -> bool {
        self.0.st_dev == other.0.st_dev
    }

    /// One and the same file.
    pub fn is(&self, other: &Status) -> bool {
        self.same_file_system(other) && self.0.st_ino == other.0.st_ino
    }

    /// Its permissions.
    pub fn mode(&self) -> u32 {
        self.0.st_mode & 0o7777
    }

    pub fn is_link(&self) -> bool {
        self.0.st_mode & libc::S_IFMT == libc::S_IFLNK
    }

    /// Its user and its group.
    pub fn owner(&self) -> (u32, u32) {
        (self.0.st_uid, self.0.st_gid)
    }

    pub fn inode(&self) -> u64 {
        self.0.st_ino
    }

    pub fn size(&self) -> u64 {
        self.0.st_size as u64
    }
}

fn status_with(at: i32, path: &CStr, flags: i32) -> Result<Status> {
    // `struct stat` is the kernel's own on 64-bit machines.
    let mut status = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: a NUL-terminated path and room for one stat, which a success fills.
    check_long(Call::Stat, unsafe {
        libc::syscall(libc::SYS_newfstatat, at, path.as_ptr(), status.as_mut_ptr(), flags)
    })?;
    Ok(Status(unsafe { status.assume_init() }))
}

/// stat(2), links followed.
pub fn status(at: At, path: &CStr) -> Result<Status> {
    status_with(at.raw(), path, 0)
}

/// There is something under that name, links followed.
pub fn exists(path: &CStr) -> bool {
    status(At::Cwd, path).is_ok()
}

/// access(2) W_OK, by our real ids: EACCES when they may not write to it.
pub fn may_write(path: &CStr) -> Result<()> {
    // SAFETY: a NUL-terminated path.
    let value = unsafe { libc::syscall(libc::SYS_faccessat, libc::AT_FDCWD, path.as_ptr(), libc::W_OK) };
    done(Call::Access, value)
}

/// lstat(2).
pub fn link_status(at: At, path: &CStr) -> Result<Status> {
    status_with(at.raw(), path, libc::AT_SYMLINK_NOFOLLOW)
}

/// fstat(2).
pub fn file_status(fd: &Fd) -> Result<Status> {
    status_with(fd.raw(), c"", libc::AT_EMPTY_PATH)
}

/// `file` is what is at `path`, as of namespaces; false where nobody can tell.
pub fn is_same(file: &Fd, path: &CStr) -> bool {
    let there = status(At::Cwd, path);
    there.is_ok_and(|there| file_status(file).is_ok_and(|own| own.inode() == there.inode()))
}

/// The kind of a mounted file system.
pub struct FileSystem {
    magic: u64,
    bytes: u64,
    flags: u64,
}

impl FileSystem {
    /// A file system that lives in memory: what an initramfs is.
    pub fn is_memory(&self) -> bool {
        self.is_tmpfs() || self.magic == 0x8584_58f6
    }

    pub fn is_tmpfs(&self) -> bool {
        self.magic == 0x0102_1994
    }

    /// A tmpfs that was given this size.
    pub fn is_tmpfs_of(&self, bytes: u64) -> bool {
        self.is_tmpfs() && self.bytes == bytes
    }

    /// Nothing can be written to it, be it by its mount or by itself.
    pub fn is_read_only(&self) -> bool {
        self.flags & libc::ST_RDONLY != 0
    }

    /// No program on it is executed, by its mount.
    pub fn is_no_exec(&self) -> bool {
        self.flags & libc::ST_NOEXEC != 0
    }

    /// The kernel's own words in files: proc or sysfs.
    pub fn is_kernels(&self) -> bool {
        matches!(self.magic, 0x9fa0 | 0x6265_6572)
    }

    /// What is written to it may be gone at the next boot: it is in memory, or in a layer of an overlay that may be.
    pub fn may_forget(&self) -> bool {
        self.is_memory() || self.magic == 0x794c_7630
    }

    pub fn is_cgroup2(&self) -> bool {
        self.magic == 0x6367_7270
    }

    /// An image that no kernel can write to: squashfs, erofs, iso9660.
    pub fn is_never_written(&self) -> bool {
        matches!(self.magic, 0x7371_7368 | 0xe0f5_e1e2 | 0x9660)
    }
}

/// fstatfs(2).
pub fn file_system(fd: &Fd) -> Result<FileSystem> {
    // SAFETY: room for one statfs.
    with_room(|room| unsafe { libc::syscall(libc::SYS_fstatfs, fd.raw(), room) })
}

/// statfs(2): of what `path` lies in.
pub fn file_system_of(path: &CStr) -> Result<FileSystem> {
    // SAFETY: a NUL-terminated path, and room for one statfs.
    with_room(|room| unsafe { libc::syscall(libc::SYS_statfs, path.as_ptr(), room) })
}

fn with_room(call: impl FnOnce(*mut u64) -> libc::c_long) -> Result<FileSystem> {
    // `struct statfs` of 64-bit machines: fifteen words, of which f_type, f_bsize and f_blocks are the first, and f_flags
    // comes before the four spare ones.
    let mut fs = [0u64; 15];
    check_long(Call::Statfs, call(fs.as_mut_ptr()))?;
    Ok(FileSystem { magic: fs[0] & 0xffff_ffff, bytes: fs[1].wrapping_mul(fs[2]), flags: fs[10] })
}
