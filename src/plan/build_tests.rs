//! The order of steps is the kernel's: what must come before what, for every service that the config can describe.

use super::*;
use crate::config::Mount;
use crate::config::file;
use crate::plan::{Need, machine};
use crate::text::put::shown;
use std::format;
use std::string::String;
use std::vec::Vec;

/// The steps of service `web` of `text`, as a person reads them.
fn steps(text: &str, parent: Parent) -> Vec<String> {
    let mut bytes = text.as_bytes().to_vec();
    let mut config = Config::new();
    let verdict = file::parse(&mut bytes, &mut config, &mut |problem| {
        panic!("{}: {}", problem.place.line, shown(&problem.message))
    });
    assert_eq!(verdict.problems, 0);
    let mut plan = Plan::default();
    service(&mut plan, &config, &config.services[0], Command::Exec, parent, None);
    assert!(!plan.full);
    plan.steps.iter().map(|step| shown(step)).collect()
}

fn position(steps: &[String], start: &str) -> usize {
    let mut found = steps.iter().enumerate().filter(|(_, step)| step.starts_with(start));
    let (at, _) = found.next().unwrap_or_else(|| panic!("no step {start:?} in {steps:#?}"));
    at
}

/// Its ids are mapped before anything is looked at that depends on who looks.
#[test]
fn ids_are_mapped_first() {
    for (userns, network, map, sys) in [
        ("auto", "none", "map a range of ids of its own", "mount sysfs on /sys (nosuid,nodev,noexec, ro)"),
        ("auto", "host", "map a range of ids of its own", "bind the host's /sys on /sys (ro)"),
        ("host", "host", "", "mount sysfs on /sys (nosuid,nodev,noexec, ro)"),
    ] {
        let text = format!("{HARDENED}userns = \"{userns}\"\nnetwork = \"{network}\"\n");
        let steps = steps(&text, Parent::Launcher);
        position(&steps, sys);
        match map {
            "" => assert!(!steps.iter().any(|step| step.starts_with("map "))),
            map => {
                let order = ["read variables of /env", map, "make mounts private"];
                assert!(order.map(|start| position(&steps, start)).is_sorted());
            }
        }
    }
}

/// The machine's own steps of `text`.
fn of_machine(text: &str) -> Vec<String> {
    let mut bytes = text.as_bytes().to_vec();
    let mut config = Config::new();
    assert_eq!(file::parse(&mut bytes, &mut config, &mut |_| {}).problems, 0, "{text}");
    let mut plan = Plan::default();
    machine::set_up(&mut plan, &config);
    plan.steps.iter().map(|step| shown(step)).collect()
}

#[test]
fn a_machine_has_the_name_of_its_address_only_without_another() {
    assert_eq!(of_machine(""), [""; 0]);
    assert_eq!(of_machine("ip = 'off'"), ["configure network off"]);
    let line = "ip = '::::box.lan::off'";
    assert_eq!(of_machine(line), ["set hostname box", "configure network ::::box.lan::off"]);
    assert_eq!(of_machine(&format!("hostname = 'mine'\n{line}"))[0], "set hostname mine");
}

#[test]
fn a_machine_has_its_drivers_before_its_address() {
    let steps = of_machine("ip = '10.0.0.2'\nmodules = ['a']\nsysctl = ['b=c']\nwatchdog = '9s'");
    let order = ["open /dev/watchdog", "load module a", "set sysctl b=c", "configure network 10.0.0.2"];
    assert!(order.map(|start| position(&steps, start)).is_sorted());
}

#[test]
fn a_caller_is_a_user_of_the_image() {
    let mut bytes = HARDENED.as_bytes().to_vec();
    let mut config = Config::new();
    file::parse(&mut bytes, &mut config, &mut |_| {});
    config.services[0].container.as_mut().unwrap().userns = Userns::Caller { uid: 7, gid: 8 };
    let mut plan = Plan::default();
    service(&mut plan, &config, &config.services[0], Command::Exec, Parent::Launcher, None);
    assert_eq!(plan.namespaces.user, Users::Caller);
    let step = Step::MapCaller { user: c"app", root: c"/srv", uid: 7, gid: 8 };
    assert_eq!((shown(&step).as_str(), plan.steps.contains(&step)), ("map user app to 7:8", true));
}

