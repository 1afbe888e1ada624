use std::fs;

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
