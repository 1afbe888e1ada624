//! `tinyo run` as an ordinary user: a user namespace with one id, the caller's.

use std::{
    fs,
    io::Read,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown, lchown, symlink},
        process::CommandExt,
    },
    path::Path,
    process::{Command, Stdio},
};

use nix::sys::signal::{Signal, kill};

use crate::{
    escape::{attacker, state},
    first::first,
    house::{Ended, House, ended, finish, pid, soon, tree},
};

/// The caller, who is nobody that this host knows, and the group.
pub const CALLER: u32 = 51_000;
pub const GROUP: u32 = 51_001;

/// An image that is the caller's.
pub fn owned() -> Option<House> {
    let house = House::build()?;
    give(&house.root());
    Some(house)
}

/// `top` and all under it are the caller's.
pub fn give(top: &Path) {
    lchown(top, Some(CALLER), Some(GROUP)).unwrap();
    if top.is_dir() {
        tree(top).keys().for_each(|path| lchown(path, Some(CALLER), Some(GROUP)).unwrap());
    }
}

pub fn as_caller(mut command: Command) -> Command {
    command.uid(CALLER).gid(GROUP);
    command
}

#[track_caller]
fn run(house: &House, options: &[&str], command: &[&str]) -> Ended {
    house.clean(|| ended(as_caller(house.command(options, command))))
}

#[track_caller]
fn shell(house: &House, options: &[&str], script: &str) -> Ended {
    run(house, options, &["/bin/sh", "-c", script])
}

const WHO: &str = "set -- $(grep -E 'Uid|Gid' /proc/self/status); echo $2 $7 $HOME; grep -c . /proc/self/uid_map; \
                   sed 's/  */ /g' /proc/self/uid_map /proc/self/gid_map; cat /proc/self/setgroups";

#[test]
fn root_inside_is_the_caller() {
    let Some(house) = owned() else { return };
    shell(&house, &[], WHO).says(&format!("0 0 /\n1\n 0 {CALLER} 1\n 0 {GROUP} 1\ndeny\n"));
    let script = "touch /tmp/x && mkdir /tmp/d && chown 0:0 /tmp/x && ls -ln /tmp | awk 'NR>1{print $3, $4}'";
    let said = house.clean_but_tree(|| ended(as_caller(house.command(&[], &["/bin/sh", "-c", script]))));
    said.says("0 0\n0 0\n");
    for name in ["tmp/x", "tmp/d"] {
        let status = fs::metadata(house.root().join(name)).unwrap();
        assert_eq!((status.uid(), status.gid()), (CALLER, GROUP), "{name}");
    }
}

#[test]
fn a_user_of_the_image_is_the_caller() {
    let Some(house) = owned() else { return };
    house.file("etc/passwd", 0o644, "app:x:1000:1001::/home/app:/bin/sh\n");
    house.file("etc/group", 0o644, "video:x:44:app\n");
    give(&house.root());
    for (user, who, uid, gid) in [
        ("1000", "1000 1001 /home/app", 1000, 1001),
        ("app", "1000 1001 /home/app", 1000, 1001),
        ("app:video", "1000 44 /home/app", 1000, 44),
        ("77:88", "77 88 /", 77, 88),
        ("77", "77 77 /", 77, 77),
        ("0", "0 0 /", 0, 0),
    ] {
        let said = shell(&house, &["--user", user], WHO);
        said.says(&format!("{who}\n1\n {uid} {CALLER} 1\n {gid} {GROUP} 1\ndeny\n"));
    }
    run(&house, &["-v/tmp:/mnt:idmap,ro"], &["/bin/true"])
        .fails(125, "run: --volume /tmp:/mnt:idmap,ro: only root can map the ids of a volume; leave :idmap out");
    // Nobody else is there, and without root no right is.
    shell(&house, &["--user", "app"], "grep CapEff /proc/self/status; touch /dev/shm/x; stat -c %u:%g /dev/shm/x")
        .says("CapEff:\t0000000000000000\n1000:1001\n");
    let hint = "no such file or directory; is it in the passwd or group file there, and /proc mounted?";
    run(&house, &["--user", "nobody"], &["/bin/true"])
        .fails(125, &format!("run: map user nobody to {CALLER}:{GROUP}: {hint}"));
}

