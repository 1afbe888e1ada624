//! What must not wear out: ten thousand deaths, restarts and reloads, and doing nothing.

use std::{fs, path::PathBuf, thread, time::Duration};

use nix::unistd::Pid;

use crate::{
    clients::Supervisor,
    first::first,
    house::{House, soon},
};

/// Four services, of which two have a pipe for their lines and one writes to another. `@` is a directory of the host's.
const CONFIG: &str = r#"
[service.one]
exec = ["$busybox", "sleep", "100000"]

[service.two]
exec = ["$busybox", "sh", "-c", "echo two says so; exec sleep 100000"]

[service.sink]
exec = ["$busybox", "sh", "-c", "cat >/dev/null"]

[service.source]
exec = ["$busybox", "sh", "-c", "echo into the sink; exec sleep 100000"]
log = "service:sink"
"#;

/// A shell that has a thousand orphans wait, lets all of them end at once, and does so ten times.
const STORM: &str = r#"
[service.storm]
exec = ["$busybox", "sh", "-c", "mkfifo @/gate; for round in 0 1 2 3 4 5 6 7 8 9; do i=0; while [ $i -lt 1000 ]; do ( (read x <@/gate) & ); i=$((i+1)); done; : >@/gate; echo >>@/rounds; done"]
type = "oneshot"
"#;

/// PID 1, and what must not grow.
struct Old {
    supervisor: Supervisor,
    first: Pid,
}

impl Old {
    fn start(house: &House, config: &str) -> Old {
        let config = config.replace('@', &house.beside("").display().to_string());
        let supervisor = Supervisor::start_with(house, &config, "exec 2>$root/../said &&");
        let old = Old { first: first(&supervisor.child), supervisor };
        soon("all are up", || ["one", "two", "sink", "source"].iter().all(|name| old.field(name, 2) == "ready"));
        old
    }

    /// One field of a service's status.
    fn field(&self, name: &str, field: usize) -> String {
        let packets = self.supervisor.ask(format!("1\0status\0\0{name}\0").as_bytes());
        let text = String::from_utf8_lossy(&packets[0]).into_owned();
        text.split('\0').nth(field).unwrap_or_default().to_owned()
    }

    #[track_caller]
    fn does(&self, request: &str) {
        let packets = self.supervisor.ask(request.as_bytes());
        let last = packets.last().map(|packet| String::from_utf8_lossy(packet).into_owned());
        assert_eq!(last.as_deref(), Some("end\x000\0"), "{request:?}");
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{name}", self.first)).unwrap()
    }

    /// kB of anonymous memory, and open files.
    fn size(&self) -> (u64, usize) {
        // Who is answered is not the last thing that a turn does: a start's pipe, or a client's, may still be open.
        thread::sleep(Duration::from_millis(500));
        let files = fs::read_dir(format!("/proc/{}/fd", self.first)).unwrap().count();
        (number(&self.file("smaps_rollup"), "Anonymous:"), files)
    }

    /// Times that it was waited for, and times that it was interrupted.
    fn switches(&self) -> u64 {
        let status = self.file("status");
        number(&status, "voluntary_ctxt_switches:") + number(&status, "nonvoluntary_ctxt_switches:")
    }

    fn children(&self) -> Vec<String> {
        let children = self.file(&format!("task/{}/children", self.first));
        children.split_whitespace().map(str::to_owned).collect()
    }
}

fn number(text: &str, key: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// Starts of a service so far are its restarts and one.
const RESTARTS: usize = 5;

#[test]
fn no_death_is_lost_among_ten_thousand() {
    let Some(house) = House::build() else { return };
    house.clean(|| {
        let old = Old::start(&house, &format!("{CONFIG}{STORM}"));
        let rounds = || fs::read_to_string(house.beside("rounds")).unwrap_or_default().lines().count();
        let mut asked = 0;
        while rounds() < 10 {
            old.does("1\0restart\0wait\0one\0two\0");
            asked += 1;
        }
        soon("the storm is over", || old.field("storm", 2) == "done");
        soon("nobody is left but the four", || old.children().len() == 4);
        for name in ["one", "two"] {
            assert_eq!(old.field(name, RESTARTS), asked.to_string(), "{name}");
        }
        assert!(asked > 20, "{asked}");
        old.supervisor.end();
    });
}

#[test]
fn ten_thousand_restarts_take_nothing() {
    let Some(house) = House::build() else { return };
    house.clean(|| {
        let old = Old::start(&house, CONFIG);
        let restart = |times| (0..times).for_each(|_| old.does("1\0restart\0wait\0one\0two\0sink\0source\0"));
        restart(250);
        let before = old.size();
        restart(2250);
        let after = old.size();
        assert!(after.0 <= before.0 && after.1 <= before.1, "{before:?} became {after:?} (kB, files)");
        assert_eq!(old.field("two", RESTARTS), "2500");
        old.supervisor.end();
    });
}

/// Every other one changes a service.
#[test]
fn a_thousand_reloads_take_nothing() {
    let Some(house) = House::build() else { return };
    house.clean(|| {
        let old = Old::start(&house, CONFIG);
        let config = PathBuf::from(format!("/proc/{}/root/etc/tinyo.toml", old.first));
        let text = fs::read_to_string(&config).unwrap();
        let reload = |from: usize, to: usize| {
            for time in from..to {
                fs::write(&config, text.replace("two says so", &format!("two says {:04}", time / 2))).unwrap();
                old.does("1\0reload\0wait\0");
            }
        };
        reload(0, 200);
        let before = old.size();
        reload(200, 1000);
        soon("nobody is left but the four", || old.children().len() == 4);
        let after = old.size();
        assert!(after.0 <= before.0 && after.1 == before.1, "{before:?} became {after:?} (kB, files)");
        old.supervisor.end();
    });
}

/// No clock ticks in it: while nobody asks and nothing ends, it is not woken once.
#[test]
fn who_has_nothing_to_do_does_nothing() {
    let Some(house) = House::build() else { return };
    house.clean(|| {
        let old = Old::start(&house, CONFIG);
        thread::sleep(Duration::from_millis(500));
        let before = old.switches();
        thread::sleep(Duration::from_secs(5));
        assert_eq!(old.switches(), before);
        old.supervisor.end();
    });
}
