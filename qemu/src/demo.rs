//! The demo that `scripts/run-qemu.sh` boots, and its checks: a person's, typed into the guest's shell.

use anyhow::Result;

use crate::{cpio::Archive, guest::Guest, image, kit::Kit};

const CONFIG: &str = include_str!("../../examples/demo.toml");

/// What the web server in the container answers with.
const PAGE: &str = "hello from a container\n";

/// Shown at the shell's start, so that a person knows what to look at.
const WELCOME: &str = "\
PS1='$(hostname):\\w# '
cat /etc/motd
";
const MOTD: &str = "
  This machine was booted by tinyo. Look around:
    cat /etc/tinyo.toml                     what it was told
    tinyo plan                              every step of that
    tinyo status; tinyo timeline            what came of it, and when
    dmesg | grep tinyo                      what it did
    ps                                      what runs now; kill the sleep, it comes back
    nsenter -t $(pidof httpd) -m -u -i -n -p /bin/sh
                                            inside the container
    poweroff                                the end

";

pub fn image(kit: &Kit) -> Result<Archive> {
    let mut archive = image::busybox(kit)?;
    archive
        .file("/etc/tinyo.toml", 0o644, CONFIG)
        .file("/etc/profile", 0o644, WELCOME)
        .file("/etc/motd", 0o644, MOTD)
        .dir("/srv/web/bin", 0o755)
        .file("/srv/web/www/index.html", 0o644, PAGE);
    Ok(archive)
}

struct Check {
    name: &'static str,
    /// Typed into the shell; the check holds if it ends with status 0.
    script: &'static str,
}

/// `inside` enters the container as it is; a check waits for what is still on its way by `until`, bounded.
const PRELUDE: &str = "\
dmesg -n 1; PS1='# '; \
until_() { n=0; while ! eval \"$1\"; do n=$((n+1)); [ $n -lt 100 ] || return 1; usleep 100000; done; }; \
inside() { nsenter -t $(pidof httpd) -m -u -i -n -p \"$@\"; }";

const CHECKS: &[Check] = &[
    Check {
        name: "the oneshot ran, and succeeded",
        script: "until_ \"dmesg | grep -q 'the oneshot ran on demo'\" && until_ \"dmesg | grep -q 'tinyo: greet: done'\"",
    },
    Check { name: "the daemon runs", script: "until_ 'pidof sleep >/dev/null'" },
    Check {
        name: "a killed daemon is there again as another process",
        script: "old=$(pidof sleep); kill -9 $old; until_ 'new=$(pidof sleep) && [ \"$new\" != \"$old\" ]'",
    },
    Check {
        name: "httpd answers inside the container",
        script: "until_ 'pidof httpd >/dev/null' && until_ 'inside wget -q -O - http://127.0.0.1/ | grep \"hello from a container\"'",
    },
    Check {
        name: "httpd does not answer outside it",
        script: "ip link set lo up && ! wget -q -O - http://127.0.0.1/ && ! netstat -ltn | grep :80",
    },
    Check {
        name: "the container has its own host name",
        script: "[ \"$(inside hostname)\" = web ] && [ \"$(hostname)\" = demo ]",
    },
    Check { name: "the container has no interface but lo", script: "[ \"$(inside ls /sys/class/net)\" = lo ]" },
    Check {
        name: "the container sees its own processes only",
        script: "inside ps; ! inside ps | grep -q 'sleep 100000' && inside ps | grep -q httpd && ps | grep -q 'sleep 100000'",
    },
    Check {
        name: "the container sees its own mounts only",
        script: "inside ls / && ! inside test -e /etc/tinyo.toml && ! inside grep -q cgroup2 /proc/mounts",
    },
    Check {
        name: "the container's root is read-only",
        script: "! inside touch /www/x 2>/dev/null && inside touch /tmp/x",
    },
    Check {
        name: "tinyo status shows the services and where they are",
        script: "tinyo status && tinyo status | grep -q '^greet .* done' && tinyo status web | grep -q '^web .* ready .*root /srv/web'",
    },
    Check {
        name: "tinyo timeline shows the boot",
        script: "tinyo timeline && tinyo timeline | grep -q '^early mounts .* ms .*='",
    },
    Check {
        name: "tinyo restart and tinyo log do as they say",
        script: "tinyo restart ticker && tinyo log greet | grep -q 'the oneshot ran on demo'",
    },
    Check {
        name: "tinyo plan prints the steps",
        script: "tinyo plan >/tmp/plan && cat /tmp/plan && grep -q '^service web' /tmp/plan",
    },
];

/// Types the checks into the guest's shell one by one, and ends the machine; 0 if all held.
pub fn check(mut guest: Guest) -> Result<i32> {
    let failed = match type_checks(&mut guest) {
        Ok(failed) => failed,
        Err(why) => {
            println!("\ndemo: {why:#} ... FAILED");
            return Ok(1);
        }
    };
    let outcome = guest.finish()?;
    println!();
    for check in CHECKS {
        let verdict = if failed.contains(&check.name) { "FAILED" } else { "ok" };
        println!("demo: {} ... {verdict}", check.name);
    }
    let clean = outcome.exit_code() == 0;
    println!("demo: poweroff ends the machine cleanly: {outcome} ... {}", if clean { "ok" } else { "FAILED" });
    Ok(if failed.is_empty() { outcome.exit_code() } else { 1 })
}

/// The names of those that did not hold.
fn type_checks(guest: &mut Guest) -> Result<Vec<&'static str>> {
    let mut failed = Vec::new();
    guest.expect(r"demo:~# ")?;
    guest.send(PRELUDE)?;
    for (index, check) in CHECKS.iter().enumerate() {
        // The shell echoes what is typed: the mark must not stand in it as it will be printed.
        guest.send(&format!("{{ {}; }} && echo check-{index}-'held' || echo check-{index}-'failed'", check.script))?;
        let mark = guest.expect(&format!("check-{index}-(held|failed)"))?;
        if mark != "held" {
            failed.push(check.name);
        }
    }
    guest.send("poweroff")?;
    Ok(failed)
}
