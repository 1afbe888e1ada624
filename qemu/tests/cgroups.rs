//! Cgroups over several lives: what a reload takes out of one, and a service that fills its own.

use std::sync::LazyLock;

use tinyo_qemu::{
    kit::Arch,
    suite::{Shared, guest},
};

const CONFIG: &str = r#"
[service.web]
exec = ["/bin/sleep", "100000"]
memory = "64M"
pids-limit = 50

[service.full]
exec = ["/bin/sh", "-c", "setsid sleep 777777 & setsid sleep 777777 & setsid sleep 777777 & exec sleep 777778"]
pids-limit = 4
stop = ["/bin/true"]

[service.checker]
exec = ["/check"]
type = "oneshot"
after = ["web", "full"]
on-exit = "poweroff"
"#;

const CHECK: &str = r#"
cd /sys/fs/cgroup/tinyo
is() { test "$(cat "$1")" = "$2"; }
check full soon 'test $(cat full/pids.current) = 4'
/init stop full; check stopped test $? = 0
sleep 1
say left "$(grep -l 'sleep.77777[7]' /proc/[1-9]*/cmdline | wc -l) of $(cat full/pids.current), $(/init status full | tail -n 1)"
check nobody-left sh -c '! grep -q "sleep.77777[7]" /proc/[1-9]*/cmdline'
/init start full; check starts-again test $? = 0

check limited is web/memory.max 67108864
sed -i -e '/^memory/d' -e 's/^pids-limit = 50//' /etc/tinyo.toml
/init reload; check reload-is-0 test $? = 0
soon 'test -s web/main/cgroup.procs'
say memory "$(cat web/memory.max) pids $(cat web/pids.max)"
check unlimited is web/memory.max max
check unlimited-pids is web/pids.max max
say over
"#;

static GUEST: Shared = LazyLock::new(|| guest(Arch::X86_64, |boot| boot.config(CONFIG).script("/check", CHECK).run()));

#[test]
fn a_limit_that_is_taken_away_is_gone_after_a_reload() {
    let Some(guest) = GUEST.outcome() else { return };
    guest.held("limited").held("reload-is-0").held("unlimited").held("unlimited-pids");
}

#[test]
fn a_stop_command_that_cannot_be_made_leaves_nobody() {
    let Some(guest) = GUEST.outcome() else { return };
    guest.held("full").held("stopped").held("nobody-left").held("starts-again");
}
