//! `--user`: by number, by name from the image's own tables, and what a hostile image makes of those.

use std::{fs, os::unix::fs::symlink};

use crate::house::{House, ended};

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n\
                      app:x:1000:1001:An app:/home/app:/bin/sh\n\
                      twin:x:1000:7:same number:/twin:/bin/sh\n\
                      homeless:x:1002:1002:::/bin/sh\n";
const GROUP: &str = "root:x:0:\nwheel:x:10:root,app\nvideo:x:44:other,app\nother:x:45:apple,application\nown:x:1001:\n";

/// Not busybox's id, which reads the image's passwd too.
const UID: [&str; 3] = ["/bin/grep", "Uid:", "/proc/self/status"];

const WHO: &str = "set -- $(grep -E 'Uid|Gid' /proc/self/status); echo $2; echo $7; sed -n 's/^Groups:[[:space:]]*//p' /proc/self/status | sed 's/ *$//'; echo $HOME";

fn populated() -> Option<House> {
    let house = House::build()?;
    house.file("etc/passwd", 0o644, PASSWD);
    house.file("etc/group", 0o644, GROUP);
    Some(house)
}

#[test]
fn users_and_groups_are_the_images() {
    let Some(house) = populated() else { return };
    let who = |user: &str| house.shell(&["--user", user], WHO).lines().join(" ");
    house.shell(&[], WHO).says("0\n0\n\n/root\n");
    for (user, wanted) in [
        ("0", "0 0 10 /root"),
        ("root", "0 0 10 /root"),
        ("app", "1000 1001 10 44 /home/app"),
        // The first of a number is who it is.
        ("1000", "1000 1001 10 44 /home/app"),
        ("twin", "1000 7  /twin"),
        // With a group there are no others.
        ("app:video", "1000 44  /home/app"),
        ("app:44", "1000 44  /home/app"),
        ("app:4242", "1000 4242  /home/app"),
        ("0:0", "0 0  /root"),
        // A number that nobody has is in no group but its own.
        ("77", "77 77  /"),
        ("77:88", "77 88  /"),
        ("homeless", "1002 1002  /"),
        ("4294967294", "4294967294 4294967294  /"),
    ] {
        assert_eq!(who(user), wanted, "{user}");
    }
}

#[test]
fn who_is_not_there_is_named() {
    let Some(house) = populated() else { return };
    let hint = "no such file or directory; is it in the passwd or group file there?";
    for user in ["nobody", "app:nogroup", "nobody:0", "77:nogroup", "a", "roo", "rootx"] {
        house.run(&["--user", user], &["/bin/true"]).fails(125, &format!("run: become user {user}: {hint}"));
    }
}

/// crun's CVE-2026-30892: what is no number must never become one.
#[test]
fn what_is_no_user_is_refused_before_anything_is_done() {
    let Some(house) = populated() else { return };
    let want = "is no user; write USER or USER:GROUP, each a name or a number";
    for user in [
        "",
        ":",
        "1:",
        ":1",
        "-1",
        "1000x",
        "0x0",
        "+0",
        " 0",
        "0 ",
        "00",
        "01",
        "4294967295",
        "4294967296",
        "18446744073709551616",
        "1:2:3",
        "1:-1",
        "a b",
        "../x",
        "root\nx",
        "1e3",
        "-root",
    ] {
        let shown = if user.is_empty() { "\"\"".into() } else { user.replace('\n', "\\x0a") };
        house.run(&["--user", user], &["/bin/true"]).fails(125, &format!("run: --user: {shown} {want}"));
    }
}

