use std::{
    fs,
    os::unix::{
        fs::PermissionsExt,
        process::{CommandExt, ExitStatusExt},
    },
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::desk::{Desk, TOOL, run};

#[test]
fn help_has_every_option_and_the_exit_codes() {
    let help = run(Command::new(TOOL).arg("--help"));
    help.ends(0, "");
    let text = String::from_utf8(help.out).unwrap();
    let options = [
        "config",
        "modules",
        "output",
        "compress",
        "add",
        "from",
        "owners",
        "auto",
        "firmware",
        "strip-signatures",
        "kernel-config",
        "list",
    ];
    for option in options {
        assert!(text.contains(&format!("\n      --{option}")), "--{option}\n{text}");
    }
    assert!(text.contains("Usage: scripts/mkinitramfs.sh ") && !text.contains("--tinyo"), "{text}");
    assert!(text.contains("Exit codes:\n  0    the image is made\n  100  wrong words"), "{text}");
}

#[test]
fn wrong_words_are_named_and_end_with_100() {
    let desk = Desk::new();
    let table: [(&[&str], &str); 7] = [
        (&["--outptu", "x"], "unexpected argument '--outptu' found"),
        (&[], "--output <FILE>"),
        (&["--output", "i", "--compress", "xz"], "invalid value 'xz'"),
        (&["--output", "i", "--add", "x:y"], "x:y is not SRC:/DST, SRC:/DST:MODE or SRC:/DST:MODE:UID:GID"),
        (&["--output", "i", "--auto", "some"], "[possible values: storage, host, all]"),
        (&["--output", "i", "--config", "d.toml"], "cannot be used multiple times"),
        (&["--output", "i", "word"], "unexpected argument 'word' found"),
    ];
    for (words, expected) in table {
        desk.run(words).ends(100, expected);
    }
    assert_eq!(desk.names(), [""; 0]);
}

#[test]
fn what_is_made_is_said_in_one_line_and_is_whole() {
    let desk = Desk::new();
    let made = desk.run(&["--output", "i"]);
    let size = fs::metadata(desk.path("i")).unwrap().len();
    assert_eq!(made.ends(0, "").said, format!("mkinitramfs: i: {size} bytes\n"));
    assert!(made.out.is_empty());
    for (compress, magic) in [("gzip", &b"\x1f\x8b\x08"[..]), ("zstd", b"\x28\xb5\x2f\xfd"), ("none", b"070701")] {
        desk.run(&["--output", "i", "--compress", compress]).ends(0, "bytes");
        let bytes = fs::read(desk.path("i")).unwrap();
        assert!(bytes.starts_with(magic), "{compress}");
        assert_eq!((bytes.len() as u64 == size), compress == "none", "{compress}");
    }
    assert_eq!(desk.names(), ["i"]);
}

#[test]
fn an_error_in_the_config_or_about_the_image_leaves_the_old_file_alone() {
    let desk = Desk::new();
    desk.write("i", "old");
    desk.write("c.toml", "hostnam = 'a'\n[service.a]\nexec = ['/bin/none']\n");
    let wrong = desk.run(&["--output", "i"]);
    wrong.ends(100, "mkinitramfs: c.toml:1:1: unknown key hostnam; did you mean hostname\n");
    desk.write("c.toml", "[service.a]\nexec = ['/bin/none']\n");
    let missing = "mkinitramfs: a: exec: /bin/none is not in the image; add it with --add FILE:PATH\n";
    desk.run(&["--output", "i", "--list"]).ends(100, missing);
    assert_eq!(fs::read(desk.path("i")).unwrap(), b"old");
    assert_eq!(desk.names(), ["i"]);
}

#[test]
fn what_the_system_refuses_is_named_with_its_reason_and_ends_with_111() {
    let desk = Desk::new();
    fs::create_dir(desk.path("d")).unwrap();
    desk.run(&["--output", "none/i"]).ends(111, "mkinitramfs: none/i: none is no directory; make it first\n");
    desk.run(&["--output", "d"]).ends(111, "mkinitramfs: d: not a regular file; write the name of one");
    desk.run(&["--output", "/dev/full"]).ends(111, "/dev/full: not a regular file");
    desk.write("f", "");
    desk.run(&["--output", "f/i"]).ends(111, "mkinitramfs: f/i: f is no directory; make it first");
    fs::remove_file(desk.path("f")).unwrap();
    let add = desk.run(&["--output", "i", "--add", "none:/x"]);
    add.ends(111, "mkinitramfs: --add none: look at it: No such file or directory");
    desk.run(&["--output", "i", "--from", "c.toml"]).ends(111, "c.toml: read the directory: Not a directory");
    desk.run(&["--output", "i", "--modules", "none"]).ends(111, "none: open the folder of modules: No such file");
    desk.run(&["--output", "i", "--modules", "d"]).ends(111, "d: no modules.dep there; depmod d writes it");
    desk.run(&["--output", "i", "--kernel-config", "none"]).ends(111, "none: read the kernel's config: No such file");
    desk.run(&["--output", "i", "--modules", "d", "--kernel-config", "c.toml"]).ends(111, "c.toml: no kernel's config");
    fs::remove_file(desk.path("c.toml")).unwrap();
    desk.run(&["--output", "i"]).ends(111, "mkinitramfs: c.toml: read the config: No such file or directory");
    assert_eq!(desk.names(), ["d"]);
}

#[test]
fn a_disk_that_is_full_leaves_the_old_file_and_no_other() {
    let desk = Desk::new();
    desk.write("i", "old");
    // What is written behind the first KiB fails, as on a full disk; its signal would end us before we could say so.
    let limited = format!("ulimit -f 1; trap '' XFSZ; exec {TOOL} --tinyo tinyo --config c.toml --output i");
    let full = run(Command::new("bash").args(["-c", &limited]).current_dir(desk.path("")));
    full.ends(111, "mkinitramfs: i: write it: File too large (os error 27)\n");
    assert_eq!((fs::read(desk.path("i")).unwrap(), desk.names()), (b"old".to_vec(), vec!["i".to_owned()]));
}

#[test]
fn one_that_is_killed_leaves_nothing_under_the_final_name() {
    let desk = Desk::new();
    desk.write("root/large", (0u64..1 << 22).flat_map(|n| (n * n).to_le_bytes()).collect::<Vec<_>>());
    let mut child = desk.tool().args(["--from", "root", "--compress", "zstd", "--output", "i"]).spawn().unwrap();
    let begun = Instant::now();
    while desk.names().len() < 2 && begun.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success());
    let names = desk.names();
    assert!(names[0].starts_with(".mkinitramfs-") && names[1..] == ["root"], "{names:?}");
}

