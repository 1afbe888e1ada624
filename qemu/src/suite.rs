//! What the boot tests share: a guest per group of cases, a named skip where there is nothing to boot with, and
//! assertions that show the transcript.
//!
//! A test passes on a marker *and* an end. Markers come from shell scripts in the guest, which write
//! `case: NAME held` to the kernel's log: whole lines, in order with the kernel's and tinyo's own.

use std::{
    env,
    io::Write,
    path::PathBuf,
    sync::{Condvar, LazyLock, Mutex, PoisonError},
    thread,
    time::Duration,
};

use anyhow::{Result, anyhow, ensure};
use tempfile::TempDir;
use tinyo_image::{
    make::{Ground, Order},
    modules::Folder,
};

use crate::{
    bus::Bus,
    cpio::Archive,
    expect::{End, regex},
    guest::{Guest, Outcome, from_init_on},
    image,
    kit::{Arch, Kit},
    vm::Machine,
};

/// The config of a guest with virtio disks on PCI, up to its roots. A boot that cannot go on ends it.
pub const ON_VIRTIO: &str = "on-failure = \"poweroff\"\nmodules = [\"virtio_pci\", \"virtio_blk\"]\n";

/// Many times what a boot takes, for a host that does other things too.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sourced by the scripts: `check NAME COMMAND...` writes the marker, `soon COMMAND` waits up to 10 s for it to hold.
const PRELUDE: &str = r#"
say() { echo "<3>case: $*" >/dev/kmsg; }
check() { name=$1; shift; if "$@"; then say "$name held"; else say "$name failed"; fi; }
soon() { tries=0; until eval "$1"; do tries=$((tries+1)); [ $tries -lt 100 ] || return 1; usleep 100000; done; }
"#;

/// How a guest's initramfs is made of its files.
enum Making {
    /// As scripts/mkinitramfs.sh does it, which finds no error.
    Checked,
    /// The same, and it would have been refused, for each of these reasons and no other.
    Refused(&'static [&'static str]),
    /// The files, and the modules that were asked for, are all of it.
    ByHand,
}

/// A guest being put together. Starts as busybox with tinyo as /init and no config.
pub struct Boot {
    pub kit: Kit,
    /// What the initramfs is made of. Modules in it are those that it has; else they are what the config names.
    pub archive: Archive,
    making: Making,
    words: Vec<String>,
    disk: Option<PathBuf>,
    bus: Bus,
    modules: Vec<String>,
    memory: u32,
    patience: Duration,
    options: Vec<String>,
    /// In place of the archive.
    initramfs: Option<PathBuf>,
    /// Holds the initramfs, and disk images while the guest runs.
    pub dir: TempDir,
}

impl Boot {
    pub fn config(&mut self, text: &str) -> &mut Boot {
        self.archive.file("/etc/tinyo.toml", 0o644, text);
        self
    }

    /// A shell script in the guest, with `check` and `soon` to use; returns nothing to run it, the config does.
    pub fn script(&mut self, path: &str, text: &str) -> &mut Boot {
        self.archive.file(path, 0o755, script(text));
        self
    }

    pub fn append(&mut self, words: &str) -> &mut Boot {
        self.words.push(words.to_owned());
        self
    }

    /// More hardware, in words of QEMU's command line.
    pub fn hardware(&mut self, words: &[&str]) -> &mut Boot {
        self.options.extend(words.iter().map(ToString::to_string));
        self
    }

    /// What the disk hangs on. To be said before there is one.
    pub fn bus(&mut self, bus: Bus) -> &mut Boot {
        self.bus = bus;
        self
    }

    pub fn megabytes(&mut self, memory: u32) -> &mut Boot {
        self.memory = memory;
        self
    }

    /// For guests that have more to do than most.
    pub fn patience(&mut self, seconds: u64) -> &mut Boot {
        self.patience = Duration::from_secs(seconds);
        self
    }

    /// An ext4 disk of these files (/dev/vda, unless its bus calls it otherwise), and the modules that make it appear.
    pub fn disk(&mut self, files: &Archive) -> Result<&mut Boot> {
        let path = self.dir.path().join("disk.img");
        image::ext4(files, &path, 32, "case")?;
        self.image(path)
    }

