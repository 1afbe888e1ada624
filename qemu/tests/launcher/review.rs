//! A review's reproductions: each says what should be so, and fails as long as it is not.

use std::{
    fs,
    path::PathBuf,
    thread::{self, sleep},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    clients::Supervisor,
    first::first,
    house::{House, soon},
};

/// Ends with whatever becomes of the test.
struct Scene {
    house: House,
    supervisor: Option<Supervisor>,
    pid: Pid,
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = kill(self.pid, Signal::SIGKILL);
        if let Some(supervisor) = &mut self.supervisor {
            let _ = supervisor.child.wait();
        }
    }
}

/// Takes two seconds to end.
const SLOW: &str = "trap 'sleep 2; exit 0' TERM; while :; do sleep 0.05; done";
const IDLE: &str = "exec sleep 100000";

fn service(name: &str, keys: &str, script: &str) -> String {
    format!("[service.{name}]\nexec = [\"$busybox\", \"sh\", \"-c\", \"{script}\"]\n{keys}\n")
}

impl Scene {
    fn start(config: &str) -> Option<Scene> {
        let house = House::build()?;
        let notifier = house.beside("notifier");
        fs::copy(env!("CARGO_BIN_EXE_notifier"), &notifier).unwrap();
        let config = config.replace('@', &house.beside("").display().to_string());
        let errors = format!("exec 2>{} &&", house.beside("errors").display());
        let supervisor = Supervisor::start_with(&house, &config, &errors);
        let pid = first(&supervisor.child);
        Some(Scene { house, supervisor: Some(supervisor), pid })
    }

    fn ask(&self, request: &str) -> Vec<String> {
        let packets = self.supervisor.as_ref().unwrap().ask(request.replace(' ', "\0").as_bytes());
        packets.iter().map(|packet| String::from_utf8_lossy(packet).replace('\0', "|")).collect()
    }

    /// `VERB FLAG NAME...`
    fn word(&self, words: &str) -> Vec<String> {
        self.ask(&format!("1 {words} "))
    }

    fn write(&self, config: &str) {
        let path = PathBuf::from(format!("/proc/{}/root/etc/tinyo.toml", self.pid));
        let config = config
            .replace('@', &self.house.beside("").display().to_string())
            .replace("$busybox", &self.house.busybox.display().to_string());
        fs::write(path, config).unwrap();
    }

    fn reload(&self) -> Vec<String> {
        self.word("reload wait")
    }

    fn state(&self, name: &str) -> String {
        let packets = self.word(&format!("status  {name}"));
        packets[0].split('|').nth(2).unwrap_or(&packets[0]).to_owned()
    }

    #[track_caller]
    fn becomes(&self, name: &str, state: &str) {
        soon(&format!("{name} is {state}"), || self.state(name) == state);
    }

    fn said(&self) -> String {
        fs::read_to_string(self.house.beside("errors")).unwrap_or_default()
    }

    fn lives(&self) -> bool {
        fs::metadata(format!("/proc/{}/root/run/tinyo", self.pid)).is_ok()
    }
}

