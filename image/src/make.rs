//! An image from what was asked for.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tinyo::config::Config;

use crate::{
    additions::Addition,
    check,
    config::Source,
    cpio::{Archive, CHAR},
    elf::Machine,
    findings::Findings,
    kernel::Kernel,
    modules::{self, Auto, Folder, Way, wanted},
    tree::Owner,
};

/// What a root file system and the files of `--add` are brought in by.
const FROM: &str = "--from";

/// What all else lies on.
#[derive(Debug, Clone, Default)]
pub enum Ground {
    #[default]
    Nothing,
    /// A root file system in a directory of this machine, and whose its files are.
    Directory(PathBuf, Owner),
    /// One that a program has put together.
    Held(Archive),
}

#[derive(Debug, Clone, Default)]
pub struct Order {
    pub tinyo: PathBuf,
    /// None: the ground's own /etc/tinyo.toml. Without one nothing is asked of the image.
    pub config: Option<PathBuf>,
    pub ground: Ground,
    /// None: those of the ground count, and are only looked at.
    pub modules: Option<PathBuf>,
    /// None: `modules = ["auto"]` takes nothing in.
    pub auto: Option<Auto>,
    /// Modules for others than the config to load.
    pub beside: Vec<String>,
    pub additions: Vec<Addition>,
    pub firmware: Option<PathBuf>,
    pub strip_signatures: bool,
}

/// Puts together what is asked for. What is wrong with it is in `findings`.
pub fn image(order: &Order, kernel: &Kernel, findings: &mut Findings) -> Result<Archive> {
    let tinyo = std::fs::read(&order.tinyo)
        .with_context(|| format!("{}: read tinyo's binary (scripts/build.sh makes it)", order.tinyo.display()))?;
    let machine = Machine::of(&tinyo).with_context(|| format!("{}: no ELF file", order.tinyo.display()))?;
    kernel.check(machine, findings);
    let mut archive = Archive::new();
    archive.because(FROM);
    match &order.ground {
        Ground::Nothing => {}
        Ground::Directory(root, owner) => archive.directory(root, b"", *owner)?,
        Ground::Held(ground) => archive = ground.clone().brought_by(FROM),
    }
    let source = match &order.config {
        Some(path) => Some(Source::read(path)?),
        None => Source::inside(&archive)?,
    };
    gives_way(&mut archive, "init", "tinyo", findings);
    archive.because("tinyo").file("/init", 0o755, tinyo);
    if let (Some(_), Some(source)) = (&order.config, &source) {
        gives_way(&mut archive, "etc/tinyo.toml", "--config", findings);
        archive.because("--config").file("/etc/tinyo.toml", 0o644, source.text.clone());
    }
    for addition in &order.additions {
        addition.add(&mut archive, findings)?;
    }
    if archive.get("dev/console").is_none_or(|entry| !entry.is(CHAR)) {
        archive.because("the kernel opens it for /init").character("/dev/console", 0o600, 5, 1);
    }
    let mut complete = |config: &Config, findings: &mut Findings| {
        add_command(&mut archive, config);
        add_modules(&mut archive, order, config, kernel, machine, findings)?;
        check::config(config, &archive, machine, findings);
        anyhow::Ok(())
    };
    match source {
        Some(source) => source.parse(findings, complete).transpose()?.unwrap_or_default(),
        None => complete(&Config::new(), findings)?,
    }
    check::layout(&archive, FROM, findings);
    Ok(archive)
}

/// What the ground has at `path` is not what is to be there.
fn gives_way(archive: &mut Archive, path: &str, to: &str, findings: &mut Findings) {
    if archive.resolve(b"", path.as_bytes(), false).and_then(|real| archive.get(real)).is_some() {
        findings.note(format!("/{path} of {FROM} gives way to {to}"));
        archive.remove(path);
    }
}

/// Where the services stay in the image, a person there finds `tinyo status` in the PATH.
fn add_command(archive: &mut Archive, config: &Config) {
    let there = archive.resolve(b"", b"/bin/tinyo", false).is_some_and(|real| archive.get(&real).is_some());
    if config.roots.is_empty() && !config.services.is_empty() && !there {
        archive.because("tinyo").link("/bin/tinyo", "/init");
    }
}

fn add_modules(
    archive: &mut Archive,
    order: &Order,
    config: &Config,
    kernel: &Kernel,
    machine: Machine,
    findings: &mut Findings,
) -> Result<()> {
    let Some(path) = &order.modules else {
        if order.strip_signatures {
            findings.error("--strip-signatures: without --modules DIR there is nothing to take them from");
        }
        return modules::present(archive, config, machine, findings);
    };
    let folder = Folder::open(path)?;
    let mut wanted = wanted(&folder, config, archive, order.auto, findings)?;
    modules::beside(archive, &folder, &order.beside, &mut wanted)?;
    if order.strip_signatures {
        kernel.may_strip(findings);
    }
    let way = Way { strip: order.strip_signatures, firmware: firmware(order, &folder)? };
    modules::strangers(archive, &folder, FROM, findings);
    modules::put(archive, &folder, &wanted, &way, Some(machine), findings)
}

/// lib/firmware beside lib/modules, if nothing else was said. None: `--firmware none`, it is not asked for.
fn firmware(order: &Order, folder: &Folder) -> Result<Option<PathBuf>> {
    match &order.firmware {
        Some(word) if word == Path::new("none") => Ok(None),
        Some(path) => {
            ensure!(path.is_dir(), "--firmware {}: no directory; write that of the firmware, or none", path.display());
            Ok(Some(path.clone()))
        }
        None => {
            let modules = std::fs::canonicalize(&folder.path)?;
            Ok(modules.ancestors().nth(2).map(|lib| lib.join("firmware")))
        }
    }
}

#[cfg(test)]
#[path = "make_tests.rs"]
mod tests;
