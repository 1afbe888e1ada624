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
