//! Boots tinyo in QEMU: at a terminal for a person, else with the guest's words on stdout and its end as exit code.

use std::{
    io::{IsTerminal, Read, Write, stdin},
    path::PathBuf,
    process::{ChildStdin, ExitCode},
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use clap::Parser;
use nix::{
    sys::{
        signal::{SigSet, Signal, kill},
        termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr},
    },
    unistd::Pid,
};
use tinyo_image::{
    make::{Ground, Order},
    tree::Owner,
};
use tinyo_qemu::{
    cpio::Archive,
    demo,
    guest::Guest,
    image,
    kit::{Arch, Kit},
    vm::Machine,
};

/// Boot tinyo under QEMU: a busybox initramfs with tinyo as /init and examples/demo.toml as its config.
///
/// At a terminal this is the guest's console (Ctrl-A x ends QEMU). Otherwise what the guest says goes to
/// standard output as it comes, and standard input is typed into it.
#[derive(Parser)]
#[command(after_help = EXIT_CODES)]
struct Arguments {
    /// Boot with this config in place of the demo's
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Run the demo's own checks, print the transcript; exit 0 only if all held
    #[arg(long, conflicts_with_all = ["config", "append", "rootfs"])]
    test: bool,
    /// Add words to the kernel's command line; from `--` on they are a command to run as the one service
    #[arg(long, value_name = "WORDS", allow_hyphen_values = true)]
    append: Vec<String>,
    /// The machine to boot
    #[arg(long, value_enum, default_value = "x86_64")]
    arch: Arch,
    /// The initramfs's content, in place of busybox (tinyo is added as /init, --config as /etc/tinyo.toml)
    #[arg(long, value_name = "DIR")]
    rootfs: Option<PathBuf>,
    /// Boot the image though scripts/mkinitramfs.sh would refuse to make it
    #[arg(long)]
    unchecked: bool,
    /// A disk image, as /dev/vda in the guest; the modules for it are in the initramfs
    #[arg(long, value_name = "IMG")]
    disk: Option<PathBuf>,
    /// A kernel image in place of the one that scripts/setup.sh fetched (MODULES= names its modules)
    #[arg(long, value_name = "FILE")]
    kernel: Option<PathBuf>,
    /// The guest's memory, in MiB or with a suffix
    #[arg(long, value_name = "SIZE", default_value = "256")]
    memory: String,
    /// Use /dev/kvm instead of emulating
    #[arg(long)]
    kvm: bool,
    /// End the guest after this many seconds [default: 300; none at a terminal]
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
}

const EXIT_CODES: &str = "\
Exit codes:
  0    the guest powered off cleanly, or every check of --test held
  N    the status of the command after `--` in --append
  1    a check of --test did not hold
  2    bad options, or an image with errors
  122  the guest asked for a reboot (QEMU ends instead)
  123  the guest halted
  124  the time was up
  125  a kernel panic, a guest that never spoke, or no QEMU, kernel or busybox to run

Environment: QEMU=, KERNEL=, MODULES=, BUSYBOX= and TINYO= name files to use instead of those under target/.";

const REFUSED: i32 = 2;

/// Longer than any boot, shorter than a CI job's patience.
const TIMEOUT: u64 = 300;

/// At a terminal a person decides when it is enough.
const A_PERSONS_PATIENCE: u64 = 10 * 365 * 24 * 3600;

fn main() -> ExitCode {
    let code = run(&Arguments::parse()).unwrap_or_else(|error| {
        eprintln!("run-qemu: {error:#}");
        125
    });
    ExitCode::from(u8::try_from(code).unwrap_or(125))
}

