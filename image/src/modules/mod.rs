//! The kernel's modules: which an image needs, with all that they need, and the indices that say so there.

mod auto;
mod file;
mod folder;
mod wanted;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

pub use auto::Auto;
pub use folder::Folder;
pub use wanted::{Wanted, wanted};

use crate::{compress, cpio::Archive, elf::Machine, findings::Findings, view::View};
use file::File;
use tinyo::config::Config;
use wanted::{NAMED, names};

/// Firmware that is not there is named up to this many files.
const SHOWN: usize = 5;

/// What is to be made of modules, beside which.
#[derive(Debug, Clone, Default)]
pub struct Way {
    pub strip: bool,
    /// lib/firmware. None: nobody asks for it.
    pub firmware: Option<PathBuf>,
}

/// The modules `names` with what they need, and the indices, without a question: for what is no image of ours.
pub fn add(archive: &mut Archive, folder: &Path, names: &[&str]) -> Result<()> {
    let folder = Folder::open(folder)?;
    let mut wanted = Wanted::new();
    beside(archive, &folder, names, &mut wanted)?;
    put(archive, &folder, &wanted, &Way::default(), None, &mut Findings::default())
}

/// `names`, whoever loads them, and those that the image has already: the indices are of all that is there.
pub fn beside(archive: &Archive, folder: &Folder, names: &[impl AsRef<str>], wanted: &mut Wanted) -> Result<()> {
    let there = archive.below(format!("lib/modules/{}", folder.version).as_bytes());
    for name in there.map(|path| folder::name_of(&String::from_utf8_lossy(path))) {
        folder.close(&name, "there already", wanted);
    }
    for name in names.iter().map(AsRef::as_ref) {
        if !folder.has(name) {
            bail!("{name}: not in {}", folder.path.join("modules.dep").display());
        }
        folder.close(&name.replace('-', "_"), NAMED, wanted);
    }
    Ok(())
}

/// Names the modules that the image has of `whose`, and that the folder, whose tables it gets, knows nothing of.
pub fn strangers(archive: &Archive, folder: &Folder, whose: &str, findings: &mut Findings) {
    let at = format!("lib/modules/{}", folder.version);
    for path in archive.below(at.as_bytes()).map(String::from_utf8_lossy) {
        if compress::plain_name(&path).ends_with(".ko") && !folder.has(&folder::name_of(&path)) {
            findings.warn(format!(
                "/{path} of {whose}: not in the modules.dep of --modules, and so never found; run depmod there"
            ));
        }
    }
}

/// Puts the modules `wanted`, each with the reason, into the archive: unpacked, so that no kernel has to be able to and the
/// image's own compression sees them all, with the firmware that they ask for.
pub fn put(
    archive: &mut Archive,
    folder: &Folder,
    wanted: &Wanted,
    way: &Way,
    machine: Option<Machine>,
    findings: &mut Findings,
) -> Result<()> {
    let at = format!("/lib/modules/{}", folder.version);
    let mut firmware = Vec::new();
    let mut signed = 0;
    for (name, why) in wanted {
        let Some(module) = folder.modules.get(name) else { continue };
        let path = folder.path.join(&module.file);
        let mut file =
            File::parse(&path, fs::read(&path).with_context(|| format!("{}: read the module", path.display()))?)?;
        fits(&path, &file, machine, &folder.version, findings);
        if way.strip {
            file.strip().with_context(|| path.display().to_string())?;
        }
        signed += usize::from(file.signed);
        firmware.push((name.as_str(), why == NAMED, file.firmware));
        archive.because(why).file(format!("{at}/{}", compress::plain_name(&module.file)), 0o644, file.bytes);
    }
    indices(archive, folder, wanted, &at);
    if let Some(folder) = &way.firmware {
        add_firmware(archive, &firmware, folder, findings)?;
    }
    if signed > 0 {
        findings.note(format!(
            "{signed} modules are signed: the check of each that is loaded costs a boot some 9 million instructions, 85 % of the \
             time that loading it takes; --strip-signatures cuts the signatures off"
        ));
    }
    Ok(())
}

/// What tinyo reads of the folder, without the lines about what is not there.
fn indices(archive: &mut Archive, folder: &Folder, wanted: &Wanted, at: &str) {
    let (mut dep, mut alias, mut soft) = (String::new(), String::new(), String::new());
    for name in wanted.keys() {
        if let Some(module) = folder.modules.get(name) {
            let needs = module.needs.iter().map(|file| format!(" {}", compress::plain_name(file)));
            dep += &format!("{}:{}\n", compress::plain_name(&module.file), needs.collect::<String>());
        }
        for line in folder.soft.get(name).into_iter().flatten() {
            soft += &format!("{line}\n");
        }
    }
    for (pattern, module) in folder.aliases.iter().filter(|(_, module)| wanted.contains_key(module)) {
        alias += &format!("alias {pattern} {module}\n");
    }
    archive.because("index of the modules").file(format!("{at}/modules.dep"), 0o644, dep);
    for (name, text) in [("alias", alias), ("softdep", soft)] {
        if !text.is_empty() {
            archive.file(format!("{at}/modules.{name}"), 0o644, text);
        }
    }
    // What the kernel has in itself; an old or hand-made folder may lack the list.
    if let Some(text) = &folder.built_in_text {
        archive.file(format!("{at}/modules.builtin"), 0o644, text.as_str());
    }
}

