#![no_main]

use libfuzzer_sys::fuzz_target;
use std::net::Ipv4Addr;
use tinyo::text::ip;

/// The kernel's ip_auto_config_setup(), and an error for what it does not look at: field by field, from a list. What counts of it:
/// the address, the gateway, the mask, the name and the device.
fn twin(text: &str) -> Option<([Ipv4Addr; 3], &str, &str)> {
    let mut fields: Vec<&str> = text.split(':').collect();
    if fields.len() == 1 && fields[0].parse::<Ipv4Addr>().is_err() {
        fields = vec!["", "", "", "", "", "", text];
    }
    if fields.len() > 10 || text.is_empty() {
        return None;
    }
    fields.resize(10, "");
    let mut numbers = [Ipv4Addr::UNSPECIFIED; 10];
    for index in [0, 1, 2, 3, 7, 8, 9].into_iter().filter(|index| !fields[*index].is_empty()) {
        numbers[index] = fields[index].parse().ok()?;
    }
    let mask = format!("{:032b}", u32::from(numbers[3]));
    let is_mask = fields[3].is_empty() || mask.starts_with('1') && !mask.contains("01");
    let host = |number: &Ipv4Addr| number.is_unspecified() || matches!(number.octets()[0], 1..=126 | 128..=223);
    let alone = numbers[0].is_unspecified() && [2, 3, 7, 8].iter().any(|&index| !fields[index].is_empty());
    let off = ["off", "none", "static"].contains(&fields[6]);
    let good = (off || fields[6].is_empty() && !numbers[0].is_unspecified()) && is_mask && numbers[..3].iter().all(host);
    (good && !alone).then_some(([numbers[0], numbers[2], numbers[3]], fields[4], fields[5]))
}

fuzz_target!(|word: &[u8]| {
    let parsed = ip::parse(word);
    if let Ok(ip) = parsed {
        let mask = u32::from_be_bytes(ip.netmask());
        assert!(mask.leading_ones() + mask.trailing_zeros() == 32);
        assert!(ip.address() != ip::NONE || ip.gateway() == ip::NONE && mask == 0);
        assert!(ip.name_servers().iter().all(|server| server.len() <= "255.255.255.255".len()));
    }
    if let Err(field) = parsed {
        assert!(word == field || word.split(|byte| *byte == b':').any(|own| own == field));
    }
    if let Ok(text) = std::str::from_utf8(word) {
        let own = parsed.ok().map(|ip| {
            let names = [ip.hostname(), ip.device()].map(|name| std::str::from_utf8(name).unwrap());
            ([ip.address(), ip.gateway(), ip.netmask()].map(Ipv4Addr::from), names[0], names[1])
        });
        assert_eq!(own, twin(text), "{text:?}");
    }
});
