//! Mounting: mount(2), and the calls that work on descriptors, so that no name is looked up twice.

use super::error::{Call, Result, done};
use super::fd::Fd;
use super::fs::At;
use core::ffi::CStr;

/// mount(2) flags.
pub const READ_ONLY: u64 = libc::MS_RDONLY as u64;
pub const NO_SUID: u64 = libc::MS_NOSUID as u64;
pub const NO_DEV: u64 = libc::MS_NODEV as u64;
pub const NO_EXEC: u64 = libc::MS_NOEXEC as u64;
pub const BIND: u64 = libc::MS_BIND as u64;
pub const MOVE: u64 = libc::MS_MOVE as u64;
pub const RECURSIVE: u64 = libc::MS_REC as u64;
pub const PRIVATE: u64 = libc::MS_PRIVATE as u64;
pub const UNBINDABLE: u64 = libc::MS_UNBINDABLE as u64;
pub const REMOUNT: u64 = libc::MS_REMOUNT as u64;
const NO_ATIME: u64 = libc::MS_NOATIME as u64;
const NO_DIRATIME: u64 = libc::MS_NODIRATIME as u64;
const RELATIME: u64 = libc::MS_RELATIME as u64;
/// Those that a remount of one mount sets or takes back: all of them, each time.
pub const OF_A_MOUNT: u64 = READ_ONLY | NO_SUID | NO_DEV | NO_EXEC | NO_ATIME | NO_DIRATIME | RELATIME;

/// mount(2). An empty `fstype` or `data` is passed as none.
pub fn mount(source: &CStr, target: &CStr, fstype: &CStr, flags: u64, data: &CStr) -> Result<()> {
    let data = if data.is_empty() { core::ptr::null() } else { data.as_ptr() };
    let fstype = if fstype.is_empty() { core::ptr::null() } else { fstype.as_ptr() };
    // SAFETY: NUL-terminated strings or null.
    let value = unsafe {
        libc::syscall(libc::SYS_mount, source.as_ptr(), target.as_ptr(), fstype, flags as libc::c_ulong, data)
    };
    done(Call::Mount, value)
}

/// umount2(2); `detach`: out of sight at once, gone when the last user is (MNT_DETACH).
pub fn unmount(target: &CStr, detach: bool) -> Result<()> {
    let flags = if detach { libc::MNT_DETACH } else { 0 };
    // SAFETY: a NUL-terminated path.
    done(Call::Umount, unsafe { libc::syscall(libc::SYS_umount2, target.as_ptr(), flags) })
}

/// pivot_root(".", old): the current directory becomes the root and the old root is mounted on `old` of it; "." is over it
/// (pivot_root(2), NOTES).
pub fn pivot_root(old: &CStr) -> Result<()> {
    // SAFETY: NUL-terminated paths.
    let value = unsafe { libc::syscall(libc::SYS_pivot_root, c".".as_ptr(), old.as_ptr()) };
    done(Call::PivotRoot, value)
}

const AT_RECURSIVE: u32 = 0x8000;

/// open_tree(2) OPEN_TREE_CLONE: a detached copy of the mount at `path` (an empty path: of `at` itself), with what is
/// mounted under it when `recursive`. Linux 5.2.
pub fn clone_tree(at: At, path: &CStr, recursive: bool) -> Result<Fd> {
    const CLONE: u32 = 1;
    let mut flags = CLONE | libc::O_CLOEXEC as u32 | libc::AT_EMPTY_PATH as u32;
    if recursive {
        flags |= AT_RECURSIVE;
    }
    // SAFETY: a NUL-terminated path.
    let value = unsafe { libc::syscall(libc::SYS_open_tree, at.raw(), path.as_ptr(), flags) };
    Fd::made(Call::OpenTree, value)
}

/// move_mount(2): attaches the detached `tree` over `target`. No name is looked up. Linux 5.2.
pub fn attach(tree: &Fd, target: At, path: &CStr) -> Result<()> {
    const FROM_EMPTY_PATH: u32 = 0x04;
    const TO_EMPTY_PATH: u32 = 0x40;
    // SAFETY: NUL-terminated paths.
    let value = unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            tree.raw(),
            c"".as_ptr(),
            target.raw(),
            path.as_ptr(),
            FROM_EMPTY_PATH | TO_EMPTY_PATH,
        )
    };
    done(Call::MoveMount, value)
}

// The attributes of mount_setattr(2) have the numbers of mount(2).
const _: () = assert!(READ_ONLY == 1 && NO_SUID == 2 && NO_DEV == 4 && NO_EXEC == 8);

/// mount_setattr(2): sets attributes of the mount at `at`, and of all under it when `recursive`. Linux 5.12.
pub fn set_attributes(at: At, path: &CStr, recursive: bool, set: u64) -> Result<()> {
    set_all(at, path, recursive, [set, 0, 0, 0])
}

/// The same with MOUNT_ATTR_IDMAP for the detached `tree`, all of it, which becomes private too: what its file systems have
/// as id N is, seen through it, the N of the user namespace that `users` (/proc/PID/ns/user) is. Needs CAP_SYS_ADMIN
/// over the file systems. EINVAL: one of them takes no id map, or has one already.
pub fn set_id_map(tree: &Fd, users: &Fd) -> Result<()> {
    const ID_MAP: u64 = 0x0010_0000;
    set_all(At::Dir(tree), c"", true, [ID_MAP, 0, PRIVATE, users.raw() as u64])
}

/// `attributes` is the `struct mount_attr` of mount_setattr(2): what to set, what to clear, propagation, user namespace.
fn set_all(at: At, path: &CStr, recursive: bool, attributes: [u64; 4]) -> Result<()> {
    let flags = libc::AT_EMPTY_PATH as u32 | if recursive { AT_RECURSIVE } else { 0 };
    // SAFETY: a NUL-terminated path and a structure of the size given.
    let value = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            at.raw(),
            path.as_ptr(),
            flags,
            attributes.as_ptr(),
            core::mem::size_of_val(&attributes),
        )
    };
    done(Call::MountSetattr, value)
}
