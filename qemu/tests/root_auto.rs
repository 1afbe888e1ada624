//! `gpt-auto`: the one partition that is marked as this architecture's root (Discoverable Partitions Specification).

use std::fs;

use anyhow::Result;
use tinyo_qemu::{
    cpio::Archive,
    expect::End,
    image::{self, tool},
    kit::Arch,
    suite::{Boot, Run, guest, script},
};

const CONFIG: &str = "on-failure = \"poweroff\"\nmodules = [\"virtio_pci\", \"virtio_blk\"]\n\
                      [root]\nsource = \"gpt-auto\"\nwait = \"2s\"\n";
const ROOT: &str = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709";

/// A disk called `name` with an EFI system partition, and a root with those `attributes`.
fn disk(boot: &Boot, name: &str, attributes: &str) -> Result<()> {
    let mut files: Archive = image::busybox_root(&boot.kit)?;
    files.file("/etc/inittab", 0o644, "::sysinit:/etc/rc\n");
    let rc = "say root $(sed -n 's, / ext4 \\(r[ow]\\).*, \\1,p' /proc/mounts | tail -n 1)\npoweroff -f\n";
    files.file("/etc/rc", 0o755, script(rc));
    let image = boot.dir.path().join(name);
    image::ext4(&files, &image, 32, "case")?;
    let system = fs::read(&image)?;
    let mut whole = vec![0; system.len() + (3 << 20)];
    whole[2 << 20..][..system.len()].copy_from_slice(&system);
    fs::write(&image, &whole)?;
    let table = format!(
        "label: gpt\nstart=2048, size=2048, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B\n\
         start=4096, size=65536, type={ROOT}{attributes}\n"
    );
    tool("sfdisk", ["-q".as_ref(), image.as_os_str()], &table)
}

/// Boots from such a disk, with that on the kernel's command line.
fn of(attributes: &str, words: &str) -> Run {
    guest(Arch::X86_64, |boot| {
        disk(boot, "disk.img", attributes)?;
        let image = boot.dir.path().join("disk.img");
        boot.config(CONFIG).append(words).image(image)?.run()
    })
}

#[test]
fn the_root_is_found_by_its_type() {
    let run = of("", "");
    let Some(guest) = run.outcome() else { return };
    guest.says("case: root /dev/vda2 rw").ends(End::PowerOff);
}

#[test]
fn one_that_says_that_it_is_read_only_is() {
    let run = of(", attrs=\"GUID:60\"", "root=gpt-auto rw");
    let Some(guest) = run.outcome() else { return };
    guest.says("case: root /dev/vda2 ro").ends(End::PowerOff);
}

#[test]
fn one_that_is_not_to_be_taken_by_itself_is_not() {
    let run = of(", attrs=\"GUID:63\"", "");
    let Some(guest) = run.outcome() else { return };
    guest.says("tinyo: mount root gpt-auto .*: it did not come; block devices:.* vda2 \\(ext4").ends(End::PowerOff);
}

#[test]
fn of_two_disks_neither_is_guessed() {
    let run = guest(Arch::X86_64, |boot| {
        disk(boot, "disk.img", "")?;
        disk(boot, "second.img", "")?;
        let [first, second] = ["disk.img", "second.img"].map(|name| boot.dir.path().join(name));
        let drive = format!("file={},if=none,id=second,format=raw", second.display());
        boot.hardware(&["-drive", &drive, "-device", "virtio-blk-pci,drive=second"]);
        boot.config(CONFIG).image(first)?.run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says_in_order(&[
        "tinyo: gpt-auto: both vda2 and vdb2 are a root",
        "tinyo: mount root gpt-auto .*: not the only one; write which, as root=PARTUUID=",
    ]);
    guest.ends(End::PowerOff);
}
