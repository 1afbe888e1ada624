//! Container launchers on this machine, with Debian's packages as peers.

mod bundle;
mod calls;
mod figures;
mod gates;
mod kept;
mod latency;
mod launcher;
mod many;
mod place;
mod report;
mod restart;
mod system;

use std::{
    fs::{self, File},
    io,
    process::{Command, ExitCode},
    time::Instant,
};

use anyhow::{Result, bail, ensure};
use tinyo_qemu::kit::{Arch, Kit};

use figures::Figures;
use latency::PATIENCE;
use launcher::{Kind, Launcher};
use place::{Place, Program, Task};
use restart::Restarts;
use system::{USER, as_user, wait_for};

/// Container launchers beside each other: latency, system calls, what stays, a thousand at once, restarts.
///
/// Every launcher has one turn per round, so that all of them meet the same machine. Needs root; nothing is installed.
#[derive(clap::Args)]
pub struct Arguments {
    /// Measure these launchers, and the floors; --list names them
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    only: Vec<String>,
    /// Launches of each for its latency; the least and the median of them count
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// 8 rounds, 100 instead of 1,000 at once: a look, not a figure
    #[arg(long, conflicts_with_all = ["rounds", "write", "check"])]
    quick: bool,
    /// Exit with 1 if tinyo misses one of its own figures
    #[arg(long, conflicts_with = "only")]
    check: bool,
    /// Put the tables into docs/BENCHMARKS.md (every launcher, so not with --only)
    #[arg(long, conflicts_with = "only")]
    write: bool,
    /// Name the launchers, and measure nothing
    #[arg(long)]
    list: bool,
    /// Count system calls and measure nothing else; tinyo's and the floor's by name
    #[arg(long, conflicts_with_all = ["write", "check", "quick"])]
    calls: bool,
}

/// A launcher, and what is known of it.
pub struct Row {
    launcher: Launcher,
    program: Option<Program>,
    figures: Figures,
}

/// Every launcher, nothing of which was measured.
#[cfg(test)]
fn unmeasured() -> Vec<Row> {
    let row = |launcher: &Launcher| Row { launcher: *launcher, program: None, figures: Figures::default() };
    launcher::ALL.iter().map(row).collect()
}

impl Row {
    /// None: it is not here.
    fn command(&self, place: &Place, task: Task) -> Option<Command> {
        if self.figures.skipped.is_some() {
            return None;
        }
        Some(place.command(&self.launcher, self.program.as_ref()?, task))
    }

