//! What a service is handed: sockets that PID 1 listens on, over its restarts too, the pipe of its readiness, and the words
//! about them.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream, UdpSocket},
    os::unix::{
        fs::{FileTypeExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    path::Path,
    process::Child,
};

use nix::sys::signal::{Signal, kill};

use crate::{
    first::{config, first, start},
    house::{Ended, House, finish, soon},
};

/// A port that nobody has, of a TCP socket or a UDP one.
fn free_port() -> u16 {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).unwrap().local_addr().unwrap().port()
}

/// PID 1 at work, which a test that fails does not leave running.
struct Running(Option<Child>);

impl Running {
    fn start(house: &House, config: &str, more: &str) -> Running {
        Running(Some(start(house, config, more)))
    }

    /// Ends the services and it.
    #[track_caller]
    fn stop(mut self) -> Ended {
        let child = self.0.take().unwrap();
        kill(first(&child), Signal::SIGTERM).unwrap();
        let said = finish(child);
        assert_eq!(said.code, 0, "{said:?}");
        said
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = kill(first(child), Signal::SIGKILL);
            let _ = child.wait();
        }
    }
}

#[track_caller]
fn text(path: &Path) -> String {
    soon("it says something", || fs::read_to_string(path).is_ok_and(|text| text.ends_with(".\n")));
    fs::read_to_string(path).unwrap()
}

#[test]
fn connections_wait_while_the_service_starts_again() {
    let Some(house) = House::build() else { return };
    let port = free_port();
    let greeter = house.beside("greeter");
    fs::copy(env!("CARGO_BIN_EXE_greeter"), &greeter).unwrap();
    let text = format!("[service.web]\nexec = [\"{}\"]\nlisten = [\"tcp:{port}\"]\n", greeter.display());
    let connect = || TcpStream::connect((Ipv4Addr::LOCALHOST, port));
    let said = house.clean(|| {
        let running = Running::start(&house, &text, "");
        soon("it listens", || connect().is_ok());
        // Each is taken by another process, and between two of them there is none; the pace of the restarts slows down, so
        // most of them stay in the queue.
        let mut connections: Vec<_> = (0..50).map(|_| connect().expect("never refused")).collect();
        let greeting = |connection: TcpStream| {
            let mut line = String::new();
            BufReader::new(connection).read_line(&mut line).unwrap();
            line
        };
        let mut greetings: Vec<_> = connections.drain(..3).map(greeting).collect();
        greetings.sort();
        greetings.dedup();
        assert!(greetings.len() == 3 && greetings.iter().all(|line| line.ends_with('\n')), "{greetings:?}");
        assert!(connect().is_ok());
        running.stop()
    });
    assert!(said.err.contains("tinyo: web: exited with status 9; starting again at once\n"), "{said:?}");
    assert!(connect().is_err(), "it listens on");
}

/// What a service executed last, by its number here.
#[track_caller]
fn sleeper(house: &House) -> String {
    let mut found = None;
    soon("it sleeps", || {
        let processes = house.processes();
        let mut processes = processes.iter().filter_map(|line| line.split_once(' '));
        found = processes
            .find(|(_, words)| words.ends_with("sleep 1000 ") && !words.contains("exec"))
            .map(|(pid, _)| pid.to_owned());
        found.is_some()
    });
    found.unwrap()
}

/// Its own environment and files, from inside. The shell itself opens none while it looks at them. The last line is a dot.
const LOOK: &str = "(exec >@/files; ls -l /proc/$$/fd); exec >@/said; tr '\\0' '\\n' </proc/$$/environ | grep -E 'LISTEN|NOTIFY|WATCHDOG|^A=' | sort; \
                    echo $$; sed -n 's/.* \\([0-9]* -> [a-z]*\\).*/\\1/p' @/files; echo .; ";

/// What [`LOOK`] shows to a shell of this number.
fn seen(port: u16, pid: &str) -> String {
    format!(
        "A=b\nLISTEN_FDNAMES=tcp-{port}:udp-127.0.0.1-{port}:unix-/tmp/listen-{port}.sock\nLISTEN_FDS=3\nLISTEN_PID={pid}\n\
         NOTIFY_SOCKET=/run/tinyo/notify\nWATCHDOG_PID={pid}\nWATCHDOG_USEC=1500000\n{pid}\n\
         0 -> \n1 -> pipe\n2 -> pipe\n3 -> socket\n4 -> socket\n5 -> socket\n9 -> pipe\n.\n"
    )
}

fn keys(port: u16) -> String {
    format!(
        "listen = [\"tcp:{port}\", \"udp:127.0.0.1:{port}\", \"unix:/tmp/listen-{port}.sock\"]\nready = \"fd:9\"\n\
         watchdog = \"1500ms\"\nenv = [\"LISTEN_FDS=7\", \"A=b\", \"LISTEN_PID=1\", \"WATCHDOG_USEC=1\", \"NOTIFY_SOCKET=x\"]\n"
    )
}

