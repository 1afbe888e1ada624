//! The initramfs programs, and for each the least image in which it reaches the root.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use tinyo_qemu::{cpio::Archive, image, kit::Kit};

use super::{
    disk::{self, read},
    peers::Chroot,
    setup::Board,
};
use crate::probe;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Init {
    /// No init at all: what each of them has to do, by direct system calls.
    Floor,
    /// With another binary than target/dist's.
    Tinyo(Option<PathBuf>),
    /// A script, and switch_root.
    Busybox,
    TinyInitramfs,
    /// initramfs-tools with MODULES=list, and the modules listed.
    List,
    /// initramfs-tools as it is installed: MODULES=most.
    Most,
    /// dracut for a root on a disk, without systemd.
    DracutMinimal,
    /// dracut as it is installed, for any machine: systemd in the initramfs.
    Dracut,
}

impl Init {
    pub const ALL: [Init; 8] = [
        Init::Floor,
        Init::Tinyo(None),
        Init::TinyInitramfs,
        Init::Busybox,
        Init::List,
        Init::Most,
        Init::DracutMinimal,
        Init::Dracut,
    ];

    pub fn name(&self) -> String {
        match self {
            Init::Floor => "floor",
            Init::Tinyo(None) => "tinyo",
            Init::Tinyo(Some(binary)) => return binary.display().to_string(),
            Init::Busybox => "busybox",
            Init::TinyInitramfs => "tiny-initramfs",
            Init::List => "initramfs-tools-list",
            Init::Most => "initramfs-tools",
            Init::DracutMinimal => "dracut-minimal",
            Init::Dracut => "dracut",
        }
        .to_owned()
    }

    /// For the kernel's command line.
    pub fn words(&self) -> &'static str {
        if *self == Init::Floor { " rdinit=/floor-boot" } else { "" }
    }

    /// What `root=` it can be told.
    pub fn roots(&self) -> &'static [Root] {
        match self {
            Init::Floor => &[Root::Node],
            Init::TinyInitramfs => &[Root::Node, Root::Uuid],
            // PARTUUID would have to be read from the disk: Linux 6.1 does not show it in sysfs.
            Init::Busybox => &[Root::Node, Root::Uuid, Root::Label],
            _ => &[Root::Node, Root::Uuid, Root::Label, Root::PartUuid],
        }
    }

    /// It needs Debian's packages.
    pub fn is_packaged(&self) -> bool {
        !matches!(self, Init::Floor | Init::Tinyo(_) | Init::Busybox)
    }

    /// Its image is made here file by file, so for any machine.
    pub fn is_ours_to_make(&self) -> bool {
        !matches!(self, Init::List | Init::Most | Init::DracutMinimal | Init::Dracut)
    }

    pub fn version(&self, kit: &Kit, chroot: Option<&Chroot>) -> String {
        let of = |package| chroot.map_or("-".to_owned(), |chroot| chroot.version(package));
        let size = |path: &Path| fs::metadata(path).map_or("-".to_owned(), |data| format!("{} bytes", data.len()));
        match self {
            Init::Floor => "-".to_owned(),
            Init::Tinyo(binary) => size(binary.as_deref().unwrap_or(&kit.tinyo)),
            Init::Busybox => crate::page::first_line(&kit.busybox.to_string_lossy(), &["--help"])
                .split(' ')
                .nth(1)
                .unwrap_or("-")
                .trim_start_matches('v')
                .to_owned(),
            Init::TinyInitramfs => of("tiny-initramfs-core"),
            Init::List | Init::Most => of("initramfs-tools-core"),
            Init::DracutMinimal | Init::Dracut => of("dracut-core"),
        }
    }
}

/// How the root is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    Node,
    Uuid,
    Label,
    PartUuid,
}

impl Root {
    pub fn words(self) -> String {
        match self {
            Root::Node => "root=/dev/vda1".to_owned(),
            Root::Uuid => format!("root=UUID={}", disk::UUID),
            Root::Label => format!("root=LABEL={}", disk::LABEL),
            Root::PartUuid => format!("root=PARTUUID={}", disk::PARTUUID),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Root::Node => "/dev/vda1",
            Root::Uuid => "UUID=",
            Root::Label => "LABEL=",
            Root::PartUuid => "PARTUUID=",
        }
    }
}

/// What an image is made from.
pub struct Source<'a> {
    pub kit: &'a Kit,
    pub chroot: Option<&'a Chroot>,
    pub board: Board,
    /// The modules' signatures are cut off.
    pub stripped: bool,
}

