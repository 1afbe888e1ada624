//! A container sees only itself, in a service and by `tinyo run`, on the bare rootfs of an initramfs.

use std::sync::LazyLock;

use tinyo_qemu::{
    expect::End,
    kit::Arch,
    suite::{Shared, guest, script},
};

const CONFIG: &str = r#"
hostname = "outside"

[service.bystander]
exec = ["/bin/sleep", "100000"]

[service.inside]
exec = ["/check"]
type = "oneshot"
log = "/data/inside.log"
after = ["bystander"]

[service.inside.container]
root = "/srv/box"
read-only = true
volumes = ["/bin:/bin:ro", "/srv/data:/data"]
tmpfs = ["/scratch"]
hostname = "box"

[service.shared]
exec = ["/bin/sh", "-c", "readlink /proc/self/ns/net; hostname; id -u; id -g; grep CapEff /proc/self/status"]
type = "oneshot"
log = "/data/shared.log"
user = "1000:1001"

[service.shared.container]
root = "/srv/box"
volumes = ["/bin:/bin:ro", "/srv/data:/data"]
network = "host"

[service.whole]
exec = ["/bin/sh", "-c", "test -e /etc/tinyo.toml && ! touch /etc/x 2>/dev/null && touch /data/whole"]
type = "oneshot"

[service.whole.container]
root = "/"
read-only = true
network = "host"
volumes = ["/srv/data:/data"]

[service.httpd]
exec = ["/bin/httpd", "-f", "-p", "80", "-h", "/"]
after = ["inside"]

[service.httpd.container]
root = "/srv/box"
volumes = ["/bin:/bin:ro"]

[service.checker]
exec = ["/outside"]
type = "oneshot"
after = ["inside", "shared", "whole", "httpd"]
on-exit = "poweroff"
"#;

/// In the container there is no /dev/kmsg: its marks go to its log, which `outside` carries over.
const INSIDE: &str = r#"
say() { echo "case: $*"; }
pids() { ls /proc | grep -c '^[0-9]'; }
check pid-1-is-not-ours test $$ != 1
check few-pids test $(pids) -le 5
check no-bystander sh -c '! ps | grep -v grep | grep "sleep 100000"'
check hostname test "$(hostname)" = box
check interfaces test "$(ls /sys/class/net)" = lo
check lo-is-up sh -c 'ping -c 1 -W 2 127.0.0.1 >/dev/null 2>&1 || ip addr show lo | grep -q UP'
check no-outer-files test ! -e /etc/tinyo.toml
check no-outer-mounts sh -c '! grep -qE " (/run/tinyo|/sys/fs/cgroup/tinyo|/srv)" /proc/mounts'
check root-is-read-only sh -c '! touch /x 2>/dev/null'
check volume-ro sh -c '! touch /bin/x 2>/dev/null'
check volume-rw touch /data/written
check tmpfs touch /scratch/x
check tmp touch /tmp/x
check null test -c /dev/null
check zero sh -c 'head -c 4 /dev/zero | grep -q . || true; test $(head -c 4 /dev/zero | wc -c) = 4'
check urandom test "$(head -c 8 /dev/urandom | wc -c)" = 8
check dev-links sh -c 'test "$(readlink /dev/stdin)" = /proc/self/fd/0 && test -e /dev/ptmx && test -d /dev/shm'
check no-kmsg test ! -e /dev/kmsg
check no-disks sh -c '! ls /dev | grep -qE "^(vda|sda|ttyS0|console0|mem)$"'
check sys-is-read-only grep -q '^[^ ]* /sys sysfs ro' /proc/mounts
check proc-sys-is-read-only sh -c '! echo x >/proc/sys/kernel/hostname 2>/dev/null'
check sysrq-is-masked sh -c '! echo b >/proc/sysrq-trigger 2>/dev/null'
check kcore-is-masked test ! -s /proc/kcore
check no-new-privileges grep -q '^NoNewPrivs:[[:space:]]*1' /proc/self/status
check capabilities grep -q '^CapBnd:[[:space:]]*00000000a00425fb' /proc/self/status
check cannot-mount sh -c '! mount -t tmpfs none /tmp 2>/dev/null'
say processes $(ps | grep -v ' ps$' | wc -l)
"#;

const OUTSIDE: &str = r#"
while read -r line; do echo "<3>$line" >/dev/kmsg; done </srv/data/inside.log
check whole test -e /srv/data/whole
check volume-came-out test -e /srv/data/written
check hostname-outside test "$(hostname)" = outside
check no-mounts-left sh -c '! grep -q " /srv" /proc/mounts'
check host-network test "$(sed -n 1p /srv/data/shared.log)" = "$(readlink /proc/self/ns/net)"
check name-by-default test "$(sed -n 2p /srv/data/shared.log)" = shared
check user test "$(sed -n 3,4p /srv/data/shared.log | tr '\n' ' ')" = "1000 1001 "
check user-has-no-capabilities grep -q 'CapEff:[[:space:]]*0000000000000000' /srv/data/shared.log
soon 'pidof httpd >/dev/null'
in_httpd() { nsenter -t $(pidof httpd) -n "$@"; }
check answers-inside soon 'in_httpd wget -q -O /dev/null http://127.0.0.1/bin/busybox'
ip link set lo up
check silent-outside sh -c '! wget -q -O /dev/null http://127.0.0.1/bin/busybox && ! netstat -ltn | grep :80'
old=$(pidof httpd); kill -9 $old
check restarted soon 'new=$(pidof httpd) && [ "$new" != "$old" ]'

