//! The machine's watchdog, an emulated one: the TCO timer of QEMU's q35, which resets the machine without its kernel, and
//! the kernel's own softdog where nothing but the driver's part counts.

use std::{thread, time::Duration};

use anyhow::Result;
use tinyo_qemu::{
    expect::End,
    image,
    kit::Arch,
    suite::{Boot, converse, guest, script},
};

/// Stops PID 1 where it is: no signal does, the freezer of its cgroup does.
const FREEZE: &str = "mkdir /sys/fs/cgroup/ice; echo 1 >/sys/fs/cgroup/ice/cgroup.procs
say frozen-next; echo 1 >/sys/fs/cgroup/ice/cgroup.freeze";

/// q35 has an Intel TCO timer; Debian's kernel for clouds no driver of its own for it, but the one that is told everything
/// by an ACPI table, WDAT, which QEMU only has from 10 on. This is that table, from its second part on.
fn wdat() -> Vec<u8> {
    const RELOAD: u64 = 0x660;
    const CONTROL: u64 = 0x668;
    const TIMER: u64 = 0x672;
    const HALTED: u32 = 1 << 11;
    /// General control and status of the chip set, in memory.
    const STATUS: u64 = 0xfed1_f410;
    const NO_REBOOT: u32 = 1 << 5;
    // Action, instruction, register, value, mask.
    let entries: [(u8, u8, u64, u32, u32); 8] = [
        (1, 2, RELOAD, 1, 0x1ff),
        (4, 1, RELOAD, 0, 0x3ff),
        (6, 0x83, TIMER, 0, 0x3ff),
        (8, 0, CONTROL, 0, HALTED),
        (9, 0x82, CONTROL, 0, HALTED),
        (10, 0, CONTROL, HALTED, HALTED),
        (11, 0x82, CONTROL, HALTED, HALTED),
        (17, 0x82, STATUS, 0, NO_REBOOT),
    ];
    let mut table = Vec::new();
    table.extend(32u32.to_le_bytes());
    // No PCI device.
    table.extend([0xff, 0, 0xff, 0xff, 0xff, 0, 0, 0]);
    // Its tick in ms, the most and the least ticks, and: on, stopped while the machine sleeps.
    for number in [600u32, 0x3ff, 2, 0x81, entries.len() as u32] {
        table.extend(number.to_le_bytes());
    }
    for (action, instruction, register, value, mask) in entries {
        // Memory or ports; bits; where they begin; how many bytes at once, as a power of two and one more.
        let space = if register == STATUS { [0, 32, 0, 3] } else { [1, 16, 0, 2] };
        table.extend([action, instruction, 0, 0]);
        table.extend(space);
        table.extend(register.to_le_bytes());
        table.extend(value.to_le_bytes());
        table.extend(mask.to_le_bytes());
    }
    table
}

/// The TCO timer and its driver, in modules.
fn with_tco(boot: &mut Boot) -> Result<&mut Boot> {
    let path = boot.dir.path().join("wdat");
    std::fs::write(&path, wdat())?;
    let table = format!("sig=WDAT,rev=1,data={}", path.display());
    boot.modules(&["wdat_wdt"])?;
    Ok(boot.hardware(&["-global", "ICH9-LPC.noreboot=false", "-acpitable", &table]))
}

/// Its reset comes when it has run out twice: after four seconds at the most.
const TCO: &str = "modules = [\"wdat_wdt\"]\nwatchdog = \"2s\"\n";

