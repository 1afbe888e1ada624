//! /dev of a container: what is documented, and no more.

use std::process::Command;

use crate::house::House;

#[test]
fn dev_is_exactly_as_documented() {
    let Some(house) = House::build() else { return };
    let said = house.shell(&[], "cd /dev; stat -c '%n %F %a %u:%g %t:%T' * | sort");
    said.says(
        "fd symbolic link 777 0:0 0:0\n\
         full character special file 666 0:0 1:7\n\
         mqueue directory 1777 0:0 0:0\n\
         null character special file 666 0:0 1:3\n\
         ptmx symbolic link 777 0:0 0:0\n\
         pts directory 755 0:0 0:0\n\
         random character special file 666 0:0 1:8\n\
         shm directory 1777 0:0 0:0\n\
         stderr symbolic link 777 0:0 0:0\n\
         stdin symbolic link 777 0:0 0:0\n\
         stdout symbolic link 777 0:0 0:0\n\
         tty character special file 666 0:0 5:0\n\
         urandom character special file 666 0:0 1:9\n\
         zero character special file 666 0:0 1:5\n",
    );
    house
        .shell(&[], "cd /dev; for link in fd stdin stdout stderr ptmx; do readlink $link; done")
        .says("/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\npts/ptmx\n");
    house.shell(&[], "stat -c '%a %u:%g' /dev").says("755 0:0\n");
}

#[test]
fn its_devices_work() {
    let Some(house) = House::build() else { return };
    house.shell(&[], "echo x >/dev/null; wc -c </dev/null").says("0\n");
    house.shell(&[], "head -c 3 /dev/zero | od -An -tx1").says(" 00 00 00\n");
    house.shell(&[], "head -c 64 /dev/urandom | wc -c; head -c 1 /dev/random | wc -c").says("64\n1\n");
    let said = house.shell(&[], "echo x >/dev/full");
    assert_eq!(said.err, "sh: write error: No space left on device\n");
    let said = house.shell(&[], "exec 3</dev/tty");
    assert!(said.err.contains("can't open /dev/tty: No such device or address"), "{said:?}");
    house.shell(&[], "echo out >/dev/stdout; echo err >/dev/stderr").is(0, "out\n", "err\n");
    house.shell(&[], "touch /dev/x && test -f /dev/x").says("");
}

/// A terminal of its own file system, owned as terminals are.
#[test]
fn its_terminals_are_its_own() {
    let Some(house) = House::build() else { return };
    house.shell(&[], "ls /dev/pts").says("ptmx\n");
    house.shell(&[], "exec 3<>/dev/ptmx; ls /dev/pts; stat -c '%a %u:%g' /dev/pts/0").says("0\nptmx\n620 0:5\n");
    house.shell(&["--user", "7:8"], "exec 3<>/dev/ptmx; stat -c '%a %u:%g' /dev/pts/0").says("620 7:5\n");
}

/// Nothing opens a device of the host's: no node can be made, and one that is in the image already does not open.
#[test]
fn no_node_can_be_made_and_none_of_the_image_opens() {
    let Some(house) = House::build() else { return };
    house.shell(&[], "mknod /dev/disk b 254 0").is(1, "", "mknod: /dev/disk: Operation not permitted\n");
    assert!(Command::new("mknod").arg(house.root().join("null")).args(["c", "1", "3"]).status().unwrap().success());
    house.shell(&[], "cat /null").is(1, "", "cat: can't open '/null': Permission denied\n");
    house.shell(&["--cap-add", "MKNOD", "--tmpfs", "/tmp"], "mknod /tmp/null c 1 3; cat /tmp/null").is(
        1,
        "",
        "cat: can't open '/tmp/null': Permission denied\n",
    );
    house.shell(&["--privileged"], "cat /null").says("");
}

