//! Services over their lives: crashes and restarts, orphans, stopping in order, and every way a machine is ended.

use std::{sync::LazyLock, time::Duration};

use tinyo_qemu::{
    expect::End,
    guest::Outcome,
    kit::Arch,
    suite::{Run, Shared, converse, guest},
};

/// `checker` ends the machine when it has seen enough of the others.
const RESTARTS: &str = r#"
[service.crasher]
exec = ["/bin/sh", "-c", "cut -d' ' -f1 /proc/uptime >>/run/crashes; exit 3"]

[service.steady]
exec = ["/bin/sleep", "100000"]

[service.orphans]
exec = ["/orphans"]
type = "oneshot"

[service.fails]
exec = ["/bin/sh", "-c", "exit 9"]
type = "oneshot"

[service.needs-fails]
exec = ["/bin/touch", "/run/needs-fails-ran"]
type = "oneshot"
requires = ["fails"]

[service.absent]
exec = ["/bin/no-such-program"]
type = "oneshot"

[service.idle]
exec = ["/bin/touch", "/run/idle-ran"]
autostart = false

[service.as-user]
exec = ["/bin/sh", "-c", "id -u; id -g; pwd; id -G"]
type = "oneshot"
user = "1000:1001"
workdir = "/tmp"
log = "/run/as-user.log"

[service.checker]
exec = ["/check"]
type = "oneshot"
on-exit = "poweroff"
"#;

/// A child of a dead parent is PID 1's to reap: 200 of them, half still alive when they lose their parent.
const ORPHANS: &str = r#"
i=0
while [ $i -lt 100 ]; do ( true & ); ( usleep 200000 & ); i=$((i+1)); done
touch /run/orphans-made
"#;

const RESTARTS_CHECK: &str = r#"
zombies() { grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null | wc -l; }
soon 'pidof sleep >/dev/null'
old=$(pidof sleep)
kill -9 $old
check killed-daemon-is-back soon 'new=$(pidof sleep) && [ "$new" != "$old" ]'
soon 'test -e /run/orphans-made'
check orphans-reaped soon '[ $(zombies) = 0 ]'
check orphans-gone soon '! pidof usleep'
check crashes soon '[ $(wc -l </run/crashes) -ge 5 ]'
say crash-times $(head -n 5 /run/crashes)
check requirement-failed test ! -e /run/needs-fails-ran
check no-autostart test ! -e /run/idle-ran
check as-user test "$(tr '\n' ' ' </run/as-user.log)" = "1000 1001 /tmp 1001 "
"#;

static RESTARTED: Shared = LazyLock::new(|| {
    guest(Arch::X86_64, |boot| {
        boot.refused(&["absent: exec: /bin/no-such-program"]).config(RESTARTS);
        boot.script("/check", RESTARTS_CHECK).script("/orphans", ORPHANS).run()
    })
});

#[test]
fn a_killed_daemon_is_restarted() {
    let Some(guest) = RESTARTED.outcome() else {
        return;
    };
    guest
        .held("killed-daemon-is-back")
        .says("tinyo: steady: killed by SIGKILL; starting again at once")
        .ends(End::PowerOff);
}

#[test]
fn a_crashing_service_backs_off() {
    let Some(guest) = RESTARTED.outcome() else {
        return;
    };
    guest
        .held("crashes")
        .says(r"tinyo: crasher: exited with status 3; starting again at once")
        .says(r"tinyo: crasher: exited with status 3; .* in [1-9]\d* ms")
        .ends(End::PowerOff);
    let times = guest.find("crash-times ([0-9. ]+)").unwrap_or_default();
    let times: Vec<f64> = times.split_whitespace().map(|t| t.parse().unwrap()).collect();
    let gaps: Vec<f64> = times.windows(2).map(|w| w[1] - w[0]).collect();
    // Lower bounds only: the first restart, at once by tinyo's word above, takes its time on a busy host.
    assert!(gaps[1] >= 0.09 && gaps[2] >= 0.19 && gaps[3] >= 0.39, "the pace did not slow down: {gaps:?}");
}

#[test]
fn two_hundred_orphans_are_reaped() {
    let Some(guest) = RESTARTED.outcome() else {
        return;
    };
    guest.held("orphans-reaped").held("orphans-gone").ends(End::PowerOff);
}

#[test]
fn a_service_whose_requirement_failed_does_not_run() {
    let Some(guest) = RESTARTED.outcome() else {
        return;
    };
    guest
        .held("requirement-failed")
        .says("tinyo: fails: failed: exited with status 9")
        .says("tinyo: needs-fails: .*fails")
        .ends(End::PowerOff);
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let Some(guest) = RESTARTED.outcome() else {
        return;
    };
    guest.says("tinyo: absent: .*/bin/no-such-program.*no such file").ends(End::PowerOff);
}

#[test]
fn without_autostart_nothing_starts() {
    let Some(guest) = RESTARTED.outcome() else {
        return;
    };
    guest.held("no-autostart").ends(End::PowerOff);
}

#[test]
fn user_workdir_and_log_are_the_services_own() {
    let Some(guest) = RESTARTED.outcome() else {
        return;
    };
    guest.held("as-user").ends(End::PowerOff);
}

/// `polite` leaves at TERM, `deaf` never; `last` must be stopped first, being started last, and by its own command.
const STOPPING: &str = r#"
[service.deaf]
exec = ["/bin/sh", "-c", "trap '' TERM; touch /run/deaf; while :; do sleep 1000; done"]
stop-timeout = "1s"

