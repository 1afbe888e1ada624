//! What docs/SCARS.md says is tested is: each test that it names exists.

use std::{fs, path::Path};

/// `FILE NAME` in backquotes: a test of qemu/tests/FILE.rs, or of the library's own FILE.rs or FILE_tests.rs below src/.
#[test]
fn every_test_that_the_scars_name_exists() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = fs::read_to_string(top.join("docs/SCARS.md")).unwrap();
    let mut named = 0;
    for code in page.lines().flat_map(|line| line.split('`').skip(1).step_by(2)) {
        let Some((file, name)) = code.split_once(' ') else { continue };
        let is_name =
            |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        if !file.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_/".contains(&byte)) || !is_name(name) {
            continue;
        }
        let places = match file.starts_with("src/") {
            true => [format!("{file}.rs"), format!("{file}_tests.rs")],
            false => [format!("qemu/tests/{file}.rs"), format!("qemu/tests/{file}/main.rs")],
        };
        let texts = places.iter().filter_map(|place| fs::read_to_string(top.join(place)).ok());
        let there = texts.into_iter().any(|text| text.contains(&format!("fn {name}(")));
        assert!(there, "docs/SCARS.md: there is no test `{code}`");
        named += 1;
    }
    assert!(named > 60, "only {named} were found");
}
