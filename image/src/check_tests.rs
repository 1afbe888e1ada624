use super::*;
use crate::{
    config::Source,
    specimen::{AARCH64, X86_64, elf},
};

/// An image with a static program at /bin/app, a shell, and one user.
fn image() -> Archive {
    let mut archive = Archive::new();
    archive
        .file("bin/app", 0o755, elf(X86_64, None, &[], None))
        .link("bin/sh", "app")
        .file("etc/passwd", 0o644, "root:x:0:0::/:/bin/sh\nweb:x:9:9::/:/bin/sh\n")
        .file("etc/group", 0o644, "root:x:0:\nwww:x:33:web\n");
    archive
}

fn errors(archive: &Archive, config: &str) -> Vec<String> {
    let found = findings(archive, config);
    [found.errors, found.notes].concat()
}

fn findings(archive: &Archive, config: &str) -> Findings {
    let mut findings = Findings::default();
    let source = Source { name: "c".into(), text: config.into() };
    let machine = Machine::of(&elf(X86_64, None, &[], None)).unwrap();
    source.parse(&mut findings, |config, findings| super::config(config, archive, machine, findings));
    layout(archive, "", &mut findings);
    findings
}

/// Of a service with `keys`.
fn service(keys: &str) -> Vec<String> {
    errors(&image(), &format!("[service.a]\n{keys}\n"))
}

const FINE: [&str; 0] = [];

#[test]
fn what_is_there_is_fine() {
    let keys = "exec = ['app']\nuser = 'web:www'\ngroup-add = ['www', '7']\nworkdir = '/etc'\nlog = '/etc/log'\n\
                env-file = ['/etc/passwd', '-/none']\nstop = ['/bin/sh', '-c', '/none']";
    assert_eq!(service(keys), FINE);
    assert_eq!(service("exec = ['bin/app']\nuser = '12:13'"), FINE);
}

#[test]
fn what_is_missing_is_named_with_its_service_and_key() {
    let table = [
        ("exec = ['none']", "a: exec: none is in no directory of its PATH in the image; add it with --add FILE:PATH"),
        ("exec = ['/none']", "a: exec: /none is not in the image; add it with --add FILE:PATH"),
        ("exec = ['app']\nstop = ['/none']", "a: stop: /none is not in the image; add it with --add FILE:PATH"),
        ("exec = ['/etc']", "a: exec: /etc is no file"),
        ("exec = ['/etc/passwd']", "a: exec: /etc/passwd is not executable; chmod +x"),
        (
            "exec = ['app']\nenv = ['PATH=/etc']",
            "a: exec: app is in no directory of its PATH in the image; add it with --add FILE:PATH",
        ),
        (
            "exec = ['app']\nuser = 'wbe'",
            "a: user: wbe is nobody in the image's /etc/passwd; add a line there, or write a number",
        ),
        (
            "exec = ['app']\nuser = 'web:w'",
            "a: user: w is no group of the image's /etc/group; add a line there, or write a number",
        ),
        (
            "exec = ['app']\ngroup-add = ['w']",
            "a: group-add: w is no group of the image's /etc/group; add a line there, or write a number",
        ),
        ("exec = ['app']\nworkdir = '/none'", "a: workdir: /none is no directory in the image; add it with --add"),
        (
            "exec = ['app']\nlog = '/var/log/a'",
            "a: log: /var/log/a is in no directory of the image; add its directory with --add",
        ),
        (
            "exec = ['app']\nenv-file = ['/none']",
            "a: env-file: /none is not in the image; add it, or write - before it if it may be missing",
        ),
    ];
    for (keys, expected) in table {
        assert_eq!(service(keys), [expected], "{keys}");
    }
}

