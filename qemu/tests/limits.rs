//! What a service's cgroup may use: limits that hold, an end for want of memory that is said, and a kernel that has no
//! such limit.

use std::sync::LazyLock;

use tinyo_qemu::{
    expect::End,
    kit::Arch,
    suite::{Run, Shared, guest},
};

/// busybox's tail keeps a line that never ends.
const HOGS: &str = r#"
[service.plain]
exec = ["/bin/sleep", "100000"]

[service.hog]
exec = ["/bin/tail", "/dev/zero"]
type = "oneshot"
memory = "16M"

[service.hog-inside]
exec = ["/bin/tail", "/dev/zero"]
type = "oneshot"
memory = "16777217"

[service.hog-inside.container]
root = "/srv/box"
volumes = ["/bin:/bin:ro"]

[service.parent]
exec = ["/bin/sh", "-c", "tail /dev/zero; exit 3"]
type = "oneshot"
cgroup = ["memory.max=8M"]

[service.again]
exec = ["/bin/tail", "/dev/zero"]
memory = "8M"
crash-limit = "2 in 60s"

[service.murdered]
exec = ["/bin/sleep", "200000"]
memory = "8M"
restart = "never"

[service.bomb]
exec = ["/bin/sh", "-c", "bomb() { bomb | bomb & }; while :; do bomb; usleep 10000; done 2>/dev/null"]
pids-limit = 20

[service.slow]
exec = ["/bin/sleep", "400000"]
cpus = 0.5
cgroup = ["memory.high=24M", "memory.oom.group=1", "cpu.max=20000 200000"]

[service.half]
exec = ["/bin/sleep", "300000"]
cpus = 1.25
oom-score = -500
ulimit = ["memlock=unlimited", "core=unlimited"]
user = "5:6"

[service.no-controller]
exec = ["/bin/touch", "/run/no-controller-ran"]
type = "oneshot"
cgroup = ["turbo.max=1"]

[service.no-file]
exec = ["/bin/touch", "/run/no-file-ran"]
type = "oneshot"
cgroup = ["memory.bogus=1"]

[service.no-device]
exec = ["/bin/touch", "/run/no-device-ran"]
type = "oneshot"
cgroup = ["io.max=99:99 rbps=1000000"]

[service.no-value]
exec = ["/bin/touch", "/run/no-value-ran"]
type = "oneshot"
cgroup = ["memory.high=lots"]

[service.checker]
exec = ["/check"]
type = "oneshot"
after = ["hog", "hog-inside", "parent", "no-controller", "no-file", "no-device", "no-value"]
on-exit = "poweroff"
"#;

const HOGS_CHECK: &str = r#"
cd /sys/fs/cgroup/tinyo
is() { test "$(cat "$1")" = "$2"; }
soon 'test -s murdered/main/cgroup.procs'
kill -9 $(cat murdered/main/cgroup.procs)
check memory-max is hog/memory.max 16777216
check cpu-max is half/cpu.max '125000 100000'
check cpu-max-replaced is slow/cpu.max '20000 200000'
check memory-high is slow/memory.high 25165824
check oom-group is slow/memory.oom.group 1
check pids-max is bomb/pids.max 20
check bomb-went-off soon 'grep -q "^max [1-9]" bomb/pids.events'
check bomb-is-inside sh -c 'test $(cat bomb/pids.current) -le 20'
check nobody-else-is-limited is plain/memory.max max
check only-what-is-needed is cgroup.subtree_control 'cpu io memory pids'
soon 'test -s half/main/cgroup.procs && ps | grep -q "sleep 30000[0]"'
half=$(cat half/main/cgroup.procs)
check oom-score is /proc/$half/oom_score_adj -500
check memlock grep -qE 'Max locked memory +unlimited +unlimited' /proc/$half/limits
check user grep -qE 'Uid:.5.5.5.5' /proc/$half/status
check nothing-without-its-limit sh -c '! ls /run | grep -q ran'
"#;

static HOGGED: Shared = LazyLock::new(|| {
    guest(Arch::X86_64, |boot| {
        for directory in ["/srv/box", "/srv/box/bin", "/srv/box/dev", "/srv/box/proc", "/srv/box/sys"] {
            boot.archive.dir(directory, 0o755);
        }
        boot.config(HOGS).script("/check", HOGS_CHECK).run()
    })
});

