//! An image from what was asked for.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use tinyo::config::Config;

use crate::{
    additions::Addition,
    check,
    config::Source,
    cpio::Archive,
    elf::Machine,
    findings::Findings,
    kernel::Kernel,
    modules::{self, Auto, FILE_SYSTEMS, Folder, Way},
};

/// File systems that no list of a kernel's modules names: they are part of it, or of none.
const ALWAYS: &[&str] = &[
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "hugetlbfs",
    "mqueue",
    "proc",
    "pstore",
    "ramfs",
    "securityfs",
    "sysfs",
    "tmpfs",
    "tracefs",
];

#[derive(Debug, Clone, Default)]
pub struct Order {
    pub tinyo: PathBuf,
    pub config: PathBuf,
    pub modules: Option<PathBuf>,
    pub auto: Auto,
    pub from: Option<PathBuf>,
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
        archive.because("--from").tree(root, "")?;
        for (path, what) in [("init", "tinyo"), ("etc/tinyo.toml", "--config")] {
            if archive.resolve(b"", path.as_bytes(), false).and_then(|real| archive.get(real)).is_some() {
                findings.note(format!("/{path} of {} gives way to {what}", root.display()));
                archive.remove(path);
            }
        }
    }
    archive.because("the kernel opens it for /init").character("/dev/console", 0o600, 5, 1);
    archive.because("tinyo").file("/init", 0o755, tinyo);
    archive.because("--config").file("/etc/tinyo.toml", 0o644, source.text.clone());
    for addition in &order.additions {
        addition.add(&mut archive)?;
    }
    ensure!(
        ["init", "etc/tinyo.toml"]
            .iter()
            .all(|path| archive.get(path).is_some_and(|entry| !entry.why.starts_with("--add"))),
        "--add: /init is tinyo, and /etc/tinyo.toml is what --config names; add something else"
    );
    let checked = source.parse(&order.config, findings, |config, findings| {
        add_command(&mut archive, config);
        add_modules(&mut archive, order, config, kernel, machine, findings)?;
        check::layout(&archive, findings);
        check::services(config, &archive, machine, findings);
        anyhow::Ok(())
    });
    checked.transpose()?;
    Ok(archive)
}

/// Where the services stay in the image, a person there finds `tinyo status` in the PATH.
fn add_command(archive: &mut Archive, config: &Config) {
    let there = archive.resolve(b"", b"/bin/tinyo", false).is_some_and(|real| archive.get(real).is_some());
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
    let names: Vec<_> = config.list(config.modules).iter().map(|name| name.to_string_lossy().into_owned()).collect();
    let Some(path) = &order.modules else {
        if !names.is_empty() {
            findings
                .error(format!("modules: {} and no --modules; write --modules lib/modules/VERSION", names.join(" ")));
        }
        return Ok(());
    };
    let folder = Folder::open(path)?;
    let mut wanted = BTreeMap::new();
    for name in &names {
        if name == "auto" {
            automatic(&folder, order.auto, config, &mut wanted)?;
        } else if folder.has(name) {
            folder.close(&name.replace('-', "_"), "modules", &mut wanted);
        } else if !folder.is_built_in(name) {
            let hint = folder
                .near(name)
                .map_or("correct it, or take it out".to_owned(), |near| format!("did you mean {near}"));
            findings.error(format!(
                "modules: {name} is not in {}, nor in the kernel itself; {hint}",
                folder.path.display()
            ));
        }
    }
    for (kind, whose) in file_systems(config) {
        file_system(&folder, &kind, whose, names.iter().any(|name| name == "auto"), &mut wanted, findings);
    }
    let way = Way { strip: order.strip_signatures, firmware: firmware(order, path) };
    if way.strip {
        may_strip(kernel, findings);
    }
    modules::put(archive, &folder, &wanted, &way, Some(machine), findings)
}

/// `modules = ["auto"]`: the drivers, and where the config does not say what the root is, what it commonly is.
fn automatic(folder: &Folder, auto: Auto, config: &Config, wanted: &mut BTreeMap<String, String>) -> Result<()> {
    for name in auto.candidates(folder)? {
        folder.close(&name, "auto", wanted);
    }
    if config.roots.iter().any(|root| root.fstype.is_none()) {
        for name in FILE_SYSTEMS.iter().flat_map(|kind| folder.named(&format!("fs-{kind}"))) {
            folder.close(name, "auto: the root may be one", wanted);
        }
    }
    Ok(())
}

/// The types that the config names, and where.
fn file_systems(config: &Config) -> Vec<(String, &'static str)> {
    let roots = config.roots.iter().map(|root| (root.fstype, "[root]"));
    let mounts = config.mounts.iter().map(|mount| (mount.fstype, "[[mount]]"));
    let named = roots.chain(mounts).filter_map(|(kind, whose)| Some((kind?.to_string_lossy().into_owned(), whose)));
    // `rootfstype=` of the kernel is a list, and so may this be.
    named.flat_map(|(kinds, whose)| kinds.split(',').map(|kind| (kind.to_owned(), whose)).collect::<Vec<_>>()).collect()
}

fn file_system(
    folder: &Folder,
    kind: &str,
    whose: &str,
    auto: bool,
    wanted: &mut BTreeMap<String, String>,
    findings: &mut Findings,
) {
    // `fuse.sshfs` is a kind of fuse; the alias is what the kernel itself would ask modprobe for.
    let kind = kind.split('.').next().unwrap_or(kind);
    let by_alias = folder.named(&format!("fs-{kind}"));
    let modules = if by_alias.is_empty() { folder.named(kind) } else { by_alias };
    for module in &modules {
        if !wanted.contains_key(*module) && !auto {
            findings.warn(format!(
                "{whose}: {kind} is a module of this kernel, {module}: it is in the image, but it is not one of `modules`, which are \
                 loaded; write it there"
            ));
        }
        folder.close(module, &format!("type of {whose}"), wanted);
    }
    if modules.is_empty() && !ALWAYS.contains(&kind) && !folder.is_built_in(kind) {
        findings.warn(format!(
            "{whose}: {kind} is no module of this kernel, nor listed in its modules.builtin; is it a file system?"
        ));
    }
}

/// lib/firmware beside lib/modules.
fn firmware(order: &Order, modules: &Path) -> Option<PathBuf> {
    let beside = || Some(std::fs::canonicalize(modules).ok()?.parent()?.parent()?.join("firmware"));
    order.firmware.clone().or_else(beside).filter(|folder| folder.is_dir())
}

fn may_strip(kernel: &Kernel, findings: &mut Findings) {
    let file = kernel.file.display();
    if let Some(switch) = kernel.enforces_signatures() {
        findings.error(format!(
            "--strip-signatures: the kernel loads no module without one ({switch} in {file}); leave it out"
        ));
        return;
    }
    findings.note(
        "--strip-signatures: the kernel says `module verification failed` and is tainted (E) from the first module on; that is all, for \
         a kernel that does not insist on signatures loads modules without one anyway",
    );
    if !kernel.is_known() {
        findings.note(
            "--strip-signatures: the kernel's config is not known (--kernel-config FILE); see that CONFIG_MODULE_SIG_FORCE and \
             CONFIG_LOCK_DOWN_KERNEL_FORCE_* are not set, or it loads no module at all",
        );
    } else if kernel.locks_down_in_secure_boot() {
        findings.note(format!(
            "--strip-signatures: where Secure Boot is on, this kernel is locked down and loads no module without one ({file}); \
             so it does with module.sig_enforce or lockdown= on its command line"
        ));
    }
}

#[cfg(test)]
#[path = "make_tests.rs"]
mod tests;
