//! Lines of /proc/PID/mountinfo, see proc_pid_mountinfo(5).

use core::ffi::CStr;

use crate::text::bytes::{cut, terminated};
use crate::text::names;
use crate::text::number::decimal;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mount<'a> {
    pub id: u32,
    pub parent: u32,
    pub major: u32,
    pub minor: u32,
    /// What of the file system is mounted here.
    pub root: &'a CStr,
    pub mount_point: &'a CStr,
    /// Of this mount, as in fstab(5).
    pub options: &'a CStr,
    /// `shared:N` and the like, separated by spaces.
    pub tags: &'a [u8],
    pub fstype: &'a CStr,
    pub source: &'a CStr,
    /// Of the file system.
    pub super_options: &'a [u8],
}

/// File systems that live in the kernel alone: nothing is lost when they stay.
const PSEUDO: &str = "autofs binfmt_misc bpf cgroup cgroup2 configfs debugfs devpts devtmpfs efivarfs fusectl hugetlbfs mqueue \
                      nsfs proc pstore ramfs rootfs securityfs selinuxfs sysfs tmpfs tracefs";

impl Mount<'_> {
    /// Whether there is something to lose: it is of a disk, of the network or of a program.
    pub fn holds_data(&self) -> bool {
        names::position(PSEUDO, self.fstype.to_bytes()).is_none()
    }
}

/// Reads a line, without its newline, in place: escapes are decoded and fields NUL-terminated where they stand.
pub fn parse(line: &mut [u8]) -> Option<Mount<'_>> {
    let mut rest = Rest(line);
    let id = number(rest.field()?)?;
    let parent = number(rest.field()?)?;
    let (major, minor) = cut(rest.field()?, b':');
    let (major, minor) = (number(major)?, number(minor?)?);
    let root = rest.text()?;
    let mount_point = rest.text()?;
    let options = rest.text()?;
    // Any number of fields, then a lone `-`.
    let end = rest.0.windows(3).position(|window| window == b" - ");
    let tags: &[u8] = match end {
        _ if rest.0.starts_with(b"- ") => {
            rest.take(2);
            &[]
        }
        Some(end) => {
            let (tags, _) = rest.take(end.saturating_add(3)).split_at_checked(end)?;
            tags
        }
        None => return None,
    };
    let fstype = rest.text()?;
    let source = rest.text()?;
    let super_options = rest.0;
    Some(Mount { id, parent, major, minor, root, mount_point, options, tags, fstype, source, super_options })
}

fn number(text: &[u8]) -> Option<u32> {
    u32::try_from(decimal(text)?).ok()
}

/// Fields with a space behind each.
pub(super) struct Rest<'a>(pub &'a mut [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> &'a mut [u8] {
        let rest = core::mem::take(&mut self.0);
        let (head, tail) = rest.split_at_mut_checked(count).unwrap_or_default();
        self.0 = tail;
        head
    }

    /// The bytes up to the next space, which goes too.
    pub fn field(&mut self) -> Option<&'a mut [u8]> {
        let end = self.0.iter().position(|&byte| byte == b' ')?;
        let field = self.take(end.checked_add(1)?);
        field.get_mut(..end)
    }

    /// A field as text: its space becomes the NUL.
    pub fn text(&mut self) -> Option<&'a CStr> {
        let end = self.0.iter().position(|&byte| byte == b' ')?;
        let field = self.take(end.checked_add(1)?);
        let length = decode(field.get_mut(..end)?);
        *field.get_mut(length)? = 0;
        terminated(field.get(..=length)?)
    }
}

