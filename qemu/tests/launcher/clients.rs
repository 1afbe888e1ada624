//! Clients of the control socket that mean no good: none of them can delay PID 1, or keep a place from those who ask.

use std::{
    os::fd::{AsRawFd, OwnedFd},
    path::PathBuf,
    process::Child,
    time::Duration,
};

use nix::{
    errno::Errno,
    sys::{
        signal::{Signal, kill},
        socket::{
            AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, connect, recv, send, setsockopt, socket, sockopt,
        },
        time::TimeVal,
    },
};

use crate::{
    first::{first, start},
    house::{House, finish, soon},
};

const CONFIG: &str = "[service.chatter]\nexec = [\"$busybox\", \"sh\", \"-c\", \"while :; do echo one line of many, which is as long as those of programs are as a rule, or somewhat longer; usleep 1000; done\"]\n\
                      [service.idle]\nexec = [\"$busybox\", \"sleep\", \"100000\"]\n";

pub struct Supervisor {
    pub child: Child,
    control: PathBuf,
}

impl Supervisor {
    fn start(house: &House) -> Supervisor {
        Supervisor::start_with(house, CONFIG, "")
    }

    /// With this config, in which `$busybox` is where that is; `more` as in [`start`].
    pub fn start_with(house: &House, config: &str, more: &str) -> Supervisor {
        let child = start(house, &config.replace("$busybox", &house.busybox.display().to_string()), more);
        soon("the supervisor has started", || {
            let path = format!("/proc/{0}/task/{0}/children", child.id());
            std::fs::read_to_string(path).is_ok_and(|children| !children.trim().is_empty())
        });
        let control = PathBuf::from(format!("/proc/{}/root/run/tinyo/control", first(&child)));
        let supervisor = Supervisor { child, control };
        // Its name is there a moment before it listens.
        soon("it listens", || supervisor.try_to_connect().is_ok());
        supervisor
    }

    /// A connection that gives up after twenty seconds: far more than any answer takes, of a service's stop-timeout of two too.
    fn connect(&self) -> OwnedFd {
        self.try_to_connect().unwrap()
    }

    fn try_to_connect(&self) -> nix::Result<OwnedFd> {
        let client = socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::empty(), None).unwrap();
        let limit = TimeVal::new(20, 0);
        setsockopt(&client, sockopt::SendTimeout, &limit).unwrap();
        setsockopt(&client, sockopt::ReceiveTimeout, &limit).unwrap();
        connect(client.as_raw_fd(), &UnixAddr::new(&self.control)?).map(|()| client)
    }

    /// What a well-behaved client hears: the packets until the last.
    pub fn ask(&self, request: &[u8]) -> Vec<Vec<u8>> {
        let client = self.connect();
        let _ = send(client.as_raw_fd(), request, MsgFlags::MSG_NOSIGNAL);
        hear(&client)
    }

    #[track_caller]
    fn answers(&self) {
        let packets = self.ask(b"1\0status\0\0idle\0");
        assert_eq!(packets.len(), 2, "{packets:?}");
        assert!(packets[0].starts_with(b"service\0idle\0ready\0"), "{packets:?}");
        assert_eq!(packets[1], b"end\x000\0");
    }

    pub fn end(self) {
        kill(first(&self.child), Signal::SIGTERM).unwrap();
        assert_eq!(finish(self.child).code, 0);
    }
}

/// The packets until the last.
fn hear(client: &OwnedFd) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match recv(client.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
            Ok(n @ 1..) => packets.push(buffer[..n].to_vec()),
            // Sent away before it was heard; what it was told comes next.
            Err(Errno::ECONNRESET) => continue,
            _ => break,
        }
        if buffer.starts_with(b"end\0") {
            break;
        }
    }
    packets
}