/// With MKNOD a node can be made, as with docker, but what it would open stays shut; what belongs on /dev opens.
#[test]
fn a_node_that_is_made_opens_nothing() {
    let Some(house) = House::build() else { return };
    for options in
        [&["--cap-add", "MKNOD"][..], &["--cap-add=ALL", "--cap-drop=SYS_ADMIN", "--device", "/dev/zero:/dev/mine"]]
    {
        for (place, kind) in [("/dev", "b 7 0"), ("/dev", "c 1 3"), ("/dev/shm", "c 1 3"), ("/tmp", "c 1 3")] {
            let node = format!("{place}/made");
            let said = house
                .run_changing(options, &["/bin/sh", "-c", &format!("mknod {node} {kind} && cat {node}; rm {node}")]);
            assert_eq!(said.err, format!("cat: can't open '{node}': Permission denied\n"), "{options:?}");
        }
        let works = "for node in zero urandom random full; do head -c 1 /dev/$node | wc -c; done; echo x >/dev/null; \
                     [ -e /dev/mine ] && head -c 2 /dev/mine | wc -c; ls /dev; stat -c '%a %F' /dev/null";
        let said = house.shell(options, works);
        assert!(said.out.starts_with("1\n1\n1\n1\n") && said.out.ends_with("666 character special file\n"), "{said:?}");
        assert_eq!(said.out.contains("2\n"), options.len() > 2, "{said:?}");
    }
}

#[test]
fn a_device_of_the_hosts_is_bound() {
    let Some(house) = House::build() else { return };
    let full = "stat -c '%F %t:%T' $DEV; echo x >$DEV";
    let link = house.beside("link");
    std::os::unix::fs::symlink("/dev/full", &link).unwrap();
    let link = format!("{}:/dev/linked:rw", link.display());
    for (device, inside) in [
        ("/dev/full:/dev/mine", "/dev/mine"),
        ("/dev/full:/dev/a/b/c:rwm", "/dev/a/b/c"),
        ("/dev/full", "/dev/full"),
        (&link, "/dev/linked"),
    ] {
        let name = format!("DEV={inside}");
        house.shell(&["--device", device, "-e", &name], full).is(
            1,
            "character special file 1:7\n",
            "sh: write error: No space left on device\n",
        );
    }
    if std::path::Path::new("/dev/loop0").exists() {
        let script = "stat -c '%F %t:%T' /dev/disk; exec 3<>/dev/disk && echo open";
        house.shell(&["--device=/dev/loop0:/dev/disk"], script).says("block special file 7:0\nopen\n");
    }
    // It is there for whoever its mode lets, and only by that name.
    house.shell(&["--device=/dev/full:/dev/mine", "-u", "7:7"], "head -c 1 /dev/mine | wc -c").says("1\n");
}

#[test]
fn what_is_no_device_is_named() {
    let Some(house) = House::build() else { return };
    let file = house.beside("file");
    std::fs::write(&file, "").unwrap();
    let run = |device: &str| house.run(&["--device", device], &["/bin/true"]);
    run("/dev/nothing").fails(
        125,
        "run: bind device /dev/nothing on /dev/nothing: no such file or directory; is it there, and its driver loaded?",
    );
    let file = file.display().to_string();
    run(&format!("{file}:/dev/x"))
        .fails(125, &format!("run: bind device {file} on /dev/x: invalid argument; the source must be a device"));
    for wrong in ["null", "/dev/full:/tmp/x", "/dev/full:/dev/../x", "/dev/full:r", "/dev/full:/dev/", ""] {
        let shown = if wrong.is_empty() { "\"\"" } else { wrong };
        run(wrong).fails(
            125,
            &format!(
                "run: --device: {shown} is no device; write /dev/NAME or /SOURCE:/dev/TARGET, for reading and writing"
            ),
        );
    }
    // What is there already and no node, stays.
    for taken in ["/dev/full:/dev/fd/x", "/dev/full:/dev/null/x", "/dev/full:/dev/shm"] {
        let said = run(taken);
        assert_eq!((said.code, said.err.lines().count()), (125, 1), "{taken}: {said:?}");
    }
}
