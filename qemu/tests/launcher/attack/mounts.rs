//! What the launcher has mounted stays as it has mounted it, and no device of the host's opens.

use std::{fs, process::Command};

use super::Siege;

/// Roots and users that might be told apart: only the first has any capability.
const WHO: [&[&str]; 3] = [&[], &["--user=1000:1000"], &["--init=false", "--read-only"]];

#[test]
fn masks_and_read_only_paths_cannot_be_lifted() {
    let Some(siege) = Siege::build() else { return };
    const REMOUNT: &str = "0x20"; // MS_REMOUNT, and with it no MS_RDONLY
    let mut calls = Vec::new();
    let paths = "/proc/sys /proc/sysrq-trigger /proc/kcore /proc/keys /proc/bus /sys /sys/firmware /proc /dev /";
    for path in paths.split(' ').filter(|path| fs::metadata(path).is_ok()) {
        calls.push(format!("umount2 @{path} 0"));
        calls.push(format!("umount2 @{path} 2"));
        calls.push(format!("mount 0 @{path} 0 {REMOUNT} 0"));
        calls.push(format!("mount 0 @{path} 0 0x1020 0")); // MS_BIND too: of this mount alone
        calls.push(format!("mount @{path} @/tmp 0 0x2000 0")); // MS_MOVE
        calls.push(format!("mount @{path} @/tmp 0 0x5000 0")); // MS_BIND | MS_REC
        calls.push(format!("mount 0 @{path} 0 0x100000 0")); // MS_SHARED
        calls.push(format!("move_mount -100 @{path} -100 @/tmp 0"));
        calls.push(format!("open_tree -100 @{path} 0x1")); // OPEN_TREE_CLONE
        calls.push(format!("mount_setattr -100 @{path} 0x8000 [0:1:0:0] 32")); // clears MOUNT_ATTR_RDONLY
        calls.push(format!("fspick -100 @{path} 0"));
        calls.push(format!("pivot_root @{path} @/tmp"));
    }
    let calls: Vec<_> = calls.iter().map(String::as_str).collect();
    for who in WHO {
        siege.refused(who, &calls, &["EPERM", "ENOSYS"]);
    }
}

#[test]
fn nothing_new_is_mounted() {
    let Some(siege) = Siege::build() else { return };
    let mut calls = Vec::new();
    for kind in [
        "proc",
        "sysfs",
        "tmpfs",
        "devtmpfs",
        "devpts",
        "cgroup",
        "cgroup2",
        "mqueue",
        "debugfs",
        "binfmt_misc",
        "overlay",
        "ext4",
    ] {
        calls.push(format!("mount @none @/tmp @{kind} 0 0"));
        calls.push(format!("fsopen @{kind} 0"));
    }
    calls.extend(["mount @/dev/loop0 @/tmp @ext4 1 0", "swapon @/bin/busybox 0", "fsmount 3 0 0"].map(str::to_owned));
    let calls: Vec<_> = calls.iter().map(String::as_str).collect();
    for who in WHO {
        siege.refused(who, &calls, &["EPERM", "ENOSYS"]);
    }
}

/// In every place that takes a file, as whoever can make one there.
#[test]
fn no_device_can_be_made_anywhere() {
    let Some(siege) = Siege::build() else { return };
    let data = siege.house.directory("data");
    let volume = format!("--volume={}:/mnt", data.display());
    let mut calls = Vec::new();
    for place in
        ["", "/dev", "/dev/shm", "/dev/pts", "/dev/mqueue", "/tmp", "/run", "/scratch", "/mnt", "/proc", "/sys"]
    {
        // S_IFBLK and S_IFCHR: loop0, the first disk, memory, the kernel's log
        for node in ["0x61b6 0x700", "0x61b6 0xfe00", "0x21b6 0x101", "0x21b6 0x10b"] {
            calls.push(format!("mknod @{place}/node {node}"));
        }
    }
    let calls: Vec<_> = calls.iter().map(String::as_str).collect();
    for who in [&[][..], &["--read-only"], &["--user=1000:1000"]] {
        let options: Vec<_> = ["--tmpfs=/scratch", &volume].into_iter().chain(who.iter().copied()).collect();
        siege.refused(&options, &calls, &["EPERM", "ENOSYS", "EROFS", "EACCES", "ENOENT"]);
    }
}

/// Those that are there already: of the image, of a volume, under a volume, and those of the container's own /dev.
#[test]
fn no_device_of_the_hosts_opens() {
    let Some(siege) = Siege::build() else { return };
    let data = siege.house.directory("data");
    for (place, node) in
        [(siege.house.root(), "disk"), (data.clone(), "disk"), (siege.house.root().join("etc"), "disk")]
    {
        for (name, kind, numbers) in [(node, "b", ["7", "0"]), ("memory", "c", ["1", "1"]), ("null", "c", ["1", "3"])] {
            let made = Command::new("mknod").arg(place.join(name)).arg(kind).args(numbers).status().unwrap();
            assert!(made.success());
        }
    }
    let volume = format!("--volume={}:/mnt", data.display());
    let script = "for file in /disk /memory /null /etc/disk /etc/null /mnt/disk /mnt/memory /mnt/null; do \
                  ( : <$file ) 2>/dev/null && echo opens $file; ( : >>$file ) 2>/dev/null && echo writes $file; \
                  cp -a $file /tmp/copy 2>/dev/null && ( : </tmp/copy ) 2>/dev/null && echo copies $file; \
                  ln $file /tmp/link 2>/dev/null && ( : </tmp/link ) 2>/dev/null && echo links $file; \
                  mv $file /dev/moved 2>/dev/null && ( : </dev/moved ) 2>/dev/null && echo moves $file; done; echo done";
    for who in [&[][..], &["--init=false"], &["--user=1000:1000"], &["--network=host"]] {
        let options: Vec<_> = [volume.as_str()].into_iter().chain(who.iter().copied()).collect();
        assert_eq!(siege.shell(&options, script).out, "done\n", "{who:?}");
    }
    // What the container has itself is harmless: no block device, and no other character device.
    let said = siege.shell(&[], "find / -xdev -type b; find /dev -type b; find /dev -type c | sort | tr '\\n' ' '");
    let own = "/dev/full /dev/null /dev/pts/ptmx /dev/random /dev/tty /dev/urandom /dev/zero ";
    assert_eq!(said.out.lines().next_back().unwrap().trim_end(), own.trim_end(), "{said:?}");
}

/// A file of an image on a file system of its own has handles: CAP_DAC_READ_SEARCH opens any file of that file system (shocker.c).
#[test]
fn file_handles_open_nothing() {
    let Some(siege) = Siege::build() else { return };
    for who in [&[][..], &["--user=1000:1000"], &["--network=host"]] {
        siege.refused(
            who,
            &[
                "open_by_handle_at -100 [8:0:0:0] 0",
                "open_by_handle_at 0 [8:0:0:0] 0x10000",
                "chroot @/proc/1/root",
                "acct @/tmp/acct",
            ],
            &["EPERM", "ENOSYS", "EACCES"],
        );
    }
}
