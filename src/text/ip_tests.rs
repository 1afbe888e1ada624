use super::*;
use proptest::prelude::*;
use std::net::Ipv4Addr;
use std::string::{String, ToString};
use std::vec::Vec;

#[test]
fn words() {
    type Parts = (V4, V4, V4, &'static str, &'static str, [&'static str; 2]);
    let address = [10, 0, 2, 15];
    let only: Parts = (address, NONE, NONE, "", "", [""; 2]);
    let nothing: Parts = (NONE, NONE, NONE, "", "", [""; 2]);
    let table: [(&str, Parts); 15] = [
        ("10.0.2.15", only),
        ("10.0.2.15::", only),
        ("10.0.2.15::::::off", only),
        ("10.0.2.15::::::none", only),
        ("10.0.2.15:10.0.2.3::::::::10.0.2.9", only),
        (
            "10.0.2.15:10.0.2.3:10.0.2.2:255.255.255.0:box:eth0:off:1.1.1.1:9.9.9.9:10.0.2.9",
            (address, [10, 0, 2, 2], [255, 255, 255, 0], "box", "eth0", ["1.1.1.1", "9.9.9.9"]),
        ),
        ("10.0.2.15:::255.255.255.255", (address, NONE, [255; 4], "", "", [""; 2])),
        ("10.0.2.15:::128.0.0.0:::", (address, NONE, [128, 0, 0, 0], "", "", [""; 2])),
        ("10.0.2.15:0.0.0.0:0.0.0.0", only),
        ("10.0.2.15:::::fifteen.letters", (address, NONE, NONE, "", "fifteen.letters", [""; 2])),
        ("off", nothing),
        ("static", nothing),
        ("::::::off", nothing),
        ("::::box::off", (NONE, NONE, NONE, "box", "", [""; 2])),
        (":::::eth0:none", (NONE, NONE, NONE, "", "eth0", [""; 2])),
    ];
    for (word, expected) in table {
        let ip = parse(word.as_bytes()).unwrap();
        let text = |bytes| str::from_utf8(bytes).unwrap();
        let servers = ip.name_servers().map(text);
        let parts = (ip.address(), ip.gateway(), ip.netmask(), text(ip.hostname()), text(ip.device()), servers);
        assert_eq!(parts, expected, "{word}");
    }
}

#[test]
fn what_asks_others() {
    for (word, field) in [
        ("dhcp", "dhcp"),
        ("on", "on"),
        ("any", "any"),
        ("both", "both"),
        ("bootp", "bootp"),
        ("rarp", "rarp"),
        ("ibft", "ibft"),
        ("dhcp,id", "dhcp,id"),
        (":::::eth0:dhcp", "dhcp"),
        ("::::::any", "any"),
        (":::::eth0:dhcp,0,x", "dhcp,0,x"),
        ("1.2.3.4::::::both", "both"),
        // Its default is any.
        ("", ""),
        (":::::eth0", ":::::eth0"),
        ("::::box", "::::box"),
        ("0.0.0.0", "0.0.0.0"),
        ("::10.0.2.2", "::10.0.2.2"),
        (":::::::1.1.1.1", ":::::::1.1.1.1"),
    ] {
        assert_eq!(parse(word.as_bytes()), Err(field.as_bytes()), "{word}");
    }
}

#[test]
fn what_is_none() {
    for (word, field) in [
        ("x", "x"),
        ("eth0", "eth0"),
        ("DHCP", "DHCP"),
        ("off,x", "off,x"),
        ("10.0.2", "10.0.2"),
        ("10.0.2.15/24", "10.0.2.15/24"),
        ("010.0.2.15", "010.0.2.15"),
        ("10.0.2.256", "10.0.2.256"),
        ("10.0.2.15 ", "10.0.2.15 "),
        ("0.0.0.1", "0.0.0.1"),
        ("127.0.0.1", "127.0.0.1"),
        ("224.0.0.1", "224.0.0.1"),
        ("255.255.255.255", "255.255.255.255"),
        ("fe80::1", "fe80"),
        ("[fe80::1]", "[fe80"),
        ("eth0:dhcp", "eth0"),
        ("10.0.2.15::239.0.0.1", "239.0.0.1"),
        ("10.0.2.15:::24", "24"),
        ("10.0.2.15:::0.0.0.0", "0.0.0.0"),
        ("10.0.2.15:::255.0.255.0", "255.0.255.0"),
        ("10.0.2.15:::0.0.0.255", "0.0.0.255"),
        ("10.0.2.15:::255.255.255.1", "255.255.255.1"),
        ("10.0.2.15:x", "x"),
        ("10.0.2.15::x", "x"),
        ("10.0.2.15:::x", "x"),
        ("10.0.2.15::::::maybe", "maybe"),
        ("10.0.2.15:::::::x", "x"),
        ("10.0.2.15::::::::x", "x"),
        ("10.0.2.15:::::::::x", "x"),
        ("10.0.2.15::::::::::", ""),
        ("10.0.2.15::::::::::x", "x"),
        // What comes without its address.
        ("::10.0.2.2::::off", "::10.0.2.2::::off"),
        (":::255.255.255.0:box:eth0:off", ":::255.255.255.0:box:eth0:off"),
        ("::::::off:1.1.1.1", "::::::off:1.1.1.1"),
        ("::::::off::1.1.1.1", "::::::off::1.1.1.1"),
        ("0.0.0.0::10.0.2.2::::none", "0.0.0.0::10.0.2.2::::none"),
    ] {
        assert_eq!(parse(word.as_bytes()), Err(field.as_bytes()), "{word}");
    }
}

/// The kernel's ip_auto_config_setup(), and an error for what it does not look at: field by field, from a list.
fn naive(text: &str) -> Option<(Vec<Ipv4Addr>, String, String)> {
    let mut fields: Vec<&str> = text.split(':').collect();
    if fields.len() == 1 && fields[0].parse::<Ipv4Addr>().is_err() {
        fields = std::vec!["", "", "", "", "", "", text];
    }
    if fields.len() > 10 || text.is_empty() {
        return None;
    }
    fields.resize(10, "");
    let numbers: Option<Vec<Ipv4Addr>> = [0, 1, 2, 3, 7, 8, 9]
        .map(|index| if fields[index].is_empty() { Some(Ipv4Addr::UNSPECIFIED) } else { fields[index].parse().ok() })
        .into_iter()
        .collect();
    let numbers = numbers?;
    let mask = std::format!("{:032b}", u32::from(numbers[3]));
    let is_mask = fields[3].is_empty() || mask.starts_with('1') && !mask.contains("01");
    let host = |number: &Ipv4Addr| number.is_unspecified() || matches!(number.octets()[0], 1..=126 | 128..=223);
    let alone = numbers[0].is_unspecified() && [2, 3, 7, 8].iter().any(|&index| !fields[index].is_empty());
    let off = ["off", "none", "static"].contains(&fields[6]);
    let static_ = off || fields[6].is_empty() && !numbers[0].is_unspecified();
    let good = static_ && is_mask && numbers[..3].iter().all(host) && !alone;
    good.then(|| (numbers, fields[4].to_string(), fields[5].to_string()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn as_its_naive_twin(fields in prop::collection::vec(prop::sample::select(std::vec![
        "", "", "", "1.2.3.4", "255.255.0.0", "0.0.0.0", "255.0.255.0", "box", "eth0", "off", "none", "a.b", ".", "1.2.3", "01.2.3.4",
        "239.1.2.3", "[a]", "128.0.0.0", "dhcp",
    ]), 1..12)) {
        let text = fields.join(":");
        let ours = parse(text.as_bytes()).ok().map(|ip| {
            let dns = ip.name_servers().map(|text| str::from_utf8(text).unwrap().parse().unwrap_or(Ipv4Addr::UNSPECIFIED));
            let numbers = [ip.address(), ip.gateway(), ip.netmask()].map(Ipv4Addr::from);
            let numbers = [&numbers[..], &dns[..]].concat();
            (numbers, String::from_utf8_lossy(ip.hostname()).into_owned(), String::from_utf8_lossy(ip.device()).into_owned())
        });
        let twin = naive(&text).map(|(all, host, device)| ([0, 2, 3, 4, 5].map(|index| all[index]).to_vec(), host, device));
        prop_assert_eq!(ours, twin, "{}", text);
    }

    #[test]
    fn nothing_brings_it_down(word in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = parse(&word);
    }
}
