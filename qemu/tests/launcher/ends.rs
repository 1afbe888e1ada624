//! How services end, and what comes of it: the end of the machine, its status, and what must not be left behind or hit.

use std::{fs, thread::sleep, time::Duration};

use nix::sys::signal::{Signal, kill};

use crate::{
    clients::Supervisor,
    first::first,
    house::{House, soon},
    scene::{IDLE, Scene, service},
};

/// Its own stop was extended before the machine's end came.
#[test]
fn an_extension_does_not_hold_the_end_of_the_machine() {
    let script = "trap '@/notifier EXTEND_TIMEOUT_USEC=3600000000 sleep:0.3; touch @/extended' TERM; @/notifier READY=1 sleep:0.3; while :; do sleep 0.05; done";
    let config = service("app", "ready = \"notify\"\nstop-timeout = \"1s\"", script);
    let Some(scene) = Scene::start(&config) else { return };
    scene.becomes("app", "ready");
    sleep(Duration::from_millis(300));
    scene.word("stop  app");
    soon("it has asked for an hour", || scene.house.beside("extended").exists());
    sleep(Duration::from_millis(200));
    kill(scene.pid, Signal::SIGTERM).unwrap();
    for _ in 0..100 {
        if !scene.lives() {
            return;
        }
        sleep(Duration::from_millis(100));
    }
    panic!("still there after 10 s, with a stop-timeout of 1 s\n{}", scene.said());
}

/// Connections are refused once it is stopped, whatever it was doing.
#[test]
fn a_stop_in_backoff_closes_the_sockets() {
    let config = service("web", "listen = [\"unix:@/socket\"]", "exit 1");
    let Some(scene) = Scene::start(&config) else { return };
    soon("a longer backoff", || scene.said().contains("next start in") || scene.said().contains("in 800 ms"));
    scene.becomes("web", "backoff");
    assert_eq!(scene.word("stop wait web"), ["end|0|"]);
    assert_eq!(scene.state("web"), "stopped");
    let path = scene.house.beside("socket");
    assert!(std::os::unix::net::UnixStream::connect(&path).is_err(), "it still listens");
}

/// Without cgroups (every pid namespace) nobody ends it.
#[test]
fn a_stop_command_that_hangs_is_not_left_running() {
    let config = service("web", "stop = [\"/bin/sleep\", \"5353\"]\nstop-timeout = \"200ms\"", IDLE);
    let Some(scene) = Scene::start(&config) else { return };
    for _ in 0..3 {
        scene.becomes("web", "ready");
        scene.word("restart wait web");
    }
    sleep(Duration::from_millis(300));
    let left = std::process::Command::new("pgrep").args(["-f", "sleep 5353"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&left.stdout).lines().count(), 0, "stop commands left running");
}

/// Without a cgroup a service is its process group, whose number is somebody else's once nobody is left in it.
#[test]
fn a_start_that_fails_kills_nobody_else() {
    let config = service("web", "listen = [\"unix:@/dir/socket\"]", IDLE) + &service("db", "autostart = false", IDLE);
    let Some(house) = House::build() else { return };
    house.directory("dir");
    let config = config.replace('@', &house.beside("").display().to_string());
    let errors = format!("exec 2>{} &&", house.beside("errors").display());
    let supervisor = Supervisor::start_with(&house, &config, &errors);
    let pid = first(&supervisor.child);
    let scene = Scene { house, supervisor: Some(supervisor), pid };
    scene.becomes("web", "ready");
    let group: u32 = scene.word("status  web")[0].split('|').nth(3).unwrap().parse().unwrap();
    scene.word("stop wait web");
    // Many forks later db happens to get the number that web had.
    let script = format!("echo {} >/proc/sys/kernel/ns_last_pid", group - 1);
    let done = std::process::Command::new("nsenter")
        .args(["-t", &pid.to_string(), "-p", "-m", &scene.house.busybox.display().to_string(), "sh", "-c", &script])
        .status();
    assert!(done.unwrap().success());
    scene.word("start wait db");
    assert_eq!(scene.word("status  db")[0].split('|').nth(3).unwrap(), group.to_string());
    // web's socket cannot be made, so that it never has a process.
    fs::remove_dir_all(scene.house.beside("dir")).unwrap();
    scene.word("start wait web");
    sleep(Duration::from_millis(300));
    assert!(!scene.said().contains("killed by SIGKILL"), "{}", scene.said());
}

fn status_of(config: &str) -> Option<(i32, String)> {
    let mut scene = Scene::start(config)?;
    let child = scene.supervisor.take().unwrap().child;
    let code = crate::house::finish(child).code;
    Some((code, scene.said()))
}

/// Whoever made the container takes 0 for success, and starts nothing again.
#[test]
fn an_end_that_is_a_failure_is_not_0() {
    let doomed = service("main", "on-exit = \"poweroff\"\nrequires = [\"db\"]", IDLE);
    let db = service("db", "type = \"oneshot\"", "sleep 1; exit 1");
    if let Some((code, said)) = status_of(&(db + &doomed)) {
        assert_ne!(code, 0, "{said}");
    }
}

#[test]
fn a_service_that_crashed_too_often_is_not_0() {
    let keys = "crash-limit = \"2 in 60s\"\non-failure = \"poweroff\"";
    if let Some((code, said)) = status_of(&service("main", keys, "sleep 1; exit 7")) {
        assert_ne!(code, 0, "{said}");
    }
}

/// One that crashes is stopped with the same consequence as one that runs.
#[test]
fn a_stop_in_backoff_is_an_end_too() {
    let Some(scene) = Scene::start(&service("main", "on-exit = \"poweroff\"", "exit 7")) else { return };
    soon("a longer backoff", || scene.said().contains("next start in") || scene.said().contains("in 800 ms"));
    scene.becomes("main", "backoff");
    scene.word("stop wait main");
    sleep(Duration::from_millis(500));
    assert!(!scene.lives(), "nothing is left to run, and it runs on\n{}", scene.said());
}
