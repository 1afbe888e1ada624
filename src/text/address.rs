//! Where a service listens: `tcp:[HOST:]PORT`, `udp:[HOST:]PORT` or `unix:/PATH`, a host being a number, never a name.

use super::bytes::{after, cut, has};
use super::{names, number};
use crate::limits;
use heapless::Vec;

/// What stands behind the family in `sockaddr_in`, `sockaddr_in6` or `sockaddr_un`.
pub type Name = Vec<u8, { limits::SOCKET_PATH_BYTES }, u8>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub family: Family,
    /// As against connections.
    pub datagrams: bool,
    pub name: Name,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    V4,
    V6,
    /// Each address of the machine, of both. Its name is one of [`V6`](Family::V6), and the beginning one of
    /// [`V4`](Family::V4).
    Both,
    Unix,
}

/// Bytes of a name of [`Family::V4`]: port, host, padding; of the others: port, flow, host, scope.
pub const V4_BYTES: usize = 2 + 4 + 8;
const V6_BYTES: usize = 2 + 4 + 16 + 4;

pub fn parse(word: &[u8]) -> Option<Address> {
    let (kind, rest) = cut(word, b':');
    let rest = rest?;
    let mut name = Name::new();
    let datagrams = match names::position("tcp udp unix", kind)? {
        2 => {
            // What ends in a slash is no file.
            let possible = matches!(rest, [b'/', .., last] if *last != b'/');
            name.extend_from_slice(rest).and_then(|()| name.extend_from_slice(b"\0")).ok()?;
            return possible.then_some(Address { family: Family::Unix, datagrams: false, name });
        }
        kind => kind == 1,
    };
    let (family, host, port) = match (rest, cut(rest, b':')) {
        // It has colons of its own.
        ([b'[', rest @ ..], _) => {
            let (host, port) = cut(rest, b']');
            (Family::V6, host, after(port?, b":")?)
        }
        (_, (host, Some(port))) => (Family::V4, host, port),
        (port, (_, None)) => (Family::Both, b"::".as_slice(), port),
    };
    // 0 would be any port that is free, where nobody finds it.
    let port = u16::try_from(number::decimal(port)?).ok().filter(|&port| port > 0)?;
    name.extend_from_slice(&port.to_be_bytes()).ok()?;
    let bytes = if family == Family::V4 {
        name.extend_from_slice(&v4(host)?).ok()?;
        V4_BYTES
    } else {
        name.resize(6, 0).ok()?;
        v6(host, &mut name)?;
        V6_BYTES
    };
    name.resize(bytes, 0).ok()?;
    Some(Address { family, datagrams, name })
}

/// Four numbers, dots between.
pub fn v4(text: &[u8]) -> Option<[u8; 4]> {
    let mut bytes = [0; 4];
    let mut rest = Some(text);
    for byte in &mut bytes {
        let (part, more) = cut(rest?, b'.');
        *byte = u8::try_from(number::decimal(part)?).ok()?;
        rest = more;
    }
    rest.is_none().then_some(bytes)
}

/// Adds 16 bytes. Each form of RFC 4291, 2.2: eight groups of up to four hexadecimal digits, the last two perhaps as a
/// [`v4`], and once `::` for as many groups of zeros as are missing, one at least.
fn v6(text: &[u8], name: &mut Name) -> Option<()> {
    let end = name.len().saturating_add(16);
    let Some(gap) = text.windows(2).position(|pair| pair == b"::") else {
        groups(text, name)?;
        return (name.len() == end).then_some(());
    };
    let (before, behind) = text.split_at_checked(gap)?;
    let mut tail = Name::new();
    groups(before, name).filter(|()| !has(before, b'.'))?;
    groups(after(behind, b"::")?, &mut tail)?;
    let start = end.checked_sub(tail.len()).filter(|start| name.len() < *start)?;
    name.resize(start, 0).ok()?;
    name.extend_from_slice(&tail).ok()
}

/// Adds two bytes for each group; for none in an empty text.
fn groups(text: &[u8], name: &mut Name) -> Option<()> {
    let mut rest = Some(text).filter(|text| !text.is_empty());
    while let Some((group, more)) = rest.map(|rest| cut(rest, b':')) {
        match v4(group) {
            Some(bytes) if more.is_none() => name.extend_from_slice(&bytes).ok()?,
            _ if group.len() > 4 => return None,
            _ => name.extend_from_slice(&(number::digits(group, 16)? as u16).to_be_bytes()).ok()?,
        }
        rest = more;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::{Ipv4Addr, Ipv6Addr};
    use std::string::{String, ToString};

    #[test]
    fn words() {
        let address = |family, datagrams, parts: &[&[u8]]| {
            Some(Address { family, datagrams, name: Name::from_slice(&parts.concat()).unwrap() })
        };
        let one = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        let both = |datagrams, port: u16| address(Family::Both, datagrams, &[&port.to_be_bytes(), &[0; 24]]);
        let unix = |path: &str| address(Family::Unix, false, &[path.as_bytes(), b"\0"]);
        let longest = std::format!("unix:/{}", "p".repeat(106));
        let table = [
            ("tcp:8080", both(false, 8080)),
            ("tcp:1", both(false, 1)),
            ("udp:65535", both(true, 65535)),
            ("tcp:127.0.0.1:80", address(Family::V4, false, &[&[0, 80, 127, 0, 0, 1], &[0; 8]])),
            ("udp:0.0.0.0:514", address(Family::V4, true, &[&[2, 2], &[0; 12]])),
            ("tcp:[::1]:80", address(Family::V6, false, &[&[0, 80], &[0; 4], &one, &[0; 4]])),
            ("udp:[::]:80", address(Family::V6, true, &[&[0, 80], &[0; 24]])),
            ("unix:/run/web.sock", unix("/run/web.sock")),
            ("unix:/a:b", unix("/a:b")),
            (longest.as_str(), unix(&longest[5..])),
        ];
        for (word, expected) in table {
            assert_eq!(parse(word.as_bytes()), expected, "{word}");
        }
        assert_eq!(parse(b"tcp:7").unwrap().name[..V4_BYTES], parse(b"tcp:0.0.0.0:7").unwrap().name[..]);
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
        let ours = |word: String| parse(word.as_bytes()).map(|address| (address.family, address.name.to_vec()));
        let v6 = host.parse::<Ipv6Addr>().ok();
        let v6 = v6.map(|v6| (Family::V6, [&[0, 7, 0, 0, 0, 0], &v6.octets()[..], &[0; 4]].concat()));
        assert_eq!(ours(std::format!("tcp:[{host}]:7")), v6, "{host}");
        let v4 = host.parse::<Ipv4Addr>().ok();
        let v4 = v4.map(|v4| (Family::V4, [&[0, 7], &v4.octets()[..], &[0; 8]].concat()));
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
            let ours = parse(std::format!("udp:{port}").as_bytes());
            prop_assert_eq!(ours.map(|address| address.name[..2].to_vec()), strict.map(|port| port.to_be_bytes().to_vec()));
        }

        #[test]
        fn nothing_brings_it_down(word in prop::collection::vec(any::<u8>(), 0..40), kind in prop::sample::select(std::vec!["", "tcp:", "udp:[", "unix:"])) {
            let _ = parse(&[kind.as_bytes(), &word].concat());
        }
    }
}