impl Source<'_> {
    /// The initramfs of `init`: a plain cpio if it is ours, else as its tool packed it.
    pub fn image(&self, init: &Init) -> Result<Vec<u8>> {
        let packaged = |name| self.chroot.context("no packages")?.image(name);
        Ok(match init {
            Init::Floor => self.floor()?.to_bytes(),
            Init::Tinyo(binary) => {
                self.tinyo(binary.as_deref().unwrap_or(&self.kit.tinyo), self.board.modules())?.to_bytes()
            }
            Init::Busybox => self.busybox()?.to_bytes(),
            Init::TinyInitramfs => self.tiny_initramfs()?.to_bytes(),
            Init::List => packaged("list")?,
            Init::Most => packaged("most")?,
            Init::DracutMinimal => packaged("dracut-minimal")?,
            Init::Dracut => packaged("dracut")?,
        })
    }

    /// Its file in the folder of modules, and what that holds.
    fn module(&self, name: &str) -> Result<(String, Vec<u8>)> {
        let index = String::from_utf8(read(&self.kit.modules.join("modules.dep"))?)?;
        let files = index.lines().filter_map(|line| line.split(':').next());
        let is_it =
            |file: &&str| file.rsplit('/').next().is_some_and(|base| base.replace('-', "_") == format!("{name}.ko"));
        let file = files
            .filter(|file| file.ends_with(".ko"))
            .find(is_it)
            .with_context(|| format!("{name}: no such module"))?;
        let mut module = read(&self.kit.modules.join(file))?;
        if self.stripped {
            disk::strip_signature(&mut module).with_context(|| file.to_owned())?;
        }
        Ok((file.to_owned(), module))
    }

    fn floor(&self) -> Result<Archive> {
        let mut archive = Archive::new();
        archive.character("/dev/console", 0o600, 5, 1).dir("/root", 0o755).file("/floor-boot", 0o755, probe()?);
        for (number, name) in self.board.modules().iter().enumerate() {
            archive.file(format!("/m/{number}"), 0o644, self.module(name)?.1);
        }
        Ok(archive)
    }

    /// With `modules`, of which the last two, driver and disk, bring the rest along by modules.dep.
    pub fn tinyo(&self, binary: &Path, modules: &[&str]) -> Result<Archive> {
        let mut archive = Archive::new();
        archive.character("/dev/console", 0o600, 5, 1).file("/init", 0o755, read(binary)?);
        let [.., driver, disk] = modules else {
            // Without a config it would offer a shell.
            archive.file("/etc/tinyo.toml", 0o644, "");
            return Ok(archive);
        };
        image::add_modules(&mut archive, &self.kit.modules, &[driver, disk])?;
        let release = self.kit.modules.file_name().unwrap_or_default().to_string_lossy();
        for name in modules {
            let (file, module) = self.module(name)?;
            archive.file(format!("/lib/modules/{release}/{file}"), 0o644, module);
        }
        archive.file("/etc/tinyo.toml", 0o644, format!("modules = [\"{driver}\", \"{disk}\"]\n"));
        Ok(archive)
    }

    fn busybox(&self) -> Result<Archive> {
        let mut archive = Archive::new();
        archive.character("/dev/console", 0o600, 5, 1).file("/bin/busybox", 0o755, read(&self.kit.busybox)?);
        for place in ["dev", "proc", "sys", "root"] {
            archive.dir(place, 0o755);
        }
        for name in self.board.modules() {
            archive.file(format!("/m/{name}.ko"), 0o644, self.module(name)?.1);
        }
        archive.file("/init", 0o755, SCRIPT.replace("@MODULES@", &self.board.modules().join(" ")));
        Ok(archive)
    }

    /// As its own page says: the modules in the order of loading in /modules.
    fn tiny_initramfs(&self) -> Result<Archive> {
        let chroot = self.chroot.context("no packages")?;
        let mut archive = Archive::new();
        archive.character("/dev/console", 0o600, 5, 1);
        archive.file("/init", 0o755, chroot.program("usr/lib/x86_64-linux-gnu/tiny-initramfs/init-static")?);
        for place in ["dev", "proc", "target"] {
            archive.dir(place, 0o755);
        }
        let mut list = String::new();
        for name in self.board.modules() {
            archive.file(format!("/{name}.ko"), 0o644, self.module(name)?.1);
            list += &format!("/{name}.ko\n");
        }
        archive.file("/modules", 0o644, list);
        Ok(archive)
    }
}

/// As such scripts are written, and without anything that this guest does not need.
const SCRIPT: &str = r#"#!/bin/busybox sh
b=/bin/busybox
$b mount -t devtmpfs dev /dev
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
for m in @MODULES@; do $b insmod /m/$m.ko; done
for w in $($b cat /proc/cmdline); do
    case $w in root=*) root=${w#root=} ;; esac
done
while :; do
    case $root in
    UUID=* | LABEL=*) device=$($b findfs $root 2>/dev/null) ;;
    *) device=$root ;;
    esac
    [ ! -b "$device" ] || break
    $b usleep 20000
done
$b mount -r -t ext4 $device /root
$b mount --move /dev /root/dev
$b umount /sys
$b umount /proc
exec $b switch_root /root /sbin/init
"#;