/// A kernel looks for modules in the folder of its own name, and takes those that were built for it.
fn fits(path: &Path, file: &File, machine: Option<Machine>, version: &str, findings: &mut Findings) {
    if let Some(kernel) = file.kernel.as_deref().filter(|kernel| *kernel != version) {
        // Said once for all of them, which are of one kernel in most cases.
        findings.error(format!(
            "--modules: the modules in {version} are of kernel {kernel}, which looks for them in lib/modules/{kernel}; give the \
             folder that name, or take another one"
        ));
    }
    if let Some(machine) = machine.filter(|machine| *machine != file.machine) {
        findings.error(format!("{}: for {}; tinyo is for {machine}", path.display(), file.machine));
    }
}

/// Looks whether the modules that the config needs are among those that the image has already.
pub fn present(archive: &Archive, config: &Config, machine: Machine, findings: &mut Findings) -> Result<()> {
    let folders = Folder::inside(archive)?;
    let names = names(config);
    if folders.is_empty() && !names.is_empty() {
        let names = names.join(" ");
        findings.error(format!(
            "modules: {names} and no --modules, nor any in the image; write --modules lib/modules/VERSION"
        ));
    }
    let view = View::new(archive);
    for folder in folders {
        for name in wanted(&folder, config, archive, None, findings)?.keys() {
            let Some(path) = folder.modules.get(name).map(|module| folder.path.join(&module.file)) else { continue };
            match view.read(path.as_os_str().as_bytes()) {
                Some(bytes) => fits(&path, &File::parse(&path, bytes)?, Some(machine), &folder.version, findings),
                None => findings.error(format!(
                    "modules: {name}: {} is not in the image, and its modules.dep names it; add it, or run depmod anew",
                    path.display()
                )),
            }
        }
    }
    Ok(())
}

/// Puts in what `wanted` modules ask for: each module's name, whether the config names it, and the files. A driver names the
/// firmware of every device that it knows, most of which no machine has; so it is an error only when one that the config
/// names finds nothing at all.
fn add_firmware(
    archive: &mut Archive,
    wanted: &[(&str, bool, Vec<String>)],
    folder: &Path,
    findings: &mut Findings,
) -> Result<()> {
    let mut missing = BTreeSet::new();
    for (module, named, files) in wanted {
        let mut lacks = BTreeSet::new();
        for name in files {
            let found = firmware_files(folder, name);
            let there = archive.get(format!("lib/firmware/{name}")).is_some();
            if found.is_empty() && !there {
                lacks.insert(name.clone());
            }
            for (inside, path) in found.into_iter().filter(|_| !there) {
                let bytes = fs::read(&path).with_context(|| format!("{}: read the firmware", path.display()))?;
                let bytes = compress::unpack(&path.to_string_lossy(), bytes)?;
                archive.because(&format!("firmware of {module}")).file(format!("/lib/firmware/{inside}"), 0o644, bytes);
            }
        }
        if *named && !lacks.is_empty() && files.iter().all(|name| lacks.contains(name)) {
            findings.error(format!(
                "modules: {module}: none of its firmware is in {}: {}; install it, write --firmware DIR where it is elsewhere, or \
                 --firmware none where the device does without",
                folder.display(),
                some(&lacks)
            ));
        } else {
            missing.extend(lacks.iter().map(|name| format!("{name} ({module})")));
        }
    }
    if !missing.is_empty() {
        findings.warn(format!(
            "firmware that modules can ask for is not in {}: {}; where the machine has such a device, --firmware DIR",
            folder.display(),
            some(&missing)
        ));
    }
    Ok(())
}

/// The first names of many.
fn some(names: &BTreeSet<String>) -> String {
    let first: Vec<_> = names.iter().take(SHOWN).map(String::as_str).collect();
    let more = if names.len() > SHOWN { format!(" and {} more", names.len() - SHOWN) } else { String::new() };
    first.join(", ") + &more
}

/// The files that `name`, which may be a pattern, stands for: their names in the image, and where they lie, packed or not.
fn firmware_files(folder: &Path, name: &str) -> Vec<(String, PathBuf)> {
    // A module is a file of somebody's: its firmware's name shall not lead out of the folder.
    if name.split('/').any(|part| part == "..") {
        return Vec::new();
    }
    let Some(escaped) = folder.to_str().map(glob::Pattern::escape) else { return Vec::new() };
    let mut found = BTreeMap::new();
    for ending in ["", ".xz", ".zst"] {
        let paths = glob::glob(&format!("{escaped}/{name}{ending}")).into_iter().flatten().flatten();
        for path in paths.filter(|path| path.is_file()) {
            if let Some(inside) = path.strip_prefix(folder).ok().and_then(Path::to_str) {
                found.entry(inside.strip_suffix(ending).unwrap_or(inside).to_owned()).or_insert(path.clone());
            }
        }
    }
    found.into_iter().collect()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