run() { status=$1; name=$2; shift 2; "$@" >/run/out 2>&1; got=$?; [ $got = $status ] || { say "$name: status $got, not $status"; cat /run/out >/dev/kmsg; }; check "$name" test $got = $status; }
run 7 run-status tinyo run --volume /bin:/bin:ro /srv/box /bin/sh -c 'exit 7'
run 137 run-killed tinyo run --volume /bin:/bin:ro /srv/box -- /bin/sh -c 'kill -9 $$'
run 127 run-not-found tinyo run --volume /bin:/bin:ro /srv/box /bin/not-there
run 126 run-not-executable tinyo run --volume /bin:/bin:ro /srv/box /plain
run 125 run-no-rootfs tinyo run /not/there /bin/sh
check run-no-rootfs-named grep -q '/not/there' /run/out
run 0 run-root-is-slash tinyo run / /bin/sh -c 'test -e /etc/tinyo.toml && test $(ls /proc | grep -c "^[0-9]") -le 6'
run 0 run-hostname tinyo run --hostname inner --volume /bin:/bin:ro /srv/box /bin/sh -c 'test $(hostname) = inner'
check run-leaves-no-mount sh -c '! grep -q " /srv" /proc/mounts'
"#;

static CONTAINER: Shared = LazyLock::new(|| {
    guest(Arch::X86_64, |boot| {
        boot.config(CONFIG).script("/outside", OUTSIDE);
        for dir in ["bin", "data", "scratch"] {
            boot.archive.dir(format!("/srv/box/{dir}"), 0o755);
        }
        boot.archive.dir("/srv/data", 0o777).dir("/data", 0o755);
        boot.archive.file("/srv/box/check", 0o755, script(INSIDE)).file("/srv/box/plain", 0o644, "not a program");
        boot.run()
    })
});

#[track_caller]
fn all_held(names: &[&str]) {
    let Some(guest) = CONTAINER.outcome() else {
        return;
    };
    for name in names {
        guest.held(name);
    }
    guest.ends(End::PowerOff);
}

#[test]
fn a_container_sees_only_its_own_processes() {
    all_held(&["few-pids", "no-bystander", "pid-1-is-not-ours"]);
}

#[test]
fn a_container_sees_only_its_own_mounts() {
    all_held(&["no-outer-files", "no-outer-mounts", "no-mounts-left"]);
}

#[test]
fn a_container_has_its_own_hostname() {
    all_held(&["hostname", "hostname-outside", "name-by-default"]);
}

#[test]
fn a_container_has_no_interface_but_lo() {
    all_held(&["interfaces", "lo-is-up", "answers-inside", "silent-outside"]);
}

#[test]
fn a_container_with_the_hosts_network_has_that() {
    all_held(&["host-network"]);
}

#[test]
fn volumes_and_tmpfs_are_as_the_config_says() {
    all_held(&["root-is-read-only", "volume-ro", "volume-rw", "volume-came-out", "tmpfs", "tmp"]);
}

#[test]
fn a_containers_dev_holds_the_usual_and_no_more() {
    all_held(&["null", "zero", "urandom", "dev-links", "no-kmsg", "no-disks"]);
}

#[test]
fn a_container_is_hardened_by_default() {
    all_held(&["sys-is-read-only", "proc-sys-is-read-only", "sysrq-is-masked", "kcore-is-masked"]);
    all_held(&["no-new-privileges", "capabilities", "cannot-mount"]);
}

#[test]
fn a_containers_user_has_its_ids_and_no_capabilities() {
    all_held(&["user", "user-has-no-capabilities"]);
}

#[test]
fn a_killed_container_is_restarted() {
    all_held(&["restarted"]);
}

#[test]
fn the_whole_initramfs_can_be_a_containers_root() {
    all_held(&["whole"]);
}

#[test]
fn tinyo_run_passes_the_status_on() {
    all_held(&["run-status", "run-killed", "run-not-found", "run-not-executable"]);
}

#[test]
fn tinyo_run_names_a_rootfs_that_is_not_there() {
    all_held(&["run-no-rootfs", "run-no-rootfs-named"]);
}

#[test]
fn tinyo_run_works_on_the_bare_rootfs() {
    all_held(&["run-root-is-slash", "run-hostname", "run-leaves-no-mount"]);
}
