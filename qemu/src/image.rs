//! What a guest boots from: an initramfs with tinyo as /init, and ext4 disk images, neither of which needs root.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};

use tinyo_image::{
    findings::Findings,
    kernel::Kernel,
    make::{self, Order},
};

use crate::{cpio::Archive, kit::Kit};

/// tinyo as /init and as the command `tinyo`, busybox with its applets, and the console the kernel opens for /init.
/// No mount point is made: that is tinyo's work.
pub fn busybox(kit: &Kit) -> Result<Archive> {
    let mut archive = Archive::new();
    archive
        .file("/init", 0o755, read(&kit.tinyo)?)
        .character("/dev/console", 0o600, 5, 1)
        .link("/bin/tinyo", "/init")
        .link("/sbin", "bin")
        .dir("/root", 0o700)
        .dir("/tmp", 0o1777)
        .file("/etc/passwd", 0o644, "root:x:0:0:root:/root:/bin/sh\n")
        .file("/etc/group", 0o644, "root:x:0:\n")
        .file("/etc/profile", 0o644, "PS1='$(hostname):\\w# '\n");
    add_busybox(&mut archive, &kit.busybox)?;
    Ok(archive)
}

/// A root file system for a disk: busybox with /sbin/init as its own init, and the mount points a hand-over moves to.
pub fn busybox_root(kit: &Kit) -> Result<Archive> {
    let mut archive = Archive::new();
    archive.link("/sbin", "bin").file("/etc/passwd", 0o644, "root:x:0:0:root:/root:/bin/sh\n");
    for dir in ["dev", "proc", "sys", "run", "tmp", "root", "mnt"] {
        archive.dir(dir, 0o755);
    }
    add_busybox(&mut archive, &kit.busybox)?;
    Ok(archive)
}

fn add_busybox(archive: &mut Archive, path: &Path) -> Result<()> {
    let binary = read(path)?;
    for applet in applets(&binary).with_context(|| format!("{}: find its applets", path.display()))? {
        archive.link(format!("/bin/{applet}"), "busybox");
    }
    archive.file("/bin/busybox", 0o755, binary);
    Ok(())
}

/// The names busybox answers to, from its table of NUL-ended strings: a foreign architecture's `--list` cannot be run.
fn applets(binary: &[u8]) -> Result<BTreeSet<String>> {
    let start = b"\0[\0[[\0";
    let at = binary.windows(start.len()).position(|w| w == start);
    let Some(at) = at else {
        bail!("no applet table; is it busybox, built with the applets [ and [[?");
    };
    let names = binary[at + 1..].split(|b| *b == 0).take_while(|name| !name.is_empty());
    let mut applets: BTreeSet<String> = names.map(|n| String::from_utf8_lossy(n).into_owned()).collect();
    applets.remove("busybox");
    ensure!(applets.contains("sh"), "an applet table without sh");
    Ok(applets)
}

/// The kernel modules `names` with all they depend on, and the modules.dep that says so: for what is no initramfs of ours, as
/// the root on a disk.
pub fn add_modules(archive: &mut Archive, modules: &Path, names: &[&str]) -> Result<()> {
    tinyo_image::modules::add(archive, modules, names)
}

/// The initramfs that scripts/mkinitramfs.sh would make with the kit's tinyo, and what is found wrong with it. Its config is the
/// ground's /etc/tinyo.toml, where the order names no other.
pub fn make(kit: &Kit, order: Order) -> Result<(Archive, Findings)> {
    let order = Order { tinyo: kit.tinyo.clone(), ..order };
    let kernel = Kernel::find(None, order.modules.as_deref())?;
    let mut findings = Findings::default();
    Ok((make::image(&order, &kernel, &mut findings)?, findings))
}

/// Has scripts/mkinitramfs.sh make the initramfs `path` of this config, with the kit's modules and these words more. Returns
/// what it says.
pub fn initramfs(kit: &Kit, path: &Path, config: &Path, words: &[&str]) -> Result<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/mkinitramfs.sh");
    let mut command = Command::new(&script);
    command.env("TINYO", &kit.tinyo).arg("--arch").arg(kit.arch.to_string()).args(words);
    for (option, file) in [("--config", config), ("--modules", &kit.modules), ("--output", path)] {
        command.arg(option).arg(file);
    }
    let ended = command.output().with_context(|| format!("{}: run it", script.display()))?;
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    ensure!(ended.status.success(), "{}: {}: {said}", script.display(), ended.status);
    Ok(said)
}

/// An ext4 image at `path` holding the archive's files, of `megabytes` and sparse. mke2fs copies a directory as its
/// user sees it, so what the image holds belongs to whoever runs this: enough for a root file system under test.
pub fn ext4(archive: &Archive, path: &Path, megabytes: u64, label: &str) -> Result<()> {
    let staged = tempfile::tempdir()?;
    archive.unpack(staged.path())?;
    let file = fs::File::create(path).with_context(|| format!("{}: create the image", path.display()))?;
    file.set_len(megabytes << 20)?;
    let options = ["-q", "-F", "-L", label, "-E", "root_owner=0:0", "-d"].map(OsStr::new);
    tool("mkfs.ext4", options.into_iter().chain([staged.path().as_os_str(), path.as_os_str()]), "")
}

/// The same as an image that cannot be written to.
pub fn squashfs(archive: &Archive, path: &Path) -> Result<()> {
    let staged = tempfile::tempdir()?;
    archive.unpack(staged.path())?;
    let options = ["-quiet", "-no-progress", "-all-root", "-noappend"].map(OsStr::new);
    tool("mksquashfs", [staged.path().as_os_str(), path.as_os_str()].into_iter().chain(options), "")
}

pub fn erofs(archive: &Archive, path: &Path) -> Result<()> {
    let staged = tempfile::tempdir()?;
    archive.unpack(staged.path())?;
    tool("mkfs.erofs", [OsStr::new("--all-root"), path.as_os_str(), staged.path().as_os_str()], "")
}

/// Runs a tool that makes or changes images, which reads `input`; what it says is told when it fails. Most are in /usr/sbin,
/// which is not in every user's PATH.
pub fn tool(program: &str, words: impl IntoIterator<Item = impl AsRef<OsStr>>, input: &str) -> Result<()> {
    let mut command = Command::new(program);
    command.args(words).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child =
        command.spawn().with_context(|| format!("{program}: run it; scripts/setup.sh --tests installs it"))?;
    child.stdin.take().context("its standard input")?.write_all(input.as_bytes())?;
    let ended = child.wait_with_output()?;
    let words: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
    ensure!(ended.status.success(), "{program} {}: {}", words.join(" "), String::from_utf8_lossy(&ended.stderr).trim());
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("{}: read it", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn applets_are_read_from_the_binary() {
        let found = applets(b"junk\0[\0[[\0ash\0busybox\0sh\0\0more\0").unwrap();
        assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), ["[", "[[", "ash", "sh"]);
        assert!(applets(b"no busybox").is_err());
    }
}