    /// `work` by who launches it.
    fn with_rights<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        if self.launcher.rootless() { as_user(USER, work) } else { work() }
    }
}

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    if arguments.list {
        for launcher in launcher::ALL {
            println!("{:<48} {}", launcher.name(), launcher.package.map_or("", |(package, _)| package));
        }
        return Ok(ExitCode::SUCCESS);
    }
    for name in &arguments.only {
        ensure!(launcher::ALL.iter().any(|launcher| launcher.program == name), "{name}: no such launcher; see --list");
    }
    let begun = Instant::now();
    let mut place = Place::build(&Kit::find(Arch::X86_64)?)?;
    let mut rows = rows(arguments, &place);
    place.enter()?;
    system::expect_alarms();
    rows.iter_mut().for_each(|row| try_once(&place, row));
    if rows
        .iter()
        .any(|row| row.launcher.kind == Kind::Floor && row.figures.skipped.is_some() && !row.launcher.rootless())
    {
        bail!("the floor does not run here: {}", rows[0].figures.skipped.as_deref().unwrap_or("-"));
    }
    rows.iter_mut().for_each(|row| count_calls(&place, row));
    if arguments.calls {
        println!("{}", report::calls(&rows));
        return Ok(ExitCode::SUCCESS);
    }
    measure(arguments, &place, &mut rows);
    let restarts = if arguments.only.is_empty() || arguments.only.iter().any(|name| name == "tinyo") {
        eprintln!("bench: restarts");
        restart::restarts(&place)
    } else {
        Default::default()
    };
    eprintln!("bench: {} s", begun.elapsed().as_secs());
    let tables = report::tables(&rows, &restarts);
    let verdict = gates::judge(&rows, &restarts);
    println!("{tables}\n{}", verdict.text);
    if arguments.quick {
        println!("--quick: where it says 1,000, they were 100");
    }
    if arguments.write {
        report::write(&tables, &verdict.text, arguments.rounds)?;
    }
    Ok(if arguments.check && !verdict.held { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn rows(arguments: &Arguments, place: &Place) -> Vec<Row> {
    let asked = |launcher: &&Launcher| {
        let only = &arguments.only;
        matches!(launcher.kind, Kind::Floor | Kind::Wall)
            || only.is_empty()
            || only.iter().any(|name| name == launcher.program)
    };
    let row = |launcher: &Launcher| {
        let (program, skipped) = match place.program(launcher) {
            Ok(program) => (Some(program), None),
            Err(error) => (None, Some(format!("{error:#}"))),
        };
        Row { launcher: *launcher, program, figures: Figures { skipped, ..Figures::default() } }
    };
    launcher::ALL.iter().filter(asked).map(row).collect()
}

/// Whether it works here at all, with both commands.
fn try_once(place: &Place, row: &mut Row) {
    for task in [Task::True, Task::Busybox] {
        let Some(command) = row.command(place, task) else { break };
        row.figures.skipped = failure(place, row, command).unwrap_or_else(|error| Some(error.to_string()));
    }
    if let Some(why) = &row.figures.skipped {
        eprintln!("skipped: {}: {why}", row.launcher.name());
    }
}

/// Why it did not end well, if it did not.
fn failure(place: &Place, row: &Row, mut command: Command) -> io::Result<Option<String>> {
    let said = place.beside("said");
    command.stderr(File::create(&said)?);
    let ended = row.with_rights(|| wait_for(command.spawn()?.id(), PATIENCE))?;
    if ended.status.success() {
        return Ok(None);
    }
    Ok(Some(reason(row.launcher.kind, ended.status.code(), &fs::read_to_string(said)?)))
}

/// The last line, which warnings may stand before. Wrong words are 100, and of tinyo's that is what another version has.
fn reason(kind: Kind, code: Option<i32>, said: &str) -> String {
    let line = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing").trim();
    match (kind, code) {
        (Kind::Tinyo | Kind::Price, Some(100)) => format!("not in this version ({line})"),
        _ => line.to_owned(),
    }
}

/// The least of three: who waits for whom is another matter each time.
fn count_calls(place: &Place, row: &mut Row) {
    for _ in 0..3 {
        let Some(command) = row.command(place, Task::True) else { return };
        match row.with_rights(|| calls::count(command)) {
            Ok(calls) => {
                let fewer = row.figures.calls().is_none_or(|before| calls.values().sum::<usize>() < before);
                if fewer {
                    row.figures.calls = Some(calls);
                }
            }
            Err(error) => return eprintln!("bench: system calls of {}: {error:#}", row.launcher.name()),
        }
    }
}

fn measure(arguments: &Arguments, place: &Place, rows: &mut [Row]) {
    let (rounds, thousand) = if arguments.quick { (8, 100) } else { (arguments.rounds as usize, 1000) };
    let (mut own, mut user): (Vec<_>, Vec<_>) = rows.iter_mut().partition(|row| !row.launcher.rootless());
    let series = |rows: &mut Vec<&mut Row>| {
        latency::rounds(place, rows, rounds);
        rows.retain(|row| !row.launcher.is_price());
        latency::mains(place, rows, rounds.div_ceil(3));
    };
    eprintln!("bench: latency, {rounds} rounds");
    series(&mut own);
    as_user(USER, || series(&mut user));
    eprintln!("bench: what stays");
    for row in rows.iter_mut() {
        if !row.launcher.is_price() && row.figures.skipped.is_none() {
            match kept::kept(place, row) {
                Ok(kept) => row.figures.kept = Some(kept),
                Err(error) => eprintln!("bench: what stays of {}: {error:#}", row.launcher.name()),
            }
        }
    }
    eprintln!("bench: many at once");
    for round in 0..3 {
        for row in rows.iter_mut().filter(|row| row.figures.skipped.is_none()) {
            if row.launcher.most >= 100 {
                let done = many::parallel(place, row, 100);
                row.figures.hundred.add(done);
            }
            // Twice is what there is time for.
            if row.launcher.most >= 1000 && round < 2 {
                let done = many::parallel(place, row, thousand);
                row.figures.thousand.add(done);
            }
        }
    }
    eprintln!("bench: many alive");
    for row in rows.iter_mut().filter(|row| row.launcher.most >= 1000 && row.figures.skipped.is_none()) {
        match kept::alive(place, row, thousand) {
            Ok(alive) => row.figures.alive = Some(alive),
            Err(error) => eprintln!("bench: many alive of {}: {error:#}", row.launcher.name()),
        }
    }
}

/// The floor that a row is compared with.
fn floor_of<'r>(rows: &'r [Row], launcher: &Launcher) -> Option<&'r Row> {
    rows.iter().find(|row| row.launcher.kind == Kind::Floor && row.launcher.how == launcher.floor)
}

/// The row of that name.
fn named<'r>(rows: &'r [Row], name: &str) -> Option<&'r Row> {
    rows.iter().find(|row| row.launcher.name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_the_last_line_or_another_version() {
        let unknown = "tinyo: run: unknown option --seccomp; see tinyo run --help\n";
        assert_eq!(
            reason(Kind::Price, Some(100), unknown),
            "not in this version (tinyo: run: unknown option --seccomp; see tinyo run --help)"
        );
        assert_eq!(reason(Kind::Tinyo, Some(125), "more\ntinyo: x: no\n\n"), "tinyo: x: no");
        assert_eq!(reason(Kind::Peer, Some(100), ""), "it said nothing");
    }
}
