//! What a container may do: capabilities, and no new privileges.

use std::fs;

use crate::house::House;

/// Without MKNOD: no device cgroup decides what a node opens.
const DOCKERS: u64 = 0xa004_25fb;
const KILL: u64 = 1 << 5;
const NET_BIND_SERVICE: u64 = 1 << 10;
const SYS_ADMIN: u64 = 1 << 21;
const SYS_TIME: u64 = 1 << 25;

/// A field of /proc/self/status, read as a set.
fn set(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    u64::from_str_radix(line.trim_start_matches(':').trim(), 16).unwrap()
}

/// Inherited, permitted, effective, bounding, ambient, and whether there is no way to more.
#[track_caller]
fn sets(house: &House, options: &[&str]) -> ([u64; 5], bool) {
    let said = house.run(options, &["/bin/cat", "/proc/self/status"]);
    let lines = said.lines().join("\n");
    let sets = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"].map(|name| set(&lines, name));
    (sets, set(&lines, "NoNewPrivs") == 1)
}

/// What this test has itself: nobody can give more.
fn own() -> u64 {
    set(&fs::read_to_string("/proc/self/status").unwrap(), "CapEff")
}

#[test]
fn capabilities_are_dockers() {
    let Some(house) = House::build() else { return };
    let root = |options: &[&str], wanted: u64| {
        let wanted = wanted & own();
        assert_eq!(sets(&house, options), ([0, wanted, wanted, wanted, 0], true), "{options:?}");
    };
    root(&[], DOCKERS);
    root(&["--cap-add", "SYS_TIME"], DOCKERS | SYS_TIME);
    root(&["--cap-add=CAP_SYS_TIME", "--cap-drop=KILL"], DOCKERS & !KILL | SYS_TIME);
    root(&["--cap-add", "sys_time"], DOCKERS | SYS_TIME);
    root(&["--cap-drop", "ALL"], 0);
    root(&["--cap-drop", "all", "--cap-add", "net_bind_service"], NET_BIND_SERVICE);
    root(&["--cap-add", "ALL"], u64::MAX);
    root(&["--cap-add", "ALL", "--cap-drop", "SYS_ADMIN"], !SYS_ADMIN);
    root(&["--user", "0:0"], DOCKERS);
    root(&["--user", "0:7"], DOCKERS);
}

#[test]
fn another_user_has_none() {
    let Some(house) = House::build() else { return };
    let bound = DOCKERS & own();
    assert_eq!(sets(&house, &["--user", "1:1"]), ([0, 0, 0, bound, 0], true));
    let bound = own();
    assert_eq!(sets(&house, &["--user", "1:1", "--cap-add", "ALL"]), ([0, 0, 0, bound, 0], true));
    assert_eq!(sets(&house, &["--user", "1:1", "--privileged"]), ([0, 0, 0, bound, 0], false));
}

#[test]
fn privileged_is_all() {
    let Some(house) = House::build() else { return };
    let all = own();
    assert_eq!(sets(&house, &["--privileged"]), ([0, all, all, all, 0], false));
}

/// What the caller handed down for its children is not the container's.
#[test]
fn ambient_capabilities_of_the_callers_do_not_come_in() {
    let Some(house) = House::build() else { return };
    let script = "exec /usr/bin/setpriv --inh-caps=+net_admin --ambient-caps=+net_admin $tinyo run --user 1:1 $root \
                  /bin/grep Cap /proc/self/status";
    let said = house.clean(|| crate::house::ended(house.host(script)));
    let text = said.lines().join("\n");
    let sets = ["CapInh", "CapPrm", "CapEff", "CapAmb"].map(|name| set(&text, name));
    assert_eq!(sets, [0; 4]);
}

#[test]
fn rights_end_where_they_should() {
    let Some(house) = House::build() else { return };
    for script in ["mount -t tmpfs none /tmp", "umount /proc", "umount /sys", "mount -o remount,rw /sys /sys"] {
        let said = house.shell(&[], script);
        assert!(said.code != 0 && said.err.to_lowercase().contains("permi"), "{script}: {said:?}");
    }
    // A setuid program gives nothing.
    let file = house.root().join("bin/busybox-su");
    fs::copy(&house.busybox, &file).unwrap();
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o4755)).unwrap();
    house.shell(&["--user", "9:9"], "exec /bin/busybox-su id -u").says("9\n");
}
