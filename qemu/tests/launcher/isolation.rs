//! A container sees its own processes, mounts, names and interfaces, and nothing of the host's.

use std::fs;

use crate::house::{House, ended};

#[test]
fn it_sees_its_own_processes_only() {
    let Some(house) = House::build() else { return };
    let pids = |options: &[&str]| {
        let said = house.run(options, &["/bin/ls", "/proc"]);
        said.lines().iter().filter(|name| name.parse::<u32>().is_ok()).map(|name| name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(pids(&[]), ["1", "2"]);
    assert_eq!(pids(&["--init=false"]), ["1"]);
    assert_eq!(pids(&["--privileged"]), ["1", "2"]);
    // /proc is of the new namespace: who reads it finds itself there.
    house.run(&["--init=false"], &["/bin/readlink", "/proc/self"]).says("1\n");
    let said = house.shell(&[], "ps -o pid,comm | tail -n +2 | while read pid comm; do echo $pid; done; kill -0 99999");
    assert!(said.err.contains("No such process"), "{said:?}");
}

#[test]
fn its_namespaces_are_its_own() {
    let Some(house) = House::build() else { return };
    let own = |options: &[&str], name: &str| {
        let path = format!("/proc/self/ns/{name}");
        let inside = house.run(options, &["/bin/readlink", &path]).lines()[0].to_owned();
        inside != fs::read_link(&path).unwrap().to_str().unwrap()
    };
    for name in ["mnt", "pid", "net", "uts", "ipc"] {
        assert!(own(&[], name), "{name} is the host's");
        assert!(own(&["--privileged"], name), "{name} is the host's with --privileged");
    }
    assert!(!own(&["--network", "host"], "net"));
    assert!(own(&["--network", "host"], "uts"));
}

#[test]
fn it_sees_its_own_mounts_only() {
    let Some(house) = House::build() else { return };
    let said = house.run(&[], &["/bin/cat", "/proc/self/mountinfo"]);
    let mut points = Vec::new();
    for line in said.lines() {
        let fields: Vec<_> = line.split(' ').collect();
        assert_eq!(fields[6], "-", "propagates: {line}");
        if !fields[4].starts_with("/proc/") && !fields[4].starts_with("/sys/") {
            points.push((fields[4], fields[5], fields[7]));
        }
    }
    points.sort_unstable();
    let host = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let of_root = points.remove(0);
    assert_eq!(of_root.0, "/");
    assert!(host.contains(&format!(" - {} ", of_root.2)), "the root is of a file system of the host's: {of_root:?}");
    assert_eq!(
        points,
        [
            ("/dev", "rw,nosuid,relatime", "tmpfs"),
            ("/dev/mqueue", "rw,nosuid,nodev,noexec,relatime", "mqueue"),
            ("/dev/pts", "rw,nosuid,noexec,relatime", "devpts"),
            ("/dev/shm", "rw,nosuid,nodev,noexec,relatime", "tmpfs"),
            ("/proc", "rw,nosuid,nodev,noexec,relatime", "proc"),
            ("/sys", "ro,nosuid,nodev,noexec,relatime", "sysfs"),
        ]
    );
    // The old root is gone, not hidden: what is above the root is the root.
    house.shell(&[], "stat -c %i / /.. /../..").lines().windows(2).for_each(|pair| assert_eq!(pair[0], pair[1]));
    house.shell(&["--privileged"], "umount -l / 2>/dev/null; ls /..").lines().iter().for_each(|name| {
        assert!(house.root().join(name).exists(), "{name} is not of the image");
    });
}

#[test]
fn its_host_name_is_its_own() {
    let Some(house) = House::build() else { return };
    house.run(&[], &["/bin/hostname"]).says("container\n");
    house.run(&["--hostname", "a.b-c_d"], &["/bin/hostname"]).says("a.b-c_d\n");
    let longest = "h".repeat(64);
    house.run(&["-h", &longest], &["/bin/hostname"]).says(&format!("{longest}\n"));
    // `run` compares the host's name before and after.
    house.shell(&["--privileged"], "hostname changed; hostname").says("changed\n");
    let said = house.shell(&[], "hostname changed");
    assert_eq!((said.code, said.err.as_str()), (1, "hostname: sethostname: Operation not permitted\n"));
}

#[test]
fn it_has_no_interface_but_lo_and_that_is_up() {
    let Some(house) = House::build() else { return };
    house.run(&[], &["/bin/ls", "/sys/class/net"]).says("lo\n");
    let said = house.run(&[], &["/bin/ip", "-o", "addr"]);
    let addresses: Vec<_> =
        said.lines().iter().map(|line| line.split_whitespace().nth(3).unwrap_or_default()).collect();
    assert_eq!(addresses[0], "127.0.0.1/8");
    house.shell(&[], "ip link | head -n 1 | cut -d ' ' -f 3").says("<LOOPBACK,UP,LOWER_UP>\n");
    house.run(&[], &["/bin/ping", "-q", "-c", "1", "-W", "2", "127.0.0.1"]).lines();
    house.run(&[], &["/bin/ip", "route"]).says("");
    let host: Vec<_> = fs::read_dir("/sys/class/net").unwrap().map(|entry| entry.unwrap().file_name()).collect();
    let said = house.run(&["--network=host"], &["/bin/ls", "/sys/class/net"]);
    assert_eq!(said.lines().len(), host.len());
}

#[test]
fn its_message_queues_and_shared_memory_are_its_own() {
    let Some(house) = House::build() else { return };
    house.shell(&[], "touch /dev/shm/x /dev/mqueue/x; ls /dev/shm /dev/mqueue").lines();
    house.shell(&[], "ls /dev/shm /dev/mqueue").says("/dev/mqueue:\n\n/dev/shm:\n");
    assert!(!std::path::Path::new("/dev/shm/x").exists());
    house.run(&["--init=false"], &["/bin/cat", "/proc/sysvipc/shm"]).lines();
}

#[test]
fn the_kernels_settings_are_readable_and_no_more() {
    let Some(house) = House::build() else { return };
    let said = house.shell(&[], "mkdir /sys/x");
    assert_eq!(said.err, "mkdir: can't create directory '/sys/x': Read-only file system\n");
    for path in [
        "/proc/sys/kernel/hostname",
        "/proc/sys/vm/drop_caches",
        "/proc/sysrq-trigger",
        "/proc/irq/default_smp_affinity",
    ] {
        if fs::metadata(path).is_ok() {
            let said = house.shell(&[], &format!("echo 1 >{path}"));
            assert!(said.err.ends_with(&format!("can't create {path}: Read-only file system\n")), "{said:?}");
        }
    }
    for path in ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"] {
        let said = house.shell(&[], &format!("grep -c ' {path} ro,nosuid,nodev,noexec,' /proc/self/mountinfo"));
        said.says("1\n");
    }
    house.run(&[], &["/bin/cat", "/proc/sys/kernel/pid_max"]).lines();
}

#[test]
fn what_tells_about_the_hardware_is_masked() {
    let Some(house) = House::build() else { return };
    let masked = [
        "/proc/acpi",
        "/proc/asound",
        "/proc/interrupts",
        "/proc/kcore",
        "/proc/keys",
        "/proc/latency_stats",
        "/proc/sched_debug",
        "/proc/scsi",
        "/proc/timer_list",
        "/proc/timer_stats",
        "/sys/devices/virtual/powercap",
        "/sys/firmware",
    ];
    let mut seen = 0;
    for path in masked {
        let Ok(status) = fs::metadata(path) else {
            house.run(&[], &["/bin/test", "-e", path]).is(1, "", "");
            continue;
        };
        seen += 1;
        if status.is_dir() {
            house.run(&[], &["/bin/ls", "-A", path]).says("");
            let said = house.shell(&[], &format!("touch {path}/x"));
            assert_eq!(said.err, format!("touch: {path}/x: Read-only file system\n"));
        } else {
            house.run(&[], &["/bin/cat", path]).says("");
            house.run(&[], &["/bin/stat", "-c", "%F %t:%T", path]).says("character special file 1:3\n");
        }
    }
    assert!(seen >= 4, "too little on this host to say anything");
    // And only then: nothing is masked for whom asks for everything.
    if let Ok(text) = fs::read("/proc/interrupts") {
        assert!(!text.is_empty());
        assert!(house.run(&["--privileged"], &["/bin/cat", "/proc/interrupts"]).out.contains("CPU0"));
    }
}

#[test]
fn privileged_is_no_isolation_from_root() {
    let Some(house) = House::build() else { return };
    let said = house.run(&["--privileged"], &["/bin/cat", "/proc/self/mountinfo"]);
    let points: Vec<_> = said.lines().iter().filter_map(|line| line.split(' ').nth(4)).collect();
    assert!(points.iter().all(|point| !point.starts_with("/proc/") && !point.starts_with("/sys/")), "{points:?}");
    house.shell(&["--privileged"], "grep -c ' /sys rw,' /proc/self/mountinfo").says("1\n");
    house.shell(&["--privileged"], "mount -t tmpfs none /tmp && touch /tmp/x && ls /tmp").says("x\n");
}

/// Files of the caller's that are not close-on-exec, and a cwd, groups and a mask of its own.
#[test]
fn nothing_of_the_callers_comes_in() {
    let Some(house) = House::build() else { return };
    let script = "umask 077; cd /usr; exec 3</etc 5</etc/passwd 7>/dev/null 9</; exec $tinyo run $root /bin/sh -c \
                  'umask; pwd; ls /proc/self/fd; grep Groups: /proc/self/status'";
    let said = house.clean(|| ended(house.host(script)));
    // ls has its own directory as 3.
    assert_eq!(said.out, "0022\n/\n0\n1\n2\n3\nGroups:\t \n", "{said:?}");
    let groups =
        "exec /usr/sbin/chroot --groups=27,1000 / $tinyo run $root /bin/sh -c 'grep Groups: /proc/self/status; id'";
    let said = house.clean(|| ended(house.host(groups)));
    said.says("Groups:\t \nuid=0 gid=0\n");
}
