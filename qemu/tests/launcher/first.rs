//! PID 1 of a pid namespace that is not the machine's: the supervisor of a container, which exits when it is over.
//!
//! reboot(2) there would kill it by SIGHUP or SIGINT: that it ends with a status proves that it never called it.

use std::{
    fs,
    path::Path,
    process::{Child, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::house::{Ended, House, OWN_CGROUP, ended, find_cgroups, finish, soon};

/// busybox's unshare stays outside, and ends as what it started ends; the config lies on a private /etc.
const ENTER: &str = "exec $busybox unshare -m -p -f --mount-proc $busybox sh -c \
                     '$busybox mount -t tmpfs none /run && $busybox mount -t tmpfs none /etc && $busybox cp $root/../config /etc/tinyo.toml && $more exec $tinyo'";

pub fn start(house: &House, config: &str, more: &str) -> Child {
    fs::write(house.beside("config"), config).unwrap();
    let mut command = house.host(&ENTER.replace("$more", more));
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The namespace's PID 1, by its number outside.
pub fn first(child: &Child) -> Pid {
    let path = format!("/proc/{0}/task/{0}/children", child.id());
    Pid::from_raw(fs::read_to_string(path).unwrap().trim().parse().unwrap())
}

/// A config whose services run busybox of the host and say what they do in a file beside the image.
pub fn config(house: &House, services: &[(&str, &str, &str)]) -> String {
    let shell = house.busybox.display();
    let table = |(name, keys, script): &(&str, &str, &str)| {
        let script = script.replace("@", &house.beside("").display().to_string());
        format!("[service.{name}]\nexec = [\"{shell}\", \"sh\", \"-c\", \"{script}\"]\n{keys}\n")
    };
    services.iter().map(table).collect()
}

fn played(house: &House, config: &str) -> Ended {
    played_with(house, config, "")
}

/// `more` is done on its private /etc first: commands with `&&` behind each.
pub fn played_with(house: &House, config: &str, more: &str) -> Ended {
    house.clean(|| finish(start(house, config, more)))
}

#[test]
fn it_exits_with_the_status_of_the_service_that_ends_it() {
    let Some(house) = House::build() else { return };
    for status in [0, 1, 7, 125, 255] {
        let config =
            config(&house, &[("one", "type = \"oneshot\"\non-exit = \"poweroff\"", &format!("exit {status}"))]);
        assert_eq!(played(&house, &config).code, status);
    }
    // Nor does a reboot or a halt become one.
    for ending in ["reboot", "halt", "poweroff"] {
        let keys = format!("type = \"oneshot\"\non-exit = \"{ending}\"");
        let config = config(&house, &[("one", &keys, "exit 9")]);
        assert_eq!(played(&house, &config).code, 9, "{ending}");
    }
    let config = config(&house, &[("one", "type = \"oneshot\"\non-exit = \"poweroff\"", "kill -9 $$")]);
    assert_eq!(played(&house, &config).code, 137);
}

#[test]
fn its_services_run_in_order_and_term_ends_them() {
    let Some(house) = House::build() else { return };
    let services = [
        ("first", "type = \"oneshot\"", "echo first >>@/said"),
        (
            "second",
            "requires = [\"first\"]",
            "trap 'echo ending >>@/said; exit 3' TERM; echo second >>@/said; while :; do sleep 0.01; done",
        ),
    ];
    let config = config(&house, &services);
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGUSR2, Signal::SIGUSR1, Signal::SIGPWR] {
        let _ = fs::remove_file(house.beside("said"));
        let said = house.clean(|| {
            let child = start(&house, &config, "");
            soon("both run", || fs::read_to_string(house.beside("said")).is_ok_and(|said| said == "first\nsecond\n"));
            kill(first(&child), signal).unwrap();
            finish(child)
        });
        assert_eq!(said.code, 0, "{signal}: {said:?}");
        assert_eq!(fs::read_to_string(house.beside("said")).unwrap(), "first\nsecond\nending\n", "{signal}");
    }
}

/// `on-exit` of the one that is stopped by the end gives its status.
#[test]
fn term_ends_it_with_the_status_of_the_on_exit_service() {
    let Some(house) = House::build() else { return };
    let keys = "type = \"daemon\"\nrestart = \"never\"\non-exit = \"poweroff\"";
    let script = "trap 'exit 5' TERM; touch @/up; while :; do sleep 0.01; done";
    let config = config(&house, &[("main", keys, script)]);
    let said = house.clean(|| {
        let child = start(&house, &config, "");
        soon("it is up", || house.beside("up").exists());
        kill(first(&child), Signal::SIGTERM).unwrap();
        finish(child)
    });
    assert_eq!(said.code, 5, "{said:?}");
}

#[test]
fn it_reaps_strangers_and_leaves_nobody() {
    let Some(house) = House::build() else { return };
    let script = "i=0; while [ $i -lt 200 ]; do (usleep 1000 &); i=$((i+1)); done; setsid sleep 1000 & sleep 0.3; \
                  cat /proc/[0-9]*/stat 2>/dev/null | grep -c ' Z ' >@/zombies; exit 4";
    let config = config(&house, &[("one", "type = \"oneshot\"\non-exit = \"poweroff\"", script)]);
    assert_eq!(played(&house, &config).code, 4);
    assert_eq!(fs::read_to_string(house.beside("zombies")).unwrap(), "0\n");
}

/// A container in it works as one of a machine's.
#[test]
fn its_services_can_have_containers() {
    let Some(house) = House::build() else { return };
    let text = format!(
        "[service.box]\nexec = [\"/bin/sh\", \"-c\", \"hostname; ls /sys/class/net; exit 6\"]\ntype = \"oneshot\"\n\
         log = \"/tmp/said\"\non-exit = \"poweroff\"\n[service.box.container]\nroot = \"{}\"\n",
        house.root().display()
    );
    let said = house.clean_but_tree(|| finish(start(&house, &text, "")));
    assert_eq!(said.code, 6, "{said:?}");
    assert_eq!(fs::read_to_string(house.root().join("tmp/said")).unwrap(), "box\nlo\n");
}

#[test]
fn a_bad_config_is_100_with_its_lines() {
    let Some(house) = House::build() else { return };
    let said = played(&house, "hostnam = \"x\"\nmodules = 3\n");
    assert_eq!((said.code, said.err.lines().count()), (100, 2), "{said:?}");
    assert!(
        said.err.starts_with("tinyo: /etc/tinyo.toml:1:1: unknown key hostnam; did you mean hostname\n"),
        "{said:?}"
    );
    let said = played(&house, "[root]\nsource = \"/dev/vda\"\n");
    said.fails(100, "/etc/tinyo.toml: [root] and modules are for the machine, and this is a container");
    // A word is that word there too.
    let words = ENTER.replace("$more", "").replace("exec $tinyo'", "exec $tinyo bogus'");
    let said = house.clean(|| ended(house.host(&words)));
    said.fails(100, "unknown word bogus; try tinyo help");
}

#[test]
fn what_is_for_the_machine_is_named_and_passed_over() {
    let Some(house) = House::build() else { return };
    let services = config(&house, &[("one", "type = \"oneshot\"\non-exit = \"poweroff\"", "exit 4")]);
    let said = played(&house, &format!("watchdog = \"15s\"\n{services}"));
    let line = "tinyo: /etc/tinyo.toml: hostname, ip, random-seed, sysctl and watchdog are for the machine; whoever made this container sets them\n";
    assert_eq!((said.code, said.err.contains(line)), (4, true), "{said:?}");
}

/// The cgroups of a pid namespace may be the machine's too, with services of the same names: none is made there.
#[test]
fn it_leaves_no_cgroup() {
    let Some(house) = House::build() else { return };
    let config = config(
        &house,
        &[(OWN_CGROUP, "type = \"oneshot\"\non-exit = \"poweroff\"", "cat /proc/self/cgroup >@/said; exit 2")],
    );
    let more = "$busybox mount -t cgroup2 none /sys/fs/cgroup 2>/dev/null &&";
    let said = house.clean(|| finish(start(&house, &config, more)));
    assert_eq!(said.code, 2, "{said:?}");
    let cgroups = fs::read_to_string(house.beside("said")).unwrap();
    assert!(!cgroups.contains("/tinyo/"), "{cgroups}");
    let mut left = Vec::new();
    find_cgroups(Path::new("/sys/fs/cgroup"), &mut left);
    // So that one bug is one failure: they are empty, and go from the deepest up.
    left.iter().rev().for_each(|path| drop(fs::remove_dir(path)));
    left.retain(|path| path.ends_with("/tinyo") || path.contains(OWN_CGROUP));
    assert!(left.is_empty(), "cgroups are left behind: {left:?}");
}

/// Nothing above it is told, and nothing is mounted that was not there.
#[test]
fn it_keeps_the_mounts_it_finds() {
    let Some(house) = House::build() else { return };
    let config =
        config(&house, &[("one", "type = \"oneshot\"\non-exit = \"poweroff\"", "cat /proc/self/mountinfo >@/after")]);
    let more = "$busybox cat /proc/self/mountinfo >$root/../before &&";
    let said = house.clean(|| finish(start(&house, &config, more)));
    assert_eq!(said.code, 0, "{said:?}");
    let [before, after] = ["before", "after"].map(|name| fs::read_to_string(house.beside(name)).unwrap());
    assert_eq!(before, after);
}
