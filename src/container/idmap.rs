//! Which ids of a user namespace are which of the host's (user_namespaces(7)). Pure.

use crate::text::bytes::cut;
use crate::text::number::decimal;
use crate::text::put::{Out, Word};

/// Ids of a container: what login.defs(5) has for subordinate ids, and all that images use but nobody's 65534 at most.
pub const SIZE: u32 = 1 << 16;

/// Where the ranges of root's containers begin. Debian's useradd(8) gives subordinate ids below it (SUB_UID_MAX, 600100000),
/// and so does systemd (its containers end at 1879048191); both leave alone what is from here to their 2147352576.
const FIRST: u32 = 0x7000_0000;

/// How many there are.
pub const BLOCKS: u32 = (2_147_352_576 - FIRST) / SIZE;

/// Ranges of /etc/subuid or /etc/subgid that one user can have: one, as a rule.
const RANGES: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    inside: u32,
    outside: u32,
    count: u32,
}

/// One id after the other, from 0 on unless it is a single one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Map(heapless::Vec<Range, { RANGES + 1 }>);

impl Map {
    /// `outside` is `inside`, and there is nobody else.
    pub fn one(inside: u32, outside: u32) -> Map {
        let mut map = Map::default();
        let _ = map.0.push(Range { inside, outside, count: 1 });
        map
    }

    /// The range with this number, below [`BLOCKS`].
    pub fn block(number: u32) -> Map {
        let mut map = Map::default();
        map.append(FIRST.wrapping_add(number.wrapping_mul(SIZE)), SIZE);
        map
    }

    /// The next ids are these. False: there are more than RANGES, or more ids than numbers.
    pub fn append(&mut self, outside: u32, count: u32) -> bool {
        let next = self.0.last().map_or(Some(0), |last| last.inside.checked_add(last.count));
        let Some(inside) = next.filter(|inside| inside.checked_add(count).is_some()) else { return false };
        self.0.push(Range { inside, outside, count }).is_ok()
    }

    /// Each of its numbers, the last one of a range before `end`, the others before `between`.
    pub fn write(&self, between: &[u8], end: &[u8], out: &mut dyn Out) {
        for range in &self.0 {
            for (number, after) in [(range.inside, between), (range.outside, between), (range.count, end)] {
                number.write(out);
                out.write(after);
            }
        }
    }
}

/// A line of subuid(5) or subgid(5), `LOGIN:START:COUNT`: the ids that it gives to who is called `name` or has the number
/// `id`. Strictly: a line that is not as it should be gives nothing.
pub fn subordinate(line: &[u8], name: &[u8], id: u32) -> Option<(u32, u32)> {
    let (login, rest) = cut(line, b':');
    let (start, count) = cut(rest?, b':');
    let number = |text| u32::try_from(decimal(text)?).ok();
    let (start, count) = (number(start)?, number(count?)?);
    let theirs = !login.is_empty() && login == name || number(login) == Some(id);
    // The last id is nobody's (passwd::id), and a range of none is none.
    (theirs && count > 0 && start.checked_add(count).is_some()).then_some((start, count))
}

/// Who the `outside` of whoever read a uid_map or gid_map is for the process that it is of. None: nobody.
pub fn inside(map: &[u8], outside: u32) -> Option<u32> {
    map.split(|&byte| byte == b'\n').find_map(|line| {
        let mut numbers = line.split(|&byte| byte == b' ').filter_map(decimal);
        let (first, start, count) = (numbers.next()?, numbers.next()?, numbers.next()?);
        let at = u64::from(outside).checked_sub(start).filter(|&at| at < count)?;
        u32::try_from(first.checked_add(at)?).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::{String, ToString};

    fn text(map: &Map) -> String {
        let mut text = std::vec::Vec::new();
        map.write(b" ", b"\n", &mut |piece: &[u8]| text.extend_from_slice(piece));
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn maps_are_as_the_kernel_reads_them() {
        assert_eq!(text(&Map::one(1000, 33)), "1000 33 1\n");
        let mut map = Map::one(0, 1000);
        assert!(map.append(100_000, 65536) && map.append(300_000, 5));
        assert_eq!(text(&map), "0 1000 1\n1 100000 65536\n65537 300000 5\n");
        assert_eq!(text(&Map::block(0)), "0 1879048192 65536\n");
    }

    #[test]
    fn blocks_end_before_what_is_others() {
        let mut last = Map::block(BLOCKS - 1);
        assert_eq!(text(&last), "0 2147287040 65536\n");
        assert_eq!(2_147_287_040 + SIZE, 2_147_352_576);
        assert!(last.append(1, 1));
    }

    #[test]
    fn more_than_fits_is_refused() {
        let mut map = Map::one(0, 5);
        for _ in 0..RANGES {
            assert!(map.append(7, 1));
        }
        assert!(!map.append(7, 1));
        assert!(!Map::one(u32::MAX, 0).append(1, 1));
        let mut map = Map::one(0, 5);
        assert!(!map.append(9, u32::MAX) && map.append(9, u32::MAX - 1));
    }

    #[test]
    fn lines_are_read_strictly() {
        for (line, range) in [
            ("app:100000:65536", Some((100_000, 65536))),
            ("1000:5:6", Some((5, 6))),
            ("app:0:1", Some((0, 1))),
            ("app:4294967294:1", Some((u32::MAX - 1, 1))),
            ("app:4294967295:1", None),
            ("app:100000:0", None),
            ("app:100000", None),
            ("app:100000:65536:", None),
            ("app:100000:65536 ", None),
            ("app:0100:6", None),
            ("app:-1:6", None),
            ("app:4294967296:6", None),
            ("apple:1:6", None),
            ("01000:1:6", None),
            ("#app:1:6", None),
            (":1:6", None),
            ("", None),
        ] {
            assert_eq!(subordinate(line.as_bytes(), b"app", 1000), range, "{line}");
        }
        // Somebody without a name is nobody of no name.
        assert_eq!(subordinate(b":1:6", b"", 1000), None);
    }

    #[test]
    fn a_map_is_read_backwards() {
        let map = b"         0       1000          1\n         1     100000      65536\n";
        for (outside, inside) in
            [(1000, Some(0)), (100_000, Some(1)), (165_535, Some(65536)), (165_536, None), (0, None)]
        {
            assert_eq!(super::inside(map, outside), inside, "{outside}");
        }
        assert_eq!(super::inside(b"         0          0 4294967295\n", 33), Some(33));
        assert_eq!(super::inside(b"", 0), None);
    }

    proptest! {
        #[test]
        fn as_its_naive_twin(line in "[ab0-9:]{0,14}") {
            let fields: std::vec::Vec<_> = line.split(':').collect();
            let number = |text: &str| text.parse::<u32>().ok().filter(|number| number.to_string() == text);
            let twin = match fields[..] {
                [login, start, count] if login == "a" || login == "7" => number(start).zip(number(count)),
                _ => None,
            };
            let twin = twin.filter(|(start, count)| *count > 0 && start.checked_add(*count).is_some());
            prop_assert_eq!(subordinate(line.as_bytes(), b"a", 7), twin);
        }
    }
}
