use std::fs;

use proptest::prelude::*;

use super::*;
use crate::cpio::{FILE, TYPE};

fn sample() -> Archive {
    let mut archive = Archive::new();
    archive.file("/sbin/x", 0o755, *b"hello").character("dev/console", 0o600, 5, 1).link("/init", "sbin/x");
    archive
}

type Member = (String, u32, (u32, u32), Vec<u8>);

/// A reader as plain as the format: (name, mode, rdev, data).
fn read(mut bytes: &[u8]) -> Vec<Member> {
    let start = bytes.len();
    let mut found = Vec::new();
    loop {
        assert_eq!(&bytes[..6], b"070701");
        let field =
            |n: usize| u32::from_str_radix(std::str::from_utf8(&bytes[6 + 8 * n..14 + 8 * n]).unwrap(), 16).unwrap();
        let name = &bytes[110..110 + field(11) as usize - 1];
        let name = String::from_utf8(name.to_vec()).unwrap();
        if name == "TRAILER!!!" {
            return found;
        }
        let at = (110 + field(11) as usize).next_multiple_of(4);
        let data = bytes[at..at + field(6) as usize].to_vec();
        assert_eq!(field(5), 0, "{name}: its date");
        found.push((name, field(1), (field(9), field(10)), data));
        bytes = &bytes[(at + field(6) as usize).next_multiple_of(4)..];
        assert_eq!((start - bytes.len()) % 4, 0);
    }
}

#[test]
fn parents_come_first_and_devices_need_no_root() {
    let found = read(&sample().to_bytes());
    let names: Vec<_> = found.iter().map(|e| e.0.as_str()).collect();
    assert_eq!(names, ["dev", "dev/console", "init", "sbin", "sbin/x"]);
    assert_eq!((found[1].1, found[1].2), (0o020_600, (5, 1)));
    assert_eq!((found[2].1, &found[2].3[..]), (0o120_777, &b"sbin/x"[..]));
    assert_eq!((found[4].1, &found[4].3[..]), (0o100_755, &b"hello"[..]));
}

#[test]
fn owners_and_modes_are_written_as_they_are() {
    let mut archive = Archive::new();
    archive.file("f", 0o2750, *b"");
    archive.at(b"f", false).unwrap().owner = (7, 0xffff_fffe);
    let bytes = archive.to_bytes();
    assert_eq!(&bytes[14..38], b"000085E800000007FFFFFFFE");
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let bytes = sample().to_bytes();
    assert_eq!(bytes, sample().to_bytes());
    assert_eq!(bytes.len() as u64 % BLOCK, 0);
}

#[test]
fn names_of_one_file_stay_one_file() {
    let host = tempfile::tempdir().unwrap();
    let path = |name: &str| host.path().join(name);
    fs::write(path("a"), "once").unwrap();
    for name in ["b", "c", "d"] {
        fs::hard_link(path("a"), path(name)).unwrap();
    }
    let mut archive = Archive::new();
    archive.tree(host.path(), "").unwrap();
    archive.allow("b", 0o600);
    archive.file("d", 0o644, *b"other");
    let bytes = archive.to_bytes();
    let found = read(&bytes);
    let data: Vec<_> = found.iter().map(|e| (e.0.as_str(), &e.3[..])).collect();
    assert_eq!(data, [("a", &b""[..]), ("b", b"once"), ("c", b"once"), ("d", b"other")]);
    // Inode and number of links of each.
    let fields: Vec<_> =
        (0..bytes.len()).filter(|&at| bytes[at..].starts_with(b"070701")).map(|at| &bytes[at + 6..]).collect();
    let inodes: Vec<_> = fields.iter().map(|field| (&field[..8], &field[32..40])).collect();
    assert_eq!(inodes[0], inodes[2]);
    assert_eq!(inodes[0], (&b"00000003"[..], &b"00000002"[..]));
    assert_eq!((inodes[1].1, inodes[3].1), (&b"00000001"[..], &b"00000001"[..]));
}

#[test]
fn what_has_no_place_in_the_format_is_refused_by_name() {
    let host = tempfile::tempdir().unwrap();
    let large = host.path().join("large");
    fs::File::create(&large).unwrap().set_len(1 << 32).unwrap();
    let mut archives = [(); 6].map(|()| Archive::new());
    archives[0].tree(host.path(), "/x").unwrap();
    archives[1].file("n".repeat(4096), 0o644, *b"");
    archives[2].link("l", "n".repeat(4096));
    archives[3].file("TRAILER!!!", 0o644, *b"");
    archives[4].insert(b"/changed", Archive::new().entry(FILE | 0o644, Data::Lies(large, 5)));
    archives[5].file(format!("a/{}/b", "n".repeat(256)), 0o644, *b"");
    let expected = [
        "/x/large: 4294967296 bytes; the format holds",
        "/nnnn",
        "/l: a path of more than 4095 bytes",
        "/TRAILER!!!: this name ends an archive",
        "/changed: /",
        "/a/nnnn",
    ];
    for (archive, expected) in archives.iter().zip(expected) {
        let error = format!("{:#}", archive.write_to(&mut std::io::sink()).unwrap_err());
        assert!(error.starts_with(expected), "{error}");
    }
    let error = format!("{:#}", archives[4].write_to(&mut std::io::sink()).unwrap_err());
    assert!(error.ends_with("/large changed while it was read; try again"), "{error}");
}

proptest! {
    /// A reader as plain as the format finds what was put in, in order, each directory before what it holds.
    #[test]
    fn what_goes_in_comes_out(files in prop::collection::btree_map("[a-c]{1,2}(/[a-c]{1,2}[a-c.]){0,3}", prop::collection::vec(any::<u8>(), 0..9), 0..12)) {
        let mut archive = Archive::new();
        for (name, data) in &files {
            archive.file(format!("{name}/file"), 0o640, &data[..]);
        }
        let bytes = archive.to_bytes();
        prop_assert_eq!(bytes.len() as u64, archive.write_to(&mut std::io::sink()).unwrap());
        let found = read(&bytes);
        let plain: Vec<_> = found.iter().filter(|e| e.1 & TYPE == FILE).map(|e| (e.0.clone(), e.3.clone())).collect();
        let mut expected: Vec<_> = files.iter().map(|(name, data)| (format!("{name}/file"), data.clone())).collect();
        expected.sort();
        prop_assert_eq!(plain, expected);
        let mut seen = vec![String::new()];
        for (name, ..) in &found {
            let parent = name.rsplit_once('/').map_or("", |(parent, _)| parent);
            prop_assert!(seen.iter().any(|name| name == parent), "{} before its directory", name);
            seen.push(name.clone());
        }
    }
}
