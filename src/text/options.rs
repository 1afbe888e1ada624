//! Options of a mount, as in fstab(5): flags of mount(2), words for whoever reads the table, and what is left, which is
//! the file system's.

use core::ffi::CStr;

use super::bytes::cut;
use super::names;
use heapless::Vec;

/// mount(2) takes a page of data.
const DATA_BYTES: usize = 4096;

/// The file system's own options, and a NUL.
pub type Data = Vec<u8, DATA_BYTES>;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Of mount(2), as <linux/mount.h> numbers them on every architecture.
    pub flags: u64,
    /// That this mount fails is no failure.
    pub nofail: bool,
}

/// The options that are flags; `FLAGS` has what each sets, with `CLEAR` on top for what each takes back.
const NAMES: &str = "ro rw nosuid suid nodev dev noexec exec sync async remount dirsync nosymfollow noatime atime nodiratime \
                     diratime bind rbind silent loud relatime norelatime strictatime nostrictatime lazytime nolazytime";
const CLEAR: u32 = 1 << 31;
static FLAGS: [u32; 27] = [
    1,
    CLEAR | 1,
    2,
    CLEAR | 2,
    4,
    CLEAR | 4,
    8,
    CLEAR | 8,
    16,
    CLEAR | 16,
    32,
    128,
    256,
    1 << 10,
    CLEAR | 1 << 10,
    1 << 11,
    CLEAR | 1 << 11,
    1 << 12,
    1 << 12 | 1 << 14,
    1 << 15,
    CLEAR | 1 << 15,
    1 << 21,
    CLEAR | 1 << 21,
    1 << 24,
    CLEAR | 1 << 24,
    1 << 25,
    CLEAR | 1 << 25,
];

/// Words of fstab(5) for programs that read it; no file system knows them.
const OTHERS: &str = "defaults nofail fail _netdev auto noauto user nouser users owner group";

/// Reads `text`; what is the file system's goes to `data`. None when that does not fit: nothing is cut off.
pub fn parse(text: &[u8], data: &mut Data) -> Option<Options> {
    let mut options = Options::default();
    data.clear();
    let mut rest = Some(text);
    while let Some((word, more)) = rest.map(next) {
        rest = more;
        if let Some(&flag) = names::position(NAMES, word).and_then(|index| FLAGS.get(index)) {
            let bits = u64::from(flag & !CLEAR);
            options.flags = if flag & CLEAR == 0 { options.flags | bits } else { options.flags & !bits };
        } else if word == b"nofail" {
            options.nofail = true;
        } else if !word.is_empty() && names::position(OTHERS, word).is_none() && !is_comment(word) {
            if !data.is_empty() {
                data.push(b',').ok()?;
            }
            data.extend_from_slice(word).ok()?;
        }
    }
    data.push(0).ok()?;
    Some(options)
}

/// The options in `data` as mount(2) wants them.
pub fn text(data: &Data) -> &CStr {
    CStr::from_bytes_until_nul(data).unwrap_or_default()
}

/// Whether `text` has the option `wanted`.
pub fn has(text: &[u8], wanted: &[u8]) -> bool {
    let mut rest = Some(text);
    while let Some((word, more)) = rest.map(next) {
        if word == wanted {
            return true;
        }
        rest = more;
    }
    false
}

/// The first option and what is behind its comma. A comma between double quotes is none (`context="a,b"`).
fn next(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut quoted = false;
    let mut rest = text;
    while let [byte, tail @ ..] = rest {
        if *byte == b',' && !quoted {
            let before = text.len().saturating_sub(rest.len());
            return (text.get(..before).unwrap_or_default(), Some(tail));
        }
        quoted ^= *byte == b'"';
        rest = tail;
    }
    (text, None)
}

/// `x-` options and `comment=` are for user space.
fn is_comment(word: &[u8]) -> bool {
    matches!(word, [b'x' | b'X', b'-', ..]) || cut(word, b'=').0 == b"comment"
}