fn run(arguments: &Arguments) -> Result<i32> {
    let kit = Kit::find_with_kernel(arguments.arch, arguments.kernel.clone())?;
    let dir = tempfile::tempdir()?;
    let initrd = dir.path().join("initramfs.cpio");
    let Some(archive) = initramfs(arguments, &kit)? else { return Ok(REFUSED) };
    std::fs::write(&initrd, archive.to_bytes())?;
    let mut machine =
        Machine::new(&kit, &initrd).disk(arguments.disk.clone()).memory(&arguments.memory).kvm(arguments.kvm);
    for words in &arguments.append {
        machine = machine.append(words);
    }
    let at_terminal = stdin().is_terminal() && !arguments.test;
    let patience = if at_terminal { A_PERSONS_PATIENCE } else { TIMEOUT };
    let mut guest = Guest::start(&machine, Duration::from_secs(arguments.timeout.unwrap_or(patience)))?;
    guest.echo();
    if arguments.test {
        return demo::check(guest);
    }
    end_on_signals(guest.pid())?;
    let raw = at_terminal.then(RawTerminal::enter).transpose()?;
    let keyboard = guest.take_input().context("the guest's input")?;
    let pid = guest.pid();
    thread::spawn(move || type_into(keyboard, at_terminal.then_some(pid)));
    let outcome = guest.finish()?;
    drop(raw);
    eprintln!("run-qemu: {outcome}");
    Ok(outcome.exit_code())
}

/// As scripts/mkinitramfs.sh makes it. None: it would not, and has said why.
fn initramfs(arguments: &Arguments, kit: &Kit) -> Result<Option<Archive>> {
    let ground = match &arguments.rootfs {
        Some(root) => Ground::Directory(root.clone(), Owner::ROOT),
        None => Ground::Held(demo::image(kit)?),
    };
    let disk: &[&str] = if arguments.disk.is_some() { &["virtio_pci", "virtio_blk"] } else { &[] };
    let order = Order {
        config: arguments.config.clone(),
        ground,
        modules: Some(kit.modules.clone()),
        beside: disk.iter().map(ToString::to_string).collect(),
        ..Order::default()
    };
    let (archive, found) = image::make(kit, order)?;
    let refused = !found.errors.is_empty() && !arguments.unchecked;
    let texts = found.warnings.iter().chain(&found.errors);
    texts.for_each(|text| eprintln!("run-qemu: {text}"));
    Ok((!refused).then_some(archive))
}

/// Our stdin, byte by byte, until it or the guest ends. The guest's own pace is QEMU's to keep: it reads the pipe only
/// as fast as the guest's UART takes the bytes.
fn type_into(mut keyboard: ChildStdin, killable: Option<Pid>) {
    const CTRL_A: u8 = 1;
    let mut buffer = [0; 256];
    let mut after_ctrl_a = false;
    while let Ok(n @ 1..) = stdin().read(&mut buffer) {
        for &byte in &buffer[..n] {
            if let (Some(qemu), true, b'x') = (killable, after_ctrl_a, byte) {
                let _ = kill(qemu, Signal::SIGTERM);
                return;
            }
            after_ctrl_a = byte == CTRL_A && !after_ctrl_a;
            if killable.is_some() && after_ctrl_a {
                continue;
            }
            if keyboard.write_all(&[byte]).is_err() {
                return;
            }
        }
    }
}

/// A signal that would end us ends the guest instead, and that ends us in order: the terminal is given back.
fn end_on_signals(qemu: Pid) -> Result<()> {
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT] {
        signals.add(signal);
    }
    signals.thread_block()?; // and in the threads started from here on
    thread::spawn(move || {
        let _ = signals.wait();
        let _ = kill(qemu, Signal::SIGTERM);
    });
    Ok(())
}

/// Every key goes to the guest as it is pressed, ^C included; dropping it gives the terminal back.
struct RawTerminal(Termios);

impl RawTerminal {
    fn enter() -> Result<RawTerminal> {
        let before = tcgetattr(stdin())?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(stdin(), SetArg::TCSANOW, &raw)?;
        Ok(RawTerminal(before))
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        let _ = tcsetattr(stdin(), SetArg::TCSANOW, &self.0);
    }
}
