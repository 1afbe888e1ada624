//! Where a service listens: `tcp:[HOST:]PORT`, `udp:[HOST:]PORT` or `unix:/PATH`, a host being a number, never a name.

use super::bytes::{after, cut};
use super::number;
use crate::limits;
use heapless::Vec;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address<'a> {
    Internet {
        datagrams: bool,
        host: Host,
        /// Never 0, which would be any port that is free.
        port: u16,
    },
    /// Absolute, of no directory, and short enough for the kernel with the NUL behind it.
    Unix(&'a [u8]),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// Every address of the machine, of both families.
    Any,
    V4([u8; 4]),
    V6([u8; 16]),
}

pub fn parse(word: &[u8]) -> Option<Address<'_>> {
    let (kind, rest) = cut(word, b':');
    let rest = rest?;
    let datagrams = match kind {
        b"tcp" => false,
        b"udp" => true,
        b"unix" => {
            let possible = rest.len() < limits::SOCKET_PATH_BYTES && matches!(rest, [b'/', .., last] if *last != b'/');
            return possible.then_some(Address::Unix(rest));
        }
        _ => return None,
    };
    let (host, port) = match (rest, cut(rest, b':')) {
        // It has colons of its own.
        ([b'[', rest @ ..], _) => {
            let (host, port) = cut(rest, b']');
            (Host::V6(v6(host)?), after(port?, b":")?)
        }
        (_, (host, Some(port))) => (Host::V4(v4(host)?), port),
        (port, (_, None)) => (Host::Any, port),
    };
    let port = u16::try_from(number::decimal(port)?).ok().filter(|&port| port > 0)?;
    Some(Address::Internet { datagrams, host, port })
}

/// Four numbers, dots between.
fn v4(text: &[u8]) -> Option<[u8; 4]> {
    let mut bytes = [0; 4];
    let mut rest = Some(text);
    for byte in &mut bytes {
        let (part, more) = cut(rest?, b'.');
        *byte = u8::try_from(number::decimal(part)?).ok()?;
        rest = more;
    }
    rest.is_none().then_some(bytes)
}

