//! Terminals: console services on the real device, the ones that are not there, and a PID 1 that holds none.

use tinyo_qemu::{expect::End, kit::Arch, suite::guest};

const CONFIG: &str = r#"
[service.serial]
exec = ["/shell", "serial"]
type = "console"
ask = false
tty = "/dev/ttyS0"

[service.front]
exec = ["/shell", "front"]
type = "console"
ask = false

[service.ghost]
exec = ["/bin/sh"]
type = "console"
ask = false
tty = "/dev/ttyS3"

[service.forker]
exec = ["/bin/sh", "-c", "setsid sleep 1000 & setsid sh -c 'sleep 1001 & sleep 1002' & (sleep 1003 &); exec sleep 1004"]

[service.checker]
exec = ["/check"]
type = "oneshot"
after = ["forker"]
"#;

/// What a shell finds: its terminal, whether it is in front there, and whether it leads a session. It logs out twice.
const SHELL: &str = r#"
read -r pid comm state ppid pgrp session tty tpgid rest </proc/self/stat
echo "$tty $([ $tpgid = $pgrp ] && echo front) $([ $session = $$ ] && echo leads)" >/run/$1
echo x >>/run/$1-logins
[ $(wc -l </run/$1-logins) -ge 3 ] && exec sleep 99999
exit 0
"#;

const CHECK: &str = r#"
gone() { ! grep -l "sleep.100[0-4]" /proc/[1-9]*/cmdline 2>/dev/null | grep -v /$$/ >/dev/null; }
soon '[ -s /run/serial ] && [ -s /run/front ]'
check serial-line test "$(cat /run/serial)" = "1088 front leads"
check the-kernels-last-console test "$(cat /run/front)" = "1025 front leads"
check logout soon '[ $(wc -l </run/serial-logins) = 3 ]'
read -r pid comm state ppid pgrp session tty rest </proc/1/stat
check pid-1-has-no-terminal test $tty = 0
sleep 3
check ghost-backs-off test $(dmesg | grep -c 'tinyo: ghost: .*start') -le 9
check ghost-tries-again test $(dmesg | grep -c 'tinyo: ghost: .*start') -ge 3
soon '! gone'
/init stop forker
check nothing-outlives-its-stop gone
say over
kill -USR2 1; kill -HUP 1; kill -TERM 1; kill -INT 1
"#;

#[test]
fn each_console_has_its_terminal_and_the_first_end_counts() {
    let run = guest(Arch::X86_64, |boot| {
        boot.config(CONFIG).script("/check", CHECK).script("/shell", SHELL);
        boot.append("console=tty0 8250.nr_uarts=4").run()
    });
    let Some(guest) = run.outcome() else { return };
    // One that is wished for later, a reboot, does not turn a power-off around.
    guest.says("case: over").says("tinyo: poweroff: stopping services").ends(End::PowerOff);
    for name in [
        "serial-line",
        "the-kernels-last-console",
        "logout",
        "pid-1-has-no-terminal",
        "ghost-backs-off",
        "ghost-tries-again",
        "nothing-outlives-its-stop",
    ] {
        guest.held(name);
    }
    // Its terminal opens, and every read of it fails.
    guest.says("tinyo: ghost: .*crash loop, next start in");
}

/// `console=null` is a console that opens and says nothing; the serial line still has the kernel's log.
#[test]
fn a_machine_without_a_console_runs_its_services() {
    let run = guest(Arch::X86_64, |boot| {
        boot.config(
            "[service.shell]\nexec = [\"/bin/sh\"]\ntype = \"console\"\n\
             [service.work]\nexec = [\"/bin/sh\", \"-c\", \"echo it works\"]\ntype = \"oneshot\"\non-exit = \"poweroff\"\n",
        );
        boot.append("console=null").run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("work: it works").says("tinyo: exit status 0").ends(End::PowerOff);
}

/// As PID 1 behind a first stage that has put something else where the cgroups would be.
#[test]
fn a_machine_without_cgroup2_works_and_says_what_it_lacks() {
    let run = guest(Arch::X86_64, |boot| {
        boot.config(
            "[service.plain]\nexec = [\"/bin/sleep\", \"1000\"]\n\
             [service.limited]\nexec = [\"/bin/sleep\", \"1001\"]\nmemory = \"64M\"\nrestart = \"never\"\n\
             [service.forks]\nexec = [\"/bin/sh\", \"-c\", \"sleep 1002 & exec sleep 1003\"]\n\
             [service.check]\nexec = [\"/check\"]\ntype = \"oneshot\"\non-exit = \"poweroff\"\nafter = [\"plain\", \"limited\", \"forks\"]\n",
        );
        boot.script(
            "/stage1",
            "/bin/busybox mkdir -p /proc /sys; /bin/busybox mount -t proc proc /proc; /bin/busybox mount -t sysfs sysfs /sys\n\
             /bin/busybox mount -t tmpfs none /sys/fs/cgroup; exec /init",
        );
        boot.script(
            "/check",
            "check plain-runs test \"$(/init status plain | tail -n 1 | cut -d' ' -f1)\" = plain\n\
             /init stop forks; check its-group-is-gone sh -c '! grep -l \"sleep.100[23]\" /proc/[1-9]*/cmdline'",
        );
        boot.append("rdinit=/stage1").run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("tinyo: no cgroup2 in /sys/fs/cgroup: a service is its process group, and has no limits");
    guest.says("tinyo: limited: memory 64M: no memory controller in /sys/fs/cgroup").says("tinyo: plain: ready");
    guest.held("plain-runs").held("its-group-is-gone").ends(End::PowerOff);
}
