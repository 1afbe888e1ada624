use proptest::prelude::*;

use super::*;

fn names(archive: &Archive) -> Vec<&str> {
    archive.entries().map(|(path, _)| std::str::from_utf8(path).unwrap()).collect()
}

#[test]
fn remove_takes_what_is_under_it_and_no_namesake() {
    let mut archive = Archive::new();
    archive
        .file("/sbin/x", 0o755, "")
        .character("dev/console", 0o600, 5, 1)
        .link("/init", "sbin/x")
        .file("devices", 0o644, *b"");
    assert!(archive.remove("/dev"));
    assert!(!archive.remove("/dev"));
    assert_eq!(names(&archive), ["devices", "init", "sbin", "sbin/x"]);
}

#[test]
fn what_is_put_below_a_link_goes_where_the_link_leads() {
    let mut archive = Archive::new();
    archive.link("/lib", "usr/lib").link("/a", "/b").dir("/usr/lib", 0o755).link("loop", "loop");
    archive.file("/lib/modules/x", 0o644, *b"x").file("a/c", 0o644, *b"").dir("/lib", 0o700);
    assert_eq!(
        names(&archive),
        ["a", "b", "b/c", "lib", "loop", "usr", "usr/lib", "usr/lib/modules", "usr/lib/modules/x"]
    );
    assert_eq!(archive.get("usr/lib").unwrap().mode, 0o040_700);
    assert!(archive.get("lib").unwrap().is(LINK));
}

#[test]
fn what_gives_way_is_remembered_with_what_takes_its_place() {
    let mut archive = Archive::new();
    archive.because("a").file("d/x", 0o644, "1").file("d/x", 0o600, "2").dir("d", 0o700);
    assert_eq!(archive.replaced().count(), 0);
    archive.because("b").link("l", "d").file("l/x", 0o644, "3");
    assert_eq!(archive.replaced().collect::<Vec<_>>(), [(&b"d/x"[..], "a", "b")]);
}

proptest! {
    #[test]
    fn no_path_makes_it_panic(path in prop::collection::vec(prop::sample::select(vec![b'/', b'.', b'a', b'l', 0xff]), 0..12)) {
        let mut archive = Archive::new();
        archive.link("l", "..").link("a/l", "/a/l/l").link("a/a", "../a").file(&path, 0o644, *b"");
        prop_assert!(archive.resolve(b"a", &path, true).is_none_or(|real| real.starts_with(b"a")));
        let _ = (archive.get(&path), archive.below(&path).count(), archive.write_to(&mut std::io::sink()));
        archive.remove(&path);
    }
}
