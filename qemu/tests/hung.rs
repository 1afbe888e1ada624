//! A disk whose reads never return: it is named and passed over, and the boot goes on with the others.

use anyhow::Result;
use tinyo_qemu::{
    cpio::Archive,
    expect::End,
    image,
    kit::Arch,
    suite::{Boot, ON_VIRTIO, converse, guest, script},
};

/// A root on vda, and vdb, of which the kernel reads the table of partitions and little more: then a byte comes a second.
fn disks(boot: &mut Boot) -> Result<()> {
    let mut files: Archive = image::busybox_root(&boot.kit)?;
    files.file("/etc/inittab", 0o644, "::sysinit:/etc/rc\n");
    let rc = "say root $(sed -n 's, / ext4.*,,p' /proc/mounts | tail -n 1)\npoweroff -n -f\n";
    files.file("/etc/rc", 0o755, script(rc));
    boot.disk(&files)?;
    let second = boot.dir.path().join("second.img");
    std::fs::File::create(&second)?.set_len(32 << 20)?;
    let slow = "throttling.bps-read=1,throttling.bps-read-max=16384";
    let drive = format!("file={},if=none,id=second,format=raw,{slow}", second.display());
    boot.hardware(&["-drive", &drive, "-device", "virtio-blk-pci,drive=second"]);
    Ok(())
}

#[test]
fn a_disk_that_hangs_does_not_keep_the_root_from_being_found() {
    let run = guest(Arch::X86_64, |boot| {
        disks(boot)?;
        boot.config(ON_VIRTIO).append("root=LABEL=case rw").run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says_in_order(&["tinyo: vdb: no answer; it is passed over until there is one", "case: root /dev/vda"]);
    guest.ends(End::PowerOff);
}

#[test]
fn while_one_hangs_it_is_listed_so_and_the_wait_can_be_ended() {
    let run = guest(Arch::X86_64, |boot| {
        disks(boot)?;
        // At the end sync(2) waits for it too, and is given up after a minute.
        boot.config(ON_VIRTIO).append("root=LABEL=nowhere rootwait quiet").patience(180);
        converse(boot.start()?, |guest| {
            guest.expect(
                "tinyo: waiting for LABEL=nowhere, .* s of as long as it takes; block devices:.*vdb \\(no answer\\)",
            )?;
            guest.press("ctrl-alt-delete")
        })
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("vda \\(ext4, LABEL=case").ends(End::Reboot);
}
