//! The same input gives the same bytes: whoever makes it, wherever, whenever, and in whatever order the disk has it.

use std::{
    fs::{self, File, FileTimes, Permissions},
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, symlink},
        process::CommandExt,
    },
    path::Path,
    process::Command,
    time::{Duration, UNIX_EPOCH},
};

use crate::desk::{Desk, TOOL, run};

/// A root file system whose files come into being in this order, at this time.
fn root(place: &Path, backwards: bool, when: u64) {
    fs::create_dir_all(place.join("etc/d")).unwrap();
    let mut names: Vec<Vec<u8>> = (0..40u8).map(|n| vec![b"cte"[usize::from(n) % 3], b'0' + n]).collect();
    names.extend([b"new\nline".to_vec(), b"not \xff utf-8".to_vec(), "\u{e4}".into(), b"Z".to_vec(), b"a b".to_vec()]);
    if backwards {
        names.reverse();
    }
    for name in &names {
        let path = place.join("etc/d").join(std::ffi::OsStr::from_bytes(name));
        fs::write(&path, name).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o4755)).unwrap();
        let times = FileTimes::new().set_modified(UNIX_EPOCH + Duration::from_secs(when));
        File::options().write(true).open(&path).unwrap().set_times(times).unwrap();
    }
    // Two names of one file, whichever comes first.
    let (one, other) = if backwards { ("z", "etc/a") } else { ("etc/a", "z") };
    fs::write(place.join(one), "once").unwrap();
    fs::hard_link(place.join(one), place.join(other)).unwrap();
    symlink("../..", place.join("etc/out")).unwrap();
    for path in ["", "etc", "etc/d", "z"] {
        fs::set_permissions(place.join(path), Permissions::from_mode(0o755)).unwrap();
    }
}

fn made(desk: &Desk, change: impl FnOnce(&mut Command)) -> Vec<u8> {
    let mut command = desk.tool();
    let image = desk.path("out/i");
    command.args(["--from", "root", "--add", "c.toml:/srv/", "--output"]).arg(&image);
    change(&mut command);
    run(&mut command).ends(0, "");
    let bytes = fs::read(&image).unwrap();
    fs::remove_file(&image).unwrap();
    bytes
}

#[test]
fn twice_the_same_bytes_whatever_is_around() {
    let desk = Desk::new();
    let place = |top: &str, backwards, when| {
        root(&desk.path(&format!("{top}/root")), backwards, when);
        for name in ["c.toml", "tinyo"] {
            desk.write(&format!("{top}/{name}"), fs::read(desk.path(name)).unwrap());
        }
    };
    place(".", false, 1_000_000_000);
    place("other", true, 1_234_567_890);
    fs::create_dir(desk.path("out")).unwrap();
    fs::set_permissions(desk.path("out"), Permissions::from_mode(0o777)).unwrap();
    for compress in ["none", "gzip", "zstd"] {
        let first = made(&desk, |tool| _ = tool.args(["--compress", compress]));
        let again = |what: &str, change: &dyn Fn(&mut Command)| {
            let bytes = made(&desk, |tool| {
                tool.args(["--compress", compress]);
                change(tool);
            });
            assert!(bytes == first, "{compress}: {what}");
        };
        again("a second time", &|_| ());
        again("another time zone and locale", &|tool| _ = tool.env("TZ", "Asia/Tokyo").env("LC_ALL", "tr_TR.UTF-8"));
        again("no environment", &|tool| _ = tool.env_clear());
        again("another directory, order and date", &|tool| _ = tool.current_dir(desk.path("other")));
    }
}

#[test]
fn an_unprivileged_user_makes_the_same_bytes() {
    let desk = Desk::new();
    root(&desk.path("root"), false, 0);
    fs::create_dir(desk.path("out")).unwrap();
    fs::set_permissions(desk.path("out"), Permissions::from_mode(0o777)).unwrap();
    let mine = made(&desk, |_| ());
    if Command::new("true").uid(65534).gid(65534).status().is_err() {
        eprintln!("skipped: an_unprivileged_user_makes_the_same_bytes: only root can be somebody else");
        return;
    }
    assert!(made(&desk, |tool| _ = tool.uid(65534).gid(65534)) == mine);
}

#[test]
fn the_umask_is_for_the_file_and_not_for_what_is_in_it() {
    let desk = Desk::new();
    root(&desk.path("root"), false, 0);
    let with = |umask: &str| {
        let words = format!("umask {umask}; exec {TOOL} --tinyo tinyo --config c.toml --from root --output i");
        run(Command::new("sh").args(["-c", &words]).current_dir(desk.path(""))).ends(0, "");
        let mode = fs::metadata(desk.path("i")).unwrap().permissions().mode() & 0o777;
        (mode, fs::read(desk.path("i")).unwrap())
    };
    let (closed, open) = (with("077"), with("000"));
    assert_eq!((closed.0, open.0), (0o600, 0o666));
    assert!(closed.1 == open.1);
}
