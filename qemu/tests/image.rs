//! Images that scripts/mkinitramfs.sh makes boot: plain and compressed, with signed modules and without, and one that is the
//! whole machine.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::Path,
    process::Command,
};

use anyhow::{Context, Result, ensure};
use tinyo_qemu::{
    cpio::Archive,
    demo,
    expect::End,
    guest::Outcome,
    image::{self, busybox_root},
    kit::{Arch, Kit, target},
    suite::{Boot, guest, script},
};

const ROOT: &str = "\
modules = ['virtio_pci', 'virtio_blk']

[root]
source = 'LABEL=case'
";

const ON_DISK: &str = r#"
check root-is-the-disk grep -q '^/dev/vda / ext4' /proc/mounts
check init-is-busybox test "$(readlink /proc/1/exe)" = /bin/busybox
say tainted $(cat /proc/sys/kernel/tainted)
poweroff
"#;

fn disk(kit: &Kit) -> Result<Archive> {
    let mut disk = busybox_root(kit)?;
    disk.file("/etc/inittab", 0o644, "::sysinit:/etc/rc\n::shutdown:/bin/umount -a -r\n");
    disk.file("/etc/rc", 0o755, script(ON_DISK));
    Ok(disk)
}

/// Boots a busybox on a disk through an image made with these words, and gives the image's size too.
fn hand_over(boot: &mut Boot, words: &[&str]) -> Result<(u64, Outcome)> {
    let [config, path] = ["c.toml", "image"].map(|name| boot.dir.path().join(name));
    fs::write(&config, ROOT)?;
    let said = image::initramfs(&boot.kit, &path, &config, words)?;
    ensure!(said.contains("/image: "), "{said}");
    let files = disk(&boot.kit)?;
    boot.disk(&files)?.initramfs(path.clone());
    Ok((fs::metadata(path)?.len(), boot.run()?))
}

/// Every way to make it boots, and each is smaller than the one before.
#[test]
fn each_compression_boots_to_the_real_init() {
    let mut sizes = Vec::new();
    for words in [&["--compress", "none"][..], &["--compress", "gzip"], &["--compress", "zstd"]] {
        let run = guest(Arch::X86_64, |boot| {
            let (size, outcome) = hand_over(boot, words)?;
            sizes.push(size);
            Ok(outcome)
        });
        let Some(guest) = run.outcome() else { return };
        guest.held("root-is-the-disk").held("init-is-busybox").says("case: tainted 0\n").ends(End::PowerOff);
    }
    assert!(sizes.is_sorted_by(|one, other| one > other), "{sizes:?}");
}

/// TAINT_UNSIGNED_MODULE, 1 << 13, and nothing else.
#[test]
fn modules_without_their_signatures_load_and_taint_the_kernel() {
    let run = guest(Arch::X86_64, |boot| Ok(hand_over(boot, &["--strip-signatures", "--compress", "zstd"])?.1));
    let Some(guest) = run.outcome() else { return };
    guest.says("module verification failed: signature and/or required key missing - tainting kernel");
    guest.held("root-is-the-disk").says("case: tainted 8192\n").ends(End::PowerOff);
}

const APPLIANCE: &str = "\
hostname = 'appliance'
on-failure = 'poweroff'

[service.ask]
exec    = ['/etc/ask']
type    = 'oneshot'
on-exit = 'poweroff'
";

const ASK: &str = r#"
say host $(hostname)
check init-is-tinyo cmp /proc/1/exe /init
check tinyo-is-a-command test "$(readlink /bin/tinyo)" = /init
check added-as-asked test "$(stat -c '%a %u %g' /srv/data)" = '2750 7 8'
check roots-otherwise test "$(stat -c '%a %u %g %Y' /etc/ask)" = '755 0 0 0'
check one-file test "$(stat -c %h /etc/one)" = 2
check a-device test "$(stat -c '%F %t %T' /srv/mine)" = 'character special file 1 3'
"#;

