//! sd_notify(3): what services say of themselves, and what follows.

use std::fs;

use nix::sys::signal::{Signal, kill};

use crate::{
    first::{first, start},
    house::{Ended, House, finish, soon},
};

/// Runs a supervisor with these services until one of them ends it, or `until` holds. `@` is the notifier.
fn played(house: &House, config: &str, until: Option<&str>) -> Ended {
    let notifier = house.beside("notifier");
    fs::copy(env!("CARGO_BIN_EXE_notifier"), &notifier).unwrap();
    let config =
        config.replace('@', &notifier.display().to_string()).replace('$', &house.busybox.display().to_string());
    let errors = house.beside("errors");
    // Of a life before this one.
    let _ = fs::remove_file(&errors);
    let mut said = house.clean_but_tree(|| {
        let child = start(house, &config, &format!("exec 2>{} &&", errors.display()));
        if let Some(line) = until {
            soon(line, || {
                let text = fs::read_to_string(&errors).unwrap_or_default();
                assert!(!text.contains("failed"), "{text}");
                text.contains(line)
            });
            kill(first(&child), Signal::SIGTERM).unwrap();
        }
        finish(child)
    });
    said.err = fs::read_to_string(&errors).unwrap();
    said
}

#[track_caller]
fn says(said: &Ended, lines: &[&str]) {
    let mut rest = said.err.as_str();
    for line in lines {
        let Some(at) = rest.find(line) else { panic!("not said, or too early: {line}\n{}", said.err) };
        rest = &rest[at + line.len()..];
    }
}

#[test]
fn a_service_is_ready_once_it_says_so() {
    let Some(house) = House::build() else { return };
    let config = "[service.app]\nexec = [\"@\", \"sleep:0.2\", \"STATUS=nearly there\", \"READY=1\", \"stay\"]\nready = \"notify\"\n\
                  [service.next]\nexec = [\"$\", \"sh\", \"-c\", \"exit 7\"]\ntype = \"oneshot\"\nrequires = [\"app\"]\non-exit = \"poweroff\"\n";
    let said = played(&house, config, None);
    says(&said, &["tinyo: app: ready, pid ", "tinyo: next: failed: exited with status 7"]);
    assert_eq!(said.code, 7, "{said:?}");
}

#[test]
fn a_child_may_say_it_too() {
    let Some(house) = House::build() else { return };
    let config = "[service.app]\nexec = [\"@\", \"child\", \"READY=1\", \"stay\"]\nready = \"notify\"\n";
    says(&played(&house, config, Some("tinyo: app: ready")), &["tinyo: app: ready, pid "]);
}

#[test]
fn who_is_not_ready_in_time_is_stopped_as_failed() {
    let Some(house) = House::build() else { return };
    let config = "[service.app]\nexec = [\"@\", \"STATUS=never\", \"stay\"]\nready = \"notify\"\nstart-timeout = \"300ms\"\n\
                  restart = \"never\"\non-exit = \"poweroff\"\n";
    let said = played(&house, config, None);
    says(&said, &["tinyo: app: not ready after 300 ms; stopping it", "tinyo: app: failed: killed by SIGTERM"]);
    let config = config
        .replace("STATUS=never", "EXTEND_TIMEOUT_USEC=900000")
        .replace("\"stay\"", "\"sleep:0.6\", \"READY=1\", \"sleep:0.1\"");
    let said = played(&house, &config, None);
    says(&said, &["tinyo: app: ready, pid ", "tinyo: app: done"]);
}

