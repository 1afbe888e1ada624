//! What stays while a container runs: processes beside the command, and their own memory.

use std::{
    fs,
    io::{PipeReader, PipeWriter, Read},
    process::{Child, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{
    Row,
    figures::{Alive, Kept, median},
    latency::PATIENCE,
    place::{Place, Task},
    system::{wait_for, within},
};

/// Containers that are up, and end together.
struct Crowd {
    children: Vec<Child>,
    up: usize,
    /// Their standard input: its end is theirs.
    hold: PipeWriter,
}

impl Crowd {
    fn start(place: &Place, row: &Row, count: usize) -> Result<Crowd> {
        let (input, hold) = std::io::pipe()?;
        let (said, say) = std::io::pipe()?;
        let mut children = Vec::with_capacity(count);
        for _ in 0..count {
            let mut command = row.command(place, Task::Stay).context("it is not here")?;
            command.stdin(Stdio::from(input.try_clone()?)).stdout(Stdio::from(say.try_clone()?));
            children.push(command.spawn()?);
        }
        drop(say);
        let up = within(PATIENCE.max(count as u32 / 10), || hear(&said, count));
        Ok(Crowd { children, up, hold })
    }

    /// Whether all ended as they should.
    fn end(self) -> bool {
        drop(self.hold);
        self.children.into_iter().all(|child| wait_for(child.id(), PATIENCE).is_ok_and(|end| end.status.success()))
    }
}

/// How many said that they are up, until all have, or none is left to say so.
fn hear(mut said: &PipeReader, count: usize) -> usize {
    let mut buffer = vec![0; count];
    let mut up = 0;
    while up < count {
        match said.read(&mut buffer[up..]) {
            Ok(more @ 1..) => up += more,
            _ => break,
        }
    }
    up
}

/// Of several at once, so that what all of them share is not one's own.
pub fn kept(place: &Place, row: &Row) -> Result<Kept> {
    let count = if row.launcher.alone() { 1 } else { 5 };
    let crowd = row.with_rights(|| Crowd::start(place, row, count))?;
    // The launchers are through with what they do once the command is up.
    sleep(Duration::from_millis(200));
    let kept: Vec<_> = crowd.children.iter().map(|child| beside(child.id(), true)).collect();
    let up = crowd.up;
    let ended = crowd.end();
    ensure!(up == count && ended, "{up} of {count} were up");
    Ok(Kept {
        processes: kept.iter().map(|kept| kept.processes).max().unwrap_or(0),
        private: median(&kept.iter().map(|kept| kept.private).collect::<Vec<_>>()).unwrap_or(0),
    })
}

/// The memory is the machine's: what else goes on is in it.
pub fn alive(place: &Place, row: &Row, count: usize) -> Result<Alive> {
    let before = available()?;
    let begun = Instant::now();
    let crowd = Crowd::start(place, row, count)?;
    let wall = begun.elapsed().as_nanos() as u64;
    let after = available()?;
    let up = crowd.up;
    let ended = crowd.end();
    // Namespaces are taken down by the kernel in its own time.
    sleep(Duration::from_secs(2));
    let up = if ended { up } else { up.min(count - 1) };
    Ok(Alive { asked: count, up, wall, memory: before.saturating_sub(after) / count as u64 })
}

/// All processes below `pid` but the commands; with `pid` itself, if that is a launcher.
pub fn beside(pid: u32, itself: bool) -> Kept {
    let mut kept = Kept::default();
    let own = itself.then_some(pid);
    for pid in own.into_iter().chain(below(pid)).filter(|pid| !is_command(*pid)) {
        kept.processes += 1;
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        kept.private += field(&rollup, "Private_Clean:") + field(&rollup, "Private_Dirty:");
    }
    kept
}

/// Children, their children and so on, each behind its parent.
pub fn below(pid: u32) -> Vec<u32> {
    let mut pids = vec![pid];
    let mut at = 0;
    while let Some(pid) = pids.get(at).copied() {
        at += 1;
        let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { continue };
        for task in tasks.flatten() {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            pids.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
    }
    pids.split_off(1)
}

/// Those of them that are commands.
pub fn commands(pid: u32) -> Vec<u32> {
    below(pid).into_iter().filter(|pid| is_command(*pid)).collect()
}

fn is_command(pid: u32) -> bool {
    fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.starts_with(b"/floor\0"))
}

pub fn slay(pid: u32) {
    let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
}

fn available() -> Result<u64> {
    let text = fs::read_to_string("/proc/meminfo")?;
    let kilobytes = field(&text, "MemAvailable:");
    ensure!(kilobytes > 0, "/proc/meminfo has no MemAvailable");
    Ok(kilobytes)
}

/// `KEY   NUMBER kB`, or 0.
fn field(text: &str, key: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_whole_keys() {
        let text = "Rss:   10 kB\nPrivate_Clean:      16 kB\nPrivate_Dirty:  8 kB\n";
        assert_eq!((field(text, "Private_Clean:"), field(text, "Private_Dirty:")), (16, 8));
        assert_eq!((field(text, "Clean:"), field("Rss: x kB", "Rss:")), (0, 0));
    }

    #[test]
    fn descendants_are_found() {
        let mut child = std::process::Command::new("sh").args(["-c", "sleep 10 & sleep 10"]).spawn().unwrap();
        let begun = Instant::now();
        while below(child.id()).len() < 2 && begun.elapsed() < Duration::from_secs(5) {
            sleep(Duration::from_millis(10));
        }
        let found = below(child.id());
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(beside(child.id(), true).processes, 3);
        found.into_iter().for_each(slay);
        let _ = child.kill();
        let _ = child.wait();
    }
}