[service.polite]
exec = ["/polite"]

[service.last]
exec = ["/bin/sh", "-c", "echo $$ >/run/last; exec sleep 100000"]
after = ["polite"]
stop = ["/bin/sh", "-c", "echo '<3>case: stop-command held' >/dev/kmsg; kill $(cat /run/last)"]

[service.ender]
exec = ["/bin/sh", "-c", "until [ -e /run/deaf ] && [ -e /run/polite ] && [ -s /run/last ]; do usleep 50000; done; echo '<3>case: poweroff-now' >/dev/kmsg; poweroff"]
type = "oneshot"
"#;

const POLITE: &str = r#"
trap 'say polite-got-term held; exit 0' TERM
touch /run/polite
while :; do usleep 100000; done
"#;

static STOPPED: Shared =
    LazyLock::new(|| guest(Arch::X86_64, |boot| boot.config(STOPPING).script("/polite", POLITE).run()));

#[test]
fn one_that_ignores_term_is_killed_at_its_deadline() {
    let Some(guest) = STOPPED.outcome() else {
        return;
    };
    guest.says("tinyo: deaf: still there after 1000 ms; killing it").ends(End::PowerOff);
    let took = guest.stamp("reboot: Power down") - guest.stamp("case: poweroff-now");
    assert!((0.9..4.0).contains(&took), "stop-timeout is 1 s, the end took {took:.2} s\n{}", guest.shown());
}

#[test]
fn services_stop_in_reverse_order() {
    let Some(guest) = STOPPED.outcome() else {
        return;
    };
    guest.held("polite-got-term").held("stop-command").ends(End::PowerOff);
    guest.says_in_order(&["case: stop-command held", "tinyo: last: stopped"]);
    guest.says_in_order(&["tinyo: last: stopped", "case: polite-got-term", "tinyo: polite: stopped"]);
}

/// A machine with a daemon that notes its TERM, ended by `how`.
fn ended_by(how: &str) -> Run {
    let config = format!(
        r#"
[service.polite]
exec = ["/polite"]

[service.ender]
exec = ["/bin/sh", "-c", "until [ -e /run/polite ]; do usleep 50000; done; {how}"]
type = "oneshot"
"#
    );
    guest(Arch::X86_64, |boot| boot.config(&config).script("/polite", POLITE).run())
}

#[track_caller]
fn ends_after_its_services(run: &Run, end: End) {
    let Some(guest) = run.outcome() else { return };
    guest.held("polite-got-term").ends(end);
}

#[test]
fn busybox_poweroff_powers_off() {
    ends_after_its_services(&ended_by("poweroff"), End::PowerOff);
}

#[test]
fn busybox_reboot_reboots() {
    ends_after_its_services(&ended_by("reboot"), End::Reboot);
}

#[test]
fn busybox_halt_halts() {
    ends_after_its_services(&ended_by("halt"), End::Halt);
}

#[test]
fn sigpwr_powers_off() {
    ends_after_its_services(&ended_by("kill -PWR 1"), End::PowerOff);
}

#[test]
fn ctrl_alt_del_reboots_by_way_of_the_services() {
    let run = guest(Arch::X86_64, |boot| {
        boot.config("[service.polite]\nexec = [\"/polite\"]\n").script("/polite", POLITE);
        boot.script("/polite", &format!("say keyboard-is-next\n{POLITE}"));
        converse(boot.start()?, |guest| {
            guest.expect_within("case: keyboard-is-next", Duration::from_secs(20))?;
            guest.press("ctrl-alt-delete")
        })
    });
    ends_after_its_services(&run, End::Reboot);
}

/// The command after `--`, its status on the console and in QEMU's own exit code.
fn command(words: &str) -> Run {
    guest(Arch::X86_64, |boot| boot.append(&format!("quiet tinyo.exit=debug -- {words}")).run())
}

#[track_caller]
fn passes_on(run: &Run, status: i32) -> Option<&Outcome> {
    let guest = run.outcome()?;
    assert_eq!(guest.status, Some(status), "{}", guest.shown());
    assert_eq!(guest.exit_code(), status, "{}", guest.shown());
    Some(guest)
}

#[test]
fn a_command_that_succeeds_powers_off_with_0() {
    // Without tinyo.exit, so that the machine's own end is seen.
    let run = guest(Arch::X86_64, |boot| boot.append("quiet -- /bin/sh -c \"echo the command ran\"").run());
    let Some(guest) = passes_on(&run, 0) else {
        return;
    };
    guest.says("(?m)^the command ran").ends(End::PowerOff);
}

#[test]
fn a_command_that_fails_passes_its_status_on() {
    let run = command("/bin/sh -c \"exit 7\"");
    let Some(guest) = passes_on(&run, 7) else {
        return;
    };
    assert_eq!(guest.qemu, Some(2 * 7 + 1), "isa-debug-exit\n{}", guest.shown());
}

#[test]
fn a_command_that_is_killed_is_128_and_the_signal() {
    passes_on(&command("/bin/sh -c \"kill -9 $$\""), 128 + 9);
}

#[test]
fn a_command_that_is_not_there_is_127() {
    passes_on(&command("/bin/no-such-program"), 127);
}

#[test]
fn a_commands_end_can_be_a_reboot() {
    let run = guest(Arch::X86_64, |boot| boot.append("tinyo.on-exit=reboot -- /bin/true").run());
    let Some(guest) = passes_on(&run, 0) else {
        return;
    };
    guest.ends(End::Reboot);
}
