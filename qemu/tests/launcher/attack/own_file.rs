//! CVE-2019-5736: an image that makes the kernel run tinyo's own file inside, and changes it by /proc/PID/exe. With more
//! ways to change a file than `escape.rs` has words of a shell for.

use std::{fs, os::unix::fs::MetadataExt, path::Path, process::Command};

use super::Siege;
use crate::{escape::REFUSED, house::ended};

/// Everything about the file that there is to change.
fn state(path: &Path) -> (Vec<u8>, [i64; 9], String) {
    let status = fs::metadata(path).unwrap();
    let [mode, uid, gid, links] = [status.mode(), status.uid(), status.gid(), status.nlink() as u32].map(i64::from);
    let times = [status.mtime(), status.mtime_nsec(), status.ctime(), status.ctime_nsec()];
    let numbers = [mode, uid, gid, links, times[0], times[1], times[2], times[3], status.ino().cast_signed()];
    let attributes = |program: &str| {
        let output = Command::new(program).arg(path).output();
        output.map_or_else(|_| String::new(), |output| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    (fs::read(path).unwrap(), numbers, attributes("/usr/sbin/getcap") + &attributes("/usr/bin/lsattr"))
}

/// Who is in the container, so to speak: what would have to be in the way of each is not the same.
const WHO: [&[&str]; 4] = [&[], &["--init=false"], &["--cap-drop=ALL"], &["--user=1000:1000"]];

#[track_caller]
fn nothing_done(out: &str, who: &[&str]) {
    let done: Vec<_> = out.lines().filter(|line| !line.starts_with("tried ")).collect();
    assert!(done.is_empty(), "{who:?}: {done:?}");
}

/// The attack is one.
#[test]
fn the_attack_works_on_a_file_of_the_images() {
    let Some(siege) = Siege::build() else { return };
    let victim =
        siege.house.file("bin/busybox-victim", 0o755, [&fs::read(&siege.house.busybox).unwrap()[..], b"x"].concat());
    let script = "/bin/busybox-victim sleep 5 & usleep 20000; attacker exes; kill $!";
    let said = siege.holds(|| siege.house.run_once(&[], &["/bin/sh", "-c", script]));
    for done in ["chmod", "chown", "fchmod", "utimensat", "setxattr", "link"] {
        assert!(said.out.contains(&format!("{done} /proc/")), "{done}: {said:?}");
    }
    assert_eq!(fs::metadata(victim).unwrap().mode() & 0o777, 0o777);
}

/// The command is our own file, which waits in there for what it executes: the attack. (A script of that kind is refused, see
/// below.)
#[test]
fn our_own_file_cannot_be_changed_from_inside() {
    let Some(siege) = Siege::build() else { return };
    let before = state(&siege.house.tinyo);
    siege.house.file("bin/self", 0o755, "");
    siege.link("bin/self", "/proc/self/exe");
    for who in WHO {
        for command in ["/proc/self/exe", "/bin/self", "/proc/1/exe", "/proc/thread-self/exe", "/dev/fd/../exe"] {
            let words = [command, "init", "-s", "--", "/bin/attacker", "exes"];
            let script = siege.house.command(who, &words);
            let said = siege.holds(|| ended(script));
            assert_eq!(state(&siege.house.tinyo), before, "{who:?} {command}: the host's file was changed: {said:?}");
            nothing_done(&said.out, who);
        }
    }
}

/// Beside the attack, and by a descriptor, of which the kernel gives the interpreter a name that the shield has used too.
#[test]
fn a_script_of_our_own_file_is_refused() {
    let Some(siege) = Siege::build() else { return };
    let before = state(&siege.house.tinyo);
    siege.house.file("evil", 0o755, "#!/proc/self/exe init\n");
    for who in WHO {
        let said = siege.holds(|| siege.house.run_once(who, &["/evil"]));
        said.fails(126, REFUSED);
        // PID 1 is our own file where there is a reaper, and the chain could begin from any program.
        if !who.contains(&"--init=false") {
            let line = "#!/proc/1/exe init\n";
            siege.house.file("by-first", 0o755, line);
            let said =
                siege.holds(|| siege.house.run_once(who, &["/bin/sh", "-c", "/by-first; attacker exes /bin/busybox"]));
            nothing_done(&said.out, who);
        }
        let words = format!("exec $tinyo run --preserve-fds 1 {} $root /dev/fd/3 3<$root/evil", who.join(" "));
        let said = siege.holds(|| ended(siege.house.host(&words)));
        said.fails(126, &REFUSED.replace("/evil", "/dev/fd/3"));
        assert_eq!(state(&siege.house.tinyo), before, "{who:?}");
    }
}

/// Launched while it attacks from the same image, over and over; and the reaper is there all the time.
#[test]
fn launches_beside_an_attacker_give_nothing() {
    let Some(siege) = Siege::build() else { return };
    let before = state(&siege.house.tinyo);
    siege.link("bin/self", "/proc/self/exe");
    siege.house.file("both", 0o755, "#!/bin/sh\nattacker exes /bin/busybox & sleep 0.4\n");
    for who in WHO {
        siege.holds(|| {
            let said = siege.house.run_once(who, &["/bin/self", "init", "-s", "--", "/both"]);
            nothing_done(&said.out, who);
        });
        assert_eq!(state(&siege.house.tinyo), before, "{who:?}: the host's file was changed");
    }
}

/// Linux 6.15 lets who may mount clone a mount that is attached nowhere: the clone of a read-only clone could be made
/// writable. Who may mount is root of the host by other ways too (a devtmpfs), so this is what a shield can do at most.
#[test]
fn the_shield_does_not_come_off_for_who_may_mount() {
    let Some(siege) = Siege::build() else { return };
    let before = state(&siege.house.tinyo);
    let said = siege.calls(
        &["--cap-add=ALL"],
        "open_tree -100 @/proc/1/exe 0x1 , mount_setattr % @ 0x1000 [0:1:0:0] 32 , openat %0 @ 0x1001 , open @/proc/1/exe 1",
    );
    assert_eq!(state(&siege.house.tinyo), before);
    assert!(said[3].ends_with("EROFS") || said[3].ends_with("ETXTBSY"), "{said:?}");
    assert!(said[0].ends_with("EINVAL"), "{said:?}");
}
