#![no_main]

use libfuzzer_sys::fuzz_target;
use tinyo::wire::{Fields, PHASE, Record, Request, SERVICE};

fuzz_target!(|packet: &[u8]| {
    if let Some(request) = Request::parse(packet) {
        assert!(request.names.count() < packet.len());
    }
    for names in [SERVICE, PHASE] {
        if let Some(record) = Fields::of(packet).and_then(|fields| Record::parse(names, fields)) {
            assert_eq!(record.fields().len(), names.split(' ').count());
        }
    }
});
