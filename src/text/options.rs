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

impl Options {
    /// Whether what is mounted already is meant: `bind`, `remount`.
    pub const fn is_of_another(&self) -> bool {
        self.flags & (32 | 1 << 12) != 0
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RDONLY: u64 = 1;
    const NOSUID: u64 = 2;
    const NODEV: u64 = 4;
    const NOEXEC: u64 = 8;
    const NOATIME: u64 = 1024;
    const BIND: u64 = 4096;
    const REC: u64 = 16384;
    const RELATIME: u64 = 1 << 21;

    #[test]
    fn sorts_words() {
        let table: [(&str, u64, bool, &str); 15] = [
            ("", 0, false, ""),
            ("defaults", 0, false, ""),
            ("ro", RDONLY, false, ""),
            ("ro,rw", 0, false, ""),
            ("rw,ro", RDONLY, false, ""),
            ("nosuid,nodev,noexec", NOSUID | NODEV | NOEXEC, false, ""),
            ("noatime,relatime,norelatime", NOATIME, false, ""),
            ("rbind", BIND | REC, false, ""),
            ("bind,x-systemd.automount,X-mount.mkdir,comment=x", BIND, false, ""),
            ("nofail,noauto,_netdev,user,owner", 0, true, ""),
            ("size=64M,mode=755", 0, false, "size=64M,mode=755"),
            (",noexec,,size=1m,relatime,", NOEXEC | RELATIME, false, "size=1m"),
            ("data=journal,ro,errors=remount-ro", RDONLY, false, "data=journal,errors=remount-ro"),
            ("context=\"a,ro,b\",ro", RDONLY, false, "context=\"a,ro,b\""),
            ("RO,Defaults", 0, false, "RO,Defaults"),
        ];
        let mut data = Data::new();
        for (words, flags, nofail, rest) in table {
            assert_eq!(parse(words.as_bytes(), &mut data), Some(Options { flags, nofail }), "{words}");
            assert_eq!(text(&data).to_str(), Ok(rest), "{words}");
        }
    }

    /// The numbers, against the C library's.
    #[test]
    fn flags_are_the_kernels() {
        let table = [
            ("ro", libc::MS_RDONLY),
            ("nosuid", libc::MS_NOSUID),
            ("nodev", libc::MS_NODEV),
            ("noexec", libc::MS_NOEXEC),
            ("sync", libc::MS_SYNCHRONOUS),
            ("remount", libc::MS_REMOUNT),
            ("dirsync", libc::MS_DIRSYNC),
            ("nosymfollow", 256),
            ("noatime", libc::MS_NOATIME),
            ("nodiratime", libc::MS_NODIRATIME),
            ("bind", libc::MS_BIND),
            ("rbind", libc::MS_BIND | libc::MS_REC),
            ("silent", libc::MS_SILENT),
            ("relatime", libc::MS_RELATIME),
            ("strictatime", libc::MS_STRICTATIME),
            ("lazytime", libc::MS_LAZYTIME),
        ];
        let mut data = Data::new();
        for (word, flag) in table {
            assert_eq!(parse(word.as_bytes(), &mut data).unwrap().flags, flag, "{word}");
        }
        assert_eq!(FLAGS.len(), NAMES.split(' ').count());
        for word in [
            "rw",
            "suid",
            "dev",
            "exec",
            "async",
            "atime",
            "diratime",
            "loud",
            "norelatime",
            "nostrictatime",
            "nolazytime",
        ] {
            assert_eq!(parse(word.as_bytes(), &mut data).unwrap().flags, 0, "{word}");
            assert!(data == [0], "{word}");
        }
    }

    #[test]
    fn has_words() {
        assert!(has(b"a,nofail", b"nofail") && has(b"nofail", b"nofail"));
        assert!(!has(b"nofail2,xnofail", b"nofail") && !has(b"", b"nofail") && !has(b"\"a,nofail\"", b"nofail"));
    }

    #[test]
    fn never_cuts() {
        let mut data = Data::new();
        assert!(parse(&[b'a'; DATA_BYTES - 1], &mut data).is_some());
        assert!(parse(&[b'a'; DATA_BYTES], &mut data).is_none());
    }

    proptest! {
        /// What is left is what the words are that nobody knows, in their order.
        #[test]
        fn loses_nothing(words in prop::collection::vec("[a-z]{9,12}=[a-z\"]{0,3}", 0..8)) {
            let words: std::vec::Vec<_> = words.into_iter().filter(|word| word.matches('"').count() % 2 == 0).collect();
            let mut data = Data::new();
            parse((words.join(",nosuid,") + ",ro").as_bytes(), &mut data).unwrap();
            prop_assert_eq!(text(&data).to_str().unwrap(), words.join(","));
        }
    }
}
