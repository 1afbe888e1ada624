//! From the kernel's "Run /init" to the main of the real root's init: initramfs programs beside the least there can be.

mod bench;
mod disk;
pub mod faster;
mod figures;
mod gates;
mod init;
mod kernel;
mod memory;
mod peers;
mod report;
mod rows;
mod setup;
mod sizes;

use std::{
    path::PathBuf,
    process::{Command, ExitCode},
};

use anyhow::{Context, Result, ensure};
use tinyo_qemu::kit::{Arch, Kit, target};

use bench::Bench;
use gates::Measured;
use init::Init;
use peers::Chroot;
use rows::Row;
use setup::Clock;

use crate::guests;

/// Initramfs programs on their way to the real root, in QEMU: time, size of the image, least memory.
///
/// Every row is booted once per round, so that all of them meet the same host. Nothing is installed; as root, for the
/// chroot in which Debian's tools make their images.
#[derive(clap::Args)]
pub struct Arguments {
    /// Measure these only; --list names them
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    only: Vec<String>,
    /// Measure this binary too, beside target/dist's (for two versions in one run); may be repeated
    #[arg(long, value_name = "PATH")]
    tinyo: Vec<PathBuf>,
    /// Measure these only, one after the other; each has a table of its own in the page
    #[arg(long, value_enum, value_name = "PART,...", value_delimiter = ',', default_values_t = PARTS)]
    part: Vec<Part>,
    /// Boots per time; sizes and memory have no rounds
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Guests at a time in virtual time [default: the processors here]
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// By /dev/vda1 on q35 only, in virtual time only
    #[arg(long, conflicts_with_all = ["write", "check", "part"])]
    brief: bool,
    /// Exit with 1 if tinyo misses one of its own figures, all of which are virtual times
    #[arg(long)]
    check: bool,
    /// Put the tables into docs/BENCHMARKS.md (every row, so not with --only or --tinyo)
    #[arg(long, conflicts_with_all = ["only", "tinyo"])]
    write: bool,
    /// Keep what every guest said, in this directory
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Name what can be measured, and measure nothing
    #[arg(long)]
    list: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// In virtual time, which another load of this host does not change
    Virtual,
    /// By this host's clock, one guest at a time, on q35 by /dev/vda1
    Wall,
    /// Of the images
    Sizes,
    /// The least that boots
    Memory,
}

const PARTS: [Part; 4] = [Part::Virtual, Part::Wall, Part::Sizes, Part::Memory];

impl Part {
    fn name(self) -> &'static str {
        match self {
            Part::Virtual => "virtual",
            Part::Wall => "wall",
            Part::Sizes => "sizes",
            Part::Memory => "memory",
        }
    }
}

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    if arguments.list {
        Init::ALL.iter().for_each(|init| println!("{}", init.name()));
        return Ok(ExitCode::SUCCESS);
    }
    ensure!(!arguments.check || arguments.part.contains(&Part::Virtual), "--check: wants --part virtual");
    let inits = rows::chosen(&arguments.only, &arguments.tinyo)?;
    let kit = Kit::find(Arch::X86_64)?;
    let dir = tempfile::tempdir()?;
    let chroot = match inits.iter().any(Init::is_packaged) {
        true => Chroot::prepare(&kit),
        false => Err(anyhow::anyhow!("none was asked for")),
    };
    let mut rows = rows::rows(&inits);
    rows.retain(|row| !arguments.brief || row.is_usual());
    let bench = Bench::new(kit, dir.path(), rows, &chroot)?;
    let mut held = true;
    for part in PARTS {
        if !arguments.part.contains(&part) || arguments.brief && part != Part::Virtual {
            continue;
        }
        let load = report::load();
        let (text, is_held) = measure(part, arguments, &bench, chroot.as_ref().ok())?;
        held &= is_held;
        println!("{text}");
        if arguments.write {
            report::write(part.name(), &text, &bench.kit, arguments.rounds, load)?;
        }
    }
    Ok(if arguments.check && !held { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// A part's tables, and whether tinyo keeps to what it holds itself to.
fn measure(part: Part, arguments: &Arguments, bench: &Bench, chroot: Option<&Chroot>) -> Result<(String, bool)> {
    let (rounds, keep) = (arguments.rounds, arguments.keep.as_deref());
    let jobs = guests::jobs(arguments.jobs);
    Ok(match part {
        Part::Virtual => {
            let figures = bench.boot_all(rounds, |_| true, Clock::Virtual, jobs, keep)?;
            let measured = Measured { rows: &bench.rows, figures: &figures };
            let verdict = gates::judge(&measured);
            (format!("{}\n{}", report::times(&measured), verdict.text), verdict.held)
        }
        Part::Wall => {
            // One at a time: the other's load would be in the figure.
            let figures = bench.boot_all(rounds, Row::has_wall_time, Clock::Wall, 1, keep)?;
            (report::walls(&bench.rows, &figures), true)
        }
        Part::Sizes => {
            let version = |init: &Init| init.version(&bench.kit, chroot);
            (report::sizes(bench, &bench.sizes(jobs)?, &version), true)
        }
        Part::Memory => (report::memory(bench, &bench.memory(jobs)?), true),
    })
}

/// What the disk, the kernel and the sizes are made with.
fn tools() -> Result<()> {
    let script = target().with_file_name("scripts/setup.sh");
    let done =
        Command::new(&script).arg("--bench").output().with_context(|| format!("{}: run it", script.display()))?;
    let said = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "{}", said.lines().last().unwrap_or("scripts/setup.sh --bench failed"));
    Ok(())
}
