//! Which modules a config needs, and why.

use std::collections::BTreeMap;

use anyhow::Result;
use tinyo::config::Config;

use super::{auto::Auto, folder::Folder};
use crate::{
    cpio::{Archive, FILE},
    findings::Findings,
    volume::file_system,
};

/// The names of modules, each with the reason why it is in the image.
pub type Wanted = BTreeMap<String, String>;

/// The reason of those that the config names.
pub const NAMED: &str = "modules";

/// Where the root may be any of these, and nothing says which: what a kernel commonly has as modules of what roots are on.
const ROOTS: &[&str] = &["btrfs", "erofs", "ext4", "f2fs", "squashfs", "vfat", "xfs"];

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

/// What an item of `modules` loads; options may follow it.
pub fn names(config: &Config) -> Vec<String> {
    let items = config.list(config.modules).iter().map(|item| item.to_string_lossy());
    items.map(|item| item.split(' ').next().unwrap_or_default().to_owned()).collect()
}

/// The modules of `folder` that the config needs, with all that these need. `auto`: what `modules = ["auto"]` takes in; None:
/// whatever is there already. What the folder has not is an error.
pub fn wanted(
    folder: &Folder,
    config: &Config,
    archive: &Archive,
    auto: Option<Auto>,
    findings: &mut Findings,
) -> Result<Wanted> {
    let mut wanted = Wanted::new();
    let names = names(config);
    let by_devices = names.iter().any(|name| name == "auto");
    for name in names.iter().filter(|name| *name != "auto") {
        let modules = folder.named(name);
        for module in &modules {
            folder.close(module, NAMED, &mut wanted);
        }
        if modules.is_empty() && !folder.is_built_in(name) {
            let near = folder.near(name).map(|near| format!("did you mean {near}"));
            let hint = near.unwrap_or_else(|| "correct it, or take it out".to_owned());
            let place = folder.path.display();
            findings.error(format!("modules: {name} is not in {place}, nor in the kernel itself; {hint}"));
        }
    }
    if let Some(auto) = auto.filter(|_| by_devices) {
        automatic(folder, auto, config, &mut wanted)?;
    }
    for (kind, whose) in drivers(config, archive) {
        driver(folder, &kind, &whose, by_devices, &mut wanted, findings);
    }
    Ok(wanted)
}

/// Those of devices, and where the config does not say what the root is, what it commonly is.
fn automatic(folder: &Folder, auto: Auto, config: &Config, wanted: &mut Wanted) -> Result<()> {
    for name in auto.candidates(folder)? {
        folder.close(&name, "auto", wanted);
    }
    if config.roots.iter().any(|root| root.fstype.is_none() && !root.source.is_empty()) {
        for name in ROOTS.iter().flat_map(|kind| folder.named(&format!("fs-{kind}"))) {
            folder.close(name, "auto: the root may be one", wanted);
        }
    }
    Ok(())
}

/// The file systems that the config names or needs, and where; and `loop`, where it needs that.
fn drivers(config: &Config, archive: &Archive) -> Vec<(String, String)> {
    let roots = config.roots.iter().map(|root| (root.fstype, "[root]"));
    let mounts = config.mounts.iter().map(|mount| (mount.fstype, "[[mount]]"));
    let named = roots.chain(mounts).filter_map(|(kind, whose)| Some((kind?.to_string_lossy().into_owned(), whose)));
    // `rootfstype=` of the kernel is a list, and so may this be.
    let named =
        named.flat_map(|(kinds, whose)| kinds.split(',').map(|kind| (kind.into(), whose.into())).collect::<Vec<_>>());
    let mut drivers: Vec<(String, String)> = named.collect();
    // An image's, as far as the file is here.
    let file = |path: &[u8]| archive.get(archive.resolve(b"", path, true)?).filter(|entry| entry.is(FILE));
    let image = |path: &[u8], whose: &str| {
        let kind = file(path).and_then(|entry| file_system(&entry.data));
        let kinds = ["loop".to_owned()].into_iter().chain(kind);
        kinds.map(|kind| (kind, whose.to_owned())).collect::<Vec<_>>()
    };
    for root in &config.roots {
        if let Some(path) = root.image {
            let here = if root.source.is_empty() { path.to_bytes() } else { b"" };
            drivers.extend(image(here, "[root]: image"));
        }
        drivers.extend(root.overlay.map(|_| ("overlay".to_owned(), "[root]: overlay".to_owned())));
    }
    // Services of another root find their modules there.
    for service in config.services.iter().filter(|_| config.roots.is_empty()) {
        let Some(container) = &service.container else { continue };
        let name = String::from_utf8_lossy(service.name.as_bytes());
        let root = container.root.to_bytes();
        if file(root).is_some() {
            drivers.extend(image(root, &format!("{name}: root")));
        }
        drivers.extend(container.overlay.map(|_| ("overlay".to_owned(), format!("{name}: overlay"))));
    }
    drivers
}

fn driver(folder: &Folder, kind: &str, whose: &str, auto: bool, wanted: &mut Wanted, findings: &mut Findings) {
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
    if modules.is_empty()
        && !ALWAYS.contains(&kind)
        && ![kind, &format!("fs-{kind}")].into_iter().any(|name| folder.is_built_in(name))
    {
        findings.warn(format!(
            "{whose}: {kind} is no module of this kernel, nor in its modules.builtin; is it spelled so?"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_takes_the_drivers_and_what_a_root_may_be() {
        let dep = "kernel/a/virtio_blk.ko: kernel/a/virtio.ko\nkernel/a/virtio.ko:\nkernel/a/xfs.ko: kernel/a/crc.ko\nkernel/a/crc.ko:\n";
        let folder = Folder::parse("/m/6.1".into(), "6.1", &|name| {
            Ok(match name {
                "modules.dep" => Some(dep.into()),
                "modules.alias" => Some("alias fs-xfs xfs\nalias virtio:d2* virtio_blk\n".into()),
                _ => None,
            })
        });
        let folder = folder.unwrap().unwrap();
        let mut config = Config::new();
        let mut wanted = Wanted::new();
        automatic(&folder, Auto::All, &config, &mut wanted).unwrap();
        assert_eq!(wanted.keys().collect::<Vec<_>>(), ["virtio", "virtio_blk"]);
        config.roots.push(tinyo::config::Root::new(c"/dev/vda")).unwrap();
        automatic(&folder, Auto::All, &config, &mut wanted).unwrap();
        assert_eq!(wanted.keys().collect::<Vec<_>>(), ["crc", "virtio", "virtio_blk", "xfs"]);
    }
}
