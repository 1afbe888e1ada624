//! Who a process is: ids, groups, capabilities, host name.

use super::error::{Call, Result, check_long, done};
use super::process::prctl;

/// setresgid(2), setresuid(2): for good, the saved ids too. The kernel's own calls: the C library's would stop all threads,
/// of which there is one.
pub fn become_user(uid: u32, gid: u32) -> Result<()> {
    // SAFETY: plain numbers.
    unsafe {
        check_long(Call::Setresgid, libc::syscall(libc::SYS_setresgid, gid, gid, gid))?;
        done(Call::Setresuid, libc::syscall(libc::SYS_setresuid, uid, uid, uid))
    }
}

/// setfsuid(2): files are opened, and made, as root of the user namespace that this process is in; where that has no root,
/// as before.
pub fn act_as_root() {
    // SAFETY: a plain number.
    unsafe { libc::syscall(libc::SYS_setfsuid, 0) };
}

/// setgroups(2): the supplementary groups.
pub fn set_groups(groups: &[u32]) -> Result<()> {
    // SAFETY: the array is readable for its whole length.
    let value = unsafe { libc::syscall(libc::SYS_setgroups, groups.len(), groups.as_ptr()) };
    done(Call::Setgroups, value)
}

/// getgroups(2): the supplementary groups, as many as there are. EINVAL when `buffer` has no room for them.
pub fn groups(buffer: &mut [u32]) -> Result<&[u32]> {
    // SAFETY: room for the number given.
    let count = unsafe { libc::syscall(libc::SYS_getgroups, buffer.len(), buffer.as_mut_ptr()) };
    let count = check_long(Call::Getgroups, count)?;
    Ok(buffer.get(..count).unwrap_or_default())
}

/// This process runs with more rights than whoever started it (setuid, setgid or file capabilities: getauxval(3) AT_SECURE).
pub fn is_elevated() -> bool {
    // SAFETY: no pointers.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// The effective user as this program was started (getauxval(3) AT_EUID): a user namespace entered since then changes
/// nothing about who that is.
pub fn effective() -> u32 {
    // SAFETY: no pointers.
    unsafe { libc::getauxval(libc::AT_EUID) as u32 }
}

/// The effective group, likewise.
pub fn effective_group() -> u32 {
    // SAFETY: no pointers.
    unsafe { libc::getauxval(libc::AT_EGID) as u32 }
}

pub fn is_root() -> bool {
    effective() == 0
}

/// A capability is in the bounding set (prctl(2) PR_CAPBSET_READ); None: this kernel does not know it.
pub fn bounding_has(capability: u8) -> Option<bool> {
    // SAFETY: no pointers.
    match unsafe { libc::syscall(libc::SYS_prctl, libc::PR_CAPBSET_READ, usize::from(capability)) } {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

/// prctl(2) PR_CAPBSET_DROP.
pub fn drop_bounding(capability: u8) -> Result<()> {
    prctl(Call::Prctl, libc::PR_CAPBSET_DROP, libc::c_ulong::from(capability))
}

/// prctl(2) PR_SET_KEEPCAPS: a change of user leaves the permitted capabilities as they are, until execve(2).
pub fn keep_capabilities() -> Result<()> {
    prctl(Call::Prctl, libc::PR_SET_KEEPCAPS, 1)
}

/// prctl(2) PR_CAP_AMBIENT_RAISE: programs started from here on have it, whoever they belong to.
pub fn raise_ambient(capability: u8) -> Result<()> {
    // SAFETY: no pointers; the unused arguments have to be 0.
    let value = unsafe {
        libc::syscall(
            libc::SYS_prctl,
            libc::PR_CAP_AMBIENT,
            libc::PR_CAP_AMBIENT_RAISE,
            usize::from(capability),
            0usize,
            0usize,
        )
    };
    done(Call::Prctl, value)
}

/// capset(2): these effective and permitted capabilities, and these inheritable ones. What is not inheritable is no longer
/// ambient either.
pub fn set_capabilities(mask: u64, inheritable: u64) -> Result<()> {
    /// `struct __user_cap_header_struct` and `__user_cap_data_struct` of capset(2), version 3.
    #[repr(C)]
    struct Header {
        version: u32,
        pid: i32,
    }
    #[repr(C)]
    struct Data {
        effective: u32,
        permitted: u32,
        inheritable: u32,
    }
    let header = Header { version: 0x2008_0522, pid: 0 };
    let half = |bits: u32, inheritable: u32| Data { effective: bits, permitted: bits, inheritable };
    let data = [half(mask as u32, inheritable as u32), half((mask >> 32) as u32, (inheritable >> 32) as u32)];
    // SAFETY: version 3 reads two data structures.
    let value = unsafe { libc::syscall(libc::SYS_capset, &header, data.as_ptr()) };
    done(Call::Capset, value)
}

/// capget(2): the permitted capabilities.
pub fn permitted_capabilities() -> u64 {
    let header = [0x2008_0522u32, 0];
    let mut data = [0u32; 6];
    // SAFETY: version 3 fills two structures of three numbers.
    if unsafe { libc::syscall(libc::SYS_capget, header.as_ptr(), data.as_mut_ptr()) } != 0 {
        return 0;
    }
    u64::from(data[1]) | u64::from(data[4]) << 32
}

/// sethostname(2): at most 64 bytes.
pub fn set_hostname(name: &[u8]) -> Result<()> {
    // SAFETY: readable for its length.
    done(Call::Sethostname, unsafe { libc::syscall(libc::SYS_sethostname, name.as_ptr(), name.len()) })
}

/// The kernel's release (uname(2)): the folder under /lib/modules.
pub fn kernel_release(buffer: &mut heapless::Vec<u8, 65>) {
    let mut name = core::mem::MaybeUninit::<libc::utsname>::uninit();
    // SAFETY: room for one utsname, which a success fills.
    if unsafe { libc::uname(name.as_mut_ptr()) } == 0 {
        let name = unsafe { name.assume_init() };
        let bytes = name.release.iter().map(|&c| c as u8).take_while(|&c| c != 0);
        buffer.clear();
        buffer.extend(bytes.take(buffer.capacity()));
    }
}