#[test]
fn an_end_for_want_of_memory_is_said_with_the_limit() {
    let Some(guest) = HOGGED.outcome() else { return };
    guest
        .says("tinyo: hog: failed: killed by SIGKILL, out of memory \\(memory = 16M\\)\r?\n")
        .says("tinyo: hog-inside: failed: exited with status 137, out of memory \\(memory = 16777217\\)\r?\n")
        .says("tinyo: parent: failed: exited with status 3, out of memory\r?\n")
        .says("tinyo: again: killed by SIGKILL, out of memory \\(memory = 8M\\); starting again at once")
        .says("tinyo: again: failed: killed by SIGKILL, out of memory \\(memory = 8M\\)\r?\n")
        .says("tinyo: murdered: failed: killed by SIGKILL\r?\n")
        .held("memory-max")
        .ends(End::PowerOff);
}

#[test]
fn a_fork_bomb_stays_inside() {
    let Some(guest) = HOGGED.outcome() else { return };
    guest.held("pids-max").held("bomb-went-off").held("bomb-is-inside").ends(End::PowerOff);
}

#[test]
fn files_of_the_cgroup_are_written() {
    let Some(guest) = HOGGED.outcome() else { return };
    for name in
        ["cpu-max", "cpu-max-replaced", "memory-high", "oom-group", "nobody-else-is-limited", "only-what-is-needed"]
    {
        guest.held(name);
    }
    guest.ends(End::PowerOff);
}

#[test]
fn what_cannot_be_written_is_named() {
    let Some(guest) = HOGGED.outcome() else { return };
    guest
        .says(
            "tinyo: no-controller: cgroup turbo.max=1: no turbo controller in /sys/fs/cgroup; is it on cgroup v1, or \
             cgroup_disable=turbo\\?",
        )
        .says("tinyo: no-file: cgroup memory.bogus=1: this kernel has no such file; write another, or remove it")
        .says("tinyo: no-device: cgroup io.max=99:99 rbps=1000000: no such device; does its file take that\\?")
        .says("tinyo: no-value: cgroup memory.high=lots: invalid argument; does its file take that\\?")
        .held("nothing-without-its-limit")
        .ends(End::PowerOff);
}

#[test]
fn scores_are_lowered_and_limits_raised_before_the_user_changes() {
    let Some(guest) = HOGGED.outcome() else { return };
    guest.held("oom-score").held("memlock").held("user").ends(End::PowerOff);
}

/// One that has no memory controller: a limit is missed, a service without one is not.
const WITHOUT: &str = r#"
[service.plain]
exec = ["/bin/touch", "/run/plain-ran"]
type = "oneshot"

[service.limited]
exec = ["/bin/touch", "/run/limited-ran"]
type = "oneshot"
memory = "64M"

[service.checker]
exec = ["/check"]
type = "oneshot"
after = ["plain", "limited"]
on-exit = "poweroff"
"#;

const WITHOUT_CHECK: &str = r#"
check plain-ran test -e /run/plain-ran
check limited-did-not test ! -e /run/limited-ran
check nothing-is-on test -z "$(cat /sys/fs/cgroup/cgroup.subtree_control)$(cat /sys/fs/cgroup/tinyo/cgroup.subtree_control)"
"#;

#[track_caller]
fn misses_its_limit(run: &Run) {
    let Some(guest) = run.outcome() else { return };
    guest
        .says(
            "tinyo: limited: memory 64M: no memory controller in /sys/fs/cgroup; is it on cgroup v1, or \
             cgroup_disable=memory\\?",
        )
        .held("plain-ran")
        .held("limited-did-not")
        .held("nothing-is-on")
        .ends(End::PowerOff);
}

#[test]
fn a_kernel_told_to_do_without_memory_control_is_named() {
    misses_its_limit(&guest(Arch::X86_64, |boot| {
        boot.append("cgroup_disable=memory").config(WITHOUT).script("/check", WITHOUT_CHECK).run()
    }));
}

#[test]
fn a_controller_on_cgroup_v1_is_named() {
    misses_its_limit(&guest(Arch::X86_64, |boot| {
        let v1 = "[[mount]]\nsource = \"cgroup\"\ntarget = \"/run/v1\"\ntype = \"cgroup\"\noptions = \"memory\"\n";
        boot.config(&format!("{v1}{WITHOUT}")).script("/check", WITHOUT_CHECK).run()
    }));
}