#[test]
fn one_that_is_interrupted_leaves_nothing_at_all() {
    for signal in ["INT", "TERM", "HUP"] {
        let desk = Desk::new();
        desk.write("i", "old");
        desk.write("root/large", (0u64..1 << 22).flat_map(|n| (n * n).to_le_bytes()).collect::<Vec<_>>());
        let mut child = desk.tool().args(["--from", "root", "--compress", "zstd", "--output", "i"]).spawn().unwrap();
        let begun = Instant::now();
        while desk.names().len() < 3 && begun.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(1));
        }
        run(Command::new("kill").args(["-s", signal, &child.id().to_string()])).ends(0, "");
        assert!(child.wait().unwrap().signal().is_some(), "{signal}");
        assert_eq!(
            (fs::read(desk.path("i")).unwrap(), desk.names()),
            (b"old".to_vec(), vec!["i".into(), "root".into()])
        );
    }
}

#[test]
fn an_image_that_would_hold_itself_is_refused() {
    let desk = Desk::new();
    desk.write("root/etc/x", "");
    let expected = "it is root or in it, which the image is made of; write another place";
    desk.run(&["--from", "root", "--output", "root/i"]).ends(100, expected);
    desk.run(&["--add", "root:/r", "--output", "root/etc/x"]).ends(100, expected);
    desk.run(&["--from", "root", "--output", "root.img"]).ends(0, "");
    assert_eq!(fs::read(desk.path("root/etc/x")).unwrap(), b"");
    desk.write("k", "CONFIG_X=y\n");
    for input in ["c.toml", "tinyo", "k"] {
        let before = fs::read(desk.path(input)).unwrap();
        let itself = desk.run(&["--kernel-config", "k", "--output", &format!("root/../{input}")]);
        itself.ends(100, &format!("it is {input} or in it, which the image is made of"));
        assert_eq!(fs::read(desk.path(input)).unwrap(), before);
    }
}

