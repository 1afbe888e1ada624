//! Many boots in a row, none of which may fail: `TINYO_BOOTS=100 cargo test -p tinyo-qemu --test boots`.

use std::env;

use anyhow::{Result, anyhow, ensure};
use tinyo_qemu::{
    bus::Bus,
    expect::End,
    image::{self, tool},
    kit::Arch,
    suite::{Boot, guest, script},
};

const UUID: &str = "5d7e1a3c-0f2b-4c6d-8e9f-a0b1c2d3e4f5";

/// Each boot adds to the disk, so that one that lost something, or did not happen, is missed by the next.
const ON_DISK: &str = "echo >>/boots
say boot $(wc -l </boots)
poweroff";

fn disk(boot: &mut Boot) -> Result<()> {
    let mut files = image::busybox_root(&boot.kit)?;
    files.file("/etc/inittab", 0o644, "::sysinit:/etc/rc\n::shutdown:/bin/umount -a -r\n");
    files.file("/etc/rc", 0o755, script(ON_DISK));
    boot.disk(&files)?;
    tool("tune2fs", ["-U".as_ref(), UUID.as_ref(), boot.dir.path().join("disk.img").as_os_str()], "")
}

#[track_caller]
fn all_boot(bus: Bus) {
    let wanted = env::var("TINYO_BOOTS").map_or(6, |n| n.parse().expect("TINYO_BOOTS: a number"));
    // One half on each of the two machines.
    let count = usize::div_ceil(wanted, 2);
    let run = guest(Arch::X86_64, |boot| {
        let names = bus.modules().join("\", \"");
        // A busy host may give a hundred of them little.
        boot.patience(300).bus(bus).config(&format!("modules = [\"{names}\"]\n[root]\nsource = \"UUID={UUID}\"\n"));
        disk(boot)?;
        let mut last = Err(anyhow!("TINYO_BOOTS: at least one"));
        for number in 1..=count {
            let outcome = boot.run()?;
            let reached = outcome.find(&format!("case: boot {number}\r?\n")).is_some();
            ensure!(
                reached && outcome.end == End::PowerOff,
                "boot {number} of {count}: {outcome}\n{}",
                outcome.shown()
            );
            ensure!(
                !outcome.transcript.contains("recovery"),
                "boot {number}: the disk was left dirty\n{}",
                outcome.shown()
            );
            last = Ok(outcome);
        }
        last
    });
    let Some(guest) = run.outcome() else { return };
    guest.says(&format!("case: boot {count}\r?\n")).ends(End::PowerOff);
}

#[test]
fn in_a_row_by_pci() {
    all_boot(Bus::VirtioPci);
}

#[test]
fn in_a_row_on_a_microvm() {
    all_boot(Bus::VirtioMmio);
}
