//! The effects layer with calls of the kernel that fail: a small life of PID 1, and a container's start, each call of
//! which fails in turn. A bounded choice of calls and errnos, by a fixed seed; `TINYO_FAULTS=1000` tries so
//! many, `TINYO_FAULTS=all` every one.

use std::{
    collections::BTreeMap,
    env, fs,
    os::fd::AsRawFd,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::Ordering,
    thread,
    time::{Duration, Instant},
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
    unistd::Pid,
};
use tinyo_qemu::fault::{ERRNOS, Fault, Traced, Watch, can_fail, name, trace};

use crate::{
    house::House,
    rootless::{as_caller, give},
};

/// Far more than any part of a life takes.
const PATIENCE: Duration = Duration::from_secs(15);

/// While nothing happens: the end of what was under way, and no more.
const IDLE: Duration = Duration::from_millis(60);
const IDLE_CALLS: usize = 40;

const LEFT: &str = "its socket is left behind";

/// `@` is the life's own directory.
const CONFIG: &str = r#"
[service.sink]
exec = ["$busybox", "sh", "-c", "touch @/up-sink; exec cat >>@/sunk"]

[service.source]
exec = ["$busybox", "sh", "-c", "echo into the sink; touch @/up-source; exec sleep 100000"]
log = "service:sink"

[service.talk]
exec = ["$busybox", "sh", "-c", "echo said by talk; touch @/up-talk; exec sleep 100000"]

[service.late]
exec = ["$busybox", "sh", "-c", "echo >&4; touch @/up-late; exec sleep 100000"]
ready = "fd:4"
start-timeout = "2s"
listen = ["unix:@/listened"]

[service.crash]
exec = ["$busybox", "sh", "-c", "[ -e @/crashed ] || { touch @/crashed; exit 3; }; touch @/up-crash; exec sleep 100000"]
after = ["late"]
"#;

const NAMES: [&str; 5] = ["sink", "source", "talk", "late", "crash"];

/// What became of a life.
struct Life {
    traced: Traced,
    said: String,
    /// How often it was asked how it is.
    asked: usize,
    /// What was wrong with it.
    problems: Vec<String>,
}

/// PID 1 of a pid namespace, as `first.rs` has it, that waits to be traced.
fn launcher(house: &House, directory: &Path) -> Command {
    let script = "read go; exec $busybox unshare -m -p -f --mount-proc $busybox sh -c '$busybox mount -t tmpfs none /run && \
                  $busybox mount -t tmpfs none /etc && $busybox cp $dir/config /etc/tinyo.toml && exec $tinyo 2>$dir/said'";
    let mut command = house.host(script);
    command.env("dir", directory);
    command
}

