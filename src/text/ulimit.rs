//! Resource limits as docker's `--ulimit` has them: `NAME=SOFT[:HARD]`.

use super::bytes::cut;
use super::{names, number};

/// RLIMIT_CPU to RLIMIT_RTTIME of setrlimit(2), 0 to 15 on every architecture that tinyo runs on.
const NAMES: &str =
    "cpu fsize data stack core rss nproc nofile memlock as locks sigpending msgqueue nice rtprio rttime";

/// One limit, in the unit of its resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ulimit {
    pub resource: u8,
    /// `u64::MAX` is RLIM_INFINITY.
    pub soft: u64,
    pub hard: u64,
}

/// Without a hard limit, the soft one is both. A soft one above it is what the kernel refuses.
pub fn parse(text: &[u8]) -> Option<Ulimit> {
    let (name, values) = cut(text, b'=');
    let (soft, hard) = cut(values?, b':');
    let soft = value(soft)?;
    let hard = hard.map_or(Some(soft), value)?;
    let resource = names::position(NAMES, name)? as u8;
    (soft <= hard).then_some(Ulimit { resource, soft, hard })
}

fn value(text: &[u8]) -> Option<u64> {
    if text == b"unlimited" { Some(u64::MAX) } else { number::decimal(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_docker_writes_them() {
        let table = [
            ("nofile=1024:4096", (7, 1024, 4096)),
            ("core=0", (4, 0, 0)),
            ("memlock=unlimited", (8, u64::MAX, u64::MAX)),
            ("stack=8388608:unlimited", (3, 8388608, u64::MAX)),
            ("cpu=1", (0, 1, 1)),
            ("rttime=5", (15, 5, 5)),
        ];
        for (text, (resource, soft, hard)) in table {
            assert_eq!(parse(text.as_bytes()), Some(Ulimit { resource, soft, hard }), "{text}");
        }
        let wrong = [
            "",
            "nofile",
            "nofile=",
            "=5",
            "nofile=5:",
            "nofile=:5",
            "nofile=5:4",
            "nofile=unlimited:5",
            "nofile=-1",
            "nofile=1k",
            "NOFILE=5",
            "nofiles=5",
            "nofile=1:2:3",
            "nofile=01",
            "cpu fsize=1",
        ];
        for text in wrong {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }

    /// The numbers are the C library's.
    #[test]
    fn names_are_in_the_kernels_order() {
        let some = [
            ("fsize", libc::RLIMIT_FSIZE),
            ("data", libc::RLIMIT_DATA),
            ("rss", libc::RLIMIT_RSS),
            ("nproc", libc::RLIMIT_NPROC),
            ("as", libc::RLIMIT_AS),
            ("locks", libc::RLIMIT_LOCKS),
            ("sigpending", libc::RLIMIT_SIGPENDING),
            ("msgqueue", libc::RLIMIT_MSGQUEUE),
            ("nice", libc::RLIMIT_NICE),
            ("rtprio", libc::RLIMIT_RTPRIO),
            ("rttime", libc::RLIMIT_RTTIME),
        ];
        for (name, number) in some {
            assert_eq!(names::position(NAMES, name.as_bytes()), Some(number as usize), "{name}");
        }
    }
}