#[test]
fn two_files_for_one_path_are_an_error_that_names_both() {
    let desk = Desk::new();
    desk.write("root/etc/x", "ground");
    let words = ["--from", "root", "--add", "c.toml:/etc/x", "--list"];
    let over = desk.run(&words);
    assert!(String::from_utf8_lossy(&over.ends(0, "").out).contains(" /etc/x  (--add c.toml)"));
    let twice = desk.run(&[&words[..], &["--add", "root/etc/x:/etc/../etc/x"]].concat());
    twice.ends(100, "/etc/x: there by `--add c.toml`, and again by `--add root/etc/x`; leave one of them out");
}

#[test]
fn a_list_has_a_line_for_each_and_may_be_cut_short() {
    let desk = Desk::new();
    desk.write("root/two\nlines", "12345");
    let listed = desk.run(&["--from", "root", "--list"]);
    let text = String::from_utf8(listed.out).unwrap();
    assert!(text.contains("         5 -0644 /two?lines  (--from)\n"), "{text}");
    assert!(text.lines().last().unwrap().ends_with(" bytes in 3 files, 6 entries"), "{text}");
    assert_eq!(desk.names(), ["root"]);
    let mut child = desk.tool().args(["--output", "i", "--list"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success() && desk.path("i").exists());
}

#[test]
fn signatures_stay_where_the_kernel_enforces_them() {
    let desk = Desk::new();
    desk.write("m/6.1/modules.dep", "");
    let words = ["--modules", "m/6.1", "--strip-signatures", "--output", "i", "--kernel-config", "k"];
    for switch in ["CONFIG_MODULE_SIG_FORCE", "CONFIG_LOCK_DOWN_KERNEL_FORCE_INTEGRITY"] {
        desk.write("k", format!("{switch}=y\n"));
        let expected =
            format!("--strip-signatures: the kernel loads no module without one ({switch} in k); leave it out");
        desk.run(&words).ends(100, &expected);
    }
    assert!(!desk.path("i").exists());
    desk.write("k", "CONFIG_MODULE_SIG=y\n");
    desk.run(&words)
        .ends(0, "note: --strip-signatures: the kernel says `module verification failed` and is tainted (E)");
    desk.write("k", "CONFIG_X=y\n");
    desk.run(&["--compress", "zstd", "--output", "i", "--kernel-config", "k"])
        .ends(100, "--compress: the kernel reads no such image (CONFIG_RD_ZSTD is not set); leave it out");
}

#[test]
fn a_program_of_this_machine_needs_its_interpreter_and_each_library() {
    let desk = Desk::new();
    desk.write("c.toml", "on-failure = 'reboot'\n[service.a]\nexec = ['/bin/app']\n");
    const PROGRAM: &str = "/bin/bash";
    let text = String::from_utf8(run(Command::new("ldd").arg(PROGRAM)).out).unwrap();
    // `libc.so.6 => /lib/x/libc.so.6 (0x7f...)`, and the interpreter alone.
    let files: Vec<&str> = text.split_whitespace().filter(|word| word.starts_with('/')).collect();
    assert!(files.len() >= 2, "{text}");
    let with = |left_out: Option<&str>| {
        let adds = files.iter().filter(|file| Some(**file) != left_out).map(|file| format!("--add={file}:{file}"));
        run(desk.tool().arg(format!("--add={PROGRAM}:/bin/app")).args(adds).args(["--output", "i"]))
    };
    with(None).ends(0, "");
    for file in &files {
        let name = Path::new(file).file_name().unwrap().to_str().unwrap();
        let wanted =
            if name.starts_with("ld-") { format!("its interpreter {file}") } else { format!("the library {name}, ") };
        with(Some(file)).ends(100, &format!("a: exec: /bin/app lacks {wanted}"));
    }
}

#[test]
fn what_its_user_may_not_read_is_named() {
    let desk = Desk::new();
    if nobody(&desk).arg("--help").output().is_err() {
        eprintln!("skipped: what_its_user_may_not_read_is_named: only root can be somebody else");
        return;
    }
    let secret = desk.write("root/etc/shadow", "secret");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(desk.path(""), fs::Permissions::from_mode(0o777)).unwrap();
    let refused = run(nobody(&desk).args(["--from", "root", "--output", "i"]));
    refused.ends(111, "mkinitramfs: /etc/shadow: read root/etc/shadow: Permission denied");
    assert_eq!(desk.names(), ["root"]);
}

fn nobody(desk: &Desk) -> Command {
    let mut command = desk.tool();
    command.uid(65534).gid(65534);
    command
}