fn live(house: &House, number: usize, generation: usize, fault: Fault) -> Life {
    let directory = house.directory(&format!("life-{number}"));
    let at = |name: &str| directory.join(name);
    let config = CONFIG.replace('@', &directory.display().to_string());
    fs::write(at("config"), config.replace("$busybox", &house.busybox.display().to_string())).unwrap();
    let (watch, launcher) = (Watch::default(), launcher(house, &directory));
    let (mut problems, mut status, mut asked) = (Vec::new(), BTreeMap::new(), 0);
    let traced = thread::scope(|scope| {
        let tracer = scope.spawn(|| trace(launcher, &house.tinyo, generation, fault, &watch));
        let ended = || tracer.is_finished();
        within(ended, || watch.first.load(Ordering::Relaxed) > 0);
        let first = Pid::from_raw(watch.first.load(Ordering::Relaxed));
        let control = PathBuf::from(format!("/proc/{first}/root/run/tinyo/control"));
        let mut missing = Vec::new();
        let up = within(ended, || {
            missing = NAMES.iter().filter(|name| !at(&format!("up-{name}")).exists()).collect();
            asked += 1;
            status = ask(&control).unwrap_or_default();
            missing.is_empty() && status.len() == NAMES.len() && status.values().all(|(state, _)| state == "ready")
        });
        if !ended() {
            if !up {
                problems.push(format!("never up: no sign of {missing:?}, status {status:?}"));
            }
            thread::sleep(IDLE);
            let before = watch.calls.load(Ordering::Relaxed);
            thread::sleep(IDLE);
            let calls = watch.calls.load(Ordering::Relaxed) - before;
            if calls > IDLE_CALLS && !ended() {
                problems.push(format!("{calls} calls while nothing happens"));
            }
            if let Some(zombies) = zombies(first) {
                problems.push(format!("not reaped: {zombies}"));
            }
            let _ = kill(first, Signal::SIGTERM);
            if !within(ended, || false) {
                problems.push("it hangs".to_owned());
                let _ = kill(first, Signal::SIGKILL);
            }
        }
        tracer.join().unwrap()
    });
    let said = fs::read_to_string(at("said")).unwrap_or_default();
    if at("listened").exists() && said.contains("stopping services") {
        problems.push(LEFT.to_owned());
    }
    for (name, (_, restarts)) in &status {
        // The crash of its own is one.
        let usual = if name == "crash" { "1" } else { "0" };
        let own = |line: &&str| line.starts_with(&format!("tinyo: {name}: ")) && !line.contains(": ready, pid ");
        let why = said.lines().filter(own).count();
        if restarts != usual && why < 2 {
            problems.push(format!("{name} was started anew, and nothing says why"));
        }
    }
    Life { traced, said, asked, problems }
}

