//! Bad input: one clear line, the documented status, and nothing left behind.

use std::{
    fs,
    os::unix::{fs::symlink, process::CommandExt},
};

use crate::house::{Ended, House, ended};

const TRY: &str = "try tinyo run --help";

#[track_caller]
fn run(house: &House, words: &[&str]) -> Ended {
    let words: Vec<_> = ["run"].iter().chain(words).copied().collect();
    house.clean(|| ended(house.tinyo(&words)))
}

#[test]
fn a_bad_rootfs_is_named() {
    let Some(house) = House::build() else { return };
    let hint = "the root must be a directory, or a file with squashfs, erofs or ext4";
    let rooted = |path: &str| run(&house, &[path, "/bin/true"]);
    rooted("/not/there").fails(125, &format!("run: take root /not/there (nodev): no such file or directory; {hint}"));
    let tinyo = house.tinyo.display().to_string();
    rooted(&tinyo).fails(125, &format!("run: take root {tinyo} (nodev): a program; {hint}"));
    rooted("/dev/null").fails(125, &format!("run: take root /dev/null (nodev): not a directory; {hint}"));
    let dangling = house.beside("dangling");
    symlink("/not/there", &dangling).unwrap();
    let dangling = dangling.display().to_string();
    rooted(&dangling).fails(125, &format!("run: take root {dangling} (nodev): no such file or directory; {hint}"));
    let circle = house.beside("circle");
    symlink("circle", &circle).unwrap();
    let said = rooted(&circle.display().to_string());
    assert!(said.code == 125 && said.err.contains(": a symbolic link, or too many of them"), "{said:?}");
    // A link to a directory is that directory.
    let link = house.beside("link");
    symlink(house.root(), &link).unwrap();
    run(&house, &[&link.display().to_string(), "/bin/echo", "x"]).says("x\n");
    let empty = house.directory("empty").display().to_string();
    let said = run(&house, &[&empty, "/bin/true"]);
    said.fails(
        127,
        "run: run /bin/true: no such file or directory; is it in the image, and its interpreter or loader too?",
    );
    assert_eq!(fs::read_dir(&empty).unwrap().count(), 0, "the launch left something in it");
    let long = format!("/{}", "x".repeat(300));
    let said = rooted(&long);
    assert!(said.code == 125 && said.err.contains("name too long") && said.err.len() < 1000, "{said:?}");
    let said = rooted("");
    assert_eq!((said.code, said.err.lines().count()), (125, 1));
    assert!(!said.err.contains("root :"), "an empty word is not shown as nothing: {}", said.err);
}

#[test]
fn what_is_missing_on_the_command_line_is_said() {
    let Some(house) = House::build() else { return };
    let root = house.root().display().to_string();
    for words in [&[][..], &["--"], &["--read-only"], &["--read-only", "--"]] {
        run(&house, words).fails(125, &format!("run: no ROOTFS: run ROOTFS COMMAND is needed; {TRY}"));
    }
    run(&house, &[&root]).fails(125, &format!("run: no COMMAND after {root}; {TRY}"));
    run(&house, &[&root, "--"]).fails(125, &format!("run: no COMMAND after {root}; {TRY}"));
    run(&house, &["--", &root]).fails(125, &format!("run: no COMMAND after {root}; {TRY}"));
    for option in [
        "-v",
        "--volume",
        "--tmpfs",
        "-e",
        "--env",
        "-u",
        "--user",
        "-w",
        "--workdir",
        "-h",
        "--hostname",
        "--network",
        "--cap-add",
        "--cap-drop",
        "--seccomp",
    ] {
        run(&house, &[option]).fails(125, &format!("run: a value is missing after {option}; {TRY}"));
    }
}

#[test]
fn an_unknown_option_is_named() {
    let Some(house) = House::build() else { return };
    let root = house.root().display().to_string();
    for option in ["--bogus", "--bogus=1", "-x", "--v", "---", "--=", "-=", "--\u{e9}"] {
        run(&house, &[option, &root, "/bin/true"]).fails(125, &format!("run: unknown option {option}; {TRY}"));
    }
    for (option, near) in
        [("--Volume=/a:/b", "volume"), ("-rm", "rm"), ("--volumes", "volume"), ("--memroy=5m", "memory")]
    {
        let said = run(&house, &[option, &root, "/bin/true"]);
        said.fails(125, &format!("run: unknown option {option}; did you mean --{near}"));
    }
    let said = run(&house, &["-id", &root, "/bin/true"]);
    said.fails(125, "run: -id is docker's: it stays in the foreground; write & behind the command, or a [service]");
    // Nothing on a command line can forge a line, or drive a terminal.
    let said = run(&house, &["--a\n\u{1b}[2Jb", &root, "/bin/true"]);
    said.fails(125, &format!("run: unknown option --a\\x0a\\x1b[2Jb; {TRY}"));
    let said = run(&house, &[&format!("--{}", "x".repeat(5000)), &root, "/bin/true"]);
    assert!(said.code == 125 && said.err.lines().count() == 1 && said.err.len() <= 1000, "{said:?}");
}

