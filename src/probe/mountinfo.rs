//! Lines of /proc/PID/mountinfo, see proc_pid_mountinfo(5).

use core::ffi::CStr;

use crate::text::bytes::cut;
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

    /// How far below the root it is mounted. What is deeper goes first, and of two in one depth the later.
    pub fn depth(&self) -> usize {
        let path = self.mount_point.to_bytes();
        if path == b"/" { 0 } else { path.iter().filter(|&&byte| byte == b'/').count() }
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

struct Rest<'a>(&'a mut [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> &'a mut [u8] {
        let rest = core::mem::take(&mut self.0);
        let (head, tail) = rest.split_at_mut_checked(count).unwrap_or_default();
        self.0 = tail;
        head
    }

    /// The bytes up to the next space, which goes too.
    fn field(&mut self) -> Option<&'a mut [u8]> {
        let end = self.0.iter().position(|&byte| byte == b' ')?;
        let field = self.take(end.checked_add(1)?);
        field.get_mut(..end)
    }

    /// A field as text: its space becomes the NUL.
    fn text(&mut self) -> Option<&'a CStr> {
        let end = self.0.iter().position(|&byte| byte == b' ')?;
        let field = self.take(end.checked_add(1)?);
        let length = decode(field.get_mut(..end)?);
        *field.get_mut(length)? = 0;
        CStr::from_bytes_with_nul(field.get(..=length)?).ok()
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