/// A link in the image is not followed to the host's tables.
#[test]
fn a_table_is_looked_up_inside_the_image() {
    let Some(house) = owned() else { return };
    let outside = house.beside("passwd");
    fs::write(&outside, "app:x:7:7::/:/bin/sh\n").unwrap();
    for target in [outside.display().to_string(), "../../passwd".into(), "/proc/self/cwd/etc/passwd".into()] {
        let path = house.root().join("etc/passwd");
        std::os::unix::fs::symlink(target, &path).unwrap();
        assert_eq!(run(&house, &["--user", "app"], &["/bin/true"]).code, 125);
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn it_is_as_confined_as_roots() {
    let Some(house) = owned() else { return };
    let script = "hostname; ls /sys/class/net; grep -E 'CapEff|CapBnd|NoNewPrivs' /proc/self/status; ls /proc | grep -c '^[0-9]'; \
                  cat /proc/kcore /proc/keys | wc -c; ping -c 1 -W 2 127.0.0.1 >/dev/null && echo up; \
                  mknod /tmp/n c 1 3 2>/dev/null || echo no nodes; mount -t tmpfs none /tmp 2>/dev/null || echo no mounts; \
                  echo 1 2>/dev/null >/proc/sys/vm/drop_caches || echo no settings; umount /proc/kcore 2>/dev/null || echo masked; \
                  kill -9 -1; echo $?";
    let said = shell(&house, &["--hostname", "box"], script);
    let lines = said.out.lines().take(5).collect::<Vec<_>>();
    let caps = "00000000a00425fb";
    assert_eq!(lines[..2], ["box", "lo"], "{said:?}");
    assert_eq!(
        lines[2..],
        [&format!("CapEff:\t{caps}"), &format!("CapBnd:\t{caps}"), "NoNewPrivs:\t1"].map(|x| x.to_string())
    );
    for line in ["0\nup\n", "no nodes\n", "no mounts\n", "no settings\n", "masked\n"] {
        assert!(said.out.contains(line), "{line}: {said:?}");
    }
    assert!(Path::new("/proc/self").exists());
}

#[test]
fn its_devices_work() {
    let Some(house) = owned() else { return };
    let script = "ls /dev | tr '\\n' ' '; for n in null zero full random urandom tty; do stat -c %t:%T /dev/$n; done; \
                  head -c 4 /dev/zero | od -An -tx1; head -c 9 /dev/urandom | wc -c; echo x >/dev/null; \
                  echo x 2>/dev/null >/dev/full || echo full; rm /dev/null 2>/dev/null || echo stays; \
                  stat -c %a /dev/shm /dev/mqueue; grep ' /dev/pts ' /proc/mounts | grep -c gid=";
    let said = shell(&house, &[], script);
    let nodes = "1:3\n1:5\n1:7\n1:8\n1:9\n5:0\n";
    let names = "fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero ";
    said.is(1, &format!("{names}{nodes} 00 00 00 00\n9\nfull\nstays\n1777\n1777\n0\n"), "");
}

#[test]
fn read_only_and_volumes_hold() {
    let Some(house) = owned() else { return };
    let (data, foreign) = (house.directory("data"), house.directory("foreign"));
    fs::write(data.join("file"), "text\n").unwrap();
    fs::create_dir(house.root().join("mnt")).unwrap();
    give(&data);
    give(&house.root());
    let volume = |source: &Path, mode: &str| format!("-v{}:/mnt{mode}", source.display());
    shell(&house, &["--read-only"], "touch /x 2>/dev/null || touch /tmp/y && echo held").says("held\n");
    shell(&house, &[&volume(&data, ":ro")], "cat /mnt/file; touch /mnt/x 2>/dev/null || echo held")
        .says("text\nheld\n");
    shell(&house, &[&volume(&data, "")], "touch /mnt/new").says("");
    assert_eq!(fs::metadata(data.join("new")).unwrap().uid(), CALLER);
    // Root inside is nobody to what is another's.
    shell(&house, &[&volume(&foreign, "")], "touch /mnt/x 2>/dev/null || stat -c %u /mnt").says("65534\n");
    shell(&house, &["--tmpfs", "/mnt:size=4k,mode=700"], "touch /mnt/x; stat -c %a:%u /mnt").says("700:0\n");
    // What the source's mounts forbid stays forbidden, with what is added to it.
    shell(&house, &["-v/proc:/mnt:ro"], "grep ' /mnt proc' /proc/mounts | cut -d ' ' -f 4 | cut -d , -f 1")
        .says("ro\n");
}

#[test]
fn networks_are_as_they_are_for_root() {
    let Some(house) = owned() else { return };
    let host = fs::read_link("/proc/self/ns/net").unwrap().display().to_string();
    let script = "readlink /proc/self/ns/net; test -d /sys/class/net/lo; touch /sys/x 2>&1 | sed 's/.*: //'; \
                  for path in $(sed -n 's,^[^ ]* \\(/sys[^ ]*\\) [^ ]* rw.*,\\1,p' /proc/mounts); do echo $path; done";
    shell(&house, &["--network", "host"], script).says(&format!("{host}\nRead-only file system\n"));
    assert_ne!(shell(&house, &[], script).lines()[0], host);
    shell(&house, &["--network", "host", "--privileged"], "id -u").says("0\n");
}

#[test]
fn it_ends_as_its_command_ends() {
    let Some(house) = owned() else { return };
    house.file("plain", 0o644, "no program");
    give(&house.root());
    for options in [&[][..], &["--init=false"], &["--privileged"]] {
        assert_eq!(shell(&house, options, "exit 7").code, 7);
        assert_eq!(run(&house, options, &["/plain"]).code, 126);
        assert_eq!(run(&house, options, &["/not/there"]).code, 127);
    }
    assert_eq!(shell(&house, &[], "kill -9 $$").code, 137);
    house.clean(|| {
        let script = "trap 'exit 5' TERM; echo up; while :; do usleep 9000; done";
        let mut command = as_caller(house.command(&[], &["/bin/sh", "-c", script]));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut up = [0; 3];
        child.stdout.as_mut().unwrap().read_exact(&mut up).unwrap();
        kill(pid(&child), Signal::SIGTERM).unwrap();
        finish(child).is(5, "", "");
        // Killed itself, it takes everything along.
        let mut child = as_caller(house.command(&[], &["/bin/sleep", "1000"])).spawn().unwrap();
        let children = format!("/proc/{0}/task/{0}/children", child.id());
        soon("its container is there", || fs::read_to_string(&children).is_ok_and(|list| !list.is_empty()));
        let inner = first(&child);
        child.kill().unwrap();
        child.wait().unwrap();
        soon("the container is gone", || fs::metadata(format!("/proc/{inner}")).is_err());
    });
}

/// Under an overlay it can be root's, and what is removed is gone.
#[test]
fn an_overlay_lies_over_anybodys_image() {
    let script = "rm -r /etc/d && mkdir /etc/d && ls -A /etc/d && rm /bin/cat && touch /new && stat -c %u / /new";
    for house in [House::build(), owned()].into_iter().flatten() {
        house.file("etc/d/e", 0o644, "");
        let layer = house.directory("layer");
        give(&layer);
        let roots = fs::metadata(house.root()).unwrap().uid() == 0;
        if !roots {
            give(&house.root());
        }
        for overlay in ["tmpfs", layer.to_str().unwrap()] {
            // Directories of root's in it are not the caller's to write to.
            let script = if roots { "touch /new && stat -c %u / /new" } else { script };
            shell(&house, &["--overlay", overlay], script).says("0\n0\n");
        }
        shell(&house, &["--overlay", layer.to_str().unwrap()], "ls -A /new /etc/d").says(if roots {
            "/new\n\n/etc/d:\ne\n"
        } else {
            "/new\n\n/etc/d:\n"
        });
    }
}

#[test]
fn what_is_not_the_callers_is_named() {
    let Some(house) = House::build() else { return };
    // Root's image: its files can be used, but no mount point be made in it.
    shell(&house, &[], "touch /x 2>/dev/null || id -u").says("0\n");
    let hint = "permission denied; is the root the caller's to read, and to make the mount point in?";
    run(&house, &["--tmpfs", "/new"], &["/bin/true"]).fails(125, &format!("run: mount tmpfs on /new: {hint}"));
    run(&house, &["--userns", "host"], &["/bin/true"])
        .fails(125, "run: --userns host: only root can share the host's ids; leave it out");
    fs::set_permissions(house.root(), fs::Permissions::from_mode(0o700)).unwrap();
    let dev = "mount tmpfs on /dev (null zero full random urandom tty, fd and standard links, pts, shm, mqueue)";
    run(&house, &[], &["/bin/true"]).fails(125, &format!("run: {dev}: {hint}"));
}

/// CVE-2019-5736: root inside may be who the file belongs to. (A copy in memory may be changed, as it is nobody's.)
#[test]
fn the_callers_own_binary_is_not_reached() {
    let Some(house) = owned() else { return };
    attacker(&house);
    symlink("/proc/self/exe", house.root().join("self")).unwrap();
    give(&house.root());
    for (owner, mode, options) in [
        (CALLER, 0o755, &[][..]),
        (CALLER, 0o755, &["--init=false", "--cap-add=ALL"]),
        (0, 0o777, &[]),
        (0, 0o755, &[]),
    ] {
        chown(&house.tinyo, Some(owner), Some(GROUP)).unwrap();
        fs::set_permissions(&house.tinyo, fs::Permissions::from_mode(mode)).unwrap();
        let before = state(&house.tinyo);
        let command = ["/self", "init", "-s", "--", "/attack"];
        let said = house.clean_but_tree(|| ended(as_caller(house.command(options, &command))));
        assert_eq!(state(&house.tinyo), before, "{owner} {mode:o} {options:?}: {said:?}");
        let tried = said.out.contains("tried") && !said.out.contains("tried 0");
        assert!(tried || said.err.starts_with("tinyo: "), "{said:?}");
    }
}
