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
ready = "fd:3"
autostart = false

[service.doomed]
exec = ["/bin/sh", "-c", "echo first words; echo last words; exit 4"]
crash-limit = "2 in 60s"
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
check no-process sh -c '! grep -q "sleep.10000[0]" /proc/[1-9]*/cmdline'
check start /init start web
check started is web ready
pid() { tinyo status --json $1 | grep -o '"pid":[0-9]*' | cut -d: -f2; }
old=$(pid web)
check restart /init restart web
check restarted test $(pid web) != $old
check restarts test "$(tinyo status --json web | grep -o '"restarts":[0-9]*')" = '"restarts":1'

check dependents-said test "$(tinyo stop db)" = "tinyo: app: stopping too: it requires what stops"
check dependent-stopped is app stopped
check start-requires /init start app
check required-started is db ready

/init start crasher 2>/run/why; check failed-start-is-3 test $? = 3
check failed-start-says-why grep -q "crasher: backoff: exited with status 3; try tinyo log crasher" /run/why
/init stop crasher
check backoff-stopped is crasher stopped
/init start doomed 2>/dev/null
check gave-up soon '[ "$(state doomed)" = failed ]'
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
say timeline "$(tinyo timeline | head -n 3 | tr '\n' '|')"
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
    guest.says_in_order(&["tinyo: doomed: crashed too often", "tinyo: doomed: last words: last words"]);
    guest.says_in_order(&["tinyo: app: stopped", "tinyo: db: stopped", "case: required-started held"]);
    guest.says_in_order(&["tinyo: poweroff: stopping", "tinyo: source: stopped", "tinyo: sink: stopped"]);
    let failed: Vec<_> =
        guest.transcript.lines().filter(|line| line.contains("case: ") && line.ends_with(" failed")).collect();
    assert!(failed.is_empty(), "{failed:#?}\n{}", guest.shown());
    for name in ["status-of-one", "typo", "stop", "restart", "dependents-said", "failed-start-says-why", "follow"] {
        guest.held(name);
    }
}

/// Services of each fate that a reload can bring.
const BEFORE: &str = r#"
[service.stays]
exec = ["/bin/sleep", "100000"]

[service.changes]
exec = ["/bin/sh", "-c", "echo old >>/run/changes; exec sleep 100001"]

[service.goes]
exec = ["/bin/sleep", "100002"]

[service.rules]
exec = ["/bin/sleep", "100003"]

[service.broken]
exec = ["/bin/no-such-program"]
crash-limit = "2 in 60s"

[service.checker]
exec = ["/check"]
type = "oneshot"
after = ["stays", "changes", "goes", "rules"]
on-exit = "poweroff"
"#;

const RELOAD: &str = r#"
state() { /init status --json "$1" 2>&1 | grep -o '"state":"[a-z]*"' | cut -d'"' -f4; }
pid() { /init status --json $1 | grep -o '"pid":[0-9]*' | cut -d: -f2; }
config=/etc/tinyo.toml
stays=$(pid stays) rules=$(pid rules)

cp $config /run/good
printf '[service.stays]\nexec = 5\nrestrat = "x"\n[service.new]\nexce = ["x"]\n' >$config
/init reload 2>/run/why; check wrong-is-100 test $? = 100
check every-error-is-said test "$(grep -c '^tinyo: /etc/tinyo.toml:' /run/why)" = 4
check nothing-changed-is-said grep -q 'nothing was changed' /run/why
check nothing-changed test "$(pid stays)" = $stays
rm $config; /init reload 2>/run/why; check missing-is-100 test $? = 100
check missing-is-said grep -q '/etc/tinyo.toml: no such file or directory' /run/why

soon '[ "$(state broken)" = failed ]'
sed -e 's/echo old/echo new/' -e 's/^\[service.goes\]/[service.comes]/' -e 's/"goes"/"comes"/' -e 's/no-such-program"/sleep", "100009"/' -e 's/100002/100022/' /run/good >$config
sed -i 's/^\[service.rules\]/&\nstop-timeout = "1s"\ncrash-limit = "9 in 60s"/' $config
/init reload 2>/run/said; check reload-is-0 test $? = 0
say reloaded "$(sort /run/said | tr '\n' '|')"
check what-stays-runs-on test "$(pid stays)" = $stays
check rules-need-no-restart test "$(pid rules)" = $rules
check changed soon '[ "$(tail -n 1 /run/changes)" = new ]'
check gone sh -c '/init status goes 2>&1 | grep -q "no such service"'
check gone-process sh -c '! grep -q "sleep.10000[2]" /proc/[1-9]*/cmdline'
check come soon '[ "$(state comes)" = ready ]'
check mended soon '[ "$(state broken)" != failed ]'
/init reload; check same-is-0 test $? = 0
check same-changes-nothing test "$(pid stays)" = $stays
i=0; while [ $i -lt 20 ]; do /init reload || say reload-$i failed; i=$((i+1)); done
check many-reloads test "$(pid stays)" = $stays
say over
"#;

#[test]
fn a_reload_changes_what_has_changed_and_nothing_else() {
    let run = guest(Arch::X86_64, |boot| {
        boot.refused(&["broken: exec: /bin/no-such-program"]).config(BEFORE).script("/check", RELOAD).run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("case: over").ends(End::PowerOff);
    guest.says(
        r"case: reloaded tinyo: broken: changed\|tinyo: changes: changed\|tinyo: comes: new\|tinyo: goes: gone\|",
    );
    let failed: Vec<_> =
        guest.transcript.lines().filter(|line| line.contains("case: ") && line.ends_with(" failed")).collect();
    assert!(failed.is_empty(), "{failed:#?}\n{}", guest.shown());
}

#[test]
fn the_table_is_for_people() {
    let Some(guest) = ASKED.outcome() else { return };
    guest.says(r"case: table NAME +STATE +PID +SINCE +RESTARTS +MEMORY +LAST EXIT\|web +ready +\d+ +\d+s +0 +\S+ +-\|");
    guest.says(r"case: timeline NAME +BEGAN +TOOK\|kernel +0 ms +\d+ ms +\|early mounts +\d+ ms +\d+ ms +=");
}
