//! Lines of modules.dep(5): `PATH: DEPENDENCY...`, all of them, the one to load first at the end.

use crate::text::bytes::{before, cut, has, last_part};
use crate::text::names::{is_dash, same};
use heapless::Vec;

/// A module and what it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Module<'a> {
    /// Below the directory of modules.dep, or absolute.
    pub path: &'a [u8],
    line: &'a [u8],
}

/// Reads a line.
pub fn parse(line: &[u8]) -> Option<Module<'_>> {
    let (path, needs) = cut(line, b':');
    (needs.is_some() && !path.is_empty() && !has(path, b' ')).then_some(Module { path, line })
}

/// Reads a line of modules.builtin: a path alone.
pub fn parse_path(line: &[u8]) -> Module<'_> {
    Module { path: line, line }
}

impl<'a> Module<'a> {
    /// Whether this is the module called `name`: `-` and `_` are the same in it.
    pub fn is(&self, name: &[u8]) -> bool {
        same(module_name(self.path), name)
    }

    /// The files to load, in order: what it needs from right to left, then itself.
    pub fn files(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.line.rsplit(|byte| matches!(byte, b' ' | b':')).filter(|path| !path.is_empty())
    }
}

/// The name of a module's file, without `.ko` and how it is packed.
pub fn module_name(path: &[u8]) -> &[u8] {
    let file = last_part(path);
    cut(file, b'.').0
}

/// Modules that modules.dep may name: a distribution's kernel has 4,000 to 7,000.
const MOST: usize = 8192;

/// Where each module's line of modules.dep begins, by a hash of its name: one pass over the table for all that is looked for.
pub struct Index(Vec<u64, MOST>);

/// In the low bits of an entry: where its line begins, and above that whether it was asked for. A distribution's table has
/// half a megabyte. Of 7,000 names two are taken for one another once in 20,000 kernels.
const OFFSET: u64 = (1 << 23) - 1;
const TAKEN: u64 = OFFSET + 1;
const REST: u64 = OFFSET | TAKEN;

impl Index {
    pub const fn new() -> Self {
        Index(Vec::new())
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Takes the line that begins `at` bytes into the table. False: the table is too long.
    pub fn add(&mut self, line: &[u8], at: usize) -> bool {
        let at = at as u64;
        let name = module_name(before(line, b':'));
        at <= OFFSET && self.0.push(key(name) & !REST | at).is_ok()
    }

    /// Where the line of the module called `name` begins, if there is one, and whether it was never asked for before.
    pub fn take(&mut self, name: &[u8]) -> Option<(usize, bool)> {
        let key = key(name) & !REST;
        let entry = self.0.iter_mut().find(|entry| **entry & !REST == key)?;
        let first = *entry & TAKEN == 0;
        *entry |= TAKEN;
        Some(((*entry & OFFSET) as usize, first))
    }
}

impl Default for Index {
    fn default() -> Self {
        Self::new()
    }
}

/// FNV-1a, the same for `-` and `_`.
fn key(name: &[u8]) -> u64 {
    name.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, &byte| {
        let byte = if is_dash(byte) { b'_' } else { byte };
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
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
        for line in ["", "kernel/a.ko", ": a", "a b.ko: c.ko"] {
            assert_eq!(parse(line.as_bytes()), None, "{line:?}");
        }
    }

    #[test]
    fn an_index_finds_every_line() {
        let lines = ["k/a-b.ko: k/c.ko", "k/c.ko.zst:", "", "k/d.ko:"];
        let mut index = Index::new();
        let mut at = 0;
        for line in lines {
            assert!(index.add(line.as_bytes(), at));
            at += line.len() + 1;
        }
        for (name, taken) in [
            ("a_b", Some((0, true))),
            ("a-b", Some((0, false))),
            ("c", Some((17, true))),
            ("d", Some((30, true))),
            ("d", Some((30, false))),
            ("e", None),
        ] {
            assert_eq!(index.take(name.as_bytes()), taken, "{name}");
        }
        assert!(!index.add(b"k/x.ko:", 1 << 23));
        index.clear();
        assert_eq!(index.take(b"d"), None);
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