const HARDENED: &str = "[service.web]\nexec = [\"/bin/web\"]\nuser = \"app\"\nlog = \"/log\"\nenv-file = [\"/env\"]\n\
                        umask = '077'\nulimit = [\"core=0\", \"nofile=5:6\"]\noom-score = -5\ngroup-add = [\"a\", \"7\"]\n\
                        [service.web.container]\nroot = \"/srv\"\nread-only = true\nsysctl = ['kernel.shmmax=1']\nvolumes = [\"/a:/b:ro\"]\n";

/// A launcher's is made in the container's own /dev, before any file of the user's; nobody is asked to press Enter.
#[test]
fn a_console_is_the_machines_or_a_terminal_of_its_own() {
    let text = "[service.web]\nexec = [\"sh\"]\ntype = \"console\"\n[service.web.container]\nroot = \"/srv\"\n";
    let steps = [Parent::Init, Parent::Launcher].map(|parent| steps(text, parent));
    let has = |start: &str| steps.each_ref().map(|steps| steps.iter().any(|step| step.starts_with(start)));
    assert_eq!(has("terminal console"), [true, false]);
    assert_eq!(has("wait for Enter"), [true, false]);
    assert_eq!(has("open a terminal"), [false, true]);
    assert_eq!(has("new session with the terminal"), [true, true]);
    assert_eq!(position(&steps[1], "open a terminal"), position(&steps[1], "mount tmpfs on /dev") + 1);
}

#[test]
fn a_containers_steps_come_in_the_kernels_order() {
    let steps = steps(HARDENED, Parent::Launcher);
    let order = [
        // The host's, and not PID 1's to wait for.
        "read variables of /env",
        // No mount of ours is seen outside, and none of theirs comes in.
        "make mounts private",
        "take root /srv (ro, nodev)",
        "mount tmpfs on /dev",
        "mount tmpfs on /tmp",
        "bind /a on /b (ro, nodev)",
        "pivot root",
        // A user namespace may mount these only while it sees full ones.
        "mount proc",
        "mount sysfs",
        "detach the old root",
        // Before /proc/sys cannot be written.
        "set sysctl kernel.shmmax=1",
        "mask /proc/kcore",
        "make read-only /proc/sys",
        "set hostname web",
        // What only root may, with /proc still root's own.
        "set ulimit core=0",
        "set ulimit nofile=5:6",
        "set oom score -5",
        "become undumpable",
        "close inherited files",
        // The path of the log is the image's.
        "stdin null, output appended to /log",
        // Dropping from the bounding set needs a capability that the user takes away.
        "join a new session keyring",
        "bound capabilities",
        "become user app, with groups a 7",
        "keep capabilities",
        // Credential changes clear it.
        "die with the parent",
        "umask 0077",
        // As the user, after all files of the host's are closed.
        "change directory to /",
        // Without the one the other needs a capability. Both are the reaper's too, and nothing behind it needs more.
        "no new privileges",
        "seccomp default (",
        "leave a reaper",
        "new session",
        "reset signals",
        "run /bin/web",
    ];
    let positions: Vec<usize> = order.iter().map(|start| position(&steps, start)).collect();
    assert!(positions.is_sorted(), "{order:#?}\n{steps:#?}");
    assert_eq!(positions.last(), Some(&(steps.len() - 1)), "execve comes last");
}

#[test]
fn privileged_is_the_floors_work_and_no_wall() {
    let text =
        "[service.web]\nexec = [\"x\"]\n[service.web.container]\nroot = \"/\"\nprivileged = true\ninit = false\n";
    let steps = steps(text, Parent::Init);
    for wall in ["mask", "make read-only", "bound", "keep", "no new", "seccomp", "leave a reaper"] {
        assert!(!steps.iter().any(|step| step.starts_with(wall)), "{wall}: {steps:#?}");
    }
    assert!(steps.iter().any(|step| step == "become user 0:0"), "the launcher's groups do not come in");
}

