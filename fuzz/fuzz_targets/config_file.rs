//! What tinyo accepts, the `toml` crate accepts.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tinyo::config::{Config, file};
use tinyo::text::put::Word;

fuzz_target!(|text: &[u8]| {
    let mut copy = text.to_vec();
    let mut config = Box::new(Config::new());
    let verdict = file::parse(&mut copy, &mut config, &mut |problem| problem.message.write(&mut |_: &[u8]| {}));
    assert!(verdict.problems > 0 || std::str::from_utf8(text).unwrap().parse::<toml::Table>().is_ok());
});
