//! `tinyo run` by an ordinary user, on Debian's kernel and the bare rootfs of an initramfs.

use std::sync::LazyLock;

use tinyo_qemu::{
    expect::End,
    kit::Arch,
    suite::{Shared, guest, script},
};

const CONFIG: &str = r#"
[service.caller]
exec = ["/caller"]
type = "oneshot"
user = "1000:1001"
log = "/srv/data/log"

[service.forbid]
exec = ["/bin/sh", "-c", "echo 0 >/proc/sys/kernel/unprivileged_userns_clone"]
type = "oneshot"
after = ["caller"]

[service.forbidden]
exec = ["/bin/tinyo", "run", "/srv/box", "/bin/true"]
type = "oneshot"
user = "1000:1001"
log = "/srv/data/forbidden"
after = ["forbid"]

[service.checker]
exec = ["/outside"]
type = "oneshot"
after = ["forbidden"]
on-exit = "poweroff"
"#;

const CALLER: &str = r#"
say() { echo "case: $*"; }
run() { status=$1; name=$2; shift 2; tinyo run -v /bin:/bin:ro "$@"; got=$?; check "$name" test $got = $status; }
run 7 status /srv/box /bin/sh -c 'exit 7'
run 0 root-inside /srv/box /bin/sh -c 'test $(id -u) = 0 && grep -q "^ *0 *1000 *1$" /proc/self/uid_map'
run 0 user-inside --user 77:88 /srv/box /bin/sh -c 'test $(id -u):$(id -g) = 77:88'
run 0 own-processes /srv/box /bin/sh -c 'test $(ls /proc | grep -c "^[0-9]") -le 6'
run 0 devices /srv/box /bin/sh -c 'echo x >/dev/null && head -c 4 /dev/urandom >/dev/null && test -d /dev/pts'
run 0 writes -v /srv/own:/mnt /srv/box /bin/sh -c 'touch /mnt/made; ! touch /bin/x 2>/dev/null'
check owners test "$(stat -c %u:%g /srv/own/made)" = 1000:1001
run 0 lo-only /srv/box /bin/sh -c 'test "$(ls /sys/class/net)" = lo'
run 0 host-network --network host /srv/box /bin/sh -c '! touch /sys/x 2>/dev/null && test -d /sys/class/net/lo'
run 0 confined /srv/box /bin/sh -c 'grep -q "^CapBnd:[[:space:]]*00000000a00425fb" /proc/self/status && test ! -s /proc/kcore'
run 0 whole-root / /bin/sh -c 'test -e /etc/tinyo.toml'
"#;

const OUTSIDE: &str = r#"
while read -r line; do echo "<3>$line" >/dev/kmsg; done </srv/data/log
check debian-switch grep -q 'run: clone: operation not permitted; the host keeps user namespaces for root; set kernel.unprivileged_userns_clone=1' /srv/data/forbidden
check no-mounts-left sh -c '! grep -q " /srv" /proc/mounts'
"#;

static ROOTLESS: Shared = LazyLock::new(|| {
    guest(Arch::X86_64, |boot| {
        boot.config(CONFIG).script("/outside", OUTSIDE);
        for dir in ["bin", "dev", "proc", "sys", "tmp", "mnt"] {
            boot.archive.dir(format!("/srv/box/{dir}"), 0o755);
        }
        boot.archive.dir("/srv/data", 0o755).dir("/srv/own", 0o777).file("/caller", 0o755, script(CALLER));
        boot.run()
    })
});

#[track_caller]
fn all_held(names: &[&str]) {
    let Some(guest) = ROOTLESS.outcome() else {
        return;
    };
    for name in names {
        guest.held(name);
    }
    guest.ends(End::PowerOff);
}

#[test]
fn an_ordinary_user_runs_a_container() {
    all_held(&["status", "root-inside", "user-inside", "own-processes", "devices", "writes", "owners"]);
}

#[test]
fn it_is_as_confined_as_roots() {
    all_held(&["lo-only", "host-network", "confined", "whole-root", "no-mounts-left"]);
}

#[test]
fn debians_switch_is_named() {
    all_held(&["debian-switch"]);
}
