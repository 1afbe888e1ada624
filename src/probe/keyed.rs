//! Files with a key and its value a line: "flat keyed" ones of cgroup v2, like memory.events, and proc_pid_status(5).

use crate::text::bytes::{after, cut};
use crate::text::number;

/// The number of `key`, which has its space behind it.
pub fn number_of(text: &[u8], key: &[u8]) -> Option<u64> {
    number::decimal(value_of(text, key)?)
}

/// The set of signals or capabilities that `key` has, with what stands between them: sixteen hexadecimal digits.
pub fn set_of(text: &[u8], key: &[u8]) -> Option<u64> {
    number::digits(value_of(text, key)?, 16)
}

/// What stands behind `key` on the first line that begins with it.
pub fn value_of<'t>(text: &'t [u8], key: &[u8]) -> Option<&'t [u8]> {
    let mut rest = Some(text);
    while let Some((line, more)) = rest.map(|rest| cut(rest, b'\n')) {
        if let Some(value) = after(line, key) {
            return Some(value);
        }
        rest = more;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_its_number() {
        let events = b"low 0\nhigh 12\nmax 3\noom 4\noom_kill 5\noom_group_kill 6\n";
        for (key, number) in [("low ", Some(0)), ("oom ", Some(4)), ("oom_kill ", Some(5)), ("oom_group ", None)] {
            assert_eq!(number_of(events, key.as_bytes()), number, "{key}");
        }
        for text in ["", "oom_kill", "oom_kill \n", "oom_kill x\n", " oom_kill 1\n"] {
            assert_eq!(number_of(text.as_bytes(), b"oom_kill "), None, "{text:?}");
        }
    }

    #[test]
    fn finds_its_set() {
        let status = b"Name:\tinit\nSigBlk:\tfffffffe7ffbfeff\nSigIgn:\t0000000000010001\nCapBnd:\t000001ffffffffff\n";
        assert_eq!(set_of(status, b"SigBlk:\t"), Some(0xffff_fffe_7ffb_feff));
        assert_eq!(set_of(status, b"SigIgn:\t"), Some(0x10001));
        assert_eq!(set_of(status, b"CapEff:\t"), None);
        assert_eq!(set_of(b"SigIgn:\t\n", b"SigIgn:\t"), None);
    }
}