#[test]
fn programs_must_be_able_to_run() {
    let mut archive = image();
    archive
        .file("other", 0o755, elf(AARCH64, None, &[], None))
        .file("linked", 0o755, elf(X86_64, Some("/lib/ld.so"), &["libx.so"], None))
        .file("text", 0o755, "echo words\n")
        .file("script", 0o755, "#!/bin/app -x\n")
        .file("lost", 0o755, "#! /bin/none\n")
        .file("dos", 0o755, "#!/bin/app\r\n")
        .file("empty", 0o755, "#!\n")
        .file("env", 0o755, "#!/usr/bin/env app\n")
        .file("noenv", 0o755, "#!/usr/bin/env python9\n")
        .file("circle", 0o755, "#!/circle\n")
        .file("usr/bin/env", 0o755, elf(X86_64, None, &[], None));
    let table = [
        ("/other", "a: exec: /other is for aarch64, and tinyo for x86_64"),
        (
            "/linked",
            "a: exec: /linked lacks its interpreter /lib/ld.so, and the library libx.so, which linked needs in the image; add it with --add",
        ),
        ("/text", "a: exec: /text is no program: neither ELF nor a script that begins with #!"),
        ("/lost", "a: exec: /lost is a script for /bin/none, which is not in the image; add it with --add"),
        ("/dos", "a: exec: /dos has a carriage return behind its interpreter; write it with Unix line ends"),
        ("/empty", "a: exec: /empty begins with #! and no interpreter"),
        ("/noenv", "a: exec: /noenv is a script for python9, which is in no directory of its PATH in the image"),
    ];
    for (program, expected) in table {
        assert_eq!(errors(&archive, &format!("[service.a]\nexec = ['{program}']\n")), [expected]);
    }
    for program in ["/script", "/env"] {
        assert_eq!(errors(&archive, &format!("[service.a]\nexec = ['{program}']\n")), FINE);
    }
    let deep = errors(&archive, "[service.a]\nexec = ['/circle']\n");
    assert!(deep[0].ends_with("is a script of a script of a script: too deep"), "{deep:?}");
    let lacking = |archive: &Archive| errors(archive, "[service.a]\nexec = ['/linked']\n");
    archive.file("lib/ld.so", 0o755, elf(AARCH64, None, &[], None));
    let expected = "its interpreter /lib/ld.so for x86_64 (that is another's)";
    assert_eq!(lacking(&archive), [format!("a: exec: /linked lacks {expected} in the image; add it with --add")]);
    archive.file("lib/ld.so", 0o644, elf(X86_64, None, &[], None));
    let expected = "its interpreter /lib/ld.so as an executable file (chmod +x)";
    assert_eq!(lacking(&archive), [format!("a: exec: /linked lacks {expected} in the image; add it with --add")]);
    archive.allow("lib/ld.so", 0o755);
    let lacks = errors(&archive, "[service.a]\nexec = ['/linked']\n");
    assert_eq!(
        lacks,
        ["a: exec: /linked lacks the library libx.so, which linked needs in the image; add it with --add"]
    );
    archive.file("opt/libx.so", 0o755, elf(X86_64, None, &[], None));
    assert_eq!(errors(&archive, "[service.a]\nexec = ['/linked']\nenv = ['LD_LIBRARY_PATH=/opt']\n"), FINE);
}

#[test]
fn variables_of_files_count_under_those_of_env() {
    let mut archive = image();
    archive.file("e", 0o644, "PATH=/none\nPATH=/opt\n").file("opt/x", 0o755, elf(X86_64, None, &[], None));
    let config = "[service.a]\nexec = ['x']\nenv-file = ['/e']\n";
    assert_eq!(errors(&archive, config), FINE);
    assert_eq!(errors(&archive, &format!("{config}env = ['PATH=/bin']\n")).len(), 1);
}

#[test]
fn what_only_the_machine_knows_is_no_error() {
    let config = "[[mount]]\nsource = '/dev/vdb'\ntarget = '/data'\n[service.a]\nexec = ['/data/app']\nworkdir = '/run/a'\n\
                  log = '/data/a.log'\nenv-file = ['/proc/x']\n[service.b]\nexec = ['app']\n\
                  [service.b.container]\nroot = '/data/b'\nvolumes = ['/data/b:/b']\n";
    assert_eq!(errors(&image(), config), FINE);
    let root = "[root]\nsource = '/dev/vda'\n[service.a]\nexec = ['/none']\n";
    let notes = ["services run in the root that [root] names: whether their programs are there cannot be seen here"];
    assert_eq!(errors(&image(), root), notes);
}

#[test]
fn a_containers_names_are_its_roots() {
    let mut archive = image();
    archive
        .file("srv/web/app/run", 0o755, elf(X86_64, Some("/lib/ld.so"), &["liba.so"], None))
        .file("srv/web/lib/ld.so", 0o755, elf(X86_64, None, &[], None))
        .file("srv/web/app/liba.so", 0o755, elf(X86_64, None, &[], None))
        .link("srv/web/bin", "/app")
        .file("srv/web/etc/passwd", 0o644, "inside:x:5:5::/:/bin/sh\n")
        .file("web.squashfs", 0o644, "hsqs");
    let with = |keys: &str, container: &str| {
        errors(&archive, &format!("[service.a]\n{keys}\n[service.a.container]\n{container}\n"))
    };
    let libraries = "env = ['LD_LIBRARY_PATH=/app']";
    assert_eq!(with(&format!("exec = ['run']\nuser = 'inside'\n{libraries}"), "root = '/srv/web'"), FINE);
    assert_eq!(with("exec = ['/none']", "root = '/web.squashfs'\nread-only = true"), FINE);
    assert_eq!(with("exec = ['/b/x']", "root = '/srv/web'\nvolumes = ['/etc:/b']"), FINE);
    assert_eq!(with("exec = ['/t/x']", "root = '/srv/web'\ntmpfs = ['/t']"), FINE);
    let table = [
        (
            "exec = ['/bin/app']",
            "root = '/srv/web'",
            "a: exec: /bin/app is not in the image; add it with --add FILE:PATH",
        ),
        ("exec = ['x']", "root = '/none'", "a: root: /none is not in the image; add it with --add"),
        ("exec = ['x']", "root = '/dev/../dev/x'", ""),
        ("exec = ['/bin/sh']", "root = '/'", ""),
        (
            "exec = ['/app/run']",
            "root = '/srv/web'",
            "a: exec: /app/run lacks the library liba.so, which run needs in the image; add it with --add",
        ),
    ];
    for (keys, container, expected) in table {
        let expected: Vec<_> = [expected].into_iter().filter(|text| !text.is_empty()).collect();
        assert_eq!(with(keys, container), expected, "{keys} {container}");
    }
    let volume = with(&format!("exec = ['run']\n{libraries}"), "root = '/srv/web'\nvolumes = ['/none:/b']");
    assert_eq!(volume, ["a: volumes: /none is not in the image; add it with --add"]);
    let user = with(&format!("exec = ['run']\nuser = 'web'\n{libraries}"), "root = '/srv/web'");
    assert!(user[0].starts_with("a: user: web is nobody"), "{user:?}");
}

