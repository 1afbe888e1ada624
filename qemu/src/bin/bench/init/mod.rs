//! Inits as PID 1 of a guest in virtual time, with Debian's packages as peers.

mod figures;
mod gates;
mod peer;
mod report;
mod systemd;

use std::{
    fs,
    path::PathBuf,
    process::ExitCode,
    sync::Mutex,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use tinyo_qemu::{
    guest::{Guest, Outcome},
    kit::{Arch, Kit},
    vm::Machine,
};

use figures::{Boot, Figures};
use peer::Peer;

use crate::guests::{self, in_parallel};

/// Inits as PID 1 in QEMU, in virtual time: start, memory, wakeups, restart, reaping, shutdown.
///
/// Every peer is booted once per round, so that all of them meet the same host. Nothing is installed.
#[derive(clap::Args)]
pub struct Arguments {
    /// Measure these only; --list names them
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    only: Vec<String>,
    /// Measure this binary too, beside target/dist's (for two versions in one run); may be repeated
    #[arg(long, value_name = "PATH")]
    tinyo: Vec<PathBuf>,
    /// Boots per figure; each is the median
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Guests at a time [default: the processors here]
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Exit with 1 if tinyo misses one of its own figures
    #[arg(long)]
    check: bool,
    /// Put the table into docs/BENCHMARKS.md (every peer, so not with --only or --tinyo)
    #[arg(long, conflicts_with_all = ["only", "tinyo"])]
    write: bool,
    /// Keep what every guest said, in this directory
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Name the peers, and measure nothing
    #[arg(long)]
    list: bool,
}

/// An init that cannot end this guest is not waited for any longer. A boot takes seconds: what it sleeps is skipped.
const PATIENCE: Duration = Duration::from_secs(180);

/// One that was asked for and can be measured.
struct Entry {
    peer: Peer,
    version: String,
    /// Why it cannot.
    skipped: Option<String>,
    initrd: PathBuf,
}

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    if arguments.list {
        peer::all().iter().for_each(|peer| println!("{:<12} {}", peer.name, peer.packages.join(" ")));
        return Ok(ExitCode::SUCCESS);
    }
    let kit = Kit::find(Arch::X86_64)?;
    let dir = tempfile::tempdir()?;
    let mut entries = Vec::new();
    for (index, peer) in chosen(arguments)?.into_iter().enumerate() {
        let initrd = dir.path().join(format!("{index}.cpio"));
        let built = peer::image(&peer, &kit).and_then(|image| Ok(fs::write(&initrd, image.to_bytes())?));
        let skipped = built.err().map(|error| format!("{error:#}"));
        if let Some(why) = &skipped {
            eprintln!("skipped: {}: {why}", peer.name);
        }
        let version = peer.version(&kit);
        entries.push(Entry { peer, version, skipped, initrd });
    }
    let begun = Instant::now();
    let figures = boot_all(arguments, &kit, &entries)?;
    eprintln!(
        "bench: {} guests in {} s",
        figures.iter().map(|figures| figures.boots).sum::<usize>(),
        begun.elapsed().as_secs()
    );
    let table = report::table(&entries, &figures);
    println!("{table}");
    let own = entries.iter().zip(&figures).find(|(entry, _)| entry.peer.name == "tinyo");
    let verdict = own.map(|(_, figures)| gates::judge(figures));
    if let Some(verdict) = &verdict {
        println!("{}", verdict.text);
    }
    if arguments.write {
        report::write(&table, verdict.as_ref().map_or("", |verdict| &verdict.text), &kit, arguments.rounds)?;
    }
    let held = verdict.is_some_and(|verdict| verdict.held);
    Ok(if arguments.check && !held { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn chosen(arguments: &Arguments) -> Result<Vec<Peer>> {
    let mut peers = peer::all();
    for name in &arguments.only {
        if !peers.iter().any(|peer| peer.name == *name) {
            bail!("{name}: no such peer; --list names them");
        }
    }
    peers.retain(|peer| arguments.only.is_empty() || arguments.only.contains(&peer.name));
    for path in &arguments.tinyo {
        let path = fs::canonicalize(path).with_context(|| format!("{}: find it", path.display()))?;
        peers.push(peer::tinyo(path.display().to_string(), Some(path)));
    }
    Ok(peers)
}

/// Round after round, and in a round every kind of boot of every peer.
fn boot_all(arguments: &Arguments, kit: &Kit, entries: &[Entry]) -> Result<Vec<Figures>> {
    let mut waiting = Vec::new();
    for round in 0..arguments.rounds {
        for boot in Boot::ALL {
            let able = entries.iter().enumerate().filter(|(_, e)| e.skipped.is_none() && e.peer.can(boot));
            // What is measured five times in one boot, or is not a matter of luck, is not measured again.
            if round == 0 || boot == Boot::Start {
                waiting.extend(able.map(|(index, _)| (round, index, boot)));
            }
        }
    }
    waiting.reverse();
    let figures = Mutex::new(vec![Figures::default(); entries.len()]);
    in_parallel(guests::jobs(arguments.jobs), waiting, |(round, index, boot)| {
        let entry = &entries[index];
        let outcome = start(kit, entry, boot).with_context(|| format!("{}, {boot:?}", entry.peer.name))?;
        eprintln!("bench: round {round}: {}, {boot:?}: {outcome}", entry.peer.name);
        if let Some(dir) = &arguments.keep {
            guests::keep(dir, &format!("{index}-{boot:?}-{round}"), &outcome)?;
        }
        figures.lock().unwrap()[index].add(boot, &outcome);
        Ok(())
    })?;
    Ok(figures.into_inner().unwrap())
}

fn start(kit: &Kit, entry: &Entry, boot: Boot) -> Result<Outcome> {
    let machine = Machine::new(kit, &entry.initrd)
        .virtual_time()
        .append("quiet loglevel=3 printk.devkmsg=on")
        .append(&format!("probe.mode={} {}", boot.word(), entry.peer.words));
    Guest::start(&machine, PATIENCE)?.finish()
}
