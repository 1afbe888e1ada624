//! What the host's switches say, as the hint that it becomes.

use super::*;
use crate::text::put::shown;

const CLONE: &str = "/proc/sys/kernel/unprivileged_userns_clone";
const MOST: &str = "/proc/sys/user/max_user_namespaces";
const FILTER: &str = "a filter";
const APPARMOR: &str = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns";

#[test]
fn the_switch_that_is_off_is_named() {
    for (errno, set, hint) in [
        (libc::EPERM, &[(CLONE, b'0'), (MOST, b'9')][..], "set kernel.unprivileged_userns_clone=1"),
        (libc::ENOSPC, &[(CLONE, b'1'), (MOST, b'0')], "set user.max_user_namespaces above 0"),
        (libc::EACCES, &[(APPARMOR, b'1'), (MOST, b'9')], "set kernel.apparmor_restrict_unprivileged_userns=0"),
        (libc::ENOSPC, &[(MOST, b'9')], "are in use, or 32 lie in each other"),
        (libc::EPERM, &[(MOST, b'9'), (FILTER, 1)], "start that container without it"),
        (libc::EPERM, &[(MOST, b'9'), (APPARMOR, b'0')], "in a chroot; is this one?"),
        (libc::EINVAL, &[], "(CONFIG_USER_NS)"),
    ] {
        let first = |path: &CStr| {
            let known = set.iter().find(|(name, _)| *name == path.to_str().unwrap());
            known.map(|(_, value)| *value)
        };
        let at = switch(Errno(errno as u16), set.iter().any(|(name, _)| *name == FILTER), &mut { first }).unwrap();
        let line = shown(&HINTS.line(at));
        assert!(line.ends_with(hint), "{line} for {hint}");
    }
    for errno in [libc::ENOMEM, libc::EAGAIN, libc::ENOENT] {
        assert_eq!(switch(Errno(errno as u16), false, &mut |_| Some(b'0')), None);
    }
}
