//! What to try when a step fails.

use super::Step;
use super::step::Name;
use crate::config::Log;
use crate::limits;
use crate::probe::superblock;
use crate::text::packed::{Packed, packed};

/// What to try when one of these steps fails with one of these errors, each below 255; at most six and four.
macro_rules! hints {
    ($($($step:ident)|+, $($errno:ident)|+ => $hint:literal,)*) => {
        static HINTS: &[([u8; 6], [u8; 4])] = {
            use {libc::*, superblock::*};
            &[$((bytes(&[$(Name::$step as i32),+]), bytes(&[$($errno),+]))),*]
        };
        const HINT_TEXTS: Packed = packed!(concat!($($hint, "\n"),*));
    };
}

/// Of 255 there is none.
const fn bytes<const N: usize>(list: &[i32]) -> [u8; N] {
    let mut bytes = [255; N];
    let mut at = 0;
    while at < list.len() {
        assert!(list[at] < 255);
        bytes[at] = list[at] as u8;
        at += 1;
    }
    bytes
}

hints! {
    Mount | MountRoot | Root | Lower, ENODEV => "is the file system built in or its module listed?",
    Mount | MountRoot, ENOENT => "is the device there, and the mount point?",
    MountRoot, EIO => "what of it cannot be read, the kernel has said",
    MountRoot, ENOTUNIQ => "write which, as root=PARTUUID=",
    Mount | MountRoot, EROFS => "has it a journal to replay? noload (ext4) or norecovery (xfs) leaves that be",
    MountRoot, FOREIGN => "a root is a file system; what lies in it is set up first, or not here",
    Mount | MountRoot, EINVAL => "is it that file system, and does it know these options?",
    Mount | MountRoot, ENOTBLK => "the source must be a block device",
    Module, ENOENT => "is its file in the image, and modules.dep of this kernel?",
    Module, ENOEXEC => "is it whole, and built for this kernel?",
    Module, EINVAL | EOPNOTSUPP => "does it take its options? compressed ones need CONFIG_MODULE_DECOMPRESS",
    Module, ENOKEY | EKEYREJECTED | EBADMSG => "is it signed by a key of this kernel's?",
    Module, EPERM => "is it on module_blacklist, or kernel.modules_disabled set?",
    Module, ENOSYS => "this kernel has no modules (CONFIG_MODULES)",
    HandOver, ENOENT | ENOTDIR => "is it the right root, and whole? init= names another program",
    HandOver, EACCES | EISDIR | NO_FILE => "is it the right root, and its init executable?",
    HandOver, ENOEXEC => "is it whole, and of a root for this machine? a script needs a #! line",
    HandOver, NO_EXEC => "leave noexec out of the options",
    Watchdog, ENOENT => "is its driver built in or among modules?",
    Ip, ENODEV | ENOTUNIQ => "name the right one of /sys/class/net, and its driver among modules",
    Ip, EADDRINUSE => "it has another address, and keeps it",
    Ip, EINVAL => "are these what a host and its gateway can have?",
    Ip, ENETUNREACH => "the gateway must be in the network of address and netmask",
    Ip, EAFNOSUPPORT => "does this kernel have CONFIG_INET?",
    Ip, ENOSPC | EROFS | ENOENT => "/run/tinyo/resolv.conf must be writable",
    Seed, ENOENT => "is its directory there?",
    Seed, EROFS | EOPNOTSUPP | ENOSPC => "without a new one on a disk in its place it does not count",
    Seed, EPERM => "others could read it; remove it (on FAT: mount with umask=077)",
    Seed, EINVAL | EISDIR | EFBIG => "it must be a regular file of at most 512 bytes",
    Root | Lower, ENOENT | ENOTDIR | FOREIGN => "the root must be a directory, or a file with squashfs, erofs or ext4",
    Root, NEVER_WRITTEN => "make it read-only, or write to an overlay",
    Root | Lower, NO_LOOP => "modprobe loop",
    Root | Lower | Overlay, EBUSY => "another container has it to write to",
    Root | Lower, EINVAL | EUCLEAN | CUT_SHORT => "is it whole?",
    Overlay, ENODEV => "modprobe overlay, or list it among modules",
    Overlay, ENOENT | ENOTDIR => "what is written needs a directory",
    Overlay, EINVAL | EOPNOTSUPP => "its file system must take an upper layer: no overlay, NFS or FAT",
    Overlay, ESTALE => "it belongs to another root",
    Join, ESRCH | ENOENT => "it has ended",
    Inside, ENOMEM => "it is ending",
    Pty, ENODEV | ENOENT | ENOTDIR | EACCES => "its /dev/pts must be a devpts; leave --tty out",
    Network, EINVAL | ENOENT | ENOTDIR => "is it a network namespace? ip netns add NAME makes /run/netns/NAME",
    Network, EPERM => "in a user namespace of its own it joins no network of others",
    Volume, ENOENT => "a volume's source must exist",
    Device, ENOENT => "is it there, and its driver loaded?",
    Device, EINVAL => "the source must be a device",
    Volume, ENOTDIR | EINVAL => "source and target must both be directories, or both files",
    Root | Volume, EPERM => "is it an id map, which only root of the host can make?",
    Root | Lower, EACCES => "is it the caller's to read? an image is root's to mount",
    Lower, EOPNOTSUPP => "an overlay takes no range of ids; leave userns out",
    Root | Volume, EOPNOTSUPP => "its file system, or one mounted in it, takes no id map; leave userns out",
    Devices, ENODEV | ENOENT => "the host's /dev lacks one of these",
    Proc | Sys, EPERM => "the host's /proc or /sys has mounts over it, as in a container; leave those masks out there",
    Volume | Tmpfs | Devices | Proc | Sys | HostSys, EACCES => "is the root the caller's to read, and to make the mount point in?",
    Volume | Tmpfs | Devices | Proc | Sys | HostSys, EROFS => "what it lies in is read-only and lacks the mount point",
    Devices | Proc | Sys | HostSys, ELOOP | ENOTDIR => "the image has something else in its place",
    PrivateMounts, EINVAL => "/ is no mount point; bind it over itself",
    Pivot, EINVAL => "the root must not be shared, nor the bare initramfs",
    EnvFile, E2BIG | EFBIG => "at most 256 variables and 32 KiB in all files",
    Ulimit, EPERM => "is it over the hard limit, or over fs.nr_open?",
    OomScore, EACCES => "lowering it needs CAP_SYS_RESOURCE",
    User, EPERM => "is it a single id, which has no other groups? then leave group-add out, or write userns = \"auto\"",
    User, EINVAL => "is the id in the range of the container?",
    User, E2BIG => "at most 64 groups",
    User, EFBIG => "at most 16 MiB of users, and of groups",
    User, ENOENT => "is it in the passwd or group file there?",
    Exec | ExecGiven, ENOENT => "is it in the image, and its interpreter or loader too?",
    Exec | ExecGiven, EACCES => "is it executable?",
    Exec | ExecGiven, ENOEXEC => "a script needs a #! line",
    Workdir, EXDEV => "it leads out of the root",
    Terminal, EIO | ENXIO | ENODEV | ENOENT => "is there such a terminal?",
    Sysctl | OwnSysctl, ENOENT => "is it in this kernel?",
    Reaper, EAGAIN => "is pids-limit below 2?",
    CloseFiles, EINVAL | EMFILE => "is the limit of open files above them?",
    Stdio, ENOENT => "is its directory there?",
    Seccomp, EINVAL | ENOSYS => "does this kernel have CONFIG_SECCOMP_FILTER? write seccomp = \"none\"",
}

// The numbers in the hints above.
const _: () = assert!(limits::LIST == 256 && limits::ENV_FILE_BYTES == 32 << 10);

impl Step<'_> {
    /// What to try when this step fails with `errno`.
    pub fn hint(&self, errno: i32) -> Packed {
        let log_is_ours = matches!(self, Step::Stdio { log, .. } if !matches!(log, Log::Path(_)));
        // Whatever else it is.
        let errno = if (superblock::FOREIGN..256).contains(&errno) { superblock::FOREIGN } else { errno };
        let fits = |(steps, errnos): &([u8; 6], [u8; 4])| {
            steps.contains(&(self.name() as u8)) && errnos.iter().any(|known| i32::from(*known) == errno)
        };
        match HINTS.iter().position(fits) {
            _ if errno >= 4096 => packed!("no variable; write NAME=VALUE"),
            Some(index) if !log_is_ours => HINT_TEXTS.line(index),
            _ => Packed::EMPTY,
        }
    }
}
