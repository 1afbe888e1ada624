//! `tinyo run` on a kernel with all of cgroup v2: limits that hold, wherever the launcher is, and nothing left of them.

use std::sync::LazyLock;

use tinyo_qemu::{
    expect::End,
    kit::Arch,
    suite::{Shared, guest},
};

const CONFIG: &str = r#"
[service.checker]
exec = ["/check"]
type = "oneshot"
on-exit = "poweroff"
"#;

const CHECK: &str = r#"
run() { /init run --network host "$@" 2>&1; }
none() { ! ls -d /sys/fs/cgroup/tinyo-run* /sys/fs/cgroup/*/tinyo-run-* 2>/dev/null; }
is() { test "$(cat "$1")" = "$2"; }
cd /

say "$(run -m 16m / /bin/tail /dev/zero; echo hog ended $?)"
say "$(run -m 16m --init=false / /bin/tail /dev/zero; echo bare ended $?)"
say "$(run --cgroup memory.max=8M / /bin/sh -c 'tail /dev/zero; exit 3'; echo parent ended $?)"
say "$(run -m 16m / /bin/sh -c 'kill -9 $$'; echo murdered ended $?)"
check nothing-is-left none

say "$(run -m 24m --cpus 1.25 --pids-limit 9 --cgroup memory.high=20M / /bin/sh -c '
    cd /sys/fs/cgroup; cat /proc/self/cgroup memory.max memory.high cpu.max pids.max; echo 1 >memory.max' | tr '\n' ' ')"
check bomb test "$(run --pids-limit 8 / /bin/sh -c 'n=0; while sleep 100 & do n=$((n+1)); [ $n -lt 50 ] || break; done 2>/dev/null; echo over' | grep -c over)" = 0
run --pids-limit 1 / /bin/true; check one-process test $? = 125
check nothing-is-left-of-all none

# A launcher that is killed leaves its cgroup; the next one takes it away.
/init run --network host --pid-file /run/pid -m 16m / /bin/sleep 1000 &
soon 'test -s /run/pid'
check there test -d /sys/fs/cgroup/tinyo-run-$!
kill -9 $!
soon '! test -d /proc/'$(cat /run/pid)
check stale test -d /sys/fs/cgroup/tinyo-run-$!
run -m 16m / /bin/true
check swept none

# In a scope that was delegated to it, it stays below that.
mkdir /sys/fs/cgroup/scope
for controller in memory pids; do echo +$controller >/sys/fs/cgroup/cgroup.subtree_control; done
echo 100000000 >/sys/fs/cgroup/scope/memory.max
sh -c 'echo 0 >/sys/fs/cgroup/scope/cgroup.procs; exec /init run --network host --pid-file /run/scoped -m 16m / /bin/sleep 1000' &
soon 'test -s /run/scoped'
check below-its-scope grep -q "^0::/scope/tinyo-run-$!\$" /proc/$(cat /run/scoped)/cgroup
check aside grep -q '^0::/scope/tinyo-run$' /proc/$!/cgroup
kill $!; wait $!
check scope-is-clean sh -c '! ls -d /sys/fs/cgroup/scope/tinyo-run-*'
rmdir /sys/fs/cgroup/scope/tinyo-run /sys/fs/cgroup/scope
say over
"#;

static GUEST: Shared = LazyLock::new(|| guest(Arch::X86_64, |boot| boot.config(CONFIG).script("/check", CHECK).run()));

#[test]
fn an_end_for_want_of_memory_is_said_with_the_limit() {
    let Some(guest) = GUEST.outcome() else { return };
    guest
        .says("tinyo: run: killed by SIGKILL, out of memory \\(memory = 16M\\)\r?\n.*hog ended 137")
        .says("tinyo: run: killed by SIGKILL, out of memory \\(memory = 16M\\)\r?\n.*bare ended 137")
        .says("tinyo: run: exited with status 3, out of memory\r?\n.*parent ended 3")
        .says("murdered ended 137")
        .ends(End::PowerOff);
}

#[test]
fn limits_are_what_it_sees_and_are_gone_afterwards() {
    let Some(guest) = GUEST.outcome() else { return };
    guest
        .says("0::/ 25165824 20971520 125000 100000 9 /bin/sh: can't create memory.max: Read-only file system")
        .held("nothing-is-left")
        .held("bomb")
        .says("tinyo: run: leave a reaper as PID 1: resource temporarily unavailable; is pids-limit below 2\\?")
        .held("one-process")
        .held("nothing-is-left-of-all");
}

#[test]
fn what_a_killed_launcher_leaves_is_swept() {
    let Some(guest) = GUEST.outcome() else { return };
    guest.held("there").held("stale").held("swept");
}

#[test]
fn in_a_delegated_scope_it_stays_below() {
    let Some(guest) = GUEST.outcome() else { return };
    guest.held("below-its-scope").held("aside").held("scope-is-clean");
}