#[test]
fn mount_points_are_no_files_and_nothing_lies_below_a_link() {
    let mut archive = image();
    archive.file("proc", 0o644, "").file("data", 0o644, "");
    let config = "[[mount]]\nsource = '/dev/vdb'\ntarget = '/data'\n";
    let expected = [
        "/proc: a file in the image, where something is to be mounted; take it away",
        "/data: a file in the image, where something is to be mounted; take it away",
    ];
    assert_eq!(errors(&archive, config), expected);
    let mut archive = image();
    archive.file("a/b", 0o644, "").link("a", "bin").file("f/x", 0o644, "").file("f", 0o644, "");
    let expected = [
        "/a: a link, with files below it; take one of them away",
        "/f: a file, with files below it; take one of them away",
    ];
    assert_eq!(errors(&archive, ""), expected);
}

#[test]
fn a_root_that_is_an_image_is_there_and_has_a_file_system() {
    let mut ext2 = vec![0u8; 1 << 16];
    ext2[1024 + 56..1024 + 58].copy_from_slice(&[0x53, 0xef]);
    let mut archive = image();
    archive.file("root.img", 0o644, ext2).file("text", 0o644, "text").link("link.img", "root.img");
    let with = |image: &str, source: &str| errors(&archive, &format!("[root]\nimage = '{image}'\n{source}"));
    let table = [
        ("/root.img", ""),
        ("/link.img", ""),
        ("/none", "is not in the image; add it with --add, or name the source that has it"),
        ("/text", "is no file with a file system; mksquashfs makes one"),
        ("/etc", "is no file with a file system; mksquashfs makes one"),
        ("/run/x", "is not in the image, but below what is mounted over it; put it elsewhere"),
    ];
    for (path, why) in table {
        let expected: Vec<_> =
            Some(format!("[root]: image: {path} {why}")).filter(|_| !why.is_empty()).into_iter().collect();
        assert_eq!(with(path, ""), expected);
    }
    assert_eq!(with("/none", "source = '/dev/vda'"), FINE);
}

#[test]
fn the_checker_of_the_root_is_there_and_runs() {
    let with =
        |archive: &Archive, kind: &str| errors(archive, &format!("[root]\nsource = '/dev/vda'\nfsck = true\n{kind}"));
    let mut archive = image();
    let ext4 = "type = 'ext4'\n";
    assert_eq!(with(&archive, ext4), ["[root]: fsck: /sbin/fsck.ext4 is not in the image; add it with --add"]);
    let any = "[root]: fsck: no fsck.TYPE is in the image; add that of the root's type with --add";
    assert_eq!(with(&archive, ""), [any]);
    archive.file("usr/sbin/fsck.ext4", 0o755, elf(X86_64, Some("/lib/ld.so"), &[], None)).link("sbin", "usr/sbin");
    let lacks = "[root]: fsck: /sbin/fsck.ext4 lacks its interpreter /lib/ld.so in the image; add it with --add";
    assert_eq!(with(&archive, ext4), [lacks]);
    archive.file("lib/ld.so", 0o755, elf(X86_64, None, &[], None));
    assert_eq!(with(&archive, ext4), FINE);
    assert_eq!(with(&archive, ""), FINE);
    assert_eq!(with(&archive, "type = 'xfs,ext4'\n"), FINE);
}

#[test]
fn what_is_bound_elsewhere_must_be_there() {
    let with = |options: &str| {
        let mount = |source, target| format!("[[mount]]\nsource = '{source}'\ntarget = '{target}'\n");
        errors(&image(), &format!("{}options = '{options}'\n{}", mount("/none", "/a"), mount("/dev/vda", "/none")))
    };
    assert_eq!(with("ro,bind"), ["[[mount]]: source: /none is not in the image; add it with --add, or write nofail"]);
    assert_eq!(with("rbind,nofail"), FINE);
    assert_eq!(with("ro"), FINE);
}

#[test]
fn a_rescue_without_a_shell_is_said_once() {
    let mut archive = image();
    archive.remove("bin/sh");
    assert!(findings(&archive, "").notes[0].starts_with("on-failure is rescue, and there is no sh"));
    assert_eq!(findings(&archive, "on-failure = 'reboot'\n").notes, FINE);
}
