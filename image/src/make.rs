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

#[derive(Debug, Clone, Default)]
pub struct Order {
    pub tinyo: PathBuf,
    pub config: PathBuf,
    pub modules: Option<PathBuf>,
    pub auto: Auto,
    pub from: Option<PathBuf>,
    /// Whose the files of `from` are.
    pub owners: Owner,
    pub additions: Vec<Addition>,
    pub firmware: Option<PathBuf>,
    pub strip_signatures: bool,
}

/// Puts together what is asked for. What is wrong with it is in `findings`.
pub fn image(order: &Order, kernel: &Kernel, findings: &mut Findings) -> Result<Archive> {
    let tinyo = std::fs::read(&order.tinyo)
        .with_context(|| format!("{}: read tinyo's binary (scripts/build.sh makes it)", order.tinyo.display()))?;
    let machine = Machine::of(&tinyo).with_context(|| format!("{}: no ELF file", order.tinyo.display()))?;
    let source = Source::read(&order.config)?;
    let mut archive = Archive::new();
    if let Some(root) = &order.from {
        archive.because(FROM).directory(root, b"", order.owners)?;
        for (path, what) in [("init", "tinyo"), ("etc/tinyo.toml", "--config")] {
            if archive.resolve(b"", path.as_bytes(), false).and_then(|real| archive.get(real)).is_some() {
                findings.note(format!("/{path} of {} gives way to {what}", root.display()));
                archive.remove(path);
            }
        }
    }
    archive.because("tinyo").file("/init", 0o755, tinyo);
    archive.because("--config").file("/etc/tinyo.toml", 0o644, source.text.clone());
    for addition in &order.additions {
        addition.add(&mut archive)?;
    }
    if archive.get("dev/console").is_none_or(|entry| !entry.is(CHAR)) {
        archive.because("the kernel opens it for /init").character("/dev/console", 0o600, 5, 1);
    }
    let checked = source.parse(&order.config, findings, |config, findings| {
        add_command(&mut archive, config);
        add_modules(&mut archive, order, config, kernel, machine, findings)?;
        check::config(config, &archive, machine, findings);
        anyhow::Ok(())
    });
    checked.transpose()?;
    check::layout(&archive, FROM, findings);
    Ok(archive)
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
    let wanted = wanted(&folder, config, archive, Some(order.auto), findings)?;
    if order.strip_signatures {
        kernel.may_strip(findings);
    }
    let way = Way { strip: order.strip_signatures, firmware: firmware(order, &folder)? };
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