    /// The same with an image that there is.
    pub fn image(&mut self, path: PathBuf) -> Result<&mut Boot> {
        self.disk = Some(path);
        self.modules(self.bus.modules())
    }

    /// Modules that come along with all that they need, whether or not the config names them.
    pub fn modules(&mut self, names: &[&str]) -> Result<&mut Boot> {
        let folder = Folder::open(&self.kit.modules)?;
        for name in names {
            ensure!(folder.has(name), "{name}: not among {}", folder.path.display());
            self.modules.push(name.to_string());
        }
        Ok(self)
    }

    /// The initramfs is one that the tool refuses, for each of these reasons and no other: what is booted is broken on purpose.
    pub fn refused(&mut self, reasons: &'static [&'static str]) -> &mut Boot {
        self.making = Making::Refused(reasons);
        self
    }

    /// The initramfs is the archive as it is, made without the tool: what is booted is none that it could make.
    pub fn by_hand(&mut self) -> &mut Boot {
        self.making = Making::ByHand;
        self
    }

    fn made(&self) -> Result<Archive> {
        let reasons = match self.making {
            Making::ByHand if self.modules.is_empty() => return Ok(self.archive.clone()),
            Making::ByHand => {
                let mut archive = self.archive.clone();
                let names: Vec<&str> = self.modules.iter().map(String::as_str).collect();
                image::add_modules(&mut archive, &self.kit.modules, &names)?;
                return Ok(archive);
            }
            Making::Refused(reasons) => reasons,
            Making::Checked => &[],
        };
        let own = self.modules.is_empty() && self.archive.get("/lib/modules").is_some();
        let order = Order {
            ground: Ground::Held(self.archive.clone()),
            modules: (!own).then(|| self.kit.modules.clone()),
            beside: self.modules.clone(),
            ..Order::default()
        };
        let (archive, found) = image::make(&self.kit, order)?;
        let errors = found.errors;
        ensure!(
            errors.len() == reasons.len()
                && reasons.iter().all(|reason| errors.iter().any(|error| error.contains(reason))),
            "the initramfs is refused for {errors:?}, and was to be for {reasons:?}"
        );
        Ok(archive)
    }

    /// Boots this file, whatever the archive has.
    pub fn initramfs(&mut self, path: PathBuf) -> &mut Boot {
        self.initramfs = Some(path);
        self
    }

    pub fn start(&self) -> Result<Guest> {
        let archive = || {
            let path = self.dir.path().join("initramfs.cpio");
            std::fs::write(&path, self.made()?.to_bytes())?;
            anyhow::Ok(path)
        };
        let initrd = self.initramfs.clone().map_or_else(archive, Ok)?;
        let mut machine = Machine::new(&self.kit, &initrd).disk(self.disk.clone()).bus(self.bus);
        machine = machine.memory(&self.memory.to_string()).options(&self.options);
        for words in &self.words {
            machine = machine.append(words);
        }
        Guest::start(&machine, self.patience)
    }

    /// Boots, and waits for the end that the guest comes to by itself.
    pub fn run(&self) -> Result<Outcome> {
        self.start()?.finish()
    }
}

pub fn script(text: &str) -> String {
    format!("#!/bin/sh\n{PRELUDE}\n{text}\n")
}

/// A guest's end, shared by the tests that look at it; each names itself when there was no guest to look at.
pub type Shared = LazyLock<Run>;

pub enum Run {
    Ended(Box<Outcome>),
    Failed(String),
    /// Nothing to boot with: why.
    Skipped(String),
}

/// Boots one guest for a group of cases. `play` puts it together and sees it to its end.
pub fn guest(arch: Arch, play: impl FnOnce(&mut Boot) -> Result<Outcome>) -> Run {
    guest_of(Kit::find(arch), play)
}

/// The same of a kit that is not the usual one.
pub fn guest_of(kit: Result<Kit>, play: impl FnOnce(&mut Boot) -> Result<Outcome>) -> Run {
    let kit = match kit {
        Ok(kit) => kit,
        Err(why) => return Run::Skipped(format!("{why:#}")),
    };
    let _slot = Slot::take();
    let played = prepare(kit).and_then(|mut boot| play(&mut boot));
    match played {
        Ok(outcome) => Run::Ended(Box::new(outcome)),
        Err(why) => Run::Failed(format!("{why:#}")),
    }
}

