//! docs/BOOT.md: what each word of the kernel's and each choice about image and machine costs, one at a time.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Mutex,
};

use anyhow::{Context, Result};
use tinyo_qemu::{
    cpio::Archive,
    kit::{Arch, Kit},
};

use super::{
    bench::{PATIENCE, shown},
    disk,
    figures::Figures,
    init::{Init, Root, Source},
    kernel::{self, pipe},
    report::{conditions, thousandth},
    setup::{Board, Clock, Setup},
    tools,
};
use crate::{
    guests::{self, in_parallel},
    page,
};

/// What a boot's time is made of: kernel words, image, machine, each changed alone against one boot, in virtual time.
#[derive(clap::Args)]
pub struct Arguments {
    /// Measure those only whose name has this in it
    #[arg(long, value_name = "TEXT", conflicts_with = "write")]
    only: Option<String>,
    /// Boots per figure; each is the least
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Guests at a time [default: the processors here]
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Put the table into docs/BOOT.md
    #[arg(long)]
    write: bool,
}

#[derive(Clone, Copy)]
enum Change {
    Word(&'static str),
    Cpu(&'static str),
    Memory(u32),
    Qemu(&'static [&'static str]),
    /// The kernel not packed, entered by PVH.
    Elf,
    Microvm,
    /// Another disk, whose driver is in the kernel.
    Nvme,
    Image(Pack),
    /// The kernel finds the root by itself.
    NoImage,
}

/// How tinyo's initramfs is made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pack {
    Plain,
    Gzip,
    Zstd,
    Stripped,
    /// With every module of the kernel's, which nobody loads.
    Full,
    FullZstd,
    /// Without signatures, for microvm.
    Least,
    Microvm,
    /// Without any modules.
    None,
}

use Change::{Cpu, Elf, Image, Memory, Microvm, NoImage, Nvme, Qemu, Word};

struct Choice {
    what: &'static str,
    changes: &'static [Change],
    /// What one does without; empty: nothing.
    gives_up: &'static str,
}

const fn choice(what: &'static str, changes: &'static [Change], gives_up: &'static str) -> Choice {
    Choice { what, changes, gives_up }
}

/// What a guest of one's own can do without, the walls against attackers not among it.
const TOGETHER: &str = "quiet cryptomgr.notests 8250.nr_uarts=1 rootfstype=ext4 tsc=reliable no_timer_check";

/// The last one named is /dev/console, whose end the bench reads.
const SECOND_CONSOLE: &str = "console=ttyS1 console=ttyS0";

/// The first is what the others are held against.
const CHOICES: &[Choice] = &[
    choice("the plain boot", &[], ""),
    choice("`quiet`", &[Word("quiet")], "progress on the console; `dmesg` has it"),
    choice("`quiet tinyo.log=quiet`", &[Word("quiet tinyo.log=quiet")], "tinyo's progress in `dmesg` too"),
    choice("a second console, `console=ttyS1`", &[Word(SECOND_CONSOLE), Qemu(&["-serial", "null"])], ""),
    choice("`cryptomgr.notests`", &[Word("cryptomgr.notests")], "self-tests of the kernel's ciphers (FIPS wants them)"),
    choice("`nokaslr`", &[Word("nokaslr")], "**random kernel addresses**"),
    choice("`mitigations=off`", &[Word("mitigations=off")], "**the walls against Spectre and its kin**"),
    choice("`audit=0`", &[Word("audit=0")], "audit records"),
    choice("`8250.nr_uarts=1`", &[Word("8250.nr_uarts=1")], "the other serial ports"),
    choice(
        "`i8042.noaux i8042.nokbd i8042.nopnp`",
        &[Word("i8042.noaux i8042.nokbd i8042.nopnp")],
        "PS/2 keyboard and mouse",
    ),
    choice(
        "`tsc=reliable no_timer_check`",
        &[Word("tsc=reliable no_timer_check")],
        "checks of the clock, which a virtual machine's host vouches for",
    ),
    choice(
        "`tsc_early_khz=1000000`",
        &[Word("tsc_early_khz=1000000")],
        "it is measured no more: wrong on another processor",
    ),
    choice("`rootfstype=ext4`", &[Word("rootfstype=ext4")], "other file systems"),
    choice(
        "kernel as ELF, by PVH (`-kernel vmlinux`)",
        &[Elf],
        "random kernel addresses come from the packed one's start code",
    ),
    choice("`-cpu qemu64`", &[Cpu("qemu64")], "newer instructions"),
    choice("`-bios qboot.rom`", &[Qemu(&["-bios", "qboot.rom"])], "SeaBIOS's menus and disks"),
    choice("`-M microvm`, its clock words", &[Microvm, Image(Pack::Microvm)], "PCI"),
    choice("`-m 256`", &[Memory(256)], ""),
    choice("`-m 2048`", &[Memory(2048)], ""),
    choice("image packed with gzip", &[Image(Pack::Gzip)], ""),
    choice("image packed with zstd", &[Image(Pack::Zstd)], ""),
    choice("all modules in the image", &[Image(Pack::Full)], ""),
    choice("all modules, packed with zstd", &[Image(Pack::FullZstd)], ""),
    choice(
        "modules without signatures",
        &[Image(Pack::Stripped)],
        "**proof of who made the modules**; the kernel is tainted",
    ),
    choice("NVMe disk: its driver is built in, no modules", &[Nvme, Image(Pack::None)], "a smaller kernel"),
    choice(
        "the same without an initramfs",
        &[Nvme, NoImage, Word("rootwait")],
        "UUID= and LABEL=, and all else of an initramfs",
    ),
    choice(
        "`quiet`, no self-tests, one UART, `rootfstype=`, the clock's words, ELF kernel",
        &[Word(TOGETHER), Elf],
        "see each",
    ),
    choice("the same, modules without signatures", &[Word(TOGETHER), Elf, Image(Pack::Stripped)], "see each"),
    choice("the same on microvm", &[Word(TOGETHER), Elf, Microvm, Cpu("qemu64"), Image(Pack::Least)], "see each"),
];

pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let kit = Kit::find(Arch::X86_64)?;
    tools()?;
    let dir = tempfile::tempdir()?;
    let wanted = |choice: &&Choice| arguments.only.as_ref().is_none_or(|text| choice.what.contains(text.as_str()));
    let choices: Vec<_> = CHOICES[..1].iter().chain(CHOICES[1..].iter().filter(wanted)).collect();
    disk::make(&dir.path().join("disk.img"), crate::probe()?)?;
    kernel::unpack(&kit.kernel, &dir.path().join("vmlinux"))?;
    let setups = choices.iter().map(|choice| setup(choice, &kit, dir.path())).collect::<Result<Vec<_>>>()?;
    let mut waiting: Vec<_> =
        (0..arguments.rounds).flat_map(|round| (0..setups.len()).map(move |index| (round, index))).collect();
    waiting.reverse();
    let figures = Mutex::new(vec![Figures::default(); setups.len()]);
    in_parallel(guests::jobs(arguments.jobs), waiting, |(round, index)| {
        let outcome = setups[index].boot(&kit, PATIENCE)?;
        eprintln!("bench: round {round}: {}: {}", choices[index].what, shown(&outcome));
        figures.lock().unwrap()[index].add(Clock::Virtual, &outcome);
        Ok(())
    })?;
    let table = table(&choices, &figures.into_inner().unwrap());
    println!("{table}");
    if arguments.write {
        page::write(
            "BOOT.md",
            "faster",
            &format!("{}, `--rounds {}`:\n\n{table}", conditions(&kit), arguments.rounds),
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

fn setup(choice: &Choice, kit: &Kit, dir: &Path) -> Result<Setup> {
    let mut root = Root::Node.words();
    let mut words = String::new();
    let mut setup = Setup {
        board: Board::Q35,
        device: None,
        clock: Clock::Virtual,
        cpu: "max",
        memory: 512,
        kernel: kit.kernel.clone(),
        initrd: Some(image(Pack::Plain, kit, dir)?),
        disk: dir.join("disk.img"),
        words: String::new(),
        options: Vec::new(),
    };
    for change in choice.changes {
        match *change {
            Word(word) => words += &format!(" {word}"),
            Cpu(cpu) => setup.cpu = cpu,
            Memory(memory) => setup.memory = memory,
            Qemu(words) => setup.options.extend(words.iter().map(|word| (*word).to_owned())),
            Elf => setup.kernel = dir.join("vmlinux"),
            Microvm => {
                setup.board = Board::Microvm;
                words += Board::Microvm.clock_words();
            }
            Nvme => {
                setup.device = Some("nvme,serial=root");
                root = "root=/dev/nvme0n1p1".to_owned();
            }
            Image(pack) => setup.initrd = Some(image(pack, kit, dir)?),
            NoImage => setup.initrd = None,
        }
    }
    setup.words = format!("console=ttyS0 panic=-1 ro idle=poll {root}{words}");
    Ok(setup)
}

/// Each is made once.
fn image(pack: Pack, kit: &Kit, dir: &Path) -> Result<PathBuf> {
    let path = dir.join(format!("{}.cpio", pack as u8));
    if path.exists() {
        return Ok(path);
    }
    let stripped = matches!(pack, Pack::Stripped | Pack::Least);
    let board = if matches!(pack, Pack::Microvm | Pack::Least) { Board::Microvm } else { Board::Q35 };
    let source = Source { kit, chroot: None, board, stripped };
    let mut bytes = match pack {
        Pack::None => source.tinyo(&kit.tinyo, &[])?.to_bytes(),
        _ => source.image(&Init::Tinyo(None))?,
    };
    if matches!(pack, Pack::Full | Pack::FullZstd) {
        // A second archive behind the first: the kernel unpacks one after the other.
        let mut all = Archive::new();
        all.tree(&kit.modules, "/all")?;
        bytes.extend(all.to_bytes());
    }
    let packed = match pack {
        Pack::Gzip => pipe("gzip", &["-9nc"], &bytes)?,
        Pack::Zstd => pipe("zstd", &["-q19c"], &bytes)?,
        // As initramfs-tools packs: 19 takes minutes for that.
        Pack::FullZstd => pipe("zstd", &["-q9c"], &bytes)?,
        _ => bytes,
    };
    fs::write(&path, packed).with_context(|| format!("{}: write it", path.display()))?;
    Ok(path)
}

const HEAD: &str = "\
| choice | to \"Run /init\", ms | from there to main, ms | together | against the plain boot | console, bytes | what it gives up |
|---|--:|--:|--:|--:|--:|---|
";

fn table(choices: &[&Choice], figures: &[Figures]) -> String {
    let mut text = HEAD.to_owned();
    let mut failed = String::new();
    let plain = figures.first().and_then(Figures::total);
    for (choice, figures) in choices.iter().zip(figures) {
        let (time, total) = (figures.time(), figures.total());
        let before = total.zip(time).map(|(total, time)| total.saturating_sub(time));
        let against = total.zip(plain).map(|(total, plain)| (total as f64 - plain as f64) / 1000.0);
        let cells = [
            choice.what.to_owned(),
            thousandth(before, 1),
            thousandth(time, 1),
            thousandth(total, 1),
            against.map_or("-".to_owned(), |against| format!("{against:+.1}")),
            figures.console.to_string(),
            choice.gives_up.to_owned(),
        ];
        text += &format!("| {} |\n", cells.join(" | "));
        if let Some(why) = &figures.failure {
            failed += &format!("\nnot reached: {}: {why}\n", choice.what);
        }
    }
    text + &failed
}

#[cfg(test)]
mod tests {
    use super::{super::figures::tests::outcome, *};

    #[test]
    fn a_choice_is_held_against_the_plain_boot() {
        let mut figures = [Figures::default(), Figures::default()];
        figures[0].add(Clock::Virtual, &outcome("[0.1] x\n\n@ start 60000\n\n@ clock 1060000\n"));
        figures[1].add(Clock::Virtual, &outcome("\n@ start 60000\n\n@ clock 960000\n"));
        let text = table(&[&CHOICES[0], &CHOICES[1]], &figures);
        assert!(text.contains("| 1000.0 | 60.0 | 1060.0 | +0.0 | 8 |"), "{text}");
        assert!(text.contains("| 900.0 | 60.0 | 960.0 | -100.0 | 0 |"), "{text}");
        let broken = table(&[&CHOICES[0]], &[Figures::without(Some("it hung".to_owned()))]);
        assert!(broken.ends_with("\nnot reached: the plain boot: it hung\n"), "{broken}");
        let counts: Vec<_> = text.lines().map(|line| line.matches('|').count()).collect();
        assert!(counts.windows(2).all(|pair| pair[0] == pair[1]), "{text}");
    }
}
