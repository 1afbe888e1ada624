//! `scripts/mkinitramfs.sh`: an initramfs from a config, a kernel's modules and files.

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Context, Result};
use clap::{
    Parser,
    builder::{OsStringValueParser, TypedValueParser},
    error::ErrorKind,
};
use tinyo_image::{
    additions::Addition,
    compress::Compress,
    findings::Findings,
    interrupt,
    kernel::Kernel,
    list,
    make::{self, Ground},
    modules::Auto,
    output,
    tree::Owner,
};

/// Make an initramfs: tinyo as /init, the config as /etc/tinyo.toml, and the modules that it needs.
///
/// The config is checked, and what it names must be in the image: a missing program, interpreter, library, module, user or
/// directory, or one for another processor, is an error that names it, and nothing is written. No root is needed, and all
/// files of the image are root's. The same input gives the same bytes. docs/IMAGE.md has examples.
#[derive(Parser)]
#[command(name = "mkinitramfs", override_usage = USED_SO, after_help = AFTER)]
struct Arguments {
    /// The config, which becomes /etc/tinyo.toml
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The folder of the kernel's modules, lib/modules/VERSION; from it come those that the config names, with what they need
    #[arg(long, value_name = "DIR")]
    modules: Option<PathBuf>,
    /// The file to make; it is there whole or not at all
    #[arg(long, value_name = "FILE", required_unless_present = "list")]
    output: Option<PathBuf>,
    /// Compress the image
    #[arg(long, value_enum, default_value = "none")]
    compress: Compress,
    /// Add a file or directory as /DST (into it, when it ends in /). MODE is octal and DST's own; UID and GID, by number, own
    /// all of it. A SRC that is a link is followed
    #[arg(long, value_name = "SRC:/DST[:MODE[:UID:GID]]", value_parser = OsStringValueParser::new().try_map(Addition::parse))]
    add: Vec<Addition>,
    /// Begin with this root file system; what else is asked for lies over it
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Whose the files of --from are: root's, or by number whose they are here
    #[arg(long, value_enum, default_value = "root")]
    owners: Owners,
    /// The drivers that `modules = ["auto"]` takes into the image
    #[arg(long, value_enum, default_value = "storage")]
    auto: Auto,
    /// Where the modules' firmware is; none: do without [default: lib/firmware beside lib/modules]
    #[arg(long, value_name = "DIR|none")]
    firmware: Option<PathBuf>,
    /// Cut the signatures off the modules: they load in a seventh of the time, and taint the kernel (E)
    #[arg(long)]
    strip_signatures: bool,
    /// The kernel's config [default: boot/config-VERSION, or what lies in the folder of its modules]
    #[arg(long, value_name = "FILE")]
    kernel_config: Option<PathBuf>,
    /// Print what is in the image, how large it is and why it is there
    #[arg(long)]
    list: bool,
    /// tinyo's own binary
    #[arg(long, value_name = "FILE", hide = true)]
    tinyo: PathBuf,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Owners {
    Root,
    Keep,
}

const USED_SO: &str = "scripts/mkinitramfs.sh --config FILE [--modules DIR] --output FILE [OPTIONS]";

const AFTER: &str = "\
Beside these, scripts/mkinitramfs.sh takes --arch x86_64|aarch64 [default: this machine's], and TINYO=FILE for another binary.

Exit codes:
  0    the image is made
  100  wrong words, or an error in the config or about the image
  111  the system failed: a file cannot be read or written";

const USAGE: u8 = 100;
const SYSTEM: u8 = 111;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return ExitCode::from(if asked { 0 } else { USAGE });
        }
    };
    if let Err(error) = interrupt::leave_nothing() {
        eprintln!("mkinitramfs: take signals: {error}");
        return ExitCode::from(SYSTEM);
    }
    let mut findings = Findings::default();
    let made = run(&arguments, &mut findings);
    for (kind, texts) in [("note: ", &findings.notes), ("warning: ", &findings.warnings), ("", &findings.errors)] {
        texts.iter().for_each(|text| eprintln!("mkinitramfs: {kind}{text}"));
    }
    match made {
        Ok(done) if findings.errors.is_empty() => {
            done.iter().for_each(|done| eprintln!("mkinitramfs: {done}"));
            ExitCode::SUCCESS
        }
        Ok(_) => ExitCode::from(USAGE),
        Err(error) => {
            eprintln!("mkinitramfs: {error:#}");
            ExitCode::from(SYSTEM)
        }
    }
}

/// What was made, if anything was to be.
fn run(arguments: &Arguments, findings: &mut Findings) -> Result<Option<String>> {
    let kernel = Kernel::find(arguments.kernel_config.as_deref(), arguments.modules.as_deref())?;
    if let Some(why) = arguments.compress.refused(&kernel) {
        findings.error(why);
    }
    let read =
        [&arguments.from, &arguments.modules, &arguments.firmware, &arguments.kernel_config].into_iter().flatten();
    let read = read.chain([&arguments.config, &arguments.tinyo]);
    for source in read.chain(arguments.add.iter().map(|addition| &addition.source)) {
        if let Some(output) = arguments.output.as_deref().filter(|output| output::is_below(output, source)) {
            let (output, source) = (output.display(), source.display());
            findings.error(format!(
                "--output {output}: it is {source} or in it, which the image is made of; write another place"
            ));
        }
    }
    let order = make::Order {
        tinyo: arguments.tinyo.clone(),
        config: Some(arguments.config.clone()),
        ground: match (&arguments.from, arguments.owners) {
            (None, _) => Ground::Nothing,
            (Some(root), Owners::Root) => Ground::Directory(root.clone(), Owner::ROOT),
            (Some(root), Owners::Keep) => Ground::Directory(root.clone(), Owner::Kept),
        },
        modules: arguments.modules.clone(),
        auto: Some(arguments.auto),
        beside: Vec::new(),
        additions: arguments.add.clone(),
        firmware: arguments.firmware.clone(),
        strip_signatures: arguments.strip_signatures,
    };
    let archive = make::image(&order, &kernel, findings)?;
    let mut done = None;
    if let Some(path) = arguments.output.as_deref().filter(|_| findings.errors.is_empty()) {
        let length = output::whole(path, |out| arguments.compress.through(out, |out| archive.write_to(out)))?;
        let size = std::fs::metadata(path)?.len();
        let unpacked = if size == length { String::new() } else { format!(", {length} unpacked") };
        done = Some(format!("{}: {size} bytes{unpacked}", path.display()));
    }
    if arguments.list {
        match io::stdout().write_all(list::list(&archive).as_bytes()) {
            // Whoever reads it has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            written => written.context("standard output: write the list")?,
        }
    }
    Ok(done)
}
