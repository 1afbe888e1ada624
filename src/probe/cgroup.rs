//! /proc/PID/cgroup of cgroups(7).

use super::keyed::value_of;

/// The place in cgroup v2 of whose file this is. None: in no cgroup of v2, or in one that a cgroup namespace hides.
pub fn own(text: &[u8]) -> Option<&[u8]> {
    value_of(text, b"0::").filter(|path| !path.starts_with(b"/.."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_version_is_found() {
        for (text, expected) in [
            ("0::/a/b.scope\n", Some("/a/b.scope")),
            ("9:name=systemd:/\n4:memory:/x\n0::/\n", Some("/")),
            ("4:memory:/0::/x\n", None),
            ("0::/../x\n", None),
            ("", None),
        ] {
            assert_eq!(own(text.as_bytes()), expected.map(str::as_bytes), "{text}");
        }
    }
}
