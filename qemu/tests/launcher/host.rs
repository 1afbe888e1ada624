//! Places on a host that are not like the others: its own root, a mount point, shared mounts, a directory that is gone.

use std::fs;

use crate::house::{House, ended};

#[test]
fn the_hosts_own_root_can_be_the_root() {
    let Some(house) = House::build() else { return };
    let run = |words: &[&str]| house.clean(|| ended(house.tinyo(words)));
    run(&["run", "/", "/bin/true"]).says("");
    let said =
        run(&["run", "/", "/bin/sh", "-c", "echo $$; ls /proc | grep -c '^[0-9]'; cat /etc/hostname 2>/dev/null"]);
    assert!(said.out.starts_with("2\n"), "{said:?}");
    let host = fs::read_dir("/").unwrap().count();
    let said = run(&["run", "--read-only", "/", "/bin/sh", "-c", "ls -A / | wc -l; touch /etc/x /usr/x"]);
    assert_eq!(said.out.trim().parse::<usize>().unwrap(), host, "{said:?}");
    assert_eq!(said.err.matches("Read-only file system").count(), 2, "{said:?}");
    // The host's mounts come along in a root that has them, but none of the host's proc.
    let said =
        run(&["run", "--init=false", "/", "/bin/sh", "-c", "readlink /proc/self | tr -d '\\n'; ls /sys/class/net"]);
    assert!(said.out.ends_with("lo\n"), "{said:?}");
    run(&["run", "/", "/not/there"]).fails(
        127,
        "run: run /not/there: no such file or directory; is it in the image, and its interpreter or loader too?",
    );
}

#[test]
fn a_root_can_be_a_mount_point() {
    let Some(house) = House::build() else { return };
    let check = "$tinyo run $root /bin/sh -c 'cat /mark; grep -c . /proc/self/mountinfo >/dev/null; echo in'";
    for script in [
        format!("mount --bind $root $root && echo bound >$root/mark && {check}"),
        format!("mount -t tmpfs none $root/tmp && echo bound >$root/mark && {check} && umount $root/tmp"),
        format!("mount --bind $root $root && echo bound >$root/mark && mount -o remount,bind,ro $root && {check}"),
        format!("mount --bind $root $root && echo bound >$root/mark && mount --make-unbindable $root; true && {check}"),
    ] {
        let said = house
            .clean_but_tree(|| ended(house.host(&format!("exec $busybox unshare -m sh -c '{}'", quoted(&script)))));
        assert!(
            said.code == 0 && said.out == "bound\nin\n" || script.contains("unbindable") && said.code == 125,
            "{script}: {said:?}"
        );
        if said.code != 0 {
            assert_eq!(said.err.lines().count(), 1, "{said:?}");
        }
    }
}

/// For a word in single quotes.
fn quoted(script: &str) -> String {
    script.replace('\'', "'\\''")
}

/// Without private propagation every mount of a container would be the host's.
#[test]
fn on_shared_mounts_nothing_comes_out() {
    let Some(house) = House::build() else { return };
    let data = house.directory("data").display().to_string();
    fs::create_dir(house.root().join("mnt")).unwrap();
    let inside = format!(
        "mount --make-rshared / && cat /proc/self/mountinfo >/tmp/before.$$ && \
         $tinyo run --privileged -v {data}:/mnt --tmpfs /tmp $root /bin/sh -c \"mount -t tmpfs none /mnt; mkdir /mnt/x; echo in\"; \
         $tinyo run $root /bin/true; $tinyo run $root /not/there; $tinyo run / /bin/true; \
         cat /proc/self/mountinfo >/tmp/after.$$; cmp /tmp/before.$$ /tmp/after.$$; echo $?; rm /tmp/before.$$ /tmp/after.$$"
    );
    let said = house.clean(|| ended(house.host(&format!("exec $busybox unshare -m sh -c '{inside}'"))));
    assert_eq!(said.out, "in\n0\n", "{said:?}");
    assert!(said.err.lines().count() == 1 && said.err.contains("/not/there"), "{said:?}");
}

/// What is mounted on the host meanwhile does not come in, and does not keep it busy.
#[test]
fn on_shared_mounts_nothing_comes_in() {
    let Some(house) = House::build() else { return };
    fs::create_dir(house.root().join("mnt")).unwrap();
    let inside = "mount --make-rshared /; mkfifo $root/go; \
                  $tinyo run $root /bin/sh -c \"read x </go; ls /mnt; grep -c later /proc/self/mountinfo\" & \
                  mount -t tmpfs later $root/mnt && touch $root/mnt/seen; echo go >$root/go; wait; umount $root/mnt; echo $?";
    // The mount comes while the container waits, or before it has copied its mounts: only then it may be seen.
    let said = house.clean_but_tree(|| {
        ended(
            house.host(
                &format!("exec $busybox unshare -m sh -c '{inside}'")
                    .replace("& \\", "& sleep 0.3; \\")
                    .replace("& mount", "& sleep 0.4; mount"),
            ),
        )
    });
    assert_eq!(said.out, "0\n0\n", "{said:?}");
}

#[test]
fn the_callers_directory_may_be_gone() {
    let Some(house) = House::build() else { return };
    let script = "mkdir /tmp/gone.$$; cd /tmp/gone.$$; rmdir /tmp/gone.$$; exec $tinyo run $root /bin/pwd";
    house.clean(|| ended(house.host(script))).says("/\n");
}

#[test]
fn a_relative_root_is_the_callers() {
    let Some(house) = House::build() else { return };
    for script in [
        "cd $root/..; exec $tinyo run root /bin/pwd",
        "cd $root; exec $tinyo run . /bin/pwd",
        "cd $root/bin; exec $tinyo run .. /bin/pwd",
    ] {
        house.clean(|| ended(house.host(script))).says("/\n");
    }
}

/// Where there is no /proc, the shield cannot be raised: said, not passed over.
#[test]
fn without_proc_it_says_so() {
    let Some(house) = House::build() else { return };
    let script = "exec $busybox unshare -m sh -c 'umount -l /proc 2>/dev/null; exec $tinyo run $root /bin/true'";
    let said = ended(house.host(script));
    said.fails(125, "run: shielding the executable: statfs: no such file or directory; is /proc mounted?");
}

/// A tinyo on a read-only file system needs no clone of itself.
#[test]
fn a_read_only_binary_works() {
    let Some(house) = House::build() else { return };
    let script = "exec $busybox unshare -m sh -c 'mount --bind $tinyo $tinyo && mount -o remount,bind,ro $tinyo && \
                  exec $tinyo run $root /bin/echo in'";
    house.clean(|| ended(house.host(script))).says("in\n");
}

/// Namespaces cannot be had without end: that is an error like any other.
#[test]
fn limits_of_the_caller_are_errors_not_hangs() {
    let Some(house) = House::build() else { return };
    for limit in ["ulimit -n 3", "ulimit -n 4", "ulimit -n 6", "ulimit -n 8"] {
        let said = house.clean(|| ended(house.host(&format!("{limit}; exec $tinyo run $root /bin/echo in"))));
        let worked = said.code == 0 && said.out == "in\n";
        assert!(worked || said.code == 125 && said.err.lines().count() == 1, "{limit}: {said:?}");
    }
}
