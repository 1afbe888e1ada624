//! The end where tinyo is the init of a real root: it leaves the root, so that that can be unmounted, whatever it lies on.

use std::{path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use tinyo_qemu::{
    cpio::Archive,
    expect::End,
    guest::Outcome,
    image,
    kit::Arch,
    suite::{Boot, Run, guest, script},
};

const MODULES: &str =
    "modules = [\"virtio_pci\", \"virtio_blk\", \"squashfs\", \"overlay\"]\n[root]\nsource = \"/dev/vda\"\n";

/// Writes to the root and to /data if it is there, is deaf, shares all mounts, and asks for the end.
const SERVICE: &str = "\n[service.end]\nexec = [\"/end\"]\ntype = \"oneshot\"\n";
const END: &str = r#"
mount --make-rshared /
[ ! -d /run/initramfs/root ] || check only-root-looks-in test "$(stat -c %a /run/initramfs/root)" = 700
check shared grep -q ' / / .*shared:' /proc/self/mountinfo
for place in /etc /data; do [ ! -d $place ] || echo kept >$place/note; done
sleep 100000 >/etc/open 2>&1 </etc/note &
poweroff
"#;

/// e2fsck finds nothing to mend, and the superblock itself says that it was left clean.
fn is_clean(disk: &Path) -> Result<()> {
    let said = |program: &str, option: &str| {
        let said = Command::new(format!("/usr/sbin/{program}")).arg(option).arg(disk).output();
        said.with_context(|| format!("{program}, of e2fsprogs: run it"))
    };
    let checked = said("e2fsck", "-fn")?;
    ensure!(checked.status.success(), "e2fsck: {}", String::from_utf8_lossy(&checked.stdout));
    let stats = String::from_utf8_lossy(&said("dumpe2fs", "-h")?.stdout).into_owned();
    ensure!(stats.contains("state:         clean") && !stats.contains("needs_recovery"), "not clean: {stats}");
    Ok(())
}

fn root(boot: &Boot) -> Result<Archive> {
    let mut root = image::busybox_root(&boot.kit)?;
    root.dir("/etc", 0o755);
    root.file("/end", 0o755, script(END));
    Ok(root)
}

/// /dev/vdb.
fn second(boot: &mut Boot, label: &str) -> Result<std::path::PathBuf> {
    let path = boot.dir.path().join("second.img");
    image::ext4(&Archive::new(), &path, 16, label)?;
    let drive = format!("file={},if=none,format=raw,id=second", path.display());
    boot.hardware(&["-drive", &drive, "-device", "virtio-blk-pci,drive=second"]);
    Ok(path)
}

#[test]
fn a_root_and_what_is_mounted_in_it_are_unmounted() {
    let run = guest(Arch::X86_64, |boot| -> Result<Outcome> {
        let data = "\n[[mount]]\nsource = \"/dev/vdb\"\ntarget = \"/data\"\n\n[[mount]]\nsource = \"tmpfs\"\n\
                    target = \"/tmp\"\ntype = \"tmpfs\"\n";
        let files = root(boot)?;
        boot.config(&format!("{MODULES}{data}{SERVICE}")).disk(&files)?;
        let data = second(boot, "data")?;
        let outcome = boot.run()?;
        is_clean(&data)?;
        is_clean(&boot.dir.path().join("disk.img"))?;
        Ok(outcome)
    });
    let Some(guest) = run.outcome() else { return };
    guest.held("shared").says(r"EXT4-fs \(vdb\): unmounting").says(r"EXT4-fs \(vda\): unmounting");
    guest.never_says("tinyo: poweroff: (unmount|leaving|sync)").ends(End::PowerOff);
}

#[test]
fn an_overlay_lets_its_layers_go() {
    let run = guest(Arch::X86_64, |boot| -> Result<Outcome> {
        let path = boot.dir.path().join("root.squashfs");
        image::squashfs(&root(boot)?, &path)?;
        boot.config(&format!("{MODULES}overlay = \"LABEL=state\"\n{SERVICE}"));
        boot.image(path)?.modules(&["squashfs", "overlay"])?;
        let state = second(boot, "state")?;
        let outcome = boot.run()?;
        is_clean(&state)?;
        let note = Command::new("/usr/sbin/debugfs").args(["-R", "cat /upper/etc/note"]).arg(&state).output()?;
        ensure!(note.stdout == b"kept\n", "the note: {note:?}");
        Ok(outcome)
    });
    let Some(guest) = run.outcome() else { return };
    guest.held("shared").says(r"EXT4-fs \(vdb\): unmounting");
    guest.never_says("tinyo: poweroff: (unmount|leaving|sync)").ends(End::PowerOff);
}

/// A root in a file on a disk, be it written to, or under an overlay whose layer is on another disk.
fn image_on_a_disk(make: fn(&Archive, &Path) -> Result<()>, overlay: &str) -> Option<Outcome> {
    let run = guest(Arch::X86_64, |boot| -> Result<Outcome> {
        let path = boot.dir.path().join("image");
        make(&root(boot)?, &path)?;
        let mut disk = Archive::new();
        disk.file("/live/image", 0o644, std::fs::read(&path)?);
        let modules = MODULES.replace("modules = [", "modules = [\"loop\", ");
        boot.config(&format!("{modules}image = \"/live/image\"\n{overlay}\n{SERVICE}")).disk(&disk)?;
        boot.modules(&["loop", "squashfs", "overlay"])?;
        let state = second(boot, "state")?;
        let outcome = boot.run()?;
        is_clean(&boot.dir.path().join("disk.img"))?;
        is_clean(&state)?;
        Ok(outcome)
    });
    run.outcome()?;
    let Run::Ended(outcome) = run else { return None };
    Some(*outcome)
}

#[test]
fn an_image_lets_its_disk_go() {
    let Some(guest) = image_on_a_disk(|files, path| image::ext4(files, path, 16, "image"), "") else { return };
    guest.held("shared").held("only-root-looks-in");
    guest.says_in_order(&[r"EXT4-fs \(loop0\): unmounting", r"EXT4-fs \(vda\): unmounting"]);
    guest.never_says("tinyo: poweroff: (unmount|leaving|sync)").ends(End::PowerOff);
}

#[test]
fn an_overlay_over_an_image_lets_both_disks_go() {
    let Some(guest) = image_on_a_disk(image::squashfs, "overlay = \"LABEL=state\"") else { return };
    guest.held("shared").held("only-root-looks-in");
    guest.says(r"EXT4-fs \(vda\): unmounting").says(r"EXT4-fs \(vdb\): unmounting");
    guest.never_says("tinyo: poweroff: (unmount|leaving|sync)").ends(End::PowerOff);
}

/// With a container, so that it runs from a clone of its file, or without: either keeps the root from being unmounted.
fn own_file_on_the_root(container: &str) {
    let run = guest(Arch::X86_64, |boot| -> Result<Outcome> {
        let mut files = root(boot)?;
        files.file("/sbin-tinyo", 0o755, std::fs::read(&boot.kit.tinyo)?);
        files.file("/etc/tinyo.toml", 0o644, format!("{SERVICE}{container}"));
        boot.config(&format!("{MODULES}init = \"/sbin-tinyo\"\n")).disk(&files)?;
        let outcome = boot.run()?;
        is_clean(&boot.dir.path().join("disk.img"))?;
        Ok(outcome)
    });
    let Some(guest) = run.outcome() else { return };
    guest.held("shared").says(r"EXT4-fs \(vda\): re-mounted").ends(End::PowerOff);
    guest.never_says("tinyo: poweroff: (unmount|leaving|sync)");
}

#[test]
fn our_own_file_on_the_root_leaves_it_read_only() {
    own_file_on_the_root("");
}

#[test]
fn so_does_its_clone() {
    own_file_on_the_root("\n[service.box]\nexec = [\"/bin/sleep\", \"1000\"]\n[service.box.container]\nroot = \"/\"\n");
}

/// As systemd-shutdown does it: all that it can is unmounted, then it comes back.
const SYSTEMD: &str = r#"
say words $*
echo kept >/etc/note
check offered test -x /run/initramfs/shutdown
umount /run/initramfs/root/upper
umount /run/initramfs/root/lower
mount --bind /run/initramfs /run/initramfs
cd /run/initramfs
for place in dev proc run sys; do mkdir $place; mount --bind /$place $place; done
mkdir oldroot
pivot_root . oldroot
exec chroot . /shutdown exit
"#;

#[test]
fn systemd_comes_back_to_have_its_overlay_unmounted() {
    let run = guest(Arch::X86_64, |boot| -> Result<Outcome> {
        let mut files = root(boot)?;
        files.file("/lib/systemd/systemd", 0o755, script(SYSTEMD));
        files.link("/sbin-init", "/lib/systemd/systemd");
        let path = boot.dir.path().join("root.squashfs");
        image::squashfs(&files, &path)?;
        boot.config(&format!("{MODULES}init = \"/sbin-init\"\noverlay = \"LABEL=state\"\n"));
        boot.image(path)?.modules(&["squashfs", "overlay"])?;
        let state = second(boot, "state")?;
        let outcome = boot.run()?;
        is_clean(&state).with_context(|| outcome.transcript.clone())?;
        Ok(outcome)
    });
    let Some(guest) = run.outcome() else { return };
    guest.held("offered").says("case: words --switched-root --system --deserialize 63");
    guest.says(r"EXT4-fs \(vdb\): unmounting").ends(End::PowerOff);
}
