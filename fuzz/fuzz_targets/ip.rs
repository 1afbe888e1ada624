#![no_main]

use libfuzzer_sys::fuzz_target;
use tinyo::text::ip;

fuzz_target!(|word: &[u8]| {
    if let Ok(ip) = ip::parse(word) {
        let mask = u32::from_be_bytes(ip.netmask());
        assert!(mask.leading_ones() + mask.trailing_zeros() == 32);
        assert!(ip.address() != ip::NONE || ip.gateway() == ip::NONE && mask == 0);
        assert!(ip.name_servers().iter().all(|server| server.len() <= "255.255.255.255".len()));
    }
});