/// The tool itself, without its script: cargo would want to write to a target folder of nobody's.
fn as_nobody(kit: &Kit, desk: &Path) -> Result<()> {
    let tool = target().join("debug/mkinitramfs");
    let mut command = Command::new(&tool);
    command.current_dir(desk).uid(65534).gid(65534).args(WORDS).arg("--output=out/nobodys");
    command.arg("--tinyo").arg(&kit.tinyo).arg("--modules").arg(&kit.modules);
    let ended = command.output().with_context(|| format!("{}: run it as nobody", tool.display()))?;
    ensure!(ended.status.success(), "as nobody: {}", String::from_utf8_lossy(&ended.stderr));
    Ok(())
}

const WORDS: [&str; 4] = ["--from=root", "--add=data:/srv/data:2750:7:8", "--compress=gzip", "--config=c.toml"];

/// A root file system that lies in a folder, with two names of one file.
fn unpacked_root(kit: &Kit, desk: &Path) -> Result<()> {
    let mut root = image::busybox(kit)?;
    root.remove("init");
    root.remove("bin/tinyo");
    root.file("/etc/ask", 0o755, script(ASK)).file("/etc/one", 0o644, "");
    root.unpack(&desk.join("root"))?;
    fs::create_dir_all(desk.join("root/srv"))?;
    fs::hard_link(desk.join("root/etc/one"), desk.join("root/etc/other"))?;
    for name in ["data", "out"] {
        fs::create_dir(desk.join(name))?;
    }
    fs::write(desk.join("c.toml"), APPLIANCE)?;
    for (name, mode) in [("", 0o755), ("root", 0o755), ("root/root", 0o755), ("data", 0o755), ("out", 0o777)] {
        fs::set_permissions(desk.join(name), fs::Permissions::from_mode(mode))?;
    }
    // Only root can make one on a disk; the image has it in any case.
    nix::sys::stat::mknod(
        &desk.join("root/srv/mine"),
        nix::sys::stat::SFlag::S_IFCHR,
        nix::sys::stat::Mode::from_bits_truncate(0o666),
        nix::sys::stat::makedev(1, 3),
    )
    .context("make a device node")
}

#[test]
fn a_root_file_system_is_the_whole_machine_and_nobody_makes_the_same() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!(
            "skipped: a_root_file_system_is_the_whole_machine_and_nobody_makes_the_same: needs root, to be nobody"
        );
        return;
    }
    let run = guest(Arch::X86_64, |boot| {
        let desk = boot.dir.path().to_owned();
        unpacked_root(&boot.kit, &desk)?;
        let [root, data] = ["root", "data"].map(|name| desk.join(name).display().to_string());
        let words = [format!("--from={root}"), format!("--add={data}:/srv/data:2750:7:8"), "--compress=gzip".into()];
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        image::initramfs(&boot.kit, &desk.join("roots"), &desk.join("c.toml"), &words)?;
        as_nobody(&boot.kit, &desk)?;
        ensure!(fs::read(desk.join("roots"))? == fs::read(desk.join("out/nobodys"))?, "nobody's image is another one");
        boot.initramfs(desk.join("out/nobodys")).run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("case: host appliance\n");
    for name in ["init-is-tinyo", "tinyo-is-a-command", "added-as-asked", "roots-otherwise", "one-file", "a-device"] {
        guest.held(name);
    }
    guest.ends(End::PowerOff);
}

/// As it is written there, with the kernel that the tests boot and, where services stay in the image, the demo's files.
#[test]
fn every_example_makes_an_image_without_a_warning() {
    let kit = match Kit::find(Arch::X86_64) {
        Ok(kit) => kit,
        Err(why) => return eprintln!("skipped: every_example_makes_an_image_without_a_warning: {why:#}"),
    };
    let desk = tempfile::tempdir().unwrap();
    let root = desk.path().join("root");
    demo::image(&kit).unwrap().unpack(&root).unwrap();
    let from = format!("--from={}", root.display());
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut count = 0;
    for example in examples.read_dir().unwrap() {
        let example = example.unwrap().path();
        let config = fs::read_to_string(&example).unwrap();
        let words: &[&str] = if config.contains("\n[root]\n") { &[] } else { &[&from] };
        let said = image::initramfs(&kit, &desk.path().join("image"), &example, words).unwrap();
        assert!(!said.contains("warning: "), "{}: {said}", example.display());
        count += 1;
    }
    assert!(count >= 2);
}
