//! The control socket: what people and scripts ask of a running supervisor, and what it answers.

use std::sync::LazyLock;

use tinyo_qemu::{
    expect::End,
    kit::Arch,
    suite::{Shared, guest},
};

/// `checker` asks, and ends the machine when it has its answers.
const CONFIG: &str = r#"
[service.web]
exec = ["/bin/sleep", "100000"]

[service.db]
exec = ["/bin/sh", "-c", "echo db starts; exec sleep 100001"]

[service.app]
exec = ["/bin/sleep", "100002"]
requires = ["db"]

[service.idle]
exec = ["/bin/sleep", "100003"]
autostart = false
reload-signal = "HUP"

[service.crasher]
exec = ["/bin/sh", "-c", "echo crasher says so; exit 3"]
autostart = false

[service.talker]
exec = ["/bin/sh", "-c", "i=0; while [ $i -lt 30 ]; do echo line $i; i=$((i+1)); done; exec sleep 100004"]

[service.sink]
exec = ["/bin/sh", "-c", "cat >>/run/sunk"]

[service.source]
exec = ["/bin/sh", "-c", "echo into the sink; exec sleep 100005"]
log = "service:sink"

[service.late]
exec = ["/bin/sh", "-c", "usleep 300000; echo >&4; exec sleep 100006"]
ready = "fd:4"

[service.after-late]
exec = ["/bin/sh", "-c", "date +%s%N >/run/after-late; exec sleep 100007"]
requires = ["late"]

[service.checker]
exec = ["/check"]
type = "oneshot"
after = ["web", "db", "app", "talker", "source", "after-late"]
on-exit = "poweroff"
"#;

const CHECK: &str = r#"
tinyo() { /init "$@" 2>&1; }
state() { tinyo status --json "$1" | grep -o '"state":"[a-z]*"' | cut -d'"' -f4; }
is() { [ "$(state $1)" = $2 ]; }

say table "$(tinyo status | head -n 4 | tr '\n' '|')"
check status-of-one is web ready
check status-is-0 /init status web
/init status idle >/dev/null; check status-is-3 test $? = 3
check typo test "$(tinyo stop wbe)" = "tinyo: wbe: no such service; did you mean web"
/init stop wbe 2>/dev/null; check typo-is-100 test $? = 100
/init start 2>/dev/null; check no-name-is-100 test $? = 100
/init status --wrong 2>/dev/null; check option-is-100 test $? = 100

check stop /init stop web
check stopped is web stopped
check no-process sh -c '! pgrep -f "sleep 100000"'
check start /init start web
check started is web ready
old=$(pgrep -f 'sleep 100000')
check restart /init restart web
check restarted sh -c "[ \"\$(pgrep -f 'sleep 100000')\" != $old ]"
check restarts test "$(tinyo status --json web | grep -o '"restarts":[0-9]*')" = '"restarts":1'

check dependents-said test "$(tinyo stop db)" = "tinyo: app: stopping too: it requires what stops"
check dependent-stopped is app stopped
check start-requires /init start app
check required-started is db ready

/init start crasher 2>/run/why; check failed-start-is-3 test $? = 3
check failed-start-says-why grep -q "crasher: backoff: exited with status 3; try tinyo log crasher" /run/why
/init stop crasher
check backoff-stopped is crasher stopped
check no-block /init restart --no-block web

check log test "$(tinyo log crasher | tail -n 1)" = "crasher says so"
check log-n test "$(tinyo log -n 2 talker | tr '\n' '|')" = "line 28|line 29|"
check log-of-all sh -c '/init log | grep -q "^db: db starts"'
/init log -f talker >/run/followed & follower=$!
soon '[ -s /run/followed ]'
/init restart talker
check follow soon '[ $(grep -c "line 29" /run/followed) = 2 ]'
kill $follower

check no-reload-signal test "$(tinyo reload web)" = "tinyo: web: no reload-signal in its config; try tinyo restart"
check not-running test "$(tinyo reload idle)" = "tinyo: idle: not running"
/init start idle
check reload-signal /init reload idle
check reload-signal-came soon '[ "$(state idle)" != ready ] || [ "$(tinyo status --json idle | grep -o "killed by SIGHUP")" ]'

check log-to-service soon 'grep -q "into the sink" /run/sunk'
kill -9 $(pgrep -f '^cat') 2>/dev/null
/init restart source
check sink-kept soon '[ $(grep -c "into the sink" /run/sunk) = 2 ]'

check readiness test -s /run/after-late
ready=$(tinyo status --json late | grep -o '"ready_ms":[0-9]*' | cut -d: -f2)
began=$(tinyo status --json late | grep -o '"began_ms":[0-9]*' | cut -d: -f2)
check readiness-took-its-time test $((ready - began)) -ge 290
say timeline "$(tinyo timeline | tr '\n' '|')"
check timeline-json sh -c '/init timeline --json | grep -q "\"name\":\"early mounts\""'

rm /run/tinyo/control
check socket-is-made-anew soon '/init status web >/dev/null'
rm -rf /run/tinyo/notify /run/tinyo/control
check sockets-are-made-anew soon 'test -S /run/tinyo/notify && /init status web >/dev/null'
ln -s /init /run/poweroff
say over
"#;

static ASKED: Shared = LazyLock::new(|| guest(Arch::X86_64, |boot| boot.config(CONFIG).script("/check", CHECK).run()));

#[test]
fn every_question_has_its_answer() {
    let Some(guest) = ASKED.outcome() else { return };
    guest.says("case: over").ends(End::PowerOff);
    let failed: Vec<_> =
        guest.transcript.lines().filter(|line| line.contains("case: ") && line.contains(" failed")).collect();
    assert!(failed.is_empty(), "{failed:#?}\n{}", guest.shown());
    for name in ["status-of-one", "typo", "stop", "restart", "dependents-said", "failed-start-says-why", "follow"] {
        guest.held(name);
    }
}

#[test]
fn the_table_is_for_people() {
    let Some(guest) = ASKED.outcome() else { return };
    guest.says(r"case: table NAME +STATE +PID +SINCE +RESTARTS +MEMORY +LAST EXIT\|web +ready +\d+ +\d+s +0 +\S+ +-\|");
    guest.says(r"case: timeline NAME +BEGAN +TOOK\|kernel +0 ms +\d+ ms +=+\|early mounts");
}
