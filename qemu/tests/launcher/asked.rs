//! What several clients ask for at once, what they send besides, and readers that do not read.

use std::{
    fs,
    thread::{self, sleep},
    time::Duration,
};

use nix::sys::signal::{Signal, kill};

use crate::{
    clients::Supervisor,
    first::first,
    house::{House, soon},
    scene::{IDLE, SLOW, Scene, service},
};

/// Somebody else starts it meanwhile: it does not come to rest any more.
#[test]
fn a_stop_that_is_undone_is_answered() {
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

/// A follower of one service is given the lines of another one.
#[test]
fn a_follower_keeps_its_service_across_a_reload() {
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
fn a_stop_is_answered_across_a_reload() {
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
fn a_start_takes_back_a_stop_that_has_not_begun() {
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

/// 64 rings do not fit into a socket at once.
#[test]
fn the_log_of_all_is_all_or_an_error() {
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

/// Somebody who does not read its terminal, as a `docker run -t` that hangs: what is left of its buffer is less than a line.
#[test]
fn a_terminal_that_nobody_reads_stops_nothing() {
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
fn files_sent_with_a_request_are_not_kept() {
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

/// Nor are files that come with a notice, which anybody may send.
#[test]
fn files_sent_with_a_notice_are_not_kept() {
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

/// Only what comes from now on.
#[test]
fn a_follower_can_do_without_the_past() {
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
