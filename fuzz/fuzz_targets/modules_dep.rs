#![no_main]

use libfuzzer_sys::fuzz_target;
use tinyo::probe::modules;

fuzz_target!(|text: &[u8]| {
    if let Some(module) = modules::parse(text) {
        assert!(module.is(modules::module_name(module.path)) && module.files().last() == Some(module.path));
    }
});
