//! Disks that come late, answer late, or go away: plugged in and pulled out through QEMU's monitor while tinyo waits.

use std::{path::PathBuf, thread, time::Duration};

use anyhow::{Result, ensure};
use tinyo_qemu::{
    expect::End,
    guest::Guest,
    image,
    kit::{Arch, Kit},
    suite::{Boot, Run, converse, guest, guest_of, script},
};

/// As long as an external disk takes to spin up, and longer than the first reminder.
const LATE: Duration = Duration::from_secs(5);

const VIRTIO: &str = "modules = [\"virtio_pci\", \"virtio_blk\"]\non-failure = \"poweroff\"\n";
const USB: &str =
    "modules = [\"xhci_pci\", \"usb_storage\", \"sd_mod\", \"crc32c_generic\", \"ext4\"]\non-failure = \"poweroff\"\n";

/// A busybox root in a file.
fn system(boot: &Boot, name: &str) -> Result<PathBuf> {
    let mut disk = image::busybox_root(&boot.kit)?;
    disk.file("/etc/inittab", 0o644, "::sysinit:/etc/rc\n::shutdown:/bin/umount -a -r\n");
    disk.file("/etc/rc", 0o755, script("check booted-from-it grep -q '^/dev/[vs]da / ext4' /proc/mounts\npoweroff"));
    let path = boot.dir.path().join(name);
    image::ext4(&disk, &path, 32, name)?;
    Ok(path)
}

/// The same as a drive that hangs on nothing yet.
fn drive(boot: &mut Boot, name: &str) -> Result<()> {
    let path = system(boot, name)?;
    boot.hardware(&["-drive", &format!("file={},if=none,id={name},format=raw,cache=unsafe", path.display())]);
    Ok(())
}

/// A drive of which no block can be read, or not by the first `reads` reads.
fn broken_drive(boot: &mut Boot, name: &str, reads: Option<usize>) -> Result<()> {
    let path = system(boot, name)?;
    let mut words = format!("if=none,id={name},driver=raw,file.driver=blkdebug");
    for error in 0..reads.unwrap_or(1) {
        let once = if reads.is_some() { "on" } else { "off" };
        let error = format!("file.inject-error.{error}");
        words += &format!(",{error}.event=none,{error}.iotype=read,{error}.errno=5,{error}.once={once}");
    }
    words += &format!(",file.image.driver=file,file.image.filename={}", path.display());
    boot.hardware(&["-drive", &words]);
    Ok(())
}

/// Has the monitor do it, which says nothing unless it fails.
fn monitor(guest: &mut Guest, command: &str) -> Result<()> {
    let said = guest.monitor(command)?;
    ensure!(said.is_empty(), "{command}: {said}");
    Ok(())
}

/// A slot for virtio: only behind a port of PCI Express can something be plugged in on q35.
fn with_a_port(boot: &mut Boot) -> Result<()> {
    boot.hardware(&["-device", "pcie-root-port,id=hole,chassis=1"]).modules(&["virtio_pci", "virtio_blk"])?;
    Ok(())
}

fn with_usb(boot: &mut Boot) -> Result<()> {
    let modules = ["xhci_pci", "usb_storage", "sd_mod", "crc32c_generic", "ext4"];
    boot.hardware(&["-device", "qemu-xhci,id=usb"]).modules(&modules)?;
    Ok(())
}

#[track_caller]
fn came_late(run: &Run, name: &str) {
    let Some(guest) = run.outcome() else { return };
    guest.says_in_order(&[
        &format!("tinyo: waiting for /dev/{name}, 5 s of 30 s; block devices: none"),
        &format!("tinyo: root: /dev/{name} is there"),
        "case: booted-from-it held",
    ]);
    guest.ends(End::PowerOff);
}

#[test]
fn a_virtio_disk_plugged_in_after_five_seconds_is_taken() {
    let run = guest(Arch::X86_64, |boot| {
        with_a_port(boot)?;
        drive(boot, "late")?;
        boot.config(&format!("{VIRTIO}[root]\nsource = \"/dev/vda\"\ntype = \"ext4\"\n"));
        converse(boot.start()?, |guest| {
            guest.expect("tinyo: waiting for")?;
            monitor(guest, "device_add virtio-blk-pci,drive=late,bus=hole")
        })
    });
    came_late(&run, "vda");
}

#[test]
fn a_usb_disk_plugged_in_after_five_seconds_is_taken() {
    let run = guest_of(Kit::with_full_kernel(Arch::X86_64), |boot| {
        with_usb(boot)?;
        drive(boot, "late")?;
        boot.config(&format!("{USB}[root]\nsource = \"/dev/sda\"\ntype = \"ext4\"\n"));
        converse(boot.start()?, |guest| {
            guest.expect("tinyo: waiting for")?;
            monitor(guest, "device_add usb-storage,drive=late,bus=usb.0")
        })
    });
    came_late(&run, "sda");
}

