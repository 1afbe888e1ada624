#![no_main]

use libfuzzer_sys::fuzz_target;
use tinyo::config::{Config, line};
use tinyo::text::put::Word;

fuzz_target!(|text: &[u8]| {
    let mut copy = text.to_vec();
    let line = line::parse(&mut copy, &mut |message| message.write(&mut |_: &[u8]| {}));
    let mut config = Box::new(Config::new());
    line::apply(&line, &mut config);
});
