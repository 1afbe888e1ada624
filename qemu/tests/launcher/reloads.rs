//! `tinyo reload` amid everything else: what it changes, what waits for that, and what somebody else wants meanwhile.

use std::{
    fs,
    thread::{self, sleep},
    time::Duration,
};

use crate::scene::{IDLE, SLOW, Scene, service};

/// A changed service with `on-exit` is started again; it has not had its last end.
#[test]
fn a_reload_of_an_on_exit_service_ends_nothing() {
    let main = |exec: &str| service("main", "on-exit = \"poweroff\"", exec);
    let Some(scene) = Scene::start(&main(IDLE)) else { return };
    scene.becomes("main", "ready");
    scene.write(&main("exec sleep 200000"));
    let answer = scene.reload();
    sleep(Duration::from_millis(500));
    assert!(scene.lives(), "the machine has ended: {answer:?}\n{}", scene.said());
    assert_eq!(answer.last().unwrap(), "end|0|");
}

/// db's turn to stop comes when web is down; a reload meanwhile forgets it.
#[test]
fn a_reload_loses_no_stop() {
    let config = service("db", "", IDLE) + &service("web", "requires = [\"db\"]", SLOW);
    let Some(scene) = Scene::start(&config) else { return };
    scene.becomes("web", "ready");
    sleep(Duration::from_millis(300));
    scene.word("stop  db");
    let answer = scene.reload();
    assert_eq!(answer.last().unwrap(), "end|0|", "{answer:?}");
    scene.becomes("web", "stopped");
    sleep(Duration::from_millis(500));
    assert_eq!(scene.state("db"), "stopped");
}

/// The set behind the text needs 8 bytes; the buffer has one.
#[test]
fn a_config_of_the_largest_size_is_taken_whole() {
    let config = service("one", "", IDLE) + &service("two", "autostart = true", IDLE);
    let last = "[service.last]\nexec = [\"/bin/sleep\", \"100000\"]\nautostart = true";
    let Some(scene) = Scene::start(&config) else { return };
    scene.becomes("two", "ready");
    let shell = scene.house.busybox.display().to_string();
    let mut text = config.replace("$busybox", &shell);
    while text.len() + last.len() < 65536 {
        let left = 65536 - text.len() - last.len();
        text += &("#".repeat(left.min(100) - 1) + "\n");
    }
    text += last;
    assert_eq!(text.len(), 65536);
    scene.write(&text);
    let answer = scene.reload();
    assert_eq!(answer.last().unwrap(), "end|0|", "{answer:?}");
    scene.becomes("last", "ready");
}

/// What a reload waits for is started again by a client: neither comes to an end.
#[test]
fn a_restart_during_a_reload_does_not_block_reloads_for_ever() {
    let config = service("web", "", SLOW);
    let Some(scene) = Scene::start(&config) else { return };
    scene.becomes("web", "ready");
    sleep(Duration::from_millis(300));
    scene.write(&service("web", "workdir = \"/tmp\"", SLOW));
    thread::scope(|scope| {
        let reload = scope.spawn(|| scene.reload());
        scene.becomes("web", "stopping");
        scene.word("restart  web");
        let answer = reload.join().unwrap();
        assert_eq!(
            answer.last().map(String::as_str),
            Some("end|0|"),
            "no answer in 5 s: {answer:?}; then {:?}",
            scene.reload()
        );
    });
}

/// It was stopped when the config that has it no more was read, and somebody starts it before that is taken.
#[test]
fn a_service_that_is_gone_is_not_left_running() {
    let config = service("web", "", SLOW) + &service("old", "autostart = false", "exec sleep 4242");
    let Some(scene) = Scene::start(&config) else { return };
    scene.becomes("web", "ready");
    sleep(Duration::from_millis(300));
    scene.write(&service("web", "workdir = \"/tmp\"", SLOW));
    thread::scope(|scope| {
        let reload = scope.spawn(|| scene.reload());
        scene.becomes("web", "stopping");
        assert_eq!(scene.word("start wait old").last().unwrap(), "end|3|", "it is to be gone");
        let answer = reload.join().unwrap();
        assert_eq!(answer.last().unwrap(), "end|0|");
        sleep(Duration::from_millis(300));
        let answer = scene.word("status ");
        let left = std::process::Command::new("pgrep").args(["-f", "^sleep 4242"]).output().unwrap();
        assert!(left.stdout.is_empty(), "left running, and nobody knows it: {answer:?}");
    });
}

/// Somebody wants it down, and is told that it is.
#[test]
fn a_reload_starts_nothing_that_is_being_stopped() {
    let config = service("web", "", SLOW);
    let Some(scene) = Scene::start(&config) else { return };
    scene.becomes("web", "ready");
    sleep(Duration::from_millis(300));
    scene.word("stop  web");
    scene.write(&service("web", "workdir = \"/tmp\"", SLOW));
    assert_eq!(scene.reload().last().unwrap(), "end|0|");
    sleep(Duration::from_millis(500));
    assert_eq!(scene.state("web"), "stopped");
}

