//! Machines that lack what every boot takes for granted: /sys, /proc, /run, modules. PID 1 lives, and says what it misses.

use std::fs;

use anyhow::Result;
use tinyo_qemu::{
    cpio::Archive,
    expect::End,
    image,
    kit::{Arch, target},
    suite::{Boot, ON_VIRTIO, Run, guest, script},
};

const ONE: &str =
    "[service.one]\nexec = [\"/bin/sh\", \"-c\", \"echo alive\"]\ntype = \"oneshot\"\non-exit = \"poweroff\"\n";
const ON_DISK: &str = "[ -e /proc/mounts ] || mount -t proc proc /proc
check proc-moved grep -q '^proc /proc proc .*nodev' /proc/mounts
check sys-moved grep -q '^sysfs /sys' /proc/mounts
check run-moved grep -q '^tmpfs /run' /proc/mounts
say alive $(sed -n 's, / ext4,,p' /proc/mounts)
poweroff -f";

/// Files are where the mount points would be: nothing can be mounted there. (Not /dev: the kernel's own initramfs has a
/// directory there, with a node in it.)
fn block(boot: &mut Boot, places: &'static [&str]) {
    for place in places {
        boot.archive.file(place, 0o644, "in the way\n");
    }
    boot.refused(places);
}

/// A root by what is on the disk, and one by its node.
fn without(places: &'static [&str]) -> Run {
    guest(Arch::X86_64, |boot| {
        let mut disk = image::busybox_root(&boot.kit)?;
        disk.file("/etc/rc", 0o755, script(ON_DISK));
        boot.disk(&disk)?;
        block(boot, places);
        let rest = "wait = \"1s\"\ntype = \"ext4\"\ninit = \"/etc/rc\"\n";
        let roots = ["LABEL=case", "/dev/vda"].map(|source| format!("[[root]]\nsource = \"{source}\"\n{rest}"));
        boot.config(&format!("{ON_VIRTIO}{}", roots.concat())).run()
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
        boot.config(ONE);
        // Without /proc nobody can lift the kernel's limit of ten lines in five seconds.
        boot.append("printk.devkmsg=on").run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("tinyo: one: done").says("one: alive").says("tinyo: exit status 0").ends(End::PowerOff);
}

/// A kernel may be closed to modules once it runs: each module is named, and what is built in is not missed.
#[test]
fn a_kernel_that_takes_no_modules_says_so_for_each() {
    let run = guest(Arch::X86_64, |boot| {
        boot.modules(&["virtio_pci", "virtio_blk"])?;
        boot.config(&ON_VIRTIO.replace("modules = [", "modules = [\"ext4\", "));
        boot.append("sysctl.kernel.modules_disabled=1 root=/dev/vda rootwait=1").run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says_in_order(&[
        "tinyo: virtio_pci: load module .*: operation not permitted; .*kernel.modules_disabled",
        "tinyo: virtio_blk: load module .*: operation not permitted",
        "tinyo: mount root /dev/vda .*: it did not come; block devices: none; is the driver's module listed\\?",
        "tinyo: boot failed: poweroff",
    ]);
    guest.never_says("tinyo: ext4|load module ext4").ends(End::PowerOff);
}

/// PID 1 is executed by an attacker (qemu/attacker) that has the kernel answer a system call with an errno from then on.
fn refused(word: &str, play: impl FnOnce(&mut Boot) -> Result<()>) -> Run {
    let attacker = target().join("x86_64-unknown-linux-musl/release/tinyo-attacker");
    let Ok(attacker) = fs::read(&attacker) else {
        return Run::Skipped(format!("not there: {} (scripts/test.sh builds it)", attacker.display()));
    };
    guest(Arch::X86_64, |boot| {
        boot.archive.file("/attacker", 0o755, attacker).file("/tinyo", 0o755, fs::read(&boot.kit.tinyo)?);
        boot.archive.file("/init", 0o755, format!("#!/bin/sh\nexec /attacker caller {word} -- /tinyo\n"));
        play(boot)?;
        boot.by_hand().run()
    })
}

#[test]
fn a_kernel_without_modules_says_so_once() {
    let run = refused("without=finit_module", |boot| {
        boot.config(ON_VIRTIO).append("root=/dev/vda rootwait=1").modules(&["virtio_pci", "virtio_blk"]).map(drop)
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("tinyo: virtio_pci: load module .*: not in this kernel");
    guest.says("tinyo: mount root /dev/vda .*: it did not come; block devices: none").ends(End::PowerOff);
    assert_eq!(guest.transcript.matches("load module").count(), 1, "{}", guest.shown());
}

/// As CONFIG_MODULES=n is: no folder of modules either, and here no /sys.
#[test]
fn a_kernel_without_modules_has_no_folder_of_them() {
    let run = refused("without=finit_module", |boot| {
        block(boot, &["/sys"]);
        boot.config(&format!("modules = [\"auto\", \"loop\"]\n{ONE}"));
        Ok(())
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("tinyo: modules: /lib/modules/.*: no such file or directory; is it in the image, with a modules.dep\\?");
    guest.says("one: alive").ends(End::PowerOff);
    assert_eq!(guest.transcript.matches("tinyo: modules: ").count(), 1, "{}", guest.shown());
    guest.never_says("load module");
}

/// What the devices ask for is refused as a whole, in one line.
#[test]
fn a_kernel_without_modules_is_asked_for_one_by_auto() {
    let run = refused("without=finit_module", |boot| {
        boot.disk(&Archive::new())?;
        boot.config(&format!("modules = [\"auto\"]\n{ONE}"));
        Ok(())
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("tinyo: .*load module .*: not in this kernel; this kernel has no modules \\(CONFIG_MODULES\\)");
    guest.says("one: alive").ends(End::PowerOff);
    assert_eq!(guest.transcript.matches("load module").count(), 1, "{}", guest.shown());
}

/// Nothing at all can be mounted: not even what PID 1 itself works with.
#[test]
fn where_no_mount_is_allowed_it_speaks_on_the_console_and_ends_as_told() {
    let run = refused("refuse=mount", |boot| {
        boot.config(ONE).append("printk.devkmsg=on");
        Ok(())
    });
    let Some(guest) = run.outcome() else { return };
    guest.says_in_order(&[
        "tinyo: mount proc on /proc .*: operation not permitted",
        "tinyo: mount sysfs on /sys .*: operation not permitted",
        "tinyo: mount devtmpfs on /dev .*: operation not permitted",
        "tinyo: mount tmpfs on /run .*: operation not permitted",
        "tinyo: open /dev/kmsg: no such file or directory; messages go to the console",
        "tinyo: one: stdin null, .*: no such file or directory",
        "tinyo: exit status 125",
    ]);
    guest.ends(End::PowerOff);
}