/// A changed service with `on-exit` is started again; it has not had its last end.
#[test]
fn r01_a_reload_of_an_on_exit_service_ends_nothing() {
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
fn r02_a_reload_loses_no_stop() {
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
fn r03_a_config_of_the_largest_size_is_taken_whole() {
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
    assert_eq!(scene.state("last"), "ready", "{answer:?}\n{}", scene.said());
}

/// What a reload waits for is started again by a client: neither comes to an end.
#[test]
fn r04_a_restart_during_a_reload_does_not_block_reloads_for_ever() {
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
fn r05_a_service_that_is_gone_is_not_left_running() {
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
fn r06_a_reload_starts_nothing_that_is_being_stopped() {
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
fn r07_who_waits_for_a_changed_service_goes_on_waiting() {
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

/// Somebody else starts it meanwhile: it does not come to rest any more.
#[test]
fn r08_a_stop_that_is_undone_is_answered() {
    let Some(scene) = Scene::start(&service("web", "", SLOW)) else { return };
    scene.becomes("web", "ready");
    sleep(Duration::from_millis(300));
    thread::scope(|scope| {
        let stop = scope.spawn(|| scene.word("stop wait web"));
        scene.becomes("web", "stopping");
        let start = scene.word("start wait web");
        assert_eq!(start.last().unwrap(), "end|0|");
        let answer = stop.join().unwrap();
        assert!(answer.last().is_some_and(|last| last.starts_with("end|")), "no answer in 5 s: {answer:?}");
    });
}

/// Its own stop was extended before the machine's end came.
#[test]
fn r09_an_extension_does_not_hold_the_end_of_the_machine() {
    let script = "@/notifier READY=1 sleep:0.3; trap '@/notifier EXTEND_TIMEOUT_USEC=3600000000 sleep:0.3; touch @/extended' TERM; while :; do sleep 0.05; done";
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

/// A follower of one service is given the lines of another one.
#[test]
fn r10_a_follower_keeps_its_service_across_a_reload() {
    let talk = |name: &str| service(name, "", &format!("while :; do echo of {name}; sleep 0.1; done"));
    let Some(scene) = Scene::start(&(talk("aaa") + &talk("bbb") + &talk("ccc"))) else { return };
    scene.becomes("ccc", "ready");
    thread::scope(|scope| {
        // Its connection gives up five seconds after the last line; ended by the end of the supervisor.
        let follower = scope.spawn(|| scene.word("log follow bbb"));
        sleep(Duration::from_millis(500));
        scene.write(&(talk("bbb") + &talk("ccc")));
        assert_eq!(scene.reload().last().unwrap(), "end|0|");
        sleep(Duration::from_millis(1000));
        kill(scene.pid, Signal::SIGTERM).unwrap();
        let heard = follower.join().unwrap();
        let other = heard.iter().filter(|line| !["log", "line"].contains(&line.split("|bbb|").next().unwrap())).count();
        assert_eq!(other, 0, "{:?}", &heard[heard.len().saturating_sub(4)..]);
    });
}

/// A stop waits for its old index, at which another service runs now.
#[test]
fn r11_a_stop_is_answered_across_a_reload() {
    let rest = service("web", "", SLOW) + &service("other", "", IDLE);
    let Some(scene) = Scene::start(&(service("aaa", "", IDLE) + &rest)) else { return };
    scene.becomes("other", "ready");
    scene.becomes("web", "ready");
    sleep(Duration::from_millis(300));
    scene.write(&rest);
    thread::scope(|scope| {
        let stop = scope.spawn(|| scene.word("stop wait web"));
        scene.becomes("web", "stopping");
        assert_eq!(scene.reload().last().unwrap(), "end|0|");
        let answer = stop.join().unwrap();
        assert_eq!(scene.state("web"), "stopped");
        assert_eq!(answer.last().map(String::as_str), Some("end|0|"), "no answer in 5 s: {answer:?}");
    });
}

/// It is told that db is up, and then db stops.
#[test]
fn r12_a_start_takes_back_a_stop_that_has_not_begun() {
    let config = service("db", "", IDLE) + &service("web", "requires = [\"db\"]", SLOW);
    let Some(scene) = Scene::start(&config) else { return };
    scene.becomes("web", "ready");
    sleep(Duration::from_millis(300));
    scene.word("stop  db");
    assert_eq!(scene.state("db"), "ready");
    assert_eq!(scene.word("start wait db").last().unwrap(), "end|0|");
    scene.becomes("web", "stopped");
    sleep(Duration::from_millis(300));
    assert_eq!(scene.state("db"), "ready", "answered with 0, and then stopped");
}

/// Only the reader was changed; its writer is not to notice.
#[test]
fn r13_a_changed_log_service_does_not_kill_its_writers() {
    let app = service("app", "log = \"service:sink\"", "while :; do echo line; sleep 0.05; done");
    let Some(scene) = Scene::start(&(service("sink", "", "exec cat >/dev/null") + &app)) else { return };
    scene.becomes("app", "ready");
    let before = scene.word("status  app")[0].clone();
    scene.write(&(service("sink", "workdir = \"/tmp\"", "exec cat >/dev/null") + &app));
    assert_eq!(scene.reload().last().unwrap(), "end|0|");
    sleep(Duration::from_millis(1000));
    assert_eq!(scene.word("status  app")[0].split('|').nth(3), before.split('|').nth(3), "{}", scene.said());
}

/// Connections are refused once it is stopped, whatever it was doing.
#[test]
fn r14_a_stop_in_backoff_closes_the_sockets() {
    let config = service("web", "listen = [\"unix:@/socket\"]", "exit 1");
    let Some(scene) = Scene::start(&config) else { return };
    soon("a longer backoff", || scene.said().contains("next start in") || scene.said().contains("in 800 ms"));
    scene.becomes("web", "backoff");
    assert_eq!(scene.word("stop wait web"), ["end|0|"]);
    assert_eq!(scene.state("web"), "stopped");
    let path = scene.house.beside("socket");
    assert!(std::os::unix::net::UnixStream::connect(&path).is_err(), "it still listens");
}

/// As at a boot: what is new starts with what it requires.
#[test]
fn r15_a_new_service_starts_what_it_requires() {
    let lazy = service("db", "autostart = false", IDLE);
    let Some(scene) = Scene::start(&(lazy.clone() + &service("one", "", IDLE))) else { return };
    scene.becomes("one", "ready");
    scene.write(&(lazy + &service("one", "", IDLE) + &service("web", "requires = [\"db\"]", IDLE)));
    assert_eq!(scene.reload().last().unwrap(), "end|0|");
    sleep(Duration::from_millis(500));
    assert_eq!(scene.state("web"), "ready", "{}", scene.said());
}

/// Without cgroups (every pid namespace) nobody ends it.
#[test]
fn r16_a_stop_command_that_hangs_is_not_left_running() {
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

/// 64 rings do not fit into a socket at once.
#[test]
fn r17_the_log_of_all_is_all_or_an_error() {
    let config: String = (0..64)
        .map(|i| {
            service(
                &format!("s{i}"),
                "type = \"oneshot\"",
                "i=0; while [ $i -lt 60 ]; do echo 0123456789012345678901234567890123456789; i=$((i+1)); done",
            )
        })
        .collect();
    let Some(scene) = Scene::start(&config) else { return };
    soon("all are done", || scene.word("status ").iter().filter(|line| line.contains("|done|")).count() == 64);

    let packets = scene.word("log ");
    let logs = packets.iter().filter(|line| line.starts_with("log|")).count();
    assert_eq!((logs, packets.last().map(String::as_str)), (64, Some("end|0|")));
}

/// As at its start, where the config has a container.
#[test]
fn r18_a_reload_in_a_namespace_keeps_the_shield() {
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

/// Somebody who does not read its terminal, as a `docker run -t` that hangs: what is left of its buffer is less than a line.
#[test]
fn r19_a_terminal_that_nobody_reads_stops_nothing() {
    let Some(house) = House::build() else { return };
    let pty = nix::pty::openpty(None, None).unwrap();
    let slave = nix::unistd::ttyname(&pty.slave).unwrap();
    let config = service(
        "chatter",
        "",
        "i=0; while :; do i=$((i+1)); echo $i one line of many, which is as long as those of programs are; usleep 5000; done",
    ) + &service("idle", "", IDLE);
    let supervisor = Supervisor::start_with(&house, &config, &format!("exec 2>{} &&", slave.display()));
    let pid = first(&supervisor.child);
    let scene = Scene { house, supervisor: Some(supervisor), pid };
    for _ in 0..60 {
        sleep(Duration::from_millis(100));
        let packets = scene.word("status  idle");
        let stack = fs::read_to_string(format!("/proc/{pid}/wchan")).unwrap_or_default();
        assert!(packets.len() == 2, "PID 1 answers nobody: it is in {stack}");
    }
}

/// Files that come with a request are nobody's.
#[test]
fn r20_files_sent_with_a_request_are_not_kept() {
    use nix::sys::socket::*;
    use std::os::fd::AsRawFd;
    let Some(scene) = Scene::start(&service("idle", "", IDLE)) else { return };
    scene.becomes("idle", "ready");
    let count = || fs::read_dir(format!("/proc/{}/fd", scene.pid)).unwrap().count();
    sleep(Duration::from_millis(300));
    let before = count();
    let file = fs::File::open("/dev/null").unwrap();
    for _ in 0..20 {
        let client = socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::empty(), None).unwrap();
        let path = format!("/proc/{}/root/run/tinyo/control", scene.pid);
        connect(client.as_raw_fd(), &UnixAddr::new(path.as_str()).unwrap()).unwrap();
        let files = [file.as_raw_fd(); 8];
        let request = [std::io::IoSlice::new(b"1\0status\0\0")];
        sendmsg::<UnixAddr>(
            client.as_raw_fd(),
            &request,
            &[ControlMessage::ScmRights(&files)],
            MsgFlags::empty(),
            None,
        )
        .unwrap();
        sleep(Duration::from_millis(20));
    }
    scene.word("status ");
    sleep(Duration::from_millis(300));
    assert_eq!(count(), before);
}

/// Its type is a mistake that a reload mends: it is not Starting for ever.
#[test]
fn r21_a_changed_type_is_a_change() {
    let rest = service("next", "requires = [\"web\"]", IDLE);
    let Some(scene) = Scene::start(&(service("web", "type = \"oneshot\"", IDLE) + &rest)) else { return };
    scene.becomes("web", "starting");
    scene.write(&(service("web", "", IDLE) + &rest));
    assert_eq!(scene.reload().last().unwrap(), "end|0|");
    sleep(Duration::from_millis(1000));
    assert_eq!((scene.state("web"), scene.state("next")), ("ready".into(), "ready".into()));
}

/// Without a cgroup a service is its process group, whose number is somebody else's once nobody is left in it.
#[test]
fn r22_a_start_that_fails_kills_nobody_else() {
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
fn r23_an_end_that_is_a_failure_is_not_0() {
    let doomed = service("main", "on-exit = \"poweroff\"\nrequires = [\"db\"]", IDLE);
    let db = service("db", "type = \"oneshot\"", "sleep 1; exit 1");
    if let Some((code, said)) = status_of(&(db + &doomed)) {
        assert_ne!(code, 0, "{said}");
    }
}

#[test]
fn r24_a_service_that_crashed_too_often_is_not_0() {
    let keys = "crash-limit = \"2 in 60s\"\non-failure = \"poweroff\"";
    if let Some((code, said)) = status_of(&service("main", keys, "sleep 1; exit 7")) {
        assert_ne!(code, 0, "{said}");
    }
}

/// What a reload is for, once more: db has failed for good, and web with it.
#[test]
fn r25_who_failed_for_want_of_a_mended_service_starts() {
    let rest = service("web", "requires = [\"db\"]", IDLE);
    let Some(scene) = Scene::start(&(service("db", "type = \"oneshot\"", "exit 1") + &rest)) else { return };
    scene.becomes("web", "failed");
    scene.write(&(service("db", "type = \"oneshot\"", "exit 0") + &rest));
    assert_eq!(scene.reload().last().unwrap(), "end|0|");
    scene.becomes("db", "done");
    sleep(Duration::from_millis(500));
    assert_eq!(scene.state("web"), "ready", "{}", scene.said());
}

/// Nor are files that come with a notice, which anybody may send.
#[test]
fn r26_files_sent_with_a_notice_are_not_kept() {
    use nix::sys::socket::*;
    use std::os::fd::AsRawFd;
    let Some(scene) = Scene::start(&service("idle", "", IDLE)) else { return };
    scene.becomes("idle", "ready");
    let count = || fs::read_dir(format!("/proc/{}/fd", scene.pid)).unwrap().count();
    sleep(Duration::from_millis(300));
    let before = count();
    let file = fs::File::open("/dev/null").unwrap();
    let client = socket(AddressFamily::Unix, SockType::Datagram, SockFlag::empty(), None).unwrap();
    let path = format!("/proc/{}/root/run/tinyo/notify", scene.pid);
    connect(client.as_raw_fd(), &UnixAddr::new(path.as_str()).unwrap()).unwrap();
    for _ in 0..20 {
        let files = [file.as_raw_fd(); 8];
        let request = [std::io::IoSlice::new(b"BARRIER=1")];
        sendmsg::<UnixAddr>(
            client.as_raw_fd(),
            &request,
            &[ControlMessage::ScmRights(&files)],
            MsgFlags::empty(),
            None,
        )
        .unwrap();
    }
    scene.word("status ");
    sleep(Duration::from_millis(300));
    assert_eq!(count(), before);
}

/// What a start refuses with 100 is refused by a reload too: the next start is not the first to say so.
#[test]
fn r27_a_reload_refuses_what_a_start_refuses() {
    let one = service("one", "", IDLE);
    let Some(scene) = Scene::start(&one) else { return };
    scene.becomes("one", "ready");
    scene.write(&format!("[root]\nsource = \"/dev/vda\"\n{one}"));
    let answer = scene.reload();
    assert_eq!(answer.last().unwrap(), "end|100|", "{answer:?}");
}

/// Only what comes from now on.
#[test]
fn r28_a_follower_can_do_without_the_past() {
    let Some(scene) = Scene::start(&service("talk", "", "while :; do echo word; sleep 0.1; done")) else { return };
    scene.becomes("talk", "ready");
    let words = [
        "-t",
        &scene.pid.to_string(),
        "-p",
        "-m",
        "timeout",
        "2",
        scene.house.tinyo.to_str().unwrap(),
        "log",
        "-f",
        "-n",
        "0",
        "talk",
    ];
    let output = std::process::Command::new("nsenter").args(words).output().unwrap();
    assert!(!output.stdout.is_empty(), "nothing in 2 s: {output:?}");
}

/// One that crashes is stopped with the same consequence as one that runs.
#[test]
fn r29_a_stop_in_backoff_is_an_end_too() {
    let Some(scene) = Scene::start(&service("main", "on-exit = \"poweroff\"", "exit 7")) else { return };
    soon("a longer backoff", || scene.said().contains("next start in") || scene.said().contains("in 800 ms"));
    scene.becomes("main", "backoff");
    scene.word("stop wait main");
    sleep(Duration::from_millis(500));
    assert!(!scene.lives(), "nothing is left to run, and it runs on\n{}", scene.said());
}