/// What a reload is for: db is mended, and web, which waits for it, comes up.
#[test]
fn who_waits_for_a_changed_service_goes_on_waiting() {
    let rest = service("web", "requires = [\"db\"]", IDLE);
    let config = service("db", "type = \"oneshot\"\nrestart = \"on-failure\"", "exit 1") + &rest;
    let Some(scene) = Scene::start(&config) else { return };
    scene.becomes("db", "backoff");
    assert_eq!(scene.state("web"), "waiting");
    scene.write(&(service("db", "type = \"oneshot\"\nrestart = \"on-failure\"", "exit 0") + &rest));
    assert_eq!(scene.reload().last().unwrap(), "end|0|");
    scene.becomes("db", "done");
    sleep(Duration::from_millis(300));
    assert_eq!(scene.state("web"), "ready", "{}", scene.said());
}

/// Only the reader was changed; its writer is not to notice.
#[test]
fn a_changed_log_service_does_not_kill_its_writers() {
    let app = service("app", "log = \"service:sink\"", "while :; do echo line; sleep 0.05; done");
    let Some(scene) = Scene::start(&(service("sink", "", "exec cat >/dev/null") + &app)) else { return };
    scene.becomes("app", "ready");
    let before = scene.word("status  app")[0].clone();
    scene.write(&(service("sink", "workdir = \"/tmp\"", "exec cat >/dev/null") + &app));
    assert_eq!(scene.reload().last().unwrap(), "end|0|");
    sleep(Duration::from_millis(1000));
    assert_eq!(scene.word("status  app")[0].split('|').nth(3), before.split('|').nth(3), "{}", scene.said());
}

/// As at a boot: what is new starts with what it requires.
#[test]
fn a_new_service_starts_what_it_requires() {
    let lazy = service("db", "autostart = false", IDLE);
    let Some(scene) = Scene::start(&(lazy.clone() + &service("one", "", IDLE))) else { return };
    scene.becomes("one", "ready");
    scene.write(&(lazy + &service("one", "", IDLE) + &service("web", "requires = [\"db\"]", IDLE)));
    assert_eq!(scene.reload().last().unwrap(), "end|0|");
    sleep(Duration::from_millis(500));
    assert_eq!(scene.state("web"), "ready", "{}", scene.said());
}

/// As at its start, where the config has a container.
#[test]
fn a_reload_in_a_namespace_keeps_the_shield() {
    let one = service("one", "", IDLE);
    let Some(scene) = Scene::start(&one) else { return };
    scene.becomes("one", "ready");
    let text = format!(
        "{one}[service.box]\nexec = [\"/bin/sh\", \"-c\", \"sleep 1000\"]\n[service.box.container]\nroot = \"{}\"\n",
        scene.house.root().display()
    );
    scene.write(&text);
    let answer = scene.reload();
    let exe = fs::read_link(format!("/proc/{}/exe", scene.pid)).unwrap();
    let bare = exe == scene.house.tinyo;
    assert!(!(bare && answer.last().unwrap() == "end|0|"), "a container runs, and PID 1 is {exe:?} itself");
}

/// Its type is a mistake that a reload mends: it is not Starting for ever.
#[test]
fn a_changed_type_is_a_change() {
    let rest = service("next", "requires = [\"web\"]", IDLE);
    let Some(scene) = Scene::start(&(service("web", "type = \"oneshot\"", IDLE) + &rest)) else { return };
    scene.becomes("web", "starting");
    scene.write(&(service("web", "", IDLE) + &rest));
    assert_eq!(scene.reload().last().unwrap(), "end|0|");
    sleep(Duration::from_millis(1000));
    assert_eq!((scene.state("web"), scene.state("next")), ("ready".into(), "ready".into()));
}

/// What a reload is for, once more: db has failed for good, and web with it.
#[test]
fn who_failed_for_want_of_a_mended_service_starts() {
    let rest = service("web", "requires = [\"db\"]", IDLE);
    let Some(scene) = Scene::start(&(service("db", "type = \"oneshot\"", "exit 1") + &rest)) else { return };
    scene.becomes("web", "failed");
    scene.write(&(service("db", "type = \"oneshot\"", "exit 0") + &rest));
    assert_eq!(scene.reload().last().unwrap(), "end|0|");
    scene.becomes("db", "done");
    sleep(Duration::from_millis(500));
    assert_eq!(scene.state("web"), "ready", "{}", scene.said());
}

/// What a start refuses with 100 is refused by a reload too: the next start is not the first to say so.
#[test]
fn a_reload_refuses_what_a_start_refuses() {
    let one = service("one", "", IDLE);
    let Some(scene) = Scene::start(&one) else { return };
    scene.becomes("one", "ready");
    scene.write(&format!("[root]\nsource = \"/dev/vda\"\n{one}"));
    let answer = scene.reload();
    assert_eq!(answer.last().unwrap(), "end|100|", "{answer:?}");
}