#[test]
fn a_service_finds_what_it_is_handed() {
    let Some(house) = House::build() else { return };
    let port = free_port();
    let keys = format!(
        "{}stop = [\"{}\", \"sh\", \"-c\", \"{}\"]\n",
        keys(port),
        house.busybox.display(),
        LOOK.replace('\\', "\\\\").replace("@/said", &house.beside("stop").display().to_string())
    );
    let script = format!("[ -e @/again ] || {{ touch @/again; exit 1; }}; {LOOK}exec sleep 1000").replace('\\', "\\\\");
    let config = config(&house, &[("web", &keys, &script)]);
    house.clean(|| {
        let running = Running::start(&house, &config, "");
        let said = text(&house.beside("said"));
        let pid = said.lines().find_map(|line| line.strip_prefix("LISTEN_PID=")).unwrap().to_owned();
        assert_eq!(said, seen(port, &pid));
        running.stop()
    });
    // The stop command is nobody to be ready; its environment is what the config says.
    let said = text(&house.beside("stop"));
    assert!(said.contains("LISTEN_FDS=7\nLISTEN_PID=1\nNOTIFY_SOCKET=x\nWATCHDOG_USEC=1\n"), "{said}");
    assert!(!said.contains("socket") && !said.contains("3 ->") && !said.contains("9 ->"), "{said}");
}

/// In a container its number is another, and its PID 1 keeps nothing.
#[test]
fn a_container_finds_what_it_is_handed() {
    let Some(house) = House::build() else { return };
    for (init, pid) in [(true, "2"), (false, "1")] {
        let port = free_port();
        let script = format!("{LOOK}exec sleep 1000").replace('\\', "\\\\").replace('@', "/tmp");
        let config = format!(
            "[service.box]\nexec = [\"/bin/sh\", \"-c\", \"{script}\"]\n{}[service.box.container]\nroot = \"{}\"\ninit = {init}\n",
            keys(port),
            house.root().display()
        );
        let said = house.root().join("tmp/said");
        let _ = fs::remove_file(&said);
        house.clean_but_tree(|| {
            // Where PID 1 would be heard; the machine's own /run stays as it is.
            let more =
                "$busybox mount -t tmpfs none /run && $busybox mkdir /run/tinyo && $busybox touch /run/tinyo/notify &&";
            let running = Running::start(&house, &config, more);
            assert_eq!(text(&said), seen(port, pid));
            let status = fs::read_to_string(format!("/proc/{}/status", sleeper(&house))).unwrap();
            let parent = status.lines().find_map(|line| line.strip_prefix("PPid:\t")).unwrap();
            if init {
                let files: Vec<_> = fs::read_dir(format!("/proc/{parent}/fd")).unwrap().map(Result::unwrap).collect();
                let files: Vec<_> = files.iter().map(|file| fs::read_link(file.path()).unwrap()).collect();
                assert_eq!(files, [Path::new("anon_inode:[signalfd]")]);
            }
            running.stop()
        });
        assert!(house.root().join("run/tinyo/notify").exists());
    }
}

/// As many as there can be, each at the number that its place in the list says, in a second life too, when PID 1's own files
/// lie elsewhere.
#[test]
fn every_socket_is_at_its_number() {
    let Some(house) = House::build() else { return };
    let path = |n: usize| house.beside(&format!("{n}.sock")).display().to_string();
    let keys = |first: usize| {
        let words: Vec<_> = (first..first + 16).map(|n| format!("\"unix:{}\"", path(n))).collect();
        format!("listen = [{}]\nready = \"fd:19\"\n", words.join(", "))
    };
    // Its numbers, the first ones, are free by then.
    let other = ("other", format!("{}restart = \"never\"", keys(16)), "true");
    let script = "[ -e @/again ] || { touch @/again; sleep 0.3; exit 1; }; exec @/busybox sleep 1000";
    let config = config(&house, &[(other.0, &other.1, other.2), ("web", &keys(0), script)]);
    house.clean(|| {
        let running = Running::start(&house, &config, "");
        let files = format!("/proc/{}/fd", sleeper(&house));
        let link = |number: usize| fs::read_link(format!("{files}/{number}")).unwrap().display().to_string();
        let sockets = fs::read_to_string("/proc/net/unix").unwrap();
        for n in 0..16 {
            let inode = link(n + 3).replace("socket:[", "").replace(']', "");
            let line = format!(" {inode} {}", path(n));
            assert!(sockets.lines().any(|socket| socket.ends_with(&line)), "{n}: not {line}");
        }
        assert!(link(19).starts_with("pipe:"));
        assert_eq!(fs::read_dir(&files).unwrap().count(), 3 + 16 + 1);
        running.stop()
    });
}

