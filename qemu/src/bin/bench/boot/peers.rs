//! What Debian ships to make an initramfs: packages in a root of their own, which scripts/setup.sh makes by debootstrap.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use nix::fcntl::{Flock, FlockArg};
use tinyo_qemu::kit::{Kit, target};

use super::disk;
use crate::package::Package;

const PACKAGES: &[&str] = &[
    "initramfs-tools-core",
    "klibc-utils",
    "busybox-static",
    "tiny-initramfs-core",
    "dracut-core",
    "systemd",
    "udev",
    "kmod",
    "e2fsprogs",
    "zstd",
    "cpio",
    "binutils",
    "linux-base",
];

/// What makes the images, in the chroot.
const MAKER: &str = include_str!("peers.sh");

pub struct Chroot {
    root: PathBuf,
    release: String,
}

impl Chroot {
    /// Made if it is not there, with the kernel's modules in it and all images made.
    pub fn prepare(kit: &Kit) -> Result<Chroot> {
        let release =
            kit.modules.file_name().context("MODULES ends in no kernel version")?.to_string_lossy().into_owned();
        let root = target().join("bench/chroots/boot");
        // Another bench may be making the same.
        let _lock = lock(&root.with_extension("lock"))?;
        if !root.exists() {
            let script = target().with_file_name("scripts/setup.sh");
            run(Command::new(script).args(["--chroot", "boot"]).args(PACKAGES))?;
        }
        let chroot = Chroot { root, release };
        // Kept, until another kernel or another way of making them is asked for, or one of them could not be made.
        let made_by = chroot.place("made-by");
        if fs::read_to_string(&made_by).ok().as_deref() != Some(MAKER) {
            eprintln!("bench: Debian's tools make their images, once, in a minute or two");
            chroot.make_images(kit)?;
            if !chroot
                .place("")
                .read_dir()?
                .flatten()
                .any(|file| file.path().extension().is_some_and(|end| end == "why"))
            {
                fs::write(made_by, MAKER)?;
            }
        }
        Ok(chroot)
    }

    fn make_images(&self, kit: &Kit) -> Result<()> {
        let modules = self.root.join("lib/modules");
        let config = format!("boot/config-{}", self.release);
        let package = Package::fetch(&[&format!("linux-image-{}", self.release)])?;
        fs::create_dir_all(&modules).with_context(|| format!("{}: make it (as root)", modules.display()))?;
        run(Command::new("cp").args(["-a", "-T"]).arg(&kit.modules).arg(modules.join(&self.release)))?;
        fs::copy(package.file(&[&config])?, self.root.join(&config)).context("the kernel's config: copy it")?;
        let mut make = Command::new("chroot");
        make.arg(&self.root).args(["/bin/sh", "-c", MAKER, "peers", &self.release, disk::UUID]);
        run(&mut make)
    }

    fn place(&self, name: &str) -> PathBuf {
        self.root.join("bench").join(&self.release).join(name)
    }

    /// One of the images, as it was made: compressed.
    pub fn image(&self, name: &str) -> Result<Vec<u8>> {
        if let Ok(why) = fs::read_to_string(self.place(&format!("{name}.why"))) {
            bail!("{}", why.trim());
        }
        disk::read(&self.place(&format!("{name}.img")))
    }

    pub fn program(&self, path: &str) -> Result<Vec<u8>> {
        disk::read(&self.root.join(path))
    }

    /// Of a package in it.
    pub fn version(&self, package: &str) -> String {
        let status = fs::read_to_string(self.root.join("var/lib/dpkg/status")).unwrap_or_default();
        let entry = status.split("\n\n").find(|entry| entry.lines().any(|line| line == format!("Package: {package}")));
        let version = entry.and_then(|entry| entry.lines().find_map(|line| line.strip_prefix("Version: ")));
        version.unwrap_or("-").to_owned()
    }
}

fn lock(path: &Path) -> Result<Flock<File>> {
    fs::create_dir_all(path.parent().context("a place for it")?)?;
    let file = File::create(path).with_context(|| format!("{}: make it", path.display()))?;
    Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, errno)| anyhow!("{}: lock it: {errno}", path.display()))
}

fn run(command: &mut Command) -> Result<()> {
    let name = Path::new(command.get_program()).display().to_string();
    let done = command.stdin(Stdio::null()).output().with_context(|| format!("{name}: run it"))?;
    let said = String::from_utf8_lossy(&done.stderr);
    ensure!(done.status.success(), "{name}: {}", said.lines().last().unwrap_or("it failed"));
    Ok(())
}