#[test]
fn a_bad_value_is_named() {
    let Some(house) = House::build() else { return };
    let root = house.root().display().to_string();
    let volume = "volume; write /SRC:/DST, or ./SRC:/DST:ro for read-only; there are no named volumes";
    let capability = "capability of capabilities(7), nor ALL";
    let host = "host name of at most 64 letters, digits, - and dots";
    let overlay = "overlay; write tmpfs, tmpfs:64M, /DIR or ./DIR";
    let long = "h".repeat(65);
    let cases = [
        ("volume", "/a", volume),
        ("volume", "a:/b", volume),
        ("volume", "/a:b", volume),
        ("volume", "/a:/b:rx", volume),
        ("volume", "/a:/b:ro:rw", volume),
        ("volume", "/a:", volume),
        ("volume", ":/b", volume),
        ("volume", "/a:/", volume),
        ("volume", "/a://", volume),
        ("tmpfs", "tmp", "tmpfs; write /PATH or /PATH:OPTIONS"),
        ("tmpfs", ":size=1m", "tmpfs; write /PATH or /PATH:OPTIONS"),
        ("hostname", "-x", host),
        ("hostname", "a b", host),
        ("hostname", "a/b", host),
        ("hostname", &long, host),
        ("network", "bridge", "network; write none, host, service:NAME or netns:/PATH"),
        ("network", "container:db", "network; write none, host, service:NAME or netns:/PATH"),
        ("network", "netns:db", "network; write none, host, service:NAME or netns:/PATH"),
        ("network", "NONE", "network; write none, host, service:NAME or netns:/PATH"),
        ("seccomp", "unconfined", "seccomp profile; write default or none"),
        ("seccomp", "None", "seccomp profile; write default or none"),
        ("overlay", "up", overlay),
        ("overlay", "tmpfs:", overlay),
        ("overlay", "tmpfs:1", overlay),
        ("overlay", "tmpfs:64X", overlay),
        ("init", "no", "true or false"),
        ("init", "False", "true or false"),
        ("privileged", "1", "true or false"),
        ("read-only", "yes", "true or false"),
        ("workdir", "etc", "absolute path"),
        ("workdir", "../etc", "absolute path"),
    ];
    for (name, value, want) in cases {
        let said = run(&house, &[&format!("--{name}={value}"), &root, "/bin/true"]);
        said.fails(125, &format!("run: --{name}: {value} is no {want}"));
    }
    for name in ["cap-add", "cap-drop"] {
        for value in ["SYS_NOTHING", "CAP_", "CAP_CAP_KILL", "21", "ALL,KILL", "-KILL"] {
            let said = run(&house, &[&format!("--{name}={value}"), &root, "/bin/true"]);
            let line = &said.err;
            assert!(said.code == 125, "{value}: {said:?}");
            assert!(
                line.ends_with(&format!(": {value} is no {capability}\n")) && line.contains(name),
                "{value}: {said:?}"
            );
        }
    }
}

/// Empty values are no values.
#[test]
fn an_empty_value_is_refused() {
    let Some(house) = House::build() else { return };
    let root = house.root().display().to_string();
    for name in
        ["volume", "tmpfs", "user", "workdir", "hostname", "network", "cap-add", "cap-drop", "env", "seccomp", "init"]
    {
        let said = run(&house, &[&format!("--{name}="), &root, "/bin/true"]);
        assert_eq!((said.code, said.out.as_str(), said.err.lines().count()), (125, "", 1), "--{name}=: {said:?}");
        assert!(said.err.starts_with("tinyo: run: ") && said.err.contains(name), "{said:?}");
        assert!(!said.err.contains("  "), "an empty word is not shown as nothing: {said:?}");
    }
    let said = run(&house, &["--env==value", &root, "/bin/true"]);
    assert_eq!((said.code, said.out.as_str(), said.err.lines().count()), (125, "", 1), "{said:?}");
}