/// Each form of RFC 4291, 2.2: eight groups of up to four hexadecimal digits, once `::` for one group of zeros or more,
/// the last two perhaps as a [`v4`].
fn v6(text: &[u8]) -> Option<[u8; 16]> {
    let mut groups: Vec<u8, 16, u8> = Vec::new();
    let mut gap = after(text, b"::").map(|_| 0);
    let mut rest = after(text, b"::").or(Some(text)).filter(|rest| gap.is_none() || !rest.is_empty());
    while let Some((group, more)) = rest.map(|rest| cut(rest, b':')) {
        match v4(group) {
            Some(bytes) if more.is_none() => groups.extend_from_slice(&bytes).ok()?,
            _ if group.len() > 4 => return None,
            _ => groups.extend_from_slice(&(number::digits(group, 16)? as u16).to_be_bytes()).ok()?,
        }
        rest = more;
        if let (Some([b':', tail @ ..]), None) = (more, gap) {
            gap = Some(groups.len());
            rest = Some(tail).filter(|tail| !tail.is_empty());
        }
    }
    let (before, behind) = groups.split_at_checked(gap.unwrap_or(groups.len()))?;
    // The gap is a group at least, and the only reason for having less than eight.
    if groups.len() > 14 && gap.is_some() || groups.len() < 16 && gap.is_none() {
        return None;
    }
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(before) {
        *to = *from;
    }
    for (to, from) in bytes.iter_mut().rev().zip(behind.iter().rev()) {
        *to = *from;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::{Ipv4Addr, Ipv6Addr};
    use std::string::{String, ToString};

    #[test]
    fn words() {
        let internet = |datagrams, host, port| Some(Address::Internet { datagrams, host, port });
        let mut one = [0; 16];
        one[15] = 1;
        let longest = std::format!("unix:/{}", "p".repeat(106));
        let table = [
            ("tcp:8080", internet(false, Host::Any, 8080)),
            ("tcp:1", internet(false, Host::Any, 1)),
            ("udp:65535", internet(true, Host::Any, 65535)),
            ("tcp:127.0.0.1:80", internet(false, Host::V4([127, 0, 0, 1]), 80)),
            ("udp:0.0.0.0:514", internet(true, Host::V4([0; 4]), 514)),
            ("tcp:[::1]:80", internet(false, Host::V6(one), 80)),
            ("udp:[::]:80", internet(true, Host::V6([0; 16]), 80)),
            ("unix:/run/web.sock", Some(Address::Unix(b"/run/web.sock"))),
            ("unix:/a:b", Some(Address::Unix(b"/a:b"))),
            (longest.as_str(), Some(Address::Unix(&longest.as_bytes()[5..]))),
        ];
        for (word, address) in table {
            assert_eq!(parse(word.as_bytes()), address, "{word}");
        }
    }

    #[test]
    fn what_is_none() {
        let long = std::format!("unix:/{}", "p".repeat(107));
        for word in [
            "",
            ":",
            "tcp",
            "tcp:",
            "8080",
            "tcp:0",
            "tcp:65536",
            "tcp:080",
            "tcp:+80",
            "tcp: 80",
            "tcp:80 ",
            "tcp:-1",
            "tcp:0x50",
            "tcp:http",
            "TCP:80",
            "tcp::80",
            "tcp:localhost:80",
            "tcp:*:80",
            "tcp:1.2.3:80",
            "tcp:1.2.3.4:",
            "tcp:1.2.3.4.5:80",
            "tcp:01.2.3.4:80",
            "tcp:256.1.1.1:80",
            "tcp:1.2.3.4:80:80",
            "tcp:::1:80",
            "tcp:[::1]",
            "tcp:[::1]80",
            "tcp:[::1:80",
            "tcp:[]:80",
            "tcp:[1.2.3.4]:80",
            "tcp:[fe80::1%eth0]:80",
            "tcp:[::1]:0",
            "unix:",
            "unix:run/x",
            "unix:/",
            "unix:/run/",
            "unix:@abstract",
            "unixgram:/x",
            "udp:/x",
            "tcp:18446744073709551696",
            &long,
        ] {
            assert_eq!(parse(word.as_bytes()), None, "{word}");
        }
    }

    /// What std makes of a host.
    fn agrees(host: &str) {
        let ours = |word: String| match parse(word.as_bytes()) {
            Some(Address::Internet { host, port: 7, datagrams: false }) => Some(host),
            other => {
                assert_eq!(other, None, "{word}");
                None
            }
        };
        let v6 = host.parse::<Ipv6Addr>().ok().map(|address| Host::V6(address.octets()));
        assert_eq!(ours(std::format!("tcp:[{host}]:7")), v6, "{host}");
        let v4 = host.parse::<Ipv4Addr>().ok().map(|address| Host::V4(address.octets()));
        assert_eq!(ours(std::format!("tcp:{host}:7")), v4, "{host}");
    }

    #[test]
    fn every_form_of_the_rfc() {
        for host in [
            "::",
            "::1",
            "1::",
            "1::8",
            "ABCD:EF01:2345:6789:abcd:ef01:2345:6789",
            "2001:DB8:0:0:8:800:200C:417A",
            "2001:DB8::8:800:200C:417A",
            "0:0:0:0:0:0:13.1.68.3",
            "::13.1.68.3",
            "::FFFF:129.144.52.38",
            "1:2:3:4:5:6:7::",
            "::2:3:4:5:6:7:8",
            "1:2:3:4:5:6:7:8::",
            "::1:2:3:4:5:6:7:8",
            "1:2:3:4:5:6:7::8",
            "1:2:3:4:5:6::7:8",
            "1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:8:9",
            ":::",
            "::1::",
            "1:",
            ":1",
            ":",
            "",
            "1:::2",
            "12345::",
            "00001::",
            "0001::",
            "::g",
            "1.2.3.4::",
            "::1.2.3.4:1",
            "1:2:3:4:5:6:7:1.2.3.4",
            "1:2:3:4:5:1.2.3.4",
            "1::2:3:4:5:6:1.2.3.4",
            "1:2:3:4:5:6::1.2.3.4",
            "1:2:3:4:5::1.2.3.4",
            "::1.2.3",
            "::1.2.3.256",
            "::01.2.3.4",
            "1.2.3.4",
            "0.0.0.0",
            "255.255.255.255",
            "1.2.3.4.",
            ".1.2.3.4",
            "1..2.3",
        ] {
            agrees(host);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn hosts_as_std_reads_them(host in "(([0-9a-fA-F]{1,5}|(25[0-6]|[0-9]{1,2})(\\.[0-9]{1,3}){3})?::?){0,9}([0-9a-f]{0,4}|1\\.2\\.3\\.4)") {
            agrees(&host);
        }

        #[test]
        fn addresses_as_std_writes_them(v4 in any::<[u8; 4]>(), v6 in any::<[u8; 16]>(), zeros in any::<u16>()) {
            let mut v6 = v6;
            for (index, pair) in v6.chunks_exact_mut(2).enumerate() {
                if zeros & 1 << index != 0 {
                    pair.fill(0);
                }
            }
            agrees(&Ipv4Addr::from(v4).to_string());
            agrees(&Ipv6Addr::from(v6).to_string());
        }

        #[test]
        fn ports_as_std_reads_them(port in "[+ ]?0{0,1}[0-9]{0,6}") {
            let strict = port.parse::<u16>().ok().filter(|&port| port > 0).filter(|value| value.to_string() == port);
            let expected = strict.map(|port| Address::Internet { datagrams: true, host: Host::Any, port });
            let word = std::format!("udp:{port}");
            prop_assert_eq!(parse(word.as_bytes()), expected);
        }

        #[test]
        fn nothing_brings_it_down(word in prop::collection::vec(any::<u8>(), 0..40), kind in prop::sample::select(std::vec!["", "tcp:", "udp:[", "unix:"])) {
            let _ = parse(&[kind.as_bytes(), &word].concat());
        }
    }
}
