#![no_main]

use libfuzzer_sys::fuzz_target;
use tinyo::probe::modules::{Index, module_name, parse};

fuzz_target!(|text: &[u8]| {
    if let Some(module) = parse(text) {
        assert!(module.is(module_name(module.path)) && module.files().last() == Some(module.path));
        let mut twin: Vec<_> = text.split(|byte| b": ".contains(byte)).filter(|path| !path.is_empty()).collect();
        twin.reverse();
        assert!(module.files().eq(twin));
    }
    // Of each name the first line is found, once for the first time.
    let mut index = Box::new(Index::new());
    let mut names: Vec<(Vec<u8>, usize)> = Vec::new();
    let mut at = 0;
    for line in text.split(|byte| *byte == b'\n').take(64) {
        assert!(index.add(line, at));
        let path = line.split(|byte| *byte == b':').next().unwrap_or_default();
        let name: Vec<_> = module_name(path).iter().map(|byte| if *byte == b'-' { b'_' } else { *byte }).collect();
        if names.iter().all(|(other, _)| *other != name) {
            names.push((name, at));
        }
        at += line.len() + 1;
    }
    for first in [true, false] {
        for (name, at) in &names {
            assert_eq!(index.take(name), Some((*at, first)));
        }
    }
});
