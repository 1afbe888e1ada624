//! From the kernel's "Run /init" to the main of the real root's init: initramfs programs beside the least there can be.

mod disk;
pub mod faster;
mod figures;
mod gates;
mod init;
mod kernel;
mod peers;
mod report;
mod setup;
mod sizes;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    sync::Mutex,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use tinyo_qemu::{
    guest::Outcome,
    kit::{Arch, Kit, target},
};

use figures::Figures;
use gates::Measured;
use init::{Init, Root, Source};
use peers::Chroot;
use setup::{Board, Clock, Setup};
use sizes::Sizes;

use crate::guests::{self, in_parallel};

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
    /// Boots per figure
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Guests at a time in virtual time [default: the processors here]
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Virtual time only: no wall clock, no packed sizes, no least memory
    #[arg(long, conflicts_with = "write")]
    quick: bool,
    /// By /dev/vda1 on q35 only, in virtual time only
    #[arg(long, conflicts_with_all = ["write", "check"])]
    brief: bool,
    /// Exit with 1 if tinyo misses one of its own figures
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

/// The slowest peer takes a third of it on a busy host.
const PATIENCE: Duration = Duration::from_secs(300);
/// With too little memory a guest may hang instead of saying so.
const MEMORY_PATIENCE: Duration = Duration::from_secs(90);

/// One way to a root.
#[derive(Debug, Clone)]
pub struct Row {
    pub init: Init,
    pub root: Root,
    pub board: Board,
    pub stripped: bool,
}

impl Row {
    fn is_usual(&self) -> bool {
        (self.root, self.board, self.stripped) == (Root::Node, Board::Q35, false)
    }

    fn image(&self) -> Image {
        Image { init: self.init.clone(), board: self.board, stripped: self.stripped }
    }
}

