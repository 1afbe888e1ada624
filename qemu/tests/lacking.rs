//! Machines that lack what every boot takes for granted: /sys, /proc, /run, modules. PID 1 lives, and says what it misses.

use tinyo_qemu::{
    expect::End,
    image,
    kit::Arch,
    suite::{Boot, Run, guest, script},
};

const MODULES: &str = "on-failure = \"poweroff\"\nmodules = [\"virtio_pci\", \"virtio_blk\"]\n";
const ON_DISK: &str = "[ -e /proc/mounts ] || mount -t proc proc /proc
check proc-moved grep -q '^proc /proc proc .*nodev' /proc/mounts
check sys-moved grep -q '^sysfs /sys' /proc/mounts
check run-moved grep -q '^tmpfs /run' /proc/mounts
say alive $(sed -n 's, / ext4,,p' /proc/mounts)
poweroff -f";

/// Files are where the mount points would be: nothing can be mounted there. (Not /dev: the kernel's own initramfs has a
/// directory there, with a node in it.)
fn block(boot: &mut Boot, places: &[&str]) {
    for place in places {
        boot.archive.file(place, 0o644, "in the way\n");
    }
}

/// A root by what is on the disk, and one by its node.
fn without(places: &[&str]) -> Run {
    guest(Arch::X86_64, |boot| {
        let mut disk = image::busybox_root(&boot.kit)?;
        disk.file("/etc/rc", 0o755, script(ON_DISK));
        boot.disk(&disk)?;
        block(boot, places);
        let rest = "wait = \"1s\"\ntype = \"ext4\"\ninit = \"/etc/rc\"\n";
        let roots = ["LABEL=case", "/dev/vda"].map(|source| format!("[[root]]\nsource = \"{source}\"\n{rest}"));
        boot.config(&format!("{MODULES}{}", roots.concat())).run()
    })
}

/// No disk can be looked for then, but a node is there.
#[test]
fn without_sys_a_root_is_found_by_its_node() {
    let run = without(&["/sys"]);
    let Some(guest) = run.outcome() else { return };
    guest.says_in_order(&[
        "tinyo: mount sysfs on /sys .*: not a directory",
        "tinyo: mount root LABEL=case .*: it did not come",
        "tinyo: root: /dev/vda is there",
        "tinyo: root: moving /sys into the new root: ",
    ]);
    guest.held("proc-moved").held("run-moved").says("case: alive /dev/vda rw").ends(End::PowerOff);
}

#[test]
fn without_proc_and_run_a_root_is_found_by_its_label() {
    let run = without(&["/proc", "/run"]);
    let Some(guest) = run.outcome() else { return };
    guest.says("tinyo: mount proc on /proc .*: not a directory").says("tinyo: mount tmpfs on /run .*: not a directory");
    guest.says("tinyo: read /proc/cmdline: not a directory; going on without it");
    guest
        .says("tinyo: root: LABEL=case is there")
        .held("sys-moved")
        .says("case: alive /dev/vda rw")
        .ends(End::PowerOff);
}

#[test]
fn a_service_runs_with_none_of_them() {
    let run = guest(Arch::X86_64, |boot| {
        block(boot, &["/proc", "/sys", "/run"]);
        boot.config(
            "[service.one]\nexec = [\"/bin/sh\", \"-c\", \"echo alive\"]\ntype = \"oneshot\"\non-exit = \"poweroff\"\n",
        );
        boot.run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("tinyo: one: done").says("one: alive").says("tinyo: exit status 0").ends(End::PowerOff);
}

/// As a kernel without CONFIG_MODULES does it, but for the errno: each module is named, and what is built in is not missed.
#[test]
fn a_kernel_that_takes_no_modules_says_so_for_each() {
    let run = guest(Arch::X86_64, |boot| {
        boot.modules(&["virtio_pci", "virtio_blk"])?;
        boot.config(&MODULES.replace("modules = [", "modules = [\"ext4\", "));
        boot.append("sysctl.kernel.modules_disabled=1 root=/dev/vda rootwait=1").run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says_in_order(&[
        "tinyo: virtio_pci: load module .*/virtio_ring.ko: operation not permitted",
        "tinyo: virtio_blk: load module .*/virtio_ring.ko: operation not permitted",
        "tinyo: mount root /dev/vda .*: it did not come; block devices: none; is the driver's module listed\\?",
        "tinyo: boot failed: poweroff",
    ]);
    guest.never_says("load module ext4").ends(End::PowerOff);
}
