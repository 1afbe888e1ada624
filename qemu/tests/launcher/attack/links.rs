//! Names of the image that lead elsewhere: where the launcher mounts, masks, makes nodes, and stands.

use std::fs;

use super::{Siege, named};

/// What an image can have in the place of a name, to lead to the directory `outside` of the host's.
fn ways(outside: &str) -> [String; 7] {
    [
        outside.to_owned(),
        format!("../../../../../../../../..{outside}"),
        format!("/proc/self/root{outside}"),
        format!("/proc/1/root{outside}"),
        "/proc/self/cwd".to_owned(),
        "/proc/self/fd/3".to_owned(),
        "/not/there".to_owned(),
    ]
}

/// CVE-2025-31133, CVE-2025-52565, CVE-2026-41579: /dev is new each time, whatever the image has in it.
#[test]
fn what_the_image_has_in_dev_counts_for_nothing() {
    let Some(siege) = Siege::build() else { return };
    let usual = siege.shell(&[], "cd /dev; stat -c '%n %F %t:%T' * pts/* shm").out;
    let names = ["null", "zero", "full", "tty", "pts", "shm", "mqueue", "ptmx", "fd", "stdin", "console"];
    for target in ways(&siege.canary.display().to_string()) {
        names.iter().for_each(|name| siege.link(&format!("dev/{name}"), &target));
        for options in [&[][..], &["--read-only"], &["--init=false"]] {
            let said = siege.shell(options, "cd /dev; stat -c '%n %F %t:%T' * pts/* shm; cat /proc/kcore");
            assert_eq!(said.out, usual, "{target}: {said:?}");
        }
    }
    fs::remove_dir_all(siege.house.root().join("dev")).unwrap();
    siege.directory("dev");
    siege.directory("dev/pts");
    siege.link("dev/pts/0", &siege.canary);
    siege.shell(&[], "ls /dev/pts").says("ptmx\n");
}

#[test]
fn links_in_the_place_of_mount_points_stay_inside() {
    let Some(siege) = Siege::build() else { return };
    let canary = siege.canary.display().to_string();
    let data = siege.house.directory("data").display().to_string();
    fs::write(siege.house.beside("data/mine"), "").unwrap();
    for (turn, target) in ways(&canary).into_iter().enumerate() {
        for (at, name) in ["tmp", "run", "link"].into_iter().enumerate() {
            siege.link(name, &target);
            let path = format!("/{name}");
            let within = format!("/{name}/empty");
            for point in [&path, &within] {
                let (volume, tmpfs) = (format!("--volume={data}:{point}"), format!("--tmpfs={point}"));
                let all = [&[volume.as_str()][..], &["--read-only", &tmpfs], &[&tmpfs], &["--read-only", &volume]];
                // Every target, name and option, though not all of all.
                for options in [all[(turn + at) % 4], all[(turn + at + 2) % 4]] {
                    // The point itself is a link of the container's own: what is written there lands in it.
                    let said = siege.shell(options, &format!("echo >{point}/new; cat /{name}/secret; ls {point} /etc"));
                    assert!(!said.out.contains("passwd"), "{options:?} over {target}: {said:?}");
                    if said.code == 125 {
                        named(&said);
                    }
                    let _ = fs::remove_file(siege.house.beside("data/new"));
                }
            }
            fs::remove_file(siege.house.root().join(name)).unwrap();
            siege.directory(name);
        }
    }
}

/// A mount point that lies under a link of the image, to a directory of the image that has its name outside too.
#[test]
fn a_missing_mount_point_under_a_link_is_made_inside() {
    let Some(siege) = Siege::build() else { return };
    let canary = siege.canary.display().to_string();
    let data = siege.house.directory("data").display().to_string();
    siege.directory(canary.trim_start_matches('/'));
    siege.link("link", &canary);
    for option in [&format!("--volume={data}:/link/a/b"), "--tmpfs=/link/c/d"] {
        let said = siege.shell(&[option], &format!("ls {canary}"));
        assert_eq!(said.code, 0, "{said:?}");
    }
    let inside = siege.house.root().join(canary.trim_start_matches('/'));
    assert!(inside.join("a/b").is_dir() && inside.join("c/d").is_dir(), "they were made somewhere else");
}

/// CVE-2024-21626. The caller has directories open, which lead out where they are followed.
#[test]
fn a_working_directory_is_never_outside() {
    let Some(siege) = Siege::build() else { return };
    let canary = siege.canary.display().to_string();
    siege.link("link", "/proc/self/fd/3");
    siege.link("deep/link", "/proc/1/root/../../..");
    let mut places: Vec<String> = (0..16).map(|fd| format!("/proc/self/fd/{fd}")).collect();
    places.extend((3..16).map(|fd| format!("/proc/self/fd/{fd}/..")));
    for place in
        ["/proc/1/root", "/proc/1/cwd", "/proc/self/root", "/proc/self/cwd", "/proc/2/root", "/proc/thread-self/root"]
    {
        places.extend([place.to_owned(), format!("{place}{canary}"), format!("{place}/..")]);
    }
    places.extend(["/link", "/link/..", "/deep/link", "/dev/fd/3", "/dev/fd/3/.."].map(str::to_owned));
    places.push(canary.clone());
    let script = "pwd; ls; cat secret; cat canary/secret; exec stat -c %i .";
    for place in places {
        let workdir = format!("--workdir={place}");
        let root = siege.house.root().display().to_string();
        let said = siege.holds(|| {
            let (first, second) = (format!("keep={canary}"), format!("keep={}", siege.house.beside("").display()));
            let tinyo = siege.house.tinyo.display().to_string();
            crate::house::ended(siege.attacker(&[
                "caller", &first, &second, "keep=/", "--", &tinyo, "run", &workdir, &root, "/bin/sh", "-c", script,
            ]))
        });
        assert!(!said.out.contains(super::SECRET) && !said.out.contains("canary"), "{place}: {said:?}");
        match said.code {
            125 => named(&said),
            _ => assert!(said.out.starts_with('/'), "{place}: no place of the container's: {said:?}"),
        }
    }
}
