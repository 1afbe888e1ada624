use std::{fs, os::unix::ffi::OsStrExt, path::Path};

use proptest::prelude::*;

use super::*;

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
        assert_eq!((field(2), field(3), field(5)), (0, 0, 0), "{name}: owner and date");
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
fn the_same_input_gives_the_same_bytes() {
    let bytes = sample().to_bytes();
    assert_eq!(bytes, sample().to_bytes());
    assert_eq!(bytes.len() as u64 % BLOCK, 0);
}

#[test]
fn remove_takes_what_is_under_it_and_no_namesake() {
    let mut archive = sample();
    archive.file("devices", 0o644, *b"");
    assert!(archive.remove("/dev"));
    assert!(!archive.remove("/dev"));
    let names: Vec<_> = read(&archive.to_bytes()).into_iter().map(|e| e.0).collect();
    assert_eq!(names, ["devices", "init", "sbin", "sbin/x"]);
}

#[test]
fn a_host_directory_becomes_a_tree() {
    let host = tempfile::tempdir().unwrap();
    fs::create_dir(host.path().join("etc")).unwrap();
    fs::write(host.path().join("etc/a"), "b").unwrap();
    std::os::unix::fs::symlink("a", host.path().join("etc/l")).unwrap();
    let mut archive = Archive::new();
    archive.tree(host.path(), "").unwrap();
    let names: Vec<_> = read(&archive.to_bytes()).into_iter().map(|e| e.0).collect();
    assert_eq!(names, ["etc", "etc/a", "etc/l"]);
}

#[test]
fn a_socket_on_the_host_is_refused_by_name() {
    let host = tempfile::tempdir().unwrap();
    let path = host.path().join("s");
    let _listening = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let error = Archive::new().tree(host.path(), "").unwrap_err().to_string();
    assert!(error.contains("/s: neither file"), "{error}");
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
    let mut archives = [(); 5].map(|()| Archive::new());
    archives[0].tree(host.path(), "/x").unwrap();
    archives[1].file("n".repeat(4096), 0o644, *b"");
    archives[2].link("l", "n".repeat(4096));
    archives[3].file("TRAILER!!!", 0o644, *b"");
    archives[4].lying("/changed", 0o644, large, 5);
    let expected = [
        "/x/large: 4294967296 bytes; the format holds",
        "/nnnn",
        "/l: a path of more than 4095 bytes",
        "/TRAILER!!!: this name ends an archive",
        "/changed: write it",
    ];
    for (archive, expected) in archives.iter().zip(expected) {
        let error = format!("{:#}", archive.write_to(&mut std::io::sink()).unwrap_err());
        assert!(error.starts_with(expected), "{error}");
    }
    let error = format!("{:#}", archives[4].write_to(&mut std::io::sink()).unwrap_err());
    assert!(error.ends_with("it changed while it was read; try again"), "{error}");
}

#[test]
fn what_is_put_below_a_link_goes_where_the_link_leads() {
    let mut archive = Archive::new();
    archive.link("/lib", "usr/lib").link("/a", "/b").dir("/usr/lib", 0o755).link("loop", "loop");
    archive.file("/lib/modules/x", 0o644, *b"x").file("a/c", 0o644, *b"").dir("/lib", 0o700);
    let names: Vec<_> = archive.entries().map(|(path, _)| std::str::from_utf8(path).unwrap()).collect();
    assert_eq!(names, ["a", "b", "b/c", "lib", "loop", "usr", "usr/lib", "usr/lib/modules", "usr/lib/modules/x"]);
    assert_eq!(archive.get("usr/lib").unwrap().mode, 0o040_700);
    assert!(archive.get("lib").unwrap().is(LINK));
}

#[test]
fn names_need_not_be_utf8() {
    let host = tempfile::tempdir().unwrap();
    let name = std::ffi::OsStr::from_bytes(b"\xff\n");
    fs::write(host.path().join(name), "x").unwrap();
    let mut archive = Archive::new();
    archive.tree(host.path(), "d").unwrap();
    assert_eq!(archive.get(b"d/\xff\n").unwrap().data.read().unwrap(), b"x");
    let out = tempfile::tempdir().unwrap();
    archive.unpack(out.path()).unwrap();
    assert!(out.path().join("d").join(Path::new(name)).exists());
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

    #[test]
    fn no_path_makes_it_panic(path in prop::collection::vec(prop::sample::select(vec![b'/', b'.', b'a', b'l', 0xff]), 0..12)) {
        let mut archive = Archive::new();
        archive.link("l", "..").link("a/l", "/a/l/l").link("a/a", "../a").file(&path, 0o644, *b"");
        prop_assert!(archive.resolve(b"a", &path, true).is_none_or(|real| real.starts_with(b"a")));
        let _ = (archive.get(&path), archive.below(&path).count(), archive.write_to(&mut std::io::sink()));
        archive.remove(&path);
    }
}