/// Decodes `\040` and the like in place: space, tab, newline, backslash and `#` come so. The length after it.
fn decode(field: &mut [u8]) -> usize {
    let mut read = 0usize;
    let mut write = 0usize;
    while let Some(&[byte, ..]) = field.get(read..) {
        let (value, used) = match field.get(read..) {
            Some(&[b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..]) => {
                ((a & 3) << 6 | (b & 7) << 3 | c & 7, 4)
            }
            _ => (byte, 1),
        };
        if let Some(place) = field.get_mut(write) {
            *place = value;
        }
        read = read.saturating_add(used);
        write = write.saturating_add(1);
    }
    write
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::{String, ToString};

    #[test]
    fn reads_a_line() {
        let mut line = *b"36 35 98:0 /mnt1 /mnt\\0402\\134x rw,noatime master:1 shared:2 - ext3 /dev/root\\011a rw,errors=continue";
        let expected = Mount {
            id: 36,
            parent: 35,
            major: 98,
            minor: 0,
            root: c"/mnt1",
            mount_point: c"/mnt 2\\x",
            options: c"rw,noatime",
            tags: b"master:1 shared:2",
            fstype: c"ext3",
            source: c"/dev/root\ta",
            super_options: b"rw,errors=continue",
        };
        assert_eq!(parse(&mut line), Some(expected));
    }

    #[test]
    fn tags_may_be_missing() {
        let mut line = *b"21 1 0:20 / / rw - tmpfs none rw";
        let mount = parse(&mut line).unwrap();
        assert_eq!((mount.tags, mount.mount_point, mount.source), (&b""[..], c"/", c"none"));
        assert!(!mount.holds_data());
        let mut line = *b"21 1 0:20 / /a/b rw - btrfs - rw";
        let mount = parse(&mut line).unwrap();
        assert_eq!((mount.source, mount.holds_data()), (c"-", true));
    }

    #[test]
    fn what_is_no_escape_stays() {
        let mut line = *b"21 1 0:20 / /\\080\\089\\400\\04\\377x rw - ext4 - rw";
        assert_eq!(parse(&mut line).unwrap().mount_point.to_bytes(), b"/\\080\\089\\400\\04\xffx");
    }

    #[test]
    fn what_is_not_a_line_is_none() {
        for line in [
            "",
            "36",
            "36 35 98:0 / / rw",
            "36 35 98:0 / / rw shared:1",
            "x 35 98:0 / / rw - a b c",
            "36 35 98 / / rw - a b c",
            "36 35 98: / / rw - a b c",
            "036 35 98:0 / / rw - a b c",
            "36 35 98:0 / / rw - a",
            "36 35 98:0 / / rw - a b",
            "36 35 98:0 / /\\000x rw - a b c",
            "36 35 98:0 / /\0x rw - a b c",
            "36 35 98:0 / / rw a- b c d",
        ] {
            assert_eq!(parse(&mut line.as_bytes().to_vec()), None, "{line:?}");
        }
    }

    /// As the kernel writes it (mangle() of fs/proc_namespace.c).
    fn escape(text: &str) -> String {
        text.bytes()
            .map(|byte| match byte {
                b' ' | b'\t' | b'\n' | b'\\' | b'#' => std::format!("\\{byte:03o}"),
                _ => char::from(byte).to_string(),
            })
            .collect()
    }

    proptest! {
        #[test]
        fn what_was_escaped_comes_back(point in "/[a ()\t\n\\\\#0-7-]{0,12}", source in "[a \\\\-]{1,8}", tags in "(shared:[0-9])?") {
            let gap = if tags.is_empty() { "" } else { " " };
            let line = std::format!("36 35 98:0 / {} rw{gap}{tags} - ext4 {} rw", escape(&point), escape(&source));
            let mut line = line.into_bytes();
            let mount = parse(&mut line).unwrap();
            prop_assert_eq!(mount.mount_point.to_str().unwrap(), point);
            prop_assert_eq!(mount.source.to_str().unwrap(), source);
            prop_assert_eq!(mount.tags, tags.as_bytes());
        }

        #[test]
        fn any_bytes(mut line in prop::collection::vec(prop::sample::select(b"1 :/-\\04a".to_vec()), 0..48)) {
            let _ = parse(&mut line);
        }
    }

    /// The one of the machine that the tests run on.
    #[test]
    fn reads_what_a_kernel_writes() {
        let Ok(text) = std::fs::read("/proc/self/mountinfo") else { return };
        let mut lines = 0;
        for line in text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            assert!(parse(&mut line.to_vec()).is_some(), "{}", String::from_utf8_lossy(line));
            lines += 1;
        }
        assert!(lines > 0);
    }
}