#[test]
fn who_shows_no_sign_of_life_is_aborted() {
    let Some(house) = House::build() else { return };
    let feeds = "\"WATCHDOG=1\", \"sleep:0.2\", ".repeat(5);
    let config = format!(
        "[service.app]\nexec = [\"@\", {feeds} \"STATUS=tired\", \"stay\"]\nwatchdog = \"600ms\"\nrestart = \"never\"\non-exit = \"poweroff\"\n"
    );
    let said = played(&house, &config, None);
    says(&said, &["tinyo: app: no sign of life for 600 ms; aborting it", "tinyo: app: failed: killed by SIGABRT"]);
    let config = "[service.app]\nexec = [\"@\", \"WATCHDOG=trigger\", \"stay\"]\nwatchdog = \"1h\"\nrestart = \"never\"\non-exit = \"poweroff\"\n";
    says(&played(&house, config, None), &["tinyo: app: failed: killed by SIGABRT"]);
}

#[test]
fn who_says_that_it_ends_is_judged_by_its_end_and_not_for_ever() {
    let Some(house) = House::build() else { return };
    let config = "[service.app]\nexec = [\"@\", \"STOPPING=1\", \"sleep:0.1\"]\nrestart = \"on-failure\"\nready = \"notify\"\non-exit = \"poweroff\"\n";
    let config = config.replace("\"STOPPING=1\"", "\"READY=1\", \"STOPPING=1\"");
    let said = played(&house, &config, None);
    says(&said, &["tinyo: app: ready", "tinyo: app: done"]);
    let config = config
        .replace("sleep:0.1", "sleep:100")
        .replace("ready =", "stop-timeout = \"300ms\"\nready =")
        .replace("on-failure", "never");
    says(
        &played(&house, &config, None),
        &["tinyo: app: still there after 300 ms; killing it", "tinyo: app: failed: killed by SIGKILL"],
    );
}

/// A stranger's word about somebody else's service counts for nothing.
#[test]
fn only_the_service_itself_is_believed() {
    let Some(house) = House::build() else { return };
    let config = "[service.app]\nexec = [\"$\", \"sleep\", \"100000\"]\nready = \"notify\"\n\
                  [service.liar]\nexec = [\"@\", \"sleep:0.2\", \"READY=1\", \"STATUS=mine\", \"sleep:0.2\"]\nready = \"notify\"\n\
                  restart = \"never\"\non-exit = \"poweroff\"\n";
    let said = played(&house, config, None);
    says(&said, &["tinyo: liar: ready", "tinyo: liar: done"]);
    assert!(!said.err.contains("app: ready"), "{said:?}");
}

#[test]
fn what_a_service_is_told() {
    let Some(house) = House::build() else { return };
    let config = "[service.app]\nexec = [\"@\", \"print:NOTIFY_SOCKET\", \"print:WATCHDOG_USEC\", \"READY=1\"]\nready = \"notify\"\n\
                  watchdog = \"5s\"\nrestart = \"never\"\non-exit = \"poweroff\"\n";
    says(
        &played(&house, config, None),
        &["app: NOTIFY_SOCKET=/run/tinyo/notify", "app: WATCHDOG_USEC=5000000", "app: ready"],
    );
}

/// In a container the command is a child of the reaper, and the socket is the host's, bound in.
#[test]
fn a_container_says_it_too() {
    let Some(house) = House::build() else { return };
    let library = |path: &str| {
        let target = house.root().join(path.trim_start_matches('/'));
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(path, target).unwrap();
    };
    // The notifier is linked to this host's C library.
    for line in crate::house::ended(house.host(&format!("ldd {}", env!("CARGO_BIN_EXE_notifier")))).out.lines() {
        if let Some(path) = line.split_whitespace().find(|word| word.starts_with('/')) {
            library(path);
        }
    }
    fs::copy(env!("CARGO_BIN_EXE_notifier"), house.root().join("notifier")).unwrap();
    for init in ["true", "false"] {
        let config = format!(
            "[service.app]\nexec = [\"/notifier\", \"READY=1\", \"stay\"]\nready = \"notify\"\nlog = \"null\"\n\
             [service.app.container]\nroot = \"{}\"\ninit = {init}\n",
            house.root().display()
        );
        says(&played(&house, &config, Some("tinyo: app: ready")), &["tinyo: app: ready, pid "]);
    }
}
