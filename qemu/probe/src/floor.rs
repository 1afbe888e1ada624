//! The least that an init can do: mounts by direct system calls, and the service born by vfork.

use core::ffi::CStr;

use crate::sys;

pub type Mount = (&'static CStr, &'static CStr, &'static CStr);

pub const ALL: [Mount; 7] = [
    (c"proc", c"/proc", c""),
    (c"sysfs", c"/sys", c""),
    (c"devtmpfs", c"/dev", c""),
    (c"tmpfs", c"/run", c"mode=755"),
    (c"devpts", c"/dev/pts", c"gid=5,mode=620,ptmxmode=666"),
    (c"tmpfs", c"/dev/shm", c"mode=1777"),
    (c"cgroup2", c"/sys/fs/cgroup", c""),
];

pub const MOUNTS: [Mount; 4] = [ALL[0], ALL[1], ALL[2], ALL[3]];

/// With a `cgroup`, the service is born in it.
pub fn start(mounts: &[Mount], cgroup: Option<&CStr>) -> ! {
    for (fstype, target, options) in mounts {
        sys::make_directory(target);
        sys::mount(fstype, target, options);
    }
    let place = cgroup.and_then(|path| {
        sys::make_directory(path);
        sys::open(path)
    });
    sys::vfork_and_execute([c"/probe", c"first"], place);
    sys::sleep_for_ever()
}
