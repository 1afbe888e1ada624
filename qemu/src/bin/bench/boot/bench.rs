//! The boots themselves: images made, guests run, figures collected.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};

use anyhow::{Context, Result};
use tinyo_qemu::{guest::Outcome, kit::Kit};

use super::{
    disk,
    figures::{self, Figures},
    init::{Init, Root, Source},
    kernel, memory,
    peers::Chroot,
    report::SKIPPED,
    rows::{self, Image, Row},
    setup::{Clock, Setup},
    sizes::Sizes,
    tools,
};
use crate::guests::{self, in_parallel};

/// The slowest peer takes a tenth of it on an idle host.
pub const PATIENCE: Duration = Duration::from_secs(300);
/// MiB, of every guest whose need for memory is not what is measured.
const MEMORY: u32 = 512;

pub struct Bench<'a> {
    pub kit: Kit,
    pub rows: Vec<Row>,
    pub images: Vec<Image>,
    /// Beside each image, why there is none.
    pub missing: Vec<Option<String>>,
    dir: &'a Path,
    kernel: PathBuf,
    disk: PathBuf,
}

impl<'a> Bench<'a> {
    /// Images are made in `dir`. One that cannot be made leaves the others to be measured.
    pub fn new(kit: Kit, dir: &'a Path, rows: Vec<Row>, chroot: &Result<Chroot>) -> Result<Bench<'a>> {
        tools()?;
        let (kernel, disk) = (dir.join("vmlinux"), dir.join("disk.img"));
        kernel::unpack(&kit.kernel, &kernel)?;
        disk::make(&disk, crate::probe()?)?;
        let images = rows::images(&rows);
        let mut bench = Bench { kit, rows, images, missing: Vec::new(), dir, kernel, disk };
        for (index, image) in bench.images.iter().enumerate() {
            let source =
                Source { kit: &bench.kit, chroot: chroot.as_ref().ok(), board: image.board, stripped: image.stripped };
            let bytes = match chroot {
                Err(error) if image.init.is_packaged() => Err(format!("{error:#}")),
                _ => source.image(&image.init).map_err(|error| format!("its image: {error:#}")),
            };
            match bytes {
                Ok(ref bytes) => fs::write(bench.place(index), bytes)?,
                Err(ref why) => eprintln!("bench: {SKIPPED}{}: {why}", image.init.name()),
            }
            bench.missing.push(bytes.err());
        }
        Ok(bench)
    }

    fn place(&self, index: usize) -> PathBuf {
        self.dir.join(format!("{index}.cpio"))
    }

    fn image_of(&self, row: &Row) -> Result<usize> {
        self.images.iter().position(|image| *image == row.image()).context("its image")
    }

    fn setup(&self, index: usize, root: Root, clock: Clock) -> Setup {
        let image = &self.images[index];
        let clock_words = match clock {
            // An emulated clock fails its checks on a busy host.
            Clock::Wall => " tsc=reliable no_timer_check".to_owned(),
            // A processor that waits for the disk goes on counting instructions, where a halted one's clock is this host's.
            Clock::Virtual => format!("{} idle=poll", image.board.clock_words()),
        };
        let common = "console=ttyS0 8250.nr_uarts=1 panic=-1 quiet ro cryptomgr.notests nokaslr";
        Setup {
            board: image.board,
            device: None,
            clock,
            cpu: "qemu64",
            memory: MEMORY,
            kernel: self.kernel.clone(),
            initrd: Some(self.place(index)),
            disk: self.disk.clone(),
            words: format!("{common}{clock_words} {}{}", root.words(), image.init.words()),
            options: Vec::new(),
        }
    }

    /// What nothing was measured of yet, with why it cannot be.
    pub fn nothing(&self) -> Result<Vec<Figures>> {
        let figures = |row: &Row| -> Result<Figures> {
            let why = self.missing[self.image_of(row)?].as_ref();
            Ok(Figures::without(why.map(|why| format!("{SKIPPED}{why}"))))
        };
        self.rows.iter().map(figures).collect()
    }

    /// Round after round, all rows that are `wanted`, `jobs` at a time; a row whose boot failed is not waited for again.
    pub fn boot_all(
        &self,
        rounds: u32,
        wanted: impl Fn(&Row) -> bool,
        clock: Clock,
        jobs: usize,
        keep: Option<&Path>,
    ) -> Result<Vec<Figures>> {
        let wanted: Vec<usize> = (0..self.rows.len()).filter(|row| wanted(&self.rows[*row])).collect();
        let mut waiting: Vec<_> = (0..rounds).flat_map(|round| wanted.iter().map(move |row| (round, *row))).collect();
        waiting.reverse();
        let figures = Mutex::new(self.nothing()?);
        in_parallel(jobs, waiting, |(round, index)| {
            if figures.lock().unwrap()[index].failure.is_some() {
                return Ok(());
            }
            let row = &self.rows[index];
            let outcome = self.setup(self.image_of(row)?, row.root, clock).boot(&self.kit, PATIENCE)?;
            let (name, root, machine) = (row.init.name(), row.root.name(), row.machine());
            eprintln!("bench: {clock:?}, round {round}: {name}, {root}, {machine}: {}", shown(&outcome));
            if let Some(dir) = keep {
                guests::keep(dir, &format!("{index}-{clock:?}-{round}"), &outcome)?;
            }
            figures.lock().unwrap()[index].add(clock, &outcome);
            Ok(())
        })?;
        Ok(figures.into_inner().unwrap())
    }

    /// Beside each image that there is, how large it is.
    pub fn sizes(&self, jobs: usize) -> Result<Vec<Option<Sizes>>> {
        let sizes = Mutex::new(vec![None; self.images.len()]);
        // The largest are at the end, and taken first.
        in_parallel(jobs, self.made(), |index| {
            let own = Sizes::of(&disk::read(&self.place(index))?)?;
            sizes.lock().unwrap()[index] = Some(own);
            Ok(())
        })?;
        Ok(sizes.into_inner().unwrap())
    }

    fn made(&self) -> Vec<usize> {
        (0..self.images.len()).filter(|index| self.missing[*index].is_none()).collect()
    }

    /// Beside each image, the least memory that it boots with, in MiB.
    pub fn memory(&self, jobs: usize) -> Result<Vec<Option<u32>>> {
        let (floors, others): (Vec<_>, Vec<_>) =
            self.made().into_iter().partition(|index| self.images[*index].init == Init::Floor);
        let found = Mutex::new(vec![None; self.images.len()]);
        let search = |index: usize, guess: u32| -> Result<()> {
            let own = self.least_memory(index, guess)?;
            found.lock().unwrap()[index] = own;
            Ok(())
        };
        // Of the kernel alone: a floor adds 1 MiB.
        const OF_A_FLOOR: u32 = 72;
        in_parallel(jobs, floors.clone(), |index| search(index, OF_A_FLOOR))?;
        in_parallel(jobs, others, |index| {
            let is_its = |floor: &&usize| self.images[**floor].board == self.images[index].board;
            let floor = floors.iter().find(is_its).and_then(|floor| found.lock().unwrap()[*floor]);
            // Unpacking needs the image as it came beside what it holds; a floor's own is within a step of nothing.
            let guess = floor.unwrap_or(OF_A_FLOOR) + (self.unpacked(index)? >> 20) as u32;
            search(index, guess)
        })?;
        Ok(found.into_inner().unwrap())
    }

    /// Bytes, as it is booted and unpacked together.
    fn unpacked(&self, index: usize) -> Result<usize> {
        let image = disk::read(&self.place(index))?;
        Ok(image.len() + super::sizes::unpack(&image)?.len())
    }

    fn least_memory(&self, index: usize, guess: u32) -> Result<Option<u32>> {
        let image = &self.images[index];
        let mut setup = self.setup(index, Root::Node, Clock::Virtual);
        // A guest that does not come to its root shall not wait for somebody who helps.
        setup.words += " rd.shell=0 rd.emergency=poweroff";
        // With too little memory a guest may hang instead of saying so: several times what it takes where there is enough.
        let usual = setup.boot(&self.kit, PATIENCE)?;
        if figures::found(&usual.transcript, "start").is_none() {
            return Ok(None);
        }
        let patience = usual.took * 5 + Duration::from_secs(10);
        let arrives = |memory| {
            setup.memory = memory;
            // QEMU started before: that it does not now is the memory's fault too.
            let outcome = setup.boot(&self.kit, patience);
            let said = outcome.as_ref().map_or_else(ToString::to_string, shown);
            eprintln!("bench: {}, {}: with {memory} MiB: {said}", image.init.name(), image.machine());
            outcome.is_ok_and(|outcome| figures::found(&outcome.transcript, "start").is_some())
        };
        Ok(memory::least(guess, MEMORY, arrives))
    }
}

pub fn shown(outcome: &Outcome) -> String {
    match figures::found(&outcome.transcript, "start") {
        Some(time) => format!("{time} us, {:.1} s here", outcome.took.as_secs_f32()),
        None => outcome.to_string(),
    }
}