#[test]
fn an_unreadable_disk_that_goes_away_gives_way_to_a_good_one() {
    let run = guest(Arch::X86_64, |boot| {
        with_a_port(boot)?;
        broken_drive(boot, "bad", None)?;
        drive(boot, "good")?;
        boot.config(&format!("{VIRTIO}[root]\nsource = \"/dev/vda\"\ntype = \"ext4\"\n"));
        converse(boot.start()?, |guest| {
            guest.expect("Run /init")?;
            monitor(guest, "device_add virtio-blk-pci,drive=bad,bus=hole,id=one")?;
            guest.expect("tinyo: waiting for /dev/vda, 5 s of 30 s; .*vda")?;
            monitor(guest, "device_del one")?;
            guest.expect("tinyo: waiting for /dev/vda, 1[0-9] s of 30 s; block devices: none")?;
            monitor(guest, "device_add virtio-blk-pci,drive=good,bus=hole,id=two")
        })
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("tinyo: root: /dev/vda is there").held("booted-from-it").ends(End::PowerOff);
}

#[test]
fn a_disk_that_goes_away_and_stays_away_has_a_named_end() {
    let run = guest(Arch::X86_64, |boot| {
        with_a_port(boot)?;
        broken_drive(boot, "bad", None)?;
        boot.config(&format!("{VIRTIO}[root]\nsource = \"/dev/vda\"\ntype = \"ext4\"\nwait = \"8s\"\n"));
        converse(boot.start()?, |guest| {
            guest.expect("Run /init")?;
            monitor(guest, "device_add virtio-blk-pci,drive=bad,bus=hole,id=one")?;
            guest.expect("tinyo: waiting for /dev/vda, 5 s of 8 s; .*vda")?;
            monitor(guest, "device_del one")
        })
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("tinyo: mount root /dev/vda .*it did not come; block devices: none");
    guest.says("tinyo: boot failed: poweroff").ends(End::PowerOff);
}

/// It is there, and what is wrong with it is said at once, for a wait can be one for ever, and at the end.
#[test]
fn a_disk_that_stays_unreadable_is_named_with_the_reason() {
    let run = guest(Arch::X86_64, |boot| {
        boot.modules(&["virtio_pci", "virtio_blk"])?;
        broken_drive(boot, "bad", None)?;
        boot.hardware(&["-device", "virtio-blk-pci,drive=bad"]);
        boot.config(&format!("{VIRTIO}[root]\nsource = \"/dev/vda\"\ntype = \"ext4\"\nwait = \"6s\"\n")).run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says_in_order(&[
        "tinyo: root: /dev/vda: input/output error; it is tried again",
        "tinyo: waiting for /dev/vda, 5 s of 6 s; block devices: vda",
        "tinyo: mount root /dev/vda .*: input/output error; what of it cannot be read, the kernel has said",
    ]);
    assert_eq!(guest.transcript.matches("it is tried again").count(), 1, "{}", guest.shown());
    guest.ends(End::PowerOff);
}

/// Nothing of the root can be read or written any more, and PID 1 still ends the machine when it is asked to.
#[test]
fn a_root_pulled_out_under_its_services_does_not_hang_the_end() {
    let run = guest_of(Kit::with_full_kernel(Arch::X86_64), |boot| {
        with_usb(boot)?;
        drive(boot, "gone")?;
        boot.hardware(&["-device", "usb-storage,drive=gone,bus=usb.0,id=stick"]);
        boot.patience(120);
        let service = "[service.writer]\nexec = [\"/bin/sh\", \"-c\", \"echo written; while :; do echo x >>/file; usleep 1000; done\"]\n\
                       log = \"kmsg\"\n";
        boot.config(&format!("{USB}[root]\nsource = \"/dev/sda\"\ntype = \"ext4\"\n\n{service}"));
        converse(boot.start()?, |guest| {
            guest.expect("tinyo: writer: ready")?;
            thread::sleep(LATE);
            monitor(guest, "device_del stick")?;
            guest.expect("usb .*USB disconnect")?;
            guest.press("ctrl-alt-delete")
        })
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("tinyo: .*stopping services").ends(End::Reboot);
}

/// Its node is there before its blocks can be read: the first reads fail, those of QEMU, of the kernel for its table, and a mount or two.
#[test]
fn a_disk_that_cannot_be_read_at_first_is_tried_again() {
    let run = guest(Arch::X86_64, |boot| {
        boot.modules(&["virtio_pci", "virtio_blk"])?;
        broken_drive(boot, "first", Some(6))?;
        boot.hardware(&["-device", "virtio-blk-pci,drive=first"]);
        boot.config(&format!("{VIRTIO}[root]\nsource = \"/dev/vda\"\ntype = \"ext4\"\n")).run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says_in_order(&["I/O error, dev vda", "unable to read superblock", "tinyo: root: /dev/vda is there"]);
    guest.held("booted-from-it").ends(End::PowerOff);
}