#[test]
fn a_hostile_passwd_makes_nobody_root() {
    let Some(house) = House::build() else { return };
    let hint = "run: become user app: no such file or directory; is it in the passwd or group file there?";
    let long = "x".repeat(100_000);
    for (why, text) in [
        ("empty", String::new()),
        ("missing fields", "app:x:5\napp\napp:\n:::::::\n::0:0:::\n".into()),
        ("no number", "app:x:zero:0::/:\napp:x::::/:\napp:x:-1:0::/:\napp:x:4294967295:0::/:\n".into()),
        ("overflow", "app:x:4294967296:4294967296::/:\napp:x:18446744073709551616:0::/:\n".into()),
        ("NULs", "app\0:x:0:0::/:\n\0app:x:0:0::/:\napp:x:0\0:0::/:\n".into()),
        ("more fields", "app:x:0:0::/:/bin/sh:more\n".into()),
        ("a huge line", format!("app:x:0:0:{long}:/:/bin/sh\n")),
        ("the end of a huge line", format!("{long}\rapp:x:0:0::/:/bin/sh\n")),
        ("a comment", "#app:x:0:0::/:\n app:x:0:0::/:\n+app:x:0:0::/:\n".into()),
    ] {
        house.file("etc/passwd", 0o644, &text);
        house.run(&["--user", "app"], &["/bin/true"]).fails(125, hint);
        assert_eq!(house.run(&["--user", "12"], &UID).lines(), ["Uid:\t12\t12\t12\t12"], "{why}");
    }
    // Behind such lines, and without a line's end, the good one is found.
    let text = format!("app\n{long}\n\0\n\u{ff}:x\napp:x:1000:1001::/home:");
    house.file("etc/passwd", 0o644, text);
    house.shell(&["--user", "app"], WHO).says("1000\n1001\n\n/home\n");
}

#[test]
fn a_home_of_the_images_is_bounded() {
    let Some(house) = House::build() else { return };
    house.file("etc/passwd", 0o644, format!("app:x:1000:1001::/{}:/bin/sh\n", "h".repeat(600)));
    house.shell(&["--user", "app"], "grep -c 1000.1000 /proc/self/status; echo $HOME").says("1\n/\n");
    house.file("etc/passwd", 0o644, "app:x:1000:1001::/a=b\u{1b}[2J c:/bin/sh\n");
    house.shell(&["--user", "app"], "echo \"$HOME\"").says("/a=b\u{1b}[2J c\n");
}

#[test]
fn many_groups_of_the_images_are_bounded() {
    let Some(house) = House::build() else { return };
    house.file("etc/passwd", 0o644, "app:x:1000:1001::/:/bin/sh\n");
    let groups: String = (100..2100).map(|gid| format!("g{gid}:x:{gid}:app\n")).collect();
    house.file("etc/group", 0o644, groups);
    let said = house.shell(&["--user", "app"], "sed -n 's/^Groups://p' /proc/self/status | wc -w");
    let count: usize = said.lines()[0].trim().parse().unwrap();
    assert!((1..=2000).contains(&count));
}

/// None of these may block the launch, or be opened at all.
#[test]
fn what_is_no_file_is_no_passwd() {
    let Some(house) = House::build() else { return };
    let hint = "run: become user app: no such file or directory; is it in the passwd or group file there?";
    let (passwd, group) = (house.root().join("etc/passwd"), house.root().join("etc/group"));
    let check = || {
        house.run(&["--user", "app"], &["/bin/true"]).fails(125, hint);
        house.run(&["--user", "5:6"], &UID).says("Uid:\t5\t5\t5\t5\n");
    };
    for path in [&passwd, &group] {
        ended(house.host(&format!("exec $busybox mkfifo {}", path.display()))).says("");
        check();
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
        check();
        fs::remove_dir(path).unwrap();
        for target in ["/dev/zero", "/dev/full", "/proc/kmsg", "passwd", "/not/there"] {
            symlink(target, path).unwrap();
            check();
            fs::remove_file(path).unwrap();
        }
    }
    // A link out of the image leads to a name in it.
    symlink("/etc/hosts", &passwd).unwrap();
    house.file("etc/hosts", 0o644, "app:x:7:7::/:/bin/sh\n");
    house.run(&["--user", "app"], &UID).says("Uid:\t7\t7\t7\t7\n");
}
