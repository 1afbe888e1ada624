//! The capabilities that a container keeps.

use core::ffi::CStr;

use crate::text::capability;
use crate::text::put::{Out, Word};

pub use crate::text::capability::ALL;

/// Making device nodes. Docker may leave it in its default because a device cgroup decides what a node opens. Here `nodev`
/// does: on the root, on volumes, and on a /dev whose nodes are then mounts of their own, which is 30 system calls of a
/// launch that only a container pays that asks for it.
pub const MKNOD: u64 = 1 << 27;

/// Docker's default without [`MKNOD`]: CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_RAW
/// SYS_CHROOT AUDIT_WRITE SETFCAP.
pub const DEFAULT: u64 = 0xa004_25fb;

/// Docker's rule: the default set, with what `add` names (ALL: everything), without what `drop` names (ALL: nothing
/// but what `add` names). A name that is not known counts for nothing here: the config was checked before.
pub fn set(add: &[&CStr], drop: &[&CStr]) -> u64 {
    let (added, dropped) = (union(add), union(drop));
    match (added == ALL, dropped == ALL) {
        (_, true) => added,
        (true, false) => ALL & !dropped,
        (false, false) => (DEFAULT | added) & !dropped,
    }
}

/// What a list names.
pub fn union(words: &[&CStr]) -> u64 {
    words.iter().fold(0, |set, word| set | capability::parse(word.to_bytes()).unwrap_or(0))
}

/// A set, as its names.
pub struct Names(pub u64);

impl Word for Names {
    fn write(&self, out: &mut dyn Out) {
        match self.0 {
            ALL => return out.write(b"all"),
            0 => return out.write(b"none"),
            _ => {}
        }
        let mut space: &[u8] = b"";
        for name in (0..64).filter(|number| self.0 & (1 << number) != 0).filter_map(capability::name) {
            out.write(space);
            out.write(name.as_bytes());
            space = b" ";
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::put::shown;

    fn names(set: u64) -> std::string::String {
        shown(&Names(set))
    }

    #[test]
    fn the_default_is_dockers_without_mknod() {
        assert_eq!(
            names(DEFAULT),
            "CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_RAW SYS_CHROOT \
             AUDIT_WRITE SETFCAP"
        );
        assert_eq!(names(ALL), "all");
        assert_eq!(names(0), "none");
    }

    #[test]
    fn adding_and_dropping_follow_docker() {
        let sets = [
            (&[][..], &[][..], DEFAULT),
            (&[c"SYS_TIME"], &[], DEFAULT | 1 << 25),
            (&[], &[c"KILL"], DEFAULT & !(1 << 5)),
            (&[], &[c"ALL"], 0),
            (&[c"NET_BIND_SERVICE"], &[c"ALL"], 1 << 10),
            (&[c"ALL"], &[c"SYS_ADMIN"], ALL & !(1 << 21)),
        ];
        for (add, drop, expected) in sets {
            assert_eq!(set(add, drop), expected, "{add:?} {drop:?}");
        }
    }
}