/// Waits until it `holds`: whether it did before it has `ended`, or took too long.
pub fn within(ended: impl Fn() -> bool, mut holds: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    loop {
        if holds() {
            return true;
        }
        if ended() || start.elapsed() > PATIENCE {
            return ended();
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// The state of every service, and how often it was started anew. None: it did not answer, or not well.
fn ask(control: &Path) -> Option<BTreeMap<String, (String, String)>> {
    let client = socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::empty(), None).ok()?;
    setsockopt(&client, sockopt::ReceiveTimeout, &TimeVal::new(1, 0)).ok()?;
    connect(client.as_raw_fd(), &UnixAddr::new(control).ok()?).ok()?;
    send(client.as_raw_fd(), b"1\0status\0\0", MsgFlags::MSG_NOSIGNAL).ok()?;
    let (mut states, mut buffer) = (BTreeMap::new(), [0; 4096]);
    loop {
        let n = recv(client.as_raw_fd(), &mut buffer, MsgFlags::empty()).ok().filter(|&n| n > 0)?;
        let text = String::from_utf8_lossy(&buffer[..n]).into_owned();
        let mut words = text.split('\0');
        match words.next()? {
            "service" => {
                let fields: Vec<_> = words.map(str::to_owned).collect();
                states.insert(fields.first()?.clone(), (fields.get(1)?.clone(), fields.get(4)?.clone()));
            }
            "end" => return Some(states),
            _ => return None,
        }
    }
}

/// Children of `first` that have ended and stay.
fn zombies(first: Pid) -> Option<String> {
    let children = fs::read_to_string(format!("/proc/{first}/task/{first}/children")).ok()?;
    let mut stats = children.split_whitespace().filter_map(|pid| fs::read_to_string(format!("/proc/{pid}/stat")).ok());
    stats.find(|stat| stat.contains(") Z "))
}

/// One after the other, from a fixed beginning (xorshift64).
pub struct Choice(pub u64);

impl Choice {
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

/// Faults at calls of a run without any: `count` of them, spread evenly, or all.
fn faults(calls: &[i64], count: usize, seed: u64) -> Vec<Fault> {
    let mut choice = Choice(seed);
    let errnos = |call: i64| ERRNOS.into_iter().filter(move |&errno| can_fail(call, errno)).collect::<Vec<_>>();
    let places: Vec<_> = (0..calls.len()).filter(|&at| !errnos(calls[at]).is_empty()).collect();
    let wish = env::var("TINYO_FAULTS").unwrap_or_default();
    if wish == "all" {
        let both = |at: usize, errno: Errno| [Fault::Once(at, errno), Fault::Spell(at, errno)];
        return places
            .into_iter()
            .flat_map(|at| errnos(calls[at]).into_iter().flat_map(move |errno| both(at, errno)))
            .collect();
    }
    let count = wish.parse().unwrap_or(count);
    let step = places.len() as f64 / count as f64;
    let mut chosen = Vec::new();
    for number in 0..count {
        let at = places[((number as f64 + choice.below(100) as f64 / 100.0) * step) as usize];
        let possible = errnos(calls[at]);
        let errno = possible[choice.below(possible.len())];
        chosen.push(if choice.below(2) == 0 { Fault::Once(at, errno) } else { Fault::Spell(at, errno) });
    }
    chosen
}

/// Lives with the faults chosen for `generation`, and what `check` finds wrong with each beside its own problems.
fn survives(
    generation: usize,
    count: usize,
    more: &[Fault],
    check: impl Fn(&Life, &str, Fault, usize) -> Option<String>,
) {
    let Some(house) = House::build() else { return };
    house.clean_but_tree(|| {
        let plain = live(&house, 0, generation, Fault::None);
        assert!(plain.problems.is_empty() && plain.traced.code == 0, "{:?}\n{}", plain.problems, plain.said);
        let calls = plain.traced.calls;
        let mut failures = Vec::new();
        let chosen = faults(&calls, count, 0x9e37_79b9_7f4a_7c15);
        for (number, &fault) in chosen.iter().chain(more).enumerate() {
            let mut life = live(&house, 1 + number, generation, fault);
            let failed = life.traced.failed.first().map_or_else(String::new, |&call| name(call));
            if failed == "unlinkat" {
                life.problems.retain(|problem| problem != LEFT);
            }
            let found = check(&life, &failed, fault, calls.len());
            life.problems.extend(found);
            if !life.problems.is_empty() {
                failures.push(format!("{fault:?} of {}, {failed}: {:?}\n{}", calls.len(), life.problems, life.said));
            }
        }
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    });
}

#[test]
fn pid_1_survives_calls_that_fail() {
    let short = [Fault::Short(4), Fault::Short(7), Fault::Short(100)];
    survives(0, 60, &short, |life, _, fault, usual| {
        // Who is interrupted tries again at once.
        let is_patient = !matches!(fault, Fault::Spell(_, Errno::EINTR | Errno::EAGAIN) | Fault::Short(_));
        let calls = life.traced.calls.len();
        if is_patient && calls > 4 * usual + 400 + 20 * life.asked {
            return Some(format!("{calls} calls instead of {usual}: {:?}", often(&life.traced.calls)));
        }
        match life.traced.code {
            0 => None,
            // It could not begin, and says so.
            100 | 111 if !life.said.contains("ready, pid") && life.said.contains("tinyo: ") => None,
            code => Some(format!("status {code}")),
        }
    });
}

/// How often there was each call, the rare ones left out.
fn often(calls: &[i64]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    calls.iter().for_each(|&call| *counts.entry(name(call)).or_insert(0) += 1);
    counts.retain(|_, count| *count > calls.len() / 20);
    counts
}

/// What fails is a step of a service's process: it is named, and the service started again.
#[test]
fn a_service_survives_calls_that_fail_on_its_way() {
    survives(1, 40, &[], |life, failed, _, _| {
        let lines: Vec<_> = life.said.lines().collect();
        let unnamed = lines.iter().enumerate().find(|&(at, line)| {
            let Some((who, _)) = line.split_once(": exited with status 12") else { return false };
            let why = lines[..at].iter().rev().find(|line| line.starts_with(who));
            why.is_none_or(|why| why.contains("starting again") || why.contains("ready, pid"))
        });
        // Who cannot report has only its end to say it.
        if let Some((_, line)) = unnamed.filter(|_| failed != "write") {
            return Some(format!("no step is named before: {line}"));
        }
        (life.traced.code != 0).then(|| format!("status {}", life.traced.code))
    });
}

/// What a container's command sees of its isolation: the same whatever failed on the way, or there is no command.
pub const LOOK: &str = "grep -E '^(Cap|NoNewPrivs|Seccomp|Groups|Uid|Gid|SigBlk|SigIgn)' /proc/self/status; cut -d' ' -f4-6 /proc/self/mountinfo; \
                    ls /proc/self/fd /sys/class/net /dev; cat /proc/self/oom_score_adj; hostname; pwd; env; umask";

fn look(house: &House, users: Users, number: usize, generation: usize, fault: Fault) -> (Traced, String, String) {
    let directory = house.directory(&format!("run-{number}"));
    let script = "read go; exec $tinyo run $options $root /bin/sh -c \"$look\" >$dir/out 2>$dir/said </dev/null";
    let mut launcher = house.host(script);
    launcher.env("dir", &directory).env("look", LOOK);
    match users {
        Users::Host => {}
        Users::Range => drop(launcher.env("options", "--userns=auto")),
        Users::Caller => {
            give(&directory);
            launcher = as_caller(launcher);
        }
    }
    let watch = Watch::default();
    let traced = thread::scope(|scope| {
        let tracer = scope.spawn(|| trace(launcher, &house.tinyo, generation, fault, &watch));
        if !within(|| tracer.is_finished(), || false) {
            let _ = kill(Pid::from_raw(watch.first.load(Ordering::Relaxed)), Signal::SIGKILL);
        }
        tracer.join().unwrap()
    });
    let read = |name: &str| fs::read_to_string(directory.join(name)).unwrap_or_default();
    (traced, read("out"), read("said"))
}

/// Whose ids the container's are.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Users {
    Host,
    Caller,
    Range,
}

#[test]
fn a_launch_with_calls_that_fail_is_whole_or_none() {
    whole_or_none(Users::Host);
}

#[test]
fn so_is_that_of_an_ordinary_user() {
    whole_or_none(Users::Caller);
}

/// The process outside is of the second generation too.
#[test]
fn so_is_that_of_a_range_of_ids() {
    whole_or_none(Users::Range);
}

/// The launcher, the container's PID 1, its command.
fn whole_or_none(users: Users) {
    let Some(house) = House::build() else { return };
    if users == Users::Caller {
        give(&house.root());
    }
    let mut number = 0;
    let mut failures = Vec::new();
    house.clean(|| {
        for generation in 0..3 {
            let (plain, usual, said) = look(&house, users, number, generation, Fault::None);
            assert!(plain.code == 0 && said.is_empty() && usual.len() > 500, "{} {said} {usual}", plain.code);
            for fault in faults(&plain.calls, 50, 0x2545_f491_4f6c_dd1d + generation as u64) {
                number += 1;
                let (traced, out, said) = look(&house, users, number, generation, fault);
                let is_well = match traced.code {
                    0 => out == usual,
                    125..=127 => out.is_empty() && said.starts_with("tinyo: ") && said.lines().count() == 1,
                    _ => false,
                };
                if !is_well {
                    let failed = traced.failed.first().map_or_else(String::new, |&call| name(call));
                    let only = |text: &str, other: &str| {
                        text.lines().filter(|line| !other.contains(line)).collect::<Vec<_>>().join("; ")
                    };
                    let (gone, come) = (only(&usual, &out), only(&out, &usual));
                    failures.push(format!(
                        "{users:?} generation {generation}, {fault:?}, {failed}: status {}, {said:?}, gone: {gone}, come: {come}",
                        traced.code
                    ));
                }
            }
            number += 1;
        }
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