/// `default` is what a container has without a word about it, and looks at its capabilities; `none` leaves all else.
#[test]
fn a_filter_of_system_calls_is_one_word_away() {
    let seccomp = |keys: &str| {
        let text = format!("[service.web]\nexec = ['x']\n[service.web.container]\nroot = '/r'\n{keys}\n");
        let steps = steps(&text, Parent::Init);
        assert!(steps.iter().any(|step| step == "no new privileges"));
        steps.into_iter().filter(|step| step.starts_with("seccomp")).collect::<Vec<_>>()
    };
    let with = |set| [format!("seccomp default ({} instructions)", crate::container::seccomp::filter(set).len())];
    assert_eq!(seccomp(""), with(capabilities::DEFAULT));
    assert_eq!(seccomp("seccomp = 'default'\ninit = false"), seccomp(""));
    assert_eq!(seccomp("cap-add = ['ALL']"), with(capabilities::ALL));
    assert!(seccomp("seccomp = 'none'").is_empty());
}

#[test]
fn each_wall_has_its_own_door() {
    let without = |key: &str| steps(&format!("{HARDENED}{key}\n"), Parent::Launcher);
    let walls = ["mask", "make read-only", "bound", "no new", "join a new session keyring", "keep capabilities over"];
    for (key, gone, come) in [
        ("no-new-privileges = false", "no new", ""),
        ("unmask = true", "mask make read-only", ""),
        ("cap-ambient = ['NET_RAW']", "", "keep capabilities over a change of user"),
    ] {
        let steps = without(key);
        for wall in walls {
            let there = steps.iter().any(|step| step.starts_with(wall));
            let wanted = if wall == "keep capabilities over" { !come.is_empty() } else { !gone.contains(wall) };
            assert_eq!(there, wanted, "{key}: {wall}\n{steps:#?}");
        }
    }
    let ambient = without("cap-ambient = ['SYS_TIME']");
    let kept = ambient.iter().find(|step| step.starts_with("keep capabilities C")).unwrap();
    assert!(kept.contains("SETFCAP SYS_TIME, ambient SYS_TIME") || kept.ends_with(", ambient SYS_TIME"), "{kept}");
}

#[test]
fn a_plain_service_takes_few_steps() {
    let text = "[service.web]\nexec = [\"/bin/web\", \"two words\", \"\"]\n";
    let quoted = steps("[service.web]\nexec = ['a\"b\\c']\n", Parent::Init);
    assert_eq!(quoted.last().unwrap(), "run \"a\\\"b\\\\c\"");
    assert_eq!(
        steps(text, Parent::Init),
        [
            "stdin null, output to the kernel log",
            "close inherited files",
            "umask 0022",
            "change directory to /",
            "new session",
            "reset signals",
            "run /bin/web \"two words\" \"\"",
        ]
    );
}

#[test]
fn what_is_handed_over_stays_open() {
    let text =
        "[service.web]\nexec = [\"/bin/web\"]\nlisten = [\"tcp:8080\", \"unix:/run/web.sock\"]\nready = \"fd:9\"\n";
    let plain = steps(text, Parent::Init);
    assert_eq!(
        plain[1..4],
        [
            "hand over sockets tcp:8080 as 3, unix:/run/web.sock as 4",
            "hand over readiness as 9",
            "close inherited files"
        ]
    );
    let notify = "[service.web]\nexec = [\"/bin/web\"]\nwatchdog = \"15s\"\nready = \"notify\"\n";
    assert_eq!(steps(notify, Parent::Init)[1], "hand over /run/tinyo/notify, watched every 15 s");
    let steps = steps(&format!("{notify}{}", HARDENED.split_once("log = \"/log\"\n").unwrap().1), Parent::Init);
    let order = [
        // Over the tmpfs on /run, and whatever the image or its volumes have there.
        "mount tmpfs on /run",
        "bind /a on /b",
        "bind /run/tinyo/notify on /run/tinyo/notify (nodev)",
        "pivot root",
        "hand over /run/tinyo/notify",
        "close inherited files",
        "leave a reaper",
    ];
    let positions: Vec<usize> = order.iter().map(|start| position(&steps, start)).collect();
    assert!(positions.is_sorted(), "{order:#?}\n{steps:#?}");
}

