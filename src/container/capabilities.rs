//! The capabilities that a container keeps.

use crate::text::capability;
use ufmt::{Formatter, uDisplay, uWrite};

pub use crate::text::capability::ALL;

/// Docker's default: CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_RAW SYS_CHROOT
/// MKNOD AUDIT_WRITE SETFCAP.
pub const DEFAULT: u64 = 0xa804_25fb;

/// Docker's rule: the default set, with what `add` names (ALL: everything), without what `drop` names (ALL: nothing
/// but what `add` names). A name that is not known counts for nothing here: the config was checked before.
pub fn set<'w>(add: impl Iterator<Item = &'w [u8]>, drop: impl Iterator<Item = &'w [u8]>) -> u64 {
    let union = |set: u64, word: &[u8]| set | capability::parse(word).unwrap_or(0);
    let (added, dropped) = (add.fold(0, union), drop.fold(0, union));
    match (added == ALL, dropped == ALL) {
        (_, true) => added,
        (true, false) => ALL & !dropped,
        (false, false) => (DEFAULT | added) & !dropped,
    }
}

/// A set, as its names.
pub struct Names(pub u64);

impl uDisplay for Names {
    fn fmt<W: uWrite + ?Sized>(&self, f: &mut Formatter<'_, W>) -> Result<(), W::Error> {
        match self.0 {
            ALL => return f.write_str("all"),
            0 => return f.write_str("none"),
            _ => {}
        }
        let mut space = "";
        for name in (0..64).filter(|number| self.0 & (1 << number) != 0).filter_map(capability::name) {
            f.write_str(space)?;
            f.write_str(name)?;
            space = " ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;

    fn names(set: u64) -> String {
        let mut text = heapless::String::<1000>::new();
        ufmt::uwrite!(text, "{}", Names(set)).unwrap();
        String::from(text.as_str())
    }

    fn words<'w>(words: &'w [&'w str]) -> impl Iterator<Item = &'w [u8]> {
        words.iter().map(|word| word.as_bytes())
    }

    #[test]
    fn the_default_is_dockers() {
        assert_eq!(
            names(DEFAULT),
            "CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_RAW SYS_CHROOT MKNOD \
             AUDIT_WRITE SETFCAP"
        );
        assert_eq!(names(ALL), "all");
        assert_eq!(names(0), "none");
    }

    #[test]
    fn adding_and_dropping_follow_docker() {
        let sets = [
            (&[][..], &[][..], DEFAULT),
            (&["SYS_TIME"], &[], DEFAULT | 1 << 25),
            (&[], &["KILL"], DEFAULT & !(1 << 5)),
            (&[], &["ALL"], 0),
            (&["NET_BIND_SERVICE"], &["ALL"], 1 << 10),
            (&["ALL"], &["SYS_ADMIN"], ALL & !(1 << 21)),
        ];
        for (add, drop, expected) in sets {
            assert_eq!(set(words(add), words(drop)), expected, "{add:?} {drop:?}");
        }
    }
}
