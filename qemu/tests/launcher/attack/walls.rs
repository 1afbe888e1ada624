//! Calls that fail on the way into a container: the command sees the same walls, or there is no command. And processes that
//! are killed on the way.
//!
//! A seeded sample of the calls; `TINYO_FAULTS=all`: every call of every process, with every errno.

use std::{
    env, fs,
    process::Command,
    sync::atomic::Ordering,
    thread,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tinyo_qemu::fault::{Fault, Traced, Watch, can_fail, name, trace};

use crate::{
    faults::{Choice, LOOK, within},
    house::House,
};

/// A kernel without the call, no descriptor, no memory, and a filter that says no.
const ERRNOS: [Errno; 4] = [Errno::ENOSYS, Errno::EMFILE, Errno::ENOMEM, Errno::EPERM];

/// A way to start a container, and how many processes take part: the launcher, PID 1 inside, its command.
struct Way {
    options: &'static [&'static str],
    processes: usize,
}

/// `@` is the directory beside the image.
const WAYS: [Way; 4] = [
    Way { options: &[], processes: 3 },
    Way { options: &["--privileged", "--init=false"], processes: 2 },
    Way { options: &["--read-only", "--volume=@/data:/a/volume:ro", "--tmpfs=/a/tmpfs:size=1m"], processes: 3 },
    Way { options: &["--network=host", "--user=1000:1000", "--hostname=walls"], processes: 3 },
];

fn launcher(house: &House, way: &Way, script: &str) -> Command {
    let beside = house.beside("");
    let options: Vec<_> = way.options.iter().map(|word| word.replace("@/", &beside.display().to_string())).collect();
    let go = "read go; exec $tinyo run \"$@\" $root /bin/sh -c \"$script\" >$beside/out 2>$beside/said </dev/null";
    let mut command = house.host(go);
    command.arg("sh").args(options).env("script", script).env("beside", beside);
    command
}

/// One launch, watched, to its end. None: it did not come to one.
fn launch(house: &House, way: &Way, generation: usize, fault: Fault, script: &str) -> Option<(Traced, String, String)> {
    let (launcher, watch) = (launcher(house, way, script), Watch::default());
    let mut hangs = false;
    let traced = thread::scope(|scope| {
        let tracer = scope.spawn(|| trace(launcher, &house.tinyo, generation, fault, &watch));
        within(|| tracer.is_finished(), || false);
        if !tracer.is_finished() {
            hangs = true;
            let _ = kill(Pid::from_raw(watch.first.load(Ordering::Relaxed)), Signal::SIGKILL);
        }
        tracer.join().unwrap()
    });
    let read = |name: &str| fs::read_to_string(house.beside(name)).unwrap_or_default();
    (!hangs).then(|| (traced, read("out"), read("said")))
}

/// `usual` of all numbers below `end`, spread over them; or all.
fn sample(end: usize, usual: usize, choice: &mut Choice) -> Vec<usize> {
    if env::var("TINYO_FAULTS").is_ok_and(|wish| wish == "all") || usual >= end {
        return (0..end).collect();
    }
    (0..usual).map(|part| (part * end + choice.below(end)) / usual).collect()
}

/// The mount points that the image lacks, as a launch that worked left them.
fn remove_points(house: &House) {
    let _ = fs::remove_dir_all(house.root().join("a"));
}

#[test]
fn a_launch_that_meets_a_fault_has_all_its_walls_or_ends() {
    let Some(house) = House::build() else { return };
    fs::write(house.directory("data").join("file"), "").unwrap();
    let mut choice = Choice(0x6a09_e667_f3bc_c909);
    let mut failures = Vec::new();
    for way in &WAYS {
        for generation in 0..way.processes {
            let (plain, usual, said) = launch(&house, way, generation, Fault::None, LOOK).unwrap();
            assert!(plain.code == 0 && said.is_empty() && usual.len() > 500, "{} {said} {usual}", plain.code);
            remove_points(&house);
            let calls = &plain.calls;
            for number in sample(calls.len() * ERRNOS.len(), 14, &mut choice) {
                let (at, errno) = (number / ERRNOS.len(), ERRNOS[number % ERRNOS.len()]);
                if !can_fail(calls[at], errno) {
                    continue;
                }
                // What a kernel has not, it has not the next time either.
                let fault = if errno == Errno::ENOSYS { Fault::Spell(at, errno) } else { Fault::Once(at, errno) };
                let what = || format!("{:?}, process {generation}, {fault:?}, {}", way.options, name(calls[at]));
                let Some((traced, out, said)) = house.clean_but_tree(|| launch(&house, way, generation, fault, LOOK))
                else {
                    failures.push(format!("{}: it hangs", what()));
                    continue;
                };
                let is_well = match traced.code {
                    0 => out == usual,
                    125..=127 => out.is_empty() && said.starts_with("tinyo: ") && said.lines().count() == 1,
                    _ => false,
                };
                // The launcher's own fault may be one of its look at what there is.
                let left = generation > 0 && traced.code != 0 && house.root().join("a").exists();
                remove_points(&house);
                if left || !is_well {
                    let only = |text: &str, other: &str| {
                        text.lines().filter(|line| !other.contains(line)).collect::<Vec<_>>().join("; ")
                    };
                    let (gone, come) = (only(&usual, &out), only(&out, &usual));
                    let code = traced.code;
                    failures
                        .push(format!("{}: status {code}, {said:?}, left {left}, gone: {gone}, come: {come}", what()));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// At each call of each: the others end, and nothing stays. What it made of mount points before, nobody can take away.
#[test]
fn whoever_is_killed_on_the_way_takes_everything_along() {
    let Some(house) = House::build() else { return };
    house.directory("data");
    fs::create_dir_all(house.root().join("a/volume")).unwrap();
    fs::create_dir_all(house.root().join("a/tmpfs")).unwrap();
    let mut choice = Choice(0xbb67_ae85_84ca_a73b);
    let mut failures = Vec::new();
    for way in &WAYS {
        for generation in 0..way.processes {
            let calls = launch(&house, way, generation, Fault::None, "echo here").unwrap().0.calls;
            // The last calls come after the end of the command.
            for at in sample(calls.len() * 7 / 8, 10, &mut choice) {
                let what = format!("{:?}, process {generation} killed at {at}, {}", way.options, name(calls[at]));
                house.clean(|| {
                    let ended = launch(&house, way, generation, Fault::Kill(at), "echo here; exec sleep 2");
                    let Some((traced, out, said)) = ended else { return failures.push(format!("{what}: it hangs")) };
                    let is_well = match (generation, traced.code) {
                        // It ended before it came to that call.
                        (_, 0) => traced.failed.is_empty(),
                        (0, code) => code == 1009,
                        (_, 125) => said.starts_with("tinyo: ") && said.lines().count() == 1,
                        (_, code) => code == 137,
                    };
                    if !is_well {
                        failures.push(format!("{what}: status {}, {out:?}, {said:?}", traced.code));
                    }
                    // Its own end would come later.
                    let start = Instant::now();
                    while !house.processes().is_empty() && start.elapsed() < Duration::from_secs(1) {
                        thread::sleep(Duration::from_millis(2));
                    }
                });
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