/// A stop command is nobody to listen, or to be ready.
#[test]
fn a_stop_command_is_handed_nothing() {
    let text = "[service.web]\nexec = ['x']\nstop = ['y']\nlisten = ['tcp:80']\nready = 'notify'\nwatchdog = 5\n";
    let mut bytes = text.as_bytes().to_vec();
    let mut config = Config::new();
    file::parse(&mut bytes, &mut config, &mut |_| panic!());
    let mut plan = Plan::default();
    service(&mut plan, &config, &config.services[0], Command::Stop, Parent::Init, None);
    let handed = |step: &Step| matches!(step, Step::Sockets(_) | Step::Readiness(_) | Step::Notify(_));
    assert!(!plan.steps.iter().any(handed));
}

#[test]
fn a_service_without_a_container_gives_up_its_rights_last() {
    let text = "[service.web]\nexec = ['/bin/web']\nenv-file = ['-/env']\numask = '7'\nulimit = ['core=0']\n\
                oom-score = 5\ngroup-add = ['audio', '7']\n";
    let expected = [
        "stdin null, output to the kernel log",
        "read variables of -/env",
        "set ulimit core=0",
        "set oom score 5",
        "close inherited files",
        "join groups audio 7",
        "umask 0007",
        "change directory to /",
        "new session",
        "reset signals",
        "run /bin/web",
    ];
    assert_eq!(steps(text, Parent::Init), expected);
    let user = steps(&std::format!("{text}user = 'app'\n"), Parent::Init);
    assert_eq!(user[5], "become user app, with groups audio 7");
}

#[test]
fn more_volumes_than_steps_make_the_plan_full() {
    let mut plan = Plan::default();
    for _ in 0..=crate::limits::STEPS {
        plan.push(Step::Ask);
    }
    assert!(plan.full);
}

#[test]
fn a_failure_has_its_exit_status_and_its_hint() {
    let exec = Step::Exec { argv: &[c"x"], env: &[], term: None };
    for (errno, status) in [(libc::ENOENT, 127), (libc::ENOTDIR, 127), (libc::EACCES, 126), (libc::ENOEXEC, 126)] {
        assert_eq!(exec.exit_status(errno), status);
    }
    assert_eq!(Step::Proc.exit_status(libc::ENOENT), 125);
    assert_eq!(shown(&exec.hint(libc::ENOEXEC)), "a script needs a #! line");
    let hint = Step::Seccomp(0).hint(libc::EINVAL);
    assert_eq!(shown(&hint), "does this kernel have CONFIG_SECCOMP_FILTER? write seccomp = \"none\"");
    let mount = Mount { source: c"/dev/vdb", target: c"/data", fstype: Some(c"ext4"), options: Some(c"ro") };
    let step = Step::Mount(&mount, Need::Must);
    assert_eq!(shown(&step), "mount /dev/vdb on /data (ext4, ro)");
    assert_eq!(shown(&step.hint(libc::ENODEV)), "is the file system built in or its module listed?");
}

/// What a container can see of a process that comes in has no right, file or directory that the container has not.
#[test]
fn who_is_entered_sees_nothing_that_it_has_not() {
    let rights = Rights {
        user: Some(c"7:8"),
        groups: &[c"9"],
        capabilities: 1,
        bounding: 3,
        no_new_privileges: true,
        filtered: true,
    };
    let steps = |kind| -> Vec<_> {
        let mut config = Config::new();
        config.add_service(b"x").unwrap().container = Some(Container::new(c"web"));
        config.services[0].kind = kind;
        let mut plan = Plan::default();
        exec(&mut plan, &config, &config.services[0], &rights, None);
        plan.steps.iter().map(|step| shown(step)).collect()
    };
    let mut order = std::vec![
        "become undumpable",
        "join the namespaces of web",
        "close inherited files",
        "join a new session keyring",
        "bound capabilities to CHOWN DAC_OVERRIDE",
        "become user 7:8, with groups 9",
        "keep capabilities CHOWN",
        // A change of credentials clears it.
        "die with the parent",
        "umask 0022",
        "change directory to /",
        "no new privileges",
        "seccomp default (97 instructions)",
        "go into its pid namespace",
        // It has another parent now.
        "die with the parent",
        "new session",
        "reset signals",
        "run",
    ];
    assert_eq!(steps(Kind::Daemon), order);
    // With a terminal: made where its devpts is seen, while there is still a file to send it through.
    order.insert(2, "open a terminal (standard input, output and error)");
    order[15] = "new session with the terminal";
    assert_eq!(steps(Kind::Console), order);
}