#[test]
fn a_working_directory_is_inside_and_the_users() {
    let Some(house) = House::build() else { return };
    let at = |options: &[&str]| house.run(options, &["/bin/pwd"]);
    at(&["-w", "/absent"]).fails(125, "run: change directory to /absent: no such file or directory");
    at(&["-w", "/bin/busybox"]).fails(125, "run: change directory to /bin/busybox: not a directory");
    let closed = house.root().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    at(&["-w", "/closed"]).says("/closed\n");
    at(&["-w", "/closed", "-u", "7:7"]).fails(125, "run: change directory to /closed: permission denied");
    symlink("../../../../etc", house.root().join("link")).unwrap();
    at(&["-w", "/link"]).says("/etc\n");
    at(&["-w", "/../.."]).says("/\n");
    at(&["-w", "/etc/../bin/./"]).says("/bin\n");
    // CVE-2024-21626: a directory of the host's that a file of the launcher's leads to.
    for number in 0..16 {
        for path in [format!("/proc/self/fd/{number}"), format!("/dev/fd/{number}"), format!("/proc/1/fd/{number}")] {
            let said = house.clean(|| {
                let script =
                    format!("exec 3</etc 4</ 5</usr 6</proc; exec $tinyo run -w {path} $root /bin/cat passwd hosts");
                ended(house.host(&script))
            });
            assert!(said.code == 125 && said.out.is_empty(), "{path}: {said:?}");
        }
    }
    for path in ["/proc/self/cwd", "/proc/1/cwd", "/proc/1/root", "/proc/self/root"] {
        let said = at(&["-w", path]);
        assert!(
            said.code == 125 && said.err.starts_with(&format!("tinyo: run: change directory to {path}: ")),
            "{said:?}"
        );
    }
}

#[test]
fn without_root_words_are_the_same() {
    let Some(house) = House::build() else { return };
    let as_user = |words: &[&str]| {
        let mut command = house.tinyo(words);
        command.uid(65534).gid(65534);
        house.clean(|| ended(command))
    };
    let no_root = "run: take root /not/there (nodev): no such file or directory; \
                   the root must be a directory, or a file with squashfs, erofs or ext4";
    as_user(&["run", "/not/there", "/bin/true"]).fails(125, no_root);
    // What is wrong with the words is wrong for everybody.
    as_user(&["run", "--bogus"]).fails(125, &format!("run: unknown option --bogus; {TRY}"));
    // And what needs no root works without.
    as_user(&["init", "--", &house.busybox.display().to_string(), "id", "-u"]).says("65534\n");
    assert_eq!(as_user(&["version"]).lines().len(), 1);
}

/// Root by name, without the right to make a namespace but of users.
#[test]
fn without_the_capabilities_it_says_so() {
    let Some(house) = House::build() else { return };
    std::fs::copy(&house.tinyo, house.root().join("bin/tinyo")).unwrap();
    // In a container of ours there is no CAP_SYS_ADMIN.
    let said = house.run(&[], &["/bin/tinyo", "run", "/", "/bin/true"]);
    assert_eq!((said.code, said.out.as_str(), said.err.lines().count()), (125, "", 1), "{said:?}");
    assert!(said.err.starts_with("tinyo: run: ") && said.err.contains("operation not permitted"), "{said:?}");
}

#[test]
fn words_that_are_none_are_100() {
    let Some(house) = House::build() else { return };
    for word in ["bogus", "Run", "-x", "--run", "\u{1b}[2J"] {
        let said = ended(house.tinyo(&[word]));
        let shown = word.replace('\u{1b}', "\\x1b");
        said.fails(100, &format!("unknown word {shown}; try tinyo help"));
    }
}

/// A setuid copy would give every user a root container.
#[test]
fn setuid_is_refused() {
    let Some(house) = House::build() else { return };
    let copy = house.beside("setuid");
    fs::copy(&house.tinyo, &copy).unwrap();
    fs::set_permissions(&copy, std::os::unix::fs::PermissionsExt::from_mode(0o4755)).unwrap();
    let root = house.root().display().to_string();
    for words in [&["run", &root, "/bin/true"][..], &["version"], &["init", "--", "/bin/true"], &["help"]] {
        let mut command = std::process::Command::new(&copy);
        command.args(words).env_clear().uid(65534).gid(65534);
        house
            .clean(|| ended(command))
            .fails(125, "not with setuid, setgid or file capabilities: run it as the user it shall be");
    }
}