#[test]
fn a_machine_that_idles_is_fed_and_one_whose_init_is_stuck_is_reset() {
    let run = guest(Arch::X86_64, |boot| {
        boot.config(&format!("{TCO}[service.does]\nexec = [\"/does\"]\ntype = \"oneshot\"\n"));
        with_tco(boot)?.script("/does", &format!("sleep 8; say idled held\n{FREEZE}\nsleep 60; say never")).run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("tinyo: watchdog: resets the machine when not fed for 2 s").held("idled").says("case: frozen-next");
    // The reset is the hardware's: nobody in the guest says a word.
    guest.never_says("case: never").ends(End::Gone);
}

#[test]
fn it_is_fed_while_a_root_is_awaited() {
    let run = guest(Arch::X86_64, |boot| {
        boot.config(&format!("on-failure = \"poweroff\"\n{TCO}[root]\nsource = \"/dev/vdz\"\nwait = \"8s\"\n"));
        with_tco(boot)?.run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("tinyo: mount root /dev/vdz .*it did not come").never_says("did not stop").ends(End::PowerOff);
}

#[test]
fn it_is_fed_while_services_stop() {
    let run = guest(Arch::X86_64, |boot| {
        let deaf = "[service.deaf]\nexec = [\"/bin/sh\", \"-c\", \"trap '' TERM; poweroff; while :; do sleep 1; done\"]\n\
                    stop-timeout = \"8s\"\n";
        boot.config(&format!("{TCO}{deaf}"));
        with_tco(boot)?.run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("tinyo: deaf: still there after 8000 ms").never_says("did not stop").ends(End::PowerOff);
}

/// A machine that panics by a wish, and then would stay as it is for a minute: whether the watchdog has reset it soon.
fn is_reset_after_panic(more: &str) -> Option<bool> {
    let mut reset = false;
    let run = guest(Arch::X86_64, |boot| {
        let fails = "[service.fails]\nexec = [\"/bin/false\"]\ncrash-limit = \"1 in 60s\"\non-failure = \"panic\"\n";
        boot.config(&format!("{TCO}{more}{fails}")).append("panic=60");
        converse(with_tco(boot)?.start()?, |guest| {
            guest.expect("Kernel panic - ")?;
            thread::sleep(Duration::from_secs(12));
            reset = guest.is_gone()?;
            Ok(())
        })
    });
    run.outcome().map(|_| reset)
}

#[test]
fn it_is_left_running_over_an_end_that_may_hang() {
    assert_ne!(is_reset_after_panic(""), Some(false));
}

#[test]
fn it_is_stopped_at_the_end_when_told_so() {
    assert_ne!(is_reset_after_panic("watchdog-stop = \"always\"\n"), Some(true));
}

#[test]
fn the_new_init_can_open_it_and_is_reset_when_it_does_not_feed_it() {
    let run = guest(Arch::X86_64, |boot| {
        let mut disk = image::busybox_root(&boot.kit)?;
        disk.file(
            "/my/init",
            0o755,
            script("check opened sh -c '[ -c /dev/watchdog ] && echo >/dev/watchdog'\nsleep 60; say never"),
        );
        let config = TCO.replace("[\"", "[\"virtio_pci\", \"virtio_blk\", \"ext4\", \"");
        boot.config(&format!("{config}[root]\nsource = \"/dev/vda\"\ninit = \"/my/init\"\n"));
        with_tco(boot)?.disk(&disk)?;
        boot.modules(&["virtio_pci", "virtio_blk", "wdat_wdt"])?;
        boot.run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("tinyo: watchdog: runs on; the new init has 2 s to open it").held("opened");
    guest.never_says("case: never").ends(End::Gone);
}

#[test]
fn a_timeout_out_of_range_is_named_with_what_it_runs_with() {
    let run = guest(Arch::X86_64, |boot| {
        let config = "modules = [\"softdog\"]\nwatchdog = \"24h\"\n[service.end]\nexec = [\"/bin/poweroff\"]\n";
        boot.modules(&["softdog"])?;
        boot.config(config).run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("tinyo: watchdog: 86400 s: not in its driver's range; it runs with 60 s").ends(End::PowerOff);
}

#[test]
fn a_machine_without_one_says_so_and_goes_on() {
    let run = guest(Arch::X86_64, |boot| {
        boot.config("watchdog = \"15s\"\n[service.end]\nexec = [\"/bin/poweroff\"]\n").run()
    });
    let Some(guest) = run.outcome() else { return };
    let line = r"tinyo: watchdog: open /dev/watchdog \(15 s\): no such file or directory; is its driver built in or among modules\?";
    guest.says(line).ends(End::PowerOff);
}