#[test]
fn datagrams_and_both_families_arrive() {
    let Some(house) = House::build() else { return };
    let port = free_port();
    let both = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    let keys = format!("listen = [\"udp:{port}\"]\ntype = \"oneshot\"");
    let script = "for n in 1 2; do dd bs=64 count=1 <&3 2>/dev/null >>@/said; done; echo . >>@/said; exec sleep 1000";
    let config = config(&house, &[("log", &keys, script)]);
    house.clean(|| {
        let running = Running::start(&house, &config, "");
        let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        // Refused (ICMP) until it is there.
        sender.connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        soon("a datagram gets through", || {
            let _ = sender.send(b"four\n");
            fs::read_to_string(house.beside("said")).is_ok_and(|said| said.contains("four\n"))
        });
        if both {
            let sender = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).unwrap();
            sender.send_to(b"six\n", (Ipv6Addr::LOCALHOST, port)).unwrap();
        } else {
            let _ = sender.send(b"four\n");
        }
        text(&house.beside("said"));
        running.stop()
    });
}

#[test]
fn each_family_by_its_own_address() {
    let Some(house) = House::build() else { return };
    if UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        return;
    }
    // All of IPv6 and all of IPv4 are two sockets of one port, which the first alone would not leave room for.
    let port = free_port();
    let keys = format!("listen = [\"tcp:[::]:{port}\", \"tcp:0.0.0.0:{port}\"]\n");
    let config = config(&house, &[("web", &keys, "echo $LISTEN_FDNAMES >@/said; echo . >>@/said; exec sleep 1000")]);
    house.clean(|| {
        let running = Running::start(&house, &config, "");
        assert_eq!(text(&house.beside("said")), format!("tcp-[--]-{port}:tcp-0.0.0.0-{port}\n.\n"));
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        TcpStream::connect((Ipv6Addr::LOCALHOST, port)).unwrap();
        running.stop()
    });
}

#[test]
fn a_path_is_made_for_everybody_and_removed() {
    let Some(house) = House::build() else { return };
    let path = house.beside("web.sock");
    // Of somebody who is gone.
    drop(UnixListener::bind(&path).unwrap());
    assert!(UnixStream::connect(&path).is_err());
    let keys = format!("listen = [\"unix:{}\"]", path.display());
    let config = config(&house, &[("web", &keys, "exec sleep 1000")]);
    house.clean(|| {
        let running = Running::start(&house, &config, "umask 077 &&");
        soon("it listens", || UnixStream::connect(&path).is_ok());
        let status = fs::metadata(&path).unwrap();
        assert!(status.file_type().is_socket());
        assert_eq!(status.permissions().mode() & 0o7777, 0o666);
        running.stop()
    });
    assert!(!path.exists(), "it is left behind");
}

/// It is said, at each try; what was opened before it is let go of.
#[test]
fn what_cannot_be_had_is_said() {
    let Some(house) = House::build() else { return };
    let taken = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let live = house.beside("live.sock");
    let _live = UnixListener::bind(&live).unwrap();
    let file = house.beside("file");
    fs::write(&file, "kept").unwrap();
    let other = house.beside("other.sock");
    let (live, file, missing) = (live.display(), file.display(), house.beside("missing/x.sock"));
    let missing = missing.display();
    for (word, why) in [
        (format!("tcp:0.0.0.0:{port}"), "address in use; does another service or program listen there?"),
        (format!("unix:{live}"), "address in use; does another service or program listen there?"),
        (format!("unix:{file}"), "file exists; what lies there is no socket, remove it"),
        (format!("unix:{missing}"), "no such file or directory; is its directory there?"),
        ("udp:192.0.2.1:514".into(), "address not available; is its interface up, and has it this address?"),
    ] {
        let keys = format!(
            "listen = [\"unix:{}\", \"{word}\"]\ncrash-limit = \"2 in 60s\"\non-failure = \"poweroff\"",
            other.display()
        );
        let config = config(&house, &[("web", &keys, "touch @/ran")]);
        let said = house.clean(|| finish(start(&house, &config, "")));
        let line = format!("tinyo: web: listen {word}: {why}\n");
        assert_eq!(said.err.matches(&line).count(), 2, "{line}{said:?}");
        assert!(!house.beside("ran").exists() && !other.exists(), "{word}");
    }
    assert_eq!(fs::read_to_string(house.beside("file")).unwrap(), "kept");
    UnixStream::connect(house.beside("live.sock")).unwrap();
}

#[test]
fn a_number_past_the_limit_of_open_files_is_told() {
    let Some(house) = House::build() else { return };
    let keys = "ready = \"fd:200\"\ncrash-limit = \"1 in 60s\"\non-failure = \"poweroff\"";
    let config = config(&house, &[("web", keys, "touch @/ran")]);
    let said = house.clean(|| finish(start(&house, &config, "ulimit -n 100 &&")));
    let why = "close inherited files: invalid argument; is the limit of open files above them?";
    assert!(said.err.contains(&format!("tinyo: web: {why}\n")), "{said:?}");
    assert!(!house.beside("ran").exists());
}