/// What several rows boot from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    pub init: Init,
    pub board: Board,
    pub stripped: bool,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    if arguments.list {
        Init::ALL.iter().for_each(|init| println!("{}", init.name()));
        return Ok(ExitCode::SUCCESS);
    }
    let inits = chosen(arguments)?;
    let kit = Kit::find(Arch::X86_64)?;
    let dir = tempfile::tempdir()?;
    let chroot = inits.iter().any(Init::is_packaged).then(|| Chroot::prepare(&kit)).transpose();
    let chroot = chroot.unwrap_or_else(|error| {
        eprintln!("skipped: what needs Debian's packages: {error:#}");
        None
    });
    let mut rows = rows(&inits, chroot.is_some());
    rows.retain(|row| !arguments.brief || row.is_usual());
    let bench = Bench::new(kit, dir.path(), rows)?;
    let images = bench.images(chroot.as_ref())?;
    let mut figures = vec![Figures::default(); bench.rows.len()];
    let jobs = guests::jobs(arguments.jobs);
    bench.boot_all(arguments, &images, Clock::Virtual, jobs, &mut figures)?;
    let mut sizes = vec![Sizes::default(); images.len()];
    let quick = arguments.quick || arguments.brief;
    if !quick {
        // One at a time: the other's load would be in the figure.
        bench.boot_all(arguments, &images, Clock::Wall, 1, &mut figures)?;
        sizes = bench.sizes(&images, jobs)?;
    }
    let measured = Measured { rows: &bench.rows, figures: &figures };
    let mut text = report::times(&measured);
    if !quick {
        let version = |init: &Init| init.version(&bench.kit, chroot.as_ref());
        text += &format!("\n{}", report::sizes(&images, &sizes, &version));
    }
    let verdict = gates::judge(&measured);
    println!("{text}\n{}", verdict.text);
    if arguments.write {
        report::write(&format!("{text}\n{}", verdict.text), &bench.kit, arguments.rounds)?;
    }
    Ok(if arguments.check && !verdict.held { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The floor is always among them: everything is measured against it.
fn chosen(arguments: &Arguments) -> Result<Vec<Init>> {
    let mut inits = Init::ALL.to_vec();
    if let Some(name) = arguments.only.iter().find(|name| !inits.iter().any(|init| init.name() == **name)) {
        bail!("{name}: no such init; --list names them");
    }
    let is_wanted = |init: &Init| *init == Init::Floor || arguments.only.contains(&init.name());
    inits.retain(|init| arguments.only.is_empty() || is_wanted(init));
    for path in &arguments.tinyo {
        let path = fs::canonicalize(path).with_context(|| format!("{}: find it", path.display()))?;
        inits.push(Init::Tinyo(Some(path)));
    }
    Ok(inits)
}

/// In the order of the table: all on q35, then those that can on microvm, then without signatures.
fn rows(inits: &[Init], packages: bool) -> Vec<Row> {
    let able = || inits.iter().filter(|init| packages || !init.is_packaged());
    let mut rows = Vec::new();
    for init in able() {
        let row = |root: &Root| Row { init: init.clone(), root: *root, board: Board::Q35, stripped: false };
        rows.extend(init.roots().iter().map(row));
    }
    let row = |init: &Init, board, stripped| Row { init: init.clone(), root: Root::Node, board, stripped };
    rows.extend(able().filter(|init| init.is_ours_to_make()).map(|init| row(init, Board::Microvm, false)));
    let stripped = able().filter(|init| matches!(init, Init::Floor | Init::Tinyo(_)));
    rows.extend(stripped.map(|init| row(init, Board::Q35, true)));
    rows
}

struct Bench<'a> {
    kit: Kit,
    dir: &'a Path,
    kernel: PathBuf,
    disk: PathBuf,
    rows: Vec<Row>,
}

impl<'a> Bench<'a> {
    fn new(kit: Kit, dir: &'a Path, rows: Vec<Row>) -> Result<Bench<'a>> {
        tools()?;
        let (kernel, disk) = (dir.join("vmlinux"), dir.join("disk.img"));
        kernel::unpack(&kit.kernel, &kernel)?;
        disk::make(&disk, crate::probe()?)?;
        Ok(Bench { kit, dir, kernel, disk, rows })
    }

    fn place(&self, index: usize) -> PathBuf {
        self.dir.join(format!("{index}.cpio"))
    }

    /// Each image once, written to its place.
    fn images(&self, chroot: Option<&Chroot>) -> Result<Vec<Image>> {
        let mut images = Vec::new();
        for row in &self.rows {
            let image = row.image();
            if images.contains(&image) {
                continue;
            }
            let source = Source { kit: &self.kit, chroot, board: image.board, stripped: image.stripped };
            let bytes = source.image(&image.init).with_context(|| format!("{}: its image", image.init.name()))?;
            fs::write(self.place(images.len()), bytes)?;
            images.push(image);
        }
        Ok(images)
    }

    fn setup(&self, image: &Image, index: usize, root: Root, clock: Clock) -> Setup {
        let clock_words = match clock {
            // An emulated clock fails its checks on a busy host.
            Clock::Wall => " tsc=reliable no_timer_check".to_owned(),
            // A processor that waits for the disk goes on counting instructions, where a halted one's clock is this host's.
            Clock::Virtual => format!("{} idle=poll", image.board.clock_words()),
        };
        let common = "console=ttyS0 8250.nr_uarts=1 panic=-1 quiet ro cryptomgr.notests nokaslr";
        Setup {
            board: image.board,
            clock,
            cpu: "qemu64",
            memory: 512,
            kernel: self.kernel.clone(),
            initrd: self.place(index),
            disk: self.disk.clone(),
            words: format!("{common}{clock_words} {}{}", root.words(), image.init.words()),
            options: Vec::new(),
        }
    }

    /// Round after round, all rows.
    fn boot_all(
        &self,
        arguments: &Arguments,
        images: &[Image],
        clock: Clock,
        jobs: usize,
        figures: &mut [Figures],
    ) -> Result<()> {
        // microvm has a clock in virtual time only: without one a busy host's guest hangs.
        let able = |row: &&usize| clock == Clock::Virtual || self.rows[**row].board == Board::Q35;
        let all: Vec<usize> = (0..self.rows.len()).collect();
        let mut waiting: Vec<_> =
            (0..arguments.rounds).flat_map(|round| all.iter().filter(able).map(move |row| (round, *row))).collect();
        waiting.reverse();
        let figures = Mutex::new(figures);
        in_parallel(jobs, waiting, |(round, index)| {
            let row = &self.rows[index];
            // What has failed once is not waited for again.
            if figures.lock().unwrap()[index].failure.is_some() {
                return Ok(());
            }
            let image = images.iter().position(|image| *image == row.image()).context("its image")?;
            let outcome = self.setup(&images[image], image, row.root, clock).boot(&self.kit, PATIENCE)?;
            let (name, root) = (row.init.name(), row.root.name());
            eprintln!("bench: {clock:?}, round {round}: {name}, {root}: {}", shown(&outcome));
            if let Some(dir) = &arguments.keep {
                guests::keep(dir, &format!("{index}-{clock:?}-{round}"), &outcome)?;
            }
            figures.lock().unwrap()[index].add(clock, &outcome);
            Ok(())
        })
    }

    fn sizes(&self, images: &[Image], jobs: usize) -> Result<Vec<Sizes>> {
        let sizes = Mutex::new(vec![Sizes::default(); images.len()]);
        in_parallel(jobs, (0..images.len()).collect(), |index| {
            let mut own = Sizes::of(&disk::read(&self.place(index))?)?;
            own.memory = self.least_memory(&images[index], index);
            eprintln!("bench: {}: boots with {:?} MiB", images[index].init.name(), own.memory);
            sizes.lock().unwrap()[index] = own;
            Ok(())
        })?;
        Ok(sizes.into_inner().unwrap())
    }

    /// In steps of 4 MiB; none where not even the most is enough.
    fn least_memory(&self, image: &Image, index: usize) -> Option<u32> {
        const STEP: u32 = 4;
        // No kernel of a distribution starts with the first; the last is what everything else is measured with.
        let (mut too_little, mut enough) = (24, 512);
        let clock = if image.board == Board::Q35 { Clock::Wall } else { Clock::Virtual };
        let mut setup = self.setup(image, index, Root::Node, clock);
        let mut arrives = |memory| {
            setup.memory = memory;
            let outcome = setup.boot(&self.kit, MEMORY_PATIENCE);
            outcome.is_ok_and(|outcome| figures::found(&outcome.transcript, "start").is_some())
        };
        while enough - too_little > STEP {
            let middle = (too_little + enough) / 2 / STEP * STEP;
            if arrives(middle) { enough = middle } else { too_little = middle }
        }
        (enough < 512 || arrives(512)).then_some(enough)
    }
}

fn shown(outcome: &Outcome) -> String {
    match figures::found(&outcome.transcript, "start") {
        Some(time) => format!("{time} us"),
        None => outcome.to_string(),
    }
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
