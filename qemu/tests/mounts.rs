//! `[[mount]]`: the file system's driver comes along as the root's does, and what is missing is named.

use anyhow::Result;
use tinyo_qemu::{
    cpio::Archive,
    expect::End,
    image,
    kit::Arch,
    suite::{Boot, Run, guest},
};

/// A squashfs on a disk, in a kernel that has that and virtio as modules.
fn squashed(modules: &'static str, mount: &'static str) -> Run {
    guest(Arch::X86_64, |boot| {
        let place = boot.dir.path().join("disk.img");
        let mut files = Archive::new();
        files.file("/note", 0o644, "here\n");
        image::squashfs(&files, &place)?;
        // The kernel itself asks for a module, of busybox's modprobe, which is not in every image.
        boot.modules(&["squashfs"])?.image(place)?.append("sysctl.kernel.modprobe=/nowhere");
        play(boot, modules, mount)
    })
}

fn play(boot: &mut Boot, modules: &str, mount: &str) -> Result<tinyo_qemu::guest::Outcome> {
    boot.script("/look", "check there test -s /data/note\nsay as $(sed -n 's,.* /data ,,p' /proc/mounts)");
    let service = "[service.look]\nexec = [\"/look\"]\ntype = \"oneshot\"\non-exit = \"poweroff\"\n";
    let table = format!("[[mount]]\nsource = \"/dev/vda\"\ntarget = \"/data\"\n{mount}\n");
    boot.config(&format!("on-failure = \"poweroff\"\nmodules = [{modules}]\n{table}{service}")).run()
}

#[test]
fn with_auto_it_brings_its_driver_along() {
    let run = squashed("\"auto\"", "options = \"ro\"");
    let Some(guest) = run.outcome() else { return };
    guest.held("there").says("case: as squashfs ro").ends(End::PowerOff);
}

#[test]
fn of_several_types_the_one_that_it_is_counts() {
    let run = squashed("\"auto\"", "type = \"ext4,squashfs\"");
    let Some(guest) = run.outcome() else { return };
    guest.held("there").says("case: as squashfs ro").ends(End::PowerOff);
}

#[test]
fn a_file_system_that_the_kernel_lacks_is_named() {
    let run = squashed("\"virtio_pci\", \"virtio_blk\"", "");
    let Some(guest) = run.outcome() else { return };
    let lacking =
        "mount /dev/vda on /data \\(squashfs\\): no such device; is the file system built in or its module listed\\?";
    guest.says(lacking).says("tinyo: boot failed: poweroff").never_says("invalid argument").ends(End::PowerOff);
}
