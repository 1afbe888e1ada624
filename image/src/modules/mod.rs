//! The kernel's modules: which an image needs, with all that they need, and the indices that say so there.

mod auto;
mod file;
mod folder;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

pub use auto::{Auto, FILE_SYSTEMS};
pub use folder::Folder;

use crate::{compress, cpio::Archive, elf::Machine, findings::Findings};
use file::File;

/// Firmware that is not there is named up to this many files.
const NAMED: usize = 5;

/// What is to be made of modules, beside which.
#[derive(Debug, Clone, Default)]
pub struct Way {
    pub strip: bool,
    /// lib/firmware.
    pub firmware: Option<PathBuf>,
}

/// The modules `names` with what they need, and the indices, without a question: for images put together by a program.
pub fn add(archive: &mut Archive, folder: &Path, names: &[&str]) -> Result<()> {
    let folder = Folder::open(folder)?;
    let mut wanted = BTreeMap::new();
    // What came before stays in the indices.
    let there = archive.below(format!("lib/modules/{}", folder.version).as_bytes());
    for name in there.map(|path| folder::name_of(&String::from_utf8_lossy(path))) {
        folder.close(&name, "there already", &mut wanted);
    }
    for name in names {
        if !folder.has(name) {
            bail!("{name}: not in {}", folder.path.join("modules.dep").display());
        }
        folder.close(&name.replace('-', "_"), "modules", &mut wanted);
    }
    put(archive, &folder, &wanted, &Way::default(), None, &mut Findings::default())
}

/// Puts the modules `wanted`, each with the reason, into the archive: unpacked, so that no kernel has to be able to and the
/// image's own compression sees them all, with the firmware that they ask for.
pub fn put(
    archive: &mut Archive,
    folder: &Folder,
    wanted: &BTreeMap<String, String>,
    way: &Way,
    machine: Option<Machine>,
    findings: &mut Findings,
) -> Result<()> {
    let at = format!("/lib/modules/{}", folder.version);
    let mut firmware: BTreeMap<String, String> = BTreeMap::new();
    let mut signed = 0;
    for (name, why) in wanted {
        let Some(module) = folder.modules.get(name) else { continue };
        let path = folder.path.join(&module.file);
        let mut file = File::read(&path)?;
        if let Some(machine) = machine.filter(|machine| *machine != file.machine) {
            findings.error(format!("{}: for {}; tinyo is for {machine}", path.display(), file.machine));
        }
        if way.strip {
            file.strip().with_context(|| path.display().to_string())?;
        }
        signed += usize::from(file.signed);
        firmware.extend(file.firmware.into_iter().map(|wanted| (wanted, name.clone())));
        archive.because(why).file(format!("{at}/{}", compress::plain_name(&module.file)), 0o644, file.bytes);
    }
    indices(archive, folder, wanted, &at);
    add_firmware(archive, &firmware, way.firmware.as_deref(), findings)?;
    if signed > 0 {
        findings.note(format!(
            "{signed} modules are signed: to check that costs a boot some 9 million instructions each, 85 % of the time that \
             loading them takes; --strip-signatures cuts the signatures off"
        ));
    }
    Ok(())
}

/// What tinyo reads of the folder, without the lines about what is not there.
fn indices(archive: &mut Archive, folder: &Folder, wanted: &BTreeMap<String, String>, at: &str) {
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

/// What is missing is a warning: a driver names the firmware of every device that it knows, and most of these no machine has.
fn add_firmware(
    archive: &mut Archive,
    wanted: &BTreeMap<String, String>,
    folder: Option<&Path>,
    findings: &mut Findings,
) -> Result<()> {
    let mut missing = BTreeSet::new();
    for (name, module) in wanted {
        let found = folder.map(|folder| firmware_files(folder, name)).unwrap_or_default();
        if found.is_empty() {
            missing.insert(format!("{name} ({module})"));
        }
        for (inside, path) in found {
            let bytes = fs::read(&path).with_context(|| format!("{}: read the firmware", path.display()))?;
            let bytes = compress::unpack(&path.to_string_lossy(), bytes)?;
            archive.because(&format!("firmware of {module}")).file(format!("/lib/firmware/{inside}"), 0o644, bytes);
        }
    }
    if !missing.is_empty() {
        let some: Vec<_> = missing.iter().take(NAMED).map(String::as_str).collect();
        let more = if missing.len() > NAMED { format!(" and {} more", missing.len() - NAMED) } else { String::new() };
        let place = folder.map_or("anywhere".into(), |folder| format!("in {}", folder.display()));
        findings.warn(format!(
            "firmware that modules can ask for is not {place}: {}{more}; where the machine has such a device, --firmware DIR",
            some.join(", ")
        ));
    }
    Ok(())
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