fn prepare(kit: Kit) -> Result<Boot> {
    Ok(Boot {
        archive: image::busybox(&kit)?,
        kit,
        making: Making::Checked,
        words: Vec::new(),
        disk: None,
        bus: Bus::default(),
        modules: Vec::new(),
        memory: 256,
        patience: PATIENCE,
        options: Vec::new(),
        initramfs: None,
        dir: tempfile::tempdir()?,
    })
}

/// Types and waits in a guest; when something does not come, the error shows all that did.
pub fn converse(mut guest: Guest, talk: impl FnOnce(&mut Guest) -> Result<()>) -> Result<Outcome> {
    match talk(&mut guest) {
        Ok(()) => guest.finish(),
        Err(why) => Err(anyhow!("{why:#}\n{}", from_init_on(&guest.transcript()))),
    }
}

impl Run {
    /// The outcome to assert on, or none where this is a named skip. Under CI=true nothing is skipped.
    pub fn outcome(&self) -> Option<&Outcome> {
        match self {
            Run::Ended(outcome) => Some(outcome),
            Run::Failed(why) => panic!("{why}"),
            Run::Skipped(why) => {
                name_skip(why);
                None
            }
        }
    }
}

/// Whether the running test cannot boot a guest of that kind; it is named then.
pub fn skip(arch: Arch) -> bool {
    match Kit::find(arch) {
        Ok(_) => false,
        Err(why) => {
            name_skip(&format!("{why:#}"));
            true
        }
    }
}

fn name_skip(why: &str) {
    let test = thread::current().name().unwrap_or("a test").to_owned();
    assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "{test}: cannot boot a guest: {why}");
    // Not eprintln: the test harness would keep a passing test's words to itself. One write, for tests run side by side.
    let line = format!("skipped: {test}: {why}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}

impl Outcome {
    /// The script's check of that name held.
    #[track_caller]
    pub fn held(&self, name: &str) -> &Outcome {
        self.says(&format!("case: {name} held"))
    }

    #[track_caller]
    pub fn says(&self, pattern: &str) -> &Outcome {
        assert!(self.find(pattern).is_some(), "not said: /{pattern}/\n{}", self.shown());
        self
    }

    #[track_caller]
    pub fn never_says(&self, pattern: &str) -> &Outcome {
        assert!(self.find(pattern).is_none(), "said: /{pattern}/\n{}", self.shown());
        self
    }

    /// Each pattern is said, after the one before it.
    #[track_caller]
    pub fn says_in_order(&self, patterns: &[&str]) -> &Outcome {
        let mut from = 0;
        for pattern in patterns {
            let found = regex(pattern).find_at(self.transcript.as_bytes(), from).map(|m| m.end());
            match found {
                Some(end) => from = end,
                None => panic!("not said, or too early: /{pattern}/\n{}", self.shown()),
            }
        }
        self
    }

    #[track_caller]
    pub fn ends(&self, end: End) -> &Outcome {
        assert!(self.end == end, "ended {:?}, not {end:?}\n{}", self.end, self.shown());
        self
    }

    /// The first group of the first match, or all of it.
    pub fn find(&self, pattern: &str) -> Option<String> {
        let found = regex(pattern).captures(self.transcript.as_bytes())?;
        let wanted = found.get(1).or(found.get(0))?;
        Some(String::from_utf8_lossy(wanted.as_bytes()).into_owned())
    }

    /// Seconds since the kernel's start that the first line matching `pattern` carries.
    #[track_caller]
    pub fn stamp(&self, pattern: &str) -> f64 {
        let found = self.find(&format!(r"(?m)^\[ *([0-9.]+)\] .*{pattern}"));
        match found.and_then(|s| s.parse().ok()) {
            Some(seconds) => seconds,
            None => panic!("no line with a time stamp: /{pattern}/\n{}", self.shown()),
        }
    }
}

/// As many guests at a time as there are cores: QEMU emulates on one each, and a starved guest runs into its deadlines.
pub struct Slot;

static RUNNING: Mutex<usize> = Mutex::new(0);
static FREED: Condvar = Condvar::new();

impl Slot {
    pub fn take() -> Slot {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let full = |n: &mut usize| *n >= cores;
        *FREED.wait_while(running, full).unwrap_or_else(PoisonError::into_inner) += 1;
        Slot
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        FREED.notify_one();
    }
}
