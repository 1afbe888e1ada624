use goblin::elf::dynamic::{DT_RPATH, DT_RUNPATH};

use super::*;
use crate::{
    cpio::Archive,
    specimen::{AARCH64, X86_64, elf},
};

const GLIBC: &str = "/lib64/ld-linux-x86-64.so.2";
const MUSL_LOADER: &str = "/lib/ld-musl-x86_64.so.1";

/// What the program lacks in an image of `files`, LD_LIBRARY_PATH being `given`.
fn missing(program: &[u8], files: &[(&str, Vec<u8>)], given: &[&str]) -> Vec<String> {
    let mut archive = Archive::new();
    for (path, bytes) in files {
        archive.file(path, 0o755, &bytes[..]);
    }
    let view = View::new(&archive);
    let given = given.iter().map(|place| place.to_string()).collect();
    Search { view: &view, machine: Machine::of(program).unwrap(), given }.missing(b"/app/bin/web", program)
}

fn library(needed: &[&str]) -> Vec<u8> {
    elf(X86_64, None, needed, None)
}

#[test]
fn a_static_program_lacks_nothing() {
    assert_eq!(missing(&elf(X86_64, None, &[], None), &[], &[]), [] as [&str; 0]);
}

#[test]
fn interpreter_and_libraries_are_named_with_who_needs_them() {
    let program = elf(X86_64, Some(GLIBC), &["liba.so.1", "libc.so.6"], None);
    let own = ["its interpreter /lib64/ld-linux-x86-64.so.2", "the library liba.so.1, which web needs"];
    assert_eq!(missing(&program, &[], &[]), [&own[..], &["the library libc.so.6, which web needs"]].concat());
    let loader = (GLIBC, library(&[]));
    let lacks = missing(&program, &[loader.clone(), ("/usr/lib/liba.so.1", library(&["libb.so.2", "libc.so.6"]))], &[]);
    assert_eq!(lacks, ["the library libc.so.6, which web needs", "the library libb.so.2, which liba.so.1 needs"]);
    let all = [
        loader,
        ("/usr/lib/liba.so.1", library(&["libb.so.2"])),
        ("/lib/x86_64-linux-gnu/libb.so.2", library(&[])),
        ("/usr/lib64/libc.so.6", library(&[])),
    ];
    assert_eq!(missing(&program, &all, &[]), [] as [&str; 0]);
}

#[test]
fn a_library_for_another_processor_does_not_count() {
    let program = elf(X86_64, Some(GLIBC), &["liba.so"], None);
    let files = [(GLIBC, library(&[])), ("/lib/liba.so", elf(AARCH64, None, &[], None))];
    assert_eq!(missing(&program, &files, &[]), ["the library liba.so, which web needs"]);
}

#[test]
#[allow(clippy::type_complexity)]
fn each_way_to_say_where_libraries_are() {
    let loader = (GLIBC, library(&[]));
    let table: [(Option<(u64, &str)>, &str, &[&str], bool); 8] = [
        (Some((DT_RUNPATH, "/opt/a:$ORIGIN/../lib")), "/app/lib/liba.so", &[], true),
        (Some((DT_RPATH, "${ORIGIN}")), "/app/bin/liba.so", &[], true),
        (Some((DT_RUNPATH, "$ORIGIN")), "/app/lib/liba.so", &[], false),
        (None, "/opt/liba.so", &["/opt"], true),
        (None, "/opt/liba.so", &[], false),
        (None, "/run/liba.so", &["/run"], true),
        (None, "/lib/aarch64-linux-gnu/liba.so", &[], false),
        (None, "/usr/local/lib/liba.so", &[], false),
    ];
    for (path, place, given, found) in table {
        let program = elf(X86_64, Some(GLIBC), &["liba.so"], path);
        let lacks = missing(&program, &[loader.clone(), (place, library(&[]))], given);
        assert_eq!(lacks.is_empty(), found, "{path:?} {place} {given:?}");
    }
}

#[test]
fn an_rpath_is_the_librarys_too_and_a_runpath_is_not() {
    for (tag, found) in [(DT_RPATH, true), (DT_RUNPATH, false)] {
        let program = elf(X86_64, Some(GLIBC), &["liba.so"], Some((tag, "/opt")));
        let files = [(GLIBC, library(&[])), ("/opt/liba.so", library(&["libb.so"])), ("/opt/libb.so", library(&[]))];
        assert_eq!(missing(&program, &files, &[]).is_empty(), found, "{tag}");
    }
}

#[test]
fn ld_so_conf_counts_where_ldconfig_has_read_it() {
    let program = elf(X86_64, Some(GLIBC), &["liba.so"], None);
    let mut files = vec![
        (GLIBC, library(&[])),
        ("/opt/x/liba.so", library(&[])),
        ("/etc/ld.so.conf", b"# words\ninclude /etc/ld.so.conf.d/*.conf\ninclude ld.so.conf\n".to_vec()),
        ("/etc/ld.so.conf.d/x.conf", b"/opt/x/ # ours\n".to_vec()),
    ];
    assert_eq!(missing(&program, &files, &[]).len(), 1);
    files.push(("/etc/ld.so.cache", b"cache".to_vec()));
    assert_eq!(missing(&program, &files, &[]), [] as [&str; 0]);
}

#[test]
fn musl_has_its_libc_in_itself_and_a_path_of_its_own() {
    let program = elf(X86_64, Some(MUSL_LOADER), &["libc.musl-x86_64.so.1", "libpthread.so.0", "libz.so.1"], None);
    let loader = (MUSL_LOADER, library(&[]));
    assert_eq!(missing(&program, std::slice::from_ref(&loader), &[]), ["the library libz.so.1, which web needs"]);
    let local = ("/usr/local/lib/libz.so.1", library(&[]));
    assert_eq!(missing(&program, &[loader.clone(), local.clone()], &[]), [] as [&str; 0]);
    let path = ("/etc/ld-musl-x86_64.path", b"/lib\n/opt/z\n".to_vec());
    assert_eq!(missing(&program, &[loader.clone(), path.clone(), local], &[]).len(), 1);
    assert_eq!(missing(&program, &[loader, path, ("/opt/z/libz.so.1", library(&[]))], &[]), [] as [&str; 0]);
}

#[test]
fn libraries_that_need_each_other_come_to_an_end() {
    let program = elf(X86_64, Some(GLIBC), &["liba.so"], None);
    let files =
        [(GLIBC, library(&[])), ("/lib/liba.so", library(&["libb.so"])), ("/lib/libb.so", library(&["liba.so"]))];
    assert_eq!(missing(&program, &files, &[]), [] as [&str; 0]);
}