/// A place that cannot be written to yet is tried again, and the services do not wait for it.
#[test]
fn it_listens_once_it_can() {
    let Some(house) = House::build() else { return };
    let mender = "[service.mender]\ntype = \"oneshot\"\n\
                  exec = [\"$busybox\", \"sh\", \"-c\", \"usleep 400000; exec $busybox mount -o remount,rw /run\"]\n";
    let more = "$busybox mount -o remount,ro /run && exec 2>$root/../said &&";
    let supervisor = Supervisor::start_with(&house, &format!("{CONFIG}{mender}"), more);
    supervisor.answers();
    supervisor.end();
    let said = std::fs::read_to_string(house.beside("said")).unwrap();
    let count = said.lines().filter(|line| line.starts_with("tinyo: control socket: /run/tinyo: ")).count();
    assert!((2..=4).contains(&count), "{said}");
}

#[test]
fn a_thousand_who_say_nothing_keep_nobody_out() {
    let Some(house) = House::build() else { return };
    let supervisor = Supervisor::start(&house);
    let silent: Vec<_> = (0..1000).map(|_| supervisor.connect()).collect();
    supervisor.answers();
    drop(silent);
    supervisor.answers();
    supervisor.end();
}

#[test]
fn who_speaks_another_language_is_told_so_or_dropped() {
    let Some(house) = House::build() else { return };
    let supervisor = Supervisor::start(&house);
    let strange: [&[u8]; 6] =
        [b"\0", b"1\0sing\0\0", b"9\0status\0\0", b"1\0status\0", b"GET / HTTP/1.1\r\n\r\n", &[0xff; 2000]];
    for request in strange {
        let packets = supervisor.ask(request);
        assert!(
            packets[0].starts_with(b"say\0this is no request of this version of tinyo"),
            "{request:?}: {packets:?}"
        );
        assert_eq!(packets[1], b"end\x00100\0");
    }
    // More than any request can have: it is not looked at.
    assert_eq!(supervisor.ask(&[b'x'; 60_000]), [[]; 0] as [[u8; 0]; 0]);
    for seed in 0..200_u32 {
        let noise: Vec<u8> =
            (0..seed).map(|at| (at.wrapping_mul(seed).wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let client = supervisor.connect();
        let _ = send(client.as_raw_fd(), &noise, MsgFlags::MSG_NOSIGNAL);
    }
    supervisor.answers();
    supervisor.end();
}

#[test]
fn who_never_reads_misses_lines_and_delays_nobody() {
    let Some(house) = House::build() else { return };
    let supervisor = Supervisor::start(&house);
    let deaf: Vec<_> = (0..15).map(|_| supervisor.connect()).collect();
    for client in &deaf {
        send(client.as_raw_fd(), b"1\0log\0follow\0chatter\0", MsgFlags::MSG_NOSIGNAL).unwrap();
    }
    std::thread::sleep(Duration::from_secs(2));
    supervisor.answers();
    // All places are taken by those who wait for something: the next one is told, not kept waiting.
    let last = supervisor.connect();
    send(last.as_raw_fd(), b"1\0log\0follow\0chatter\0", MsgFlags::MSG_NOSIGNAL).unwrap();
    let mut buffer = [0; 4096];
    recv(last.as_raw_fd(), &mut buffer, MsgFlags::empty()).unwrap();
    let refused = supervisor.ask(b"1\0status\0\0");
    assert!(refused[0].starts_with(b"say\0too many clients at once"), "{refused:?}");
    drop(deaf);
    soon("there are places again", || supervisor.ask(b"1\0status\0\0").len() == 3);
    supervisor.end();
}

#[test]
fn whoever_hangs_up_is_forgotten() {
    let Some(house) = House::build() else { return };
    let supervisor = Supervisor::start(&house);
    for _ in 0..200 {
        let client = supervisor.connect();
        // Whether it is heard or not, and gone before the answer.
        match send(client.as_raw_fd(), b"1\0restart\0wait\0idle\0", MsgFlags::MSG_NOSIGNAL) {
            Ok(_) | Err(Errno::EPIPE) => {}
            Err(error) => panic!("{error}"),
        }
    }
    soon("it is up again", || supervisor.ask(b"1\0status\0\0idle\0")[0].starts_with(b"service\0idle\0ready\0"));
    supervisor.end();
}

/// Its standard error is a pipe that nobody reads, as of a container whose log driver hangs: 64 KiB fill in no time.
#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    let Some(house) = House::build() else { return };
    let supervisor = Supervisor::start(&house);
    for time in 0..200 {
        assert_eq!(supervisor.ask(b"1\0stop\0wait\0idle\0"), [b"end\x000\0"], "{time}");
        assert_eq!(supervisor.ask(b"1\0start\0wait\0idle\0"), [b"end\x000\0"], "{time}");
        std::thread::sleep(Duration::from_millis(20));
    }
    supervisor.answers();
    supervisor.end();
}

/// Clients that wait, while somebody else moves what they wait for, or takes it out of the config.
#[test]
fn whoever_waits_is_answered_whatever_happens_meanwhile() {
    let Some(house) = House::build() else { return };
    let slow = "[service.first]\nexec = [\"$busybox\", \"sleep\", \"100001\"]\n\
                [service.slow]\nexec = [\"$busybox\", \"sleep\", \"100002\"]\nready = \"fd:3\"\nstart-timeout = \"1h\"\n\
                [service.deaf]\nexec = [\"$busybox\", \"sh\", \"-c\", \"trap : TERM; echo >&3; while :; do sleep 0.05; done\"]\n\
                ready = \"fd:3\"\nstop-timeout = \"2s\"\n";
    let slow = slow.replace("$busybox", &house.busybox.display().to_string());
    let supervisor = Supervisor::start_with(&house, &slow, "");
    let asked = |request: &[u8]| {
        let client = supervisor.connect();
        send(client.as_raw_fd(), request, MsgFlags::MSG_NOSIGNAL).unwrap();
        client
    };
    // One waits for it to be up, and another stops it.
    let up = asked(b"1\0start\0wait\0slow\0");
    assert_eq!(supervisor.ask(b"1\0stop\0wait\0slow\0"), [b"end\x000\0"]);
    let heard = hear(&up);
    assert!(heard[0].starts_with(b"say\0slow: stopped"), "{heard:?}");
    assert_eq!(heard[1], b"end\x003\0");
    // One waits for it to be down, and another wants it up. It is deaf once its trap is set.
    soon("it is deaf", || supervisor.ask(b"1\0status\0\0deaf\0")[0].starts_with(b"service\0deaf\0ready\0"));
    let down = asked(b"1\0stop\0wait\0deaf\0");
    soon("it stops", || supervisor.ask(b"1\0status\0\0deaf\0")[0].starts_with(b"service\0deaf\0stopping\0"));
    let again = asked(b"1\0start\0wait\0deaf\0");
    let heard = hear(&down);
    assert!(heard[0].ends_with(b"somebody else started it\0"), "{heard:?}");
    assert_eq!(heard[1], b"end\x003\0");
    assert_eq!(hear(&again), [b"end\x000\0"]);
    // One waits for it to be up, another follows its neighbour, and it is taken out of the config before its neighbour.
    let up = asked(b"1\0start\0wait\0slow\0");
    let config = slow.split("[service.slow]").next().unwrap().to_owned()
        + "[service.deaf]"
        + slow.split("[service.deaf]").nth(1).unwrap();
    std::fs::write(format!("/proc/{}/root/etc/tinyo.toml", first(&supervisor.child)), config).unwrap();
    let reloaded = supervisor.ask(b"1\0reload\0wait\0");
    assert_eq!(reloaded, [&b"say\0slow: gone\0"[..], b"end\x000\0"]);
    let heard = hear(&up);
    assert!(heard.last().unwrap() == b"end\x003\0", "{heard:?}");
    let packets = supervisor.ask(b"1\0status\0\0deaf\0");
    assert!(packets[0].starts_with(b"service\0deaf\0ready\0"), "{packets:?}");
    supervisor.end();
}
