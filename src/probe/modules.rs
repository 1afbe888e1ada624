//! Lines of modules.dep(5): `PATH: DEPENDENCY...`, all of them, the one to load first at the end.

use crate::text::bytes::{cut, has, last_part};

/// A module and what it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Module<'a> {
    /// Below the directory of modules.dep, or absolute.
    pub path: &'a [u8],
    needs: &'a [u8],
}

/// Reads a line.
pub fn parse(line: &[u8]) -> Option<Module<'_>> {
    let (path, needs) = cut(line, b':');
    let needs = needs?;
    (!path.is_empty() && !has(line, 0)).then_some(Module { path, needs })
}

/// Reads a line of modules.builtin: a path alone.
pub fn parse_path(line: &[u8]) -> Module<'_> {
    Module { path: line, needs: b"" }
}

impl<'a> Module<'a> {
    /// Whether this is the module called `name`: `-` and `_` are the same in it.
    pub fn is(&self, name: &[u8]) -> bool {
        let own = module_name(self.path);
        own.len() == name.len() && own.iter().zip(name).all(|(a, b)| a == b || is_dash(*a) && is_dash(*b))
    }

    /// The files to load, in order: what it needs from right to left, then itself.
    pub fn files(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let needs = self.needs.rsplit(|&byte| byte == b' ').filter(|path| !path.is_empty());
        needs.chain(core::iter::once(self.path))
    }
}

/// The name of a module's file, without `.ko` and how it is packed.
pub fn module_name(path: &[u8]) -> &[u8] {
    let file = last_part(path);
    cut(file, b'.').0
}

fn is_dash(byte: u8) -> bool {
    matches!(byte, b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    #[test]
    fn a_built_in_module_is_its_path_alone() {
        let module = parse_path(b"kernel/fs/ext4/ext4.ko");
        assert!(module.is(b"ext4") && !module.is(b"ext2"));
    }

    #[test]
    fn reads_a_line() {
        let line =
            b"kernel/fs/ext4/ext4.ko.xz: kernel/lib/crc16.ko.xz kernel/fs/mbcache.ko.xz kernel/fs/jbd2/jbd2.ko.xz";
        let module = parse(line).unwrap();
        assert_eq!(module.path, b"kernel/fs/ext4/ext4.ko.xz");
        let files: Vec<_> = module.files().collect();
        let expected: [&[u8]; 4] = [
            b"kernel/fs/jbd2/jbd2.ko.xz",
            b"kernel/fs/mbcache.ko.xz",
            b"kernel/lib/crc16.ko.xz",
            b"kernel/fs/ext4/ext4.ko.xz",
        ];
        assert_eq!(files, expected);
        assert_eq!(parse(b"a/b.ko:").unwrap().files().collect::<Vec<_>>(), [b"a/b.ko"]);
    }

    #[test]
    fn knows_names() {
        let table = [
            ("kernel/i2c-dev.ko: ", "i2c_dev"),
            ("kernel/i2c-dev.ko.zst: ", "i2c-dev"),
            ("a_b-c.ko.gz:", "a-b_c"),
            ("/lib/x.ko:", "x"),
        ];
        for (line, name) in table {
            assert!(parse(line.as_bytes()).unwrap().is(name.as_bytes()), "{line}");
        }
        let module = parse(b"kernel/ext4.ko: kernel/ext2.ko").unwrap();
        for name in ["ext", "ext2", "ext4.ko", "", "EXT4", "kernel/ext4"] {
            assert!(!module.is(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn what_is_not_a_line_is_none() {
        for line in ["", "kernel/a.ko", ": a", "a\0.ko:", "a.ko: b\0"] {
            assert_eq!(parse(line.as_bytes()), None, "{line:?}");
        }
    }

    proptest! {
        #[test]
        fn the_order_is_turned_round(names in prop::collection::vec("[a-z]{1,4}\\.ko", 1..6)) {
            let line = std::format!("{}: {}", names[0], names[1..].join(" "));
            let files: Vec<_> = parse(line.as_bytes()).unwrap().files().collect();
            let mut twin: Vec<_> = names.iter().map(|name| name.as_bytes()).collect();
            twin.reverse();
            prop_assert_eq!(files, twin);
        }
    }
}
