//! The measurements, each of which prints what it found.

use crate::{
    processes::{self, Mark},
    sys::{self, MILLISECOND, SECOND},
    text::{self, print},
};

/// The record that stands for a main which was reached.
pub const REACHED: &[u8] = b"<6>probe: first\n";

/// "Run /init" to this process's main, in microseconds: two records of the kernel's log, so one clock.
pub fn start() {
    let Some(log) = sys::Log::open() else { return };
    let (mut begun, mut reached) = (0, 0);
    let mut buffer = [0; 8192];
    while let Some(record) = log.next(&mut buffer) {
        // PRIORITY,SEQUENCE,MICROSECONDS,...;TEXT
        let time = record.split(|byte| *byte == b',').nth(2).map_or(0, text::number);
        if text::after(record, b" as init process").is_some() {
            begun = time;
        } else if reached == 0 && text::after(record, b";probe: first").is_some() {
            reached = time;
        }
    }
    print("start", reached.saturating_sub(begun));
}

/// Memory of PID 1 and its helpers after 15 s, and how often they run in a minute with nothing to do.
pub fn at_rest() {
    sys::sleep(15 * SECOND);
    let (own, helpers) = (processes::usage(1), processes::helpers());
    sys::sleep(60 * SECOND);
    let woken = processes::usage(1).switches - own.switches;
    let helpers_woken = processes::helpers().switches.saturating_sub(helpers.switches);
    print("anon", own.anon);
    print("pss", own.pss);
    print("helpers", helpers.processes);
    print("helpers_pss", helpers.pss);
    print("wakeups", woken + helpers_woken);
}

/// Between two rounds. sysvinit gives a service up that started ten times in two minutes, and tinyo calls one healthy
/// after ten seconds.
const ROUND: u64 = 30 * SECOND;

/// v1 is killed when it has long been healthy, and its successor at once: how long until each successor's main.
///
/// The successor says itself when that was: a probe that looked for it all the time would take the one processor from PID 1.
pub fn restarts() {
    let mark = Mark::of(c"v1");
    for _ in 0..5 {
        let Some((pid, _)) = mark.get() else { return };
        for (name, patience) in [("restart", 20 * MILLISECOND), ("again", MILLISECOND)] {
            let (pid, _) = mark.get().unwrap_or((pid, 0));
            let killed = sys::now();
            sys::kill(pid, sys::KILL);
            let until = killed + ROUND;
            let born = loop {
                sys::sleep(patience);
                match mark.get() {
                    Some((successor, born)) if successor != pid => break born,
                    _ if sys::now() > until => return print("lost", 1),
                    _ => {}
                }
            };
            print(name, (born - killed) / 1000);
        }
        sys::sleep(ROUND);
    }
}

const ORPHANS: usize = 500;

/// One process dies and leaves 500 zombies to PID 1 at once: how many it reaps per second, until the last is gone.
pub fn orphans() {
    let mut pids = [0; ORPHANS];
    let Some(left) = sys::leave_orphans(&mut pids) else { return print("lost", 1) };
    // PID 1 finds them in the order of their birth, so that the first one there tells of those before it; all are asked.
    let until = left + 20 * SECOND;
    for pid in pids {
        while sys::exists(pid) {
            if sys::now() > until {
                return print("lost", 1);
            }
            sys::sleep(50_000);
        }
    }
    print("orphans", ORPHANS as u64 * SECOND / (sys::now() - left));
}

/// Asks PID 1 for a power off as /etc/probe.end says: `signal N`, or a command. The kernel's log has both ends of it.
pub fn request_end() -> ! {
    sys::sleep(15 * SECOND);
    let mut buffer = [0; 256];
    let how = sys::read(c"/etc/probe.end", &mut buffer[..255]);
    let length = how.len();
    sys::log(c"/dev/kmsg", b"<0>probe: end\n");
    match text::after(how, b"signal ") {
        Some(number) => sys::kill(1, text::number(number) as i32),
        None => sys::execute(&mut buffer[..=length]),
    }
    sys::sleep_for_ever()
}
