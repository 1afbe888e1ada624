use std::os::unix::{fs::FileTypeExt, net::UnixListener};

use super::*;

fn kept(host: &Path, owner: Owner) -> Archive {
    let mut archive = Archive::new();
    archive.directory(host, b"", owner).unwrap();
    archive
}

#[test]
fn a_host_directory_becomes_a_tree_with_its_permissions() {
    let host = tempfile::tempdir().unwrap();
    let path = |name: &str| host.path().join(name);
    fs::create_dir(path("etc")).unwrap();
    fs::write(path("etc/a"), "b").unwrap();
    symlink("/not/here", path("etc/l")).unwrap();
    for (name, mode) in [("etc/a", 0o4711), ("etc", 0o1770)] {
        fs::set_permissions(path(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    let archive = kept(host.path(), Owner::ROOT);
    let found: Vec<_> = archive.entries().map(|(path, entry)| (path, entry.mode, entry.owner)).collect();
    let root = (0, 0);
    assert_eq!(found, [(&b"etc"[..], 0o41_770, root), (b"etc/a", 0o104_711, root), (b"etc/l", 0o120_777, root)]);
}

#[test]
fn devices_fifos_and_sockets_are_taken_as_such() {
    let host = tempfile::tempdir().unwrap();
    let _listening = UnixListener::bind(host.path().join("socket")).unwrap();
    let fifo = std::process::Command::new("mkfifo").arg(host.path().join("fifo")).status().unwrap();
    assert!(fifo.success() && host.path().join("fifo").metadata().unwrap().file_type().is_fifo());
    let mut archive = kept(host.path(), Owner::ROOT);
    let metadata = fs::metadata("/dev/null").unwrap();
    archive.take(Path::new("/dev/null"), &metadata, b"dev/null", Owner::ROOT).unwrap();
    let found: Vec<_> = archive.entries().map(|(path, entry)| (path, entry.mode & TYPE, entry.device)).collect();
    let expected = [
        (&b"dev"[..], DIR, (0, 0)),
        (b"dev/null", CHAR, (1, 3)),
        (b"fifo", crate::cpio::FIFO, (0, 0)),
        (b"socket", 0o140_000, (0, 0)),
    ];
    assert_eq!(found, expected);
    // As glibc's makedev does it.
    assert_eq!([numbers(0x103), numbers(0x1_2000_6783_459a)], [(1, 3), (0x12345, 0x6789a)]);
}

#[test]
fn owners_are_roots_those_asked_for_or_the_hosts() {
    let host = tempfile::tempdir().unwrap();
    fs::create_dir(host.path().join("d")).unwrap();
    fs::write(host.path().join("d/f"), "").unwrap();
    let own = host.path().metadata().unwrap();
    for (owner, expected) in [(Owner::ROOT, (0, 0)), (Owner::Id(7, 8), (7, 8)), (Owner::Kept, (own.uid(), own.gid()))] {
        let archive = kept(host.path(), owner);
        let owners: Vec<_> = archive.entries().map(|(_, entry)| entry.owner).collect();
        assert_eq!(owners, [expected, expected]);
    }
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
