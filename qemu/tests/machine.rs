//! What a machine has of its own beside its disks and its services: its address, its clock, its random seed.

use std::{path::Path, process::Command, sync::LazyLock};

use anyhow::{Context, Result, ensure};
use tinyo_qemu::{
    cpio::Archive,
    expect::End,
    guest::Outcome,
    image,
    kit::Arch,
    suite::{Boot, Shared, converse, guest, script},
};

const END: &str = "\n[service.end]\nexec = [\"/check\"]\ntype = \"oneshot\"\non-exit = \"poweroff\"\n";
const DATA: &str = "[[mount]]\nsource = \"/dev/vda\"\ntarget = \"/data\"\ntype = \"ext4\"\n";
const MODULES: &str = "modules = [\"virtio_pci\", \"virtio_net\", \"virtio_blk\"]\n";

/// QEMU's own network, with the host at 10.0.2.2.
const CARD: [&str; 4] = ["-netdev", "user,id=net,restrict=on", "-device", "virtio-net-pci,netdev=net"];
const SECOND_CARD: [&str; 4] = ["-netdev", "user,id=other,restrict=on", "-device", "virtio-net-pci,netdev=other"];

/// What counts as random is traced from the first instruction on; the processor's own random numbers do not.
const TRACED: &str = "random.trust_cpu=off random.trust_bootloader=off \
     kprobe_event=p:counted,random_ioctl,cmd=%si:x32,bits=+u0(%dx):s32,bytes=+u4(%dx):s32 \
     trace_event=syscalls:sys_enter_fsync,syscalls:sys_enter_ftruncate";
const SHOW_TRACE: &str = "mount -t tracefs none /sys/kernel/tracing; grep -v '^#' /sys/kernel/tracing/trace";
/// The process beside us has done what it has to.
const SEEDED: &str = "soon 'test \"$(stat -c %s /data/seed)\" = 32'";

const ADDRESS: &str = r#"
ip -4 addr; ip route; cat /run/tinyo/resolv.conf
for i in lo eth0; do check $i-is-up sh -c "ip link show $i | grep -q '[<,]UP[,>]'"; done
check address sh -c "ip -4 addr show eth0 | grep -q 'inet 10.0.2.15/24 brd 10.0.2.255'"
check multicast sh -c "ip link show eth0 | grep -q MULTICAST"
check way-out test "$(ip route | grep '^default')" = "default via 10.0.2.2 dev eth0 "
check the-host-answers ping -c 1 -W 5 10.0.2.2
check lo-answers ping -c 1 -W 5 127.0.0.1
check name test "$(hostname).$(cat /proc/sys/kernel/domainname)" = fromip.example.org
check name-servers test "$(cat /run/tinyo/resolv.conf)" = "nameserver 10.0.2.3"
check the-day-is-the-builds test "$(dmesg | grep -o 'before [-0-9]*,')" = "before $(date +%F),"
soon 'dmesg | grep -q "take random seed"'
"#;

fn cards(boot: &mut Boot) -> Result<()> {
    boot.modules(&["virtio_pci", "virtio_net", "virtio_blk"])?;
    boot.hardware(&CARD);
    Ok(())
}

/// With a clock that has lost its battery, and a seed where nothing stays.
static FROM_THE_LINE: Shared = LazyLock::new(|| {
    guest(Arch::X86_64, |boot| {
        cards(boot)?;
        let own = "ip = \"10.9.9.9\"\nrandom-seed = \"/seed\"\n";
        // It takes no address from anybody, and is no card.
        boot.modules(&["dummy"])?;
        let modules = MODULES.replace('[', "[\"dummy\", ");
        boot.config(&format!("{modules}{own}{END}")).script("/check", &format!("{ADDRESS}\n{SHOW_TRACE}"));
        boot.archive.file("/seed", 0o600, [7; 512]);
        boot.hardware(&["-rtc", "base=1999-12-31"]).append(TRACED);
        boot.append("ip=dhcp ip=10.0.2.15::10.0.2.2:255.255.255.0:fromip.example.org::off:10.0.2.3").run()
    })
});

#[test]
fn the_only_card_gets_the_address_of_the_line() {
    let Some(guest) = FROM_THE_LINE.outcome() else { return };
    guest.says("kernel command line: ip cannot be \"dhcp\" and is passed over; write ip=10.0.0.2::");
    guest
        .held("lo-is-up")
        .held("eth0-is-up")
        .held("address")
        .held("multicast")
        .held("way-out")
        .held("name")
        .held("name-servers");
    guest.held("the-host-answers").held("lo-answers").ends(End::PowerOff);
}

#[test]
fn a_clock_before_the_build_is_set_to_it() {
    let Some(guest) = FROM_THE_LINE.outcome() else { return };
    guest.says("clock: it was before 20[0-9-]*, when this tinyo was made; set to that").held("the-day-is-the-builds");
}

#[test]
fn a_seed_that_could_come_back_does_not_count() {
    let Some(guest) = FROM_THE_LINE.outcome() else { return };
    guest.says("take random seed /seed: not supported; without a new one on a disk in its place it does not count");
    guest.says("counted: .* cmd=0x40085203 bits=0 bytes=512").never_says("counted: .*bits=[1-9]");
}

/// What `request` of debugfs shows of the disk.
fn debugfs(request: &str, disk: &Path) -> Result<Vec<u8>> {
    let shown = Command::new("/usr/sbin/debugfs").args(["-R", request]).arg(disk).output();
    let shown = shown.context("debugfs, of e2fsprogs: run it")?;
    ensure!(shown.status.success(), "debugfs {request}");
    Ok(shown.stdout)
}

/// A boot on `disk` with `seed` of it taken, and what the disk has of it then.
fn seeded(boot: &mut Boot, more: &str) -> Result<(Outcome, Vec<u8>)> {
    // Not for its address: that `off` brings `lo` up, and asks no card for anything.
    let config = format!("{MODULES}ip = \"off\"\nrandom-seed = \"/data/seed\"\n{more}{END}");
    let check = format!(
        "check lo-alone sh -c 'ip link show lo | grep -q \"[<,]UP[,>]\"'\n{SEEDED}\n{SHOW_TRACE}\nsay seed $(od -An -tx1 /data/seed | tr -d ' \\n') $(stat -c %a /data/seed)\n"
    );
    boot.config(&config).script("/check", &check);
    let outcome = boot.run()?;
    let left = debugfs("cat /seed", &boot.dir.path().join("disk.img"))?;
    Ok((outcome, left))
}

#[test]
fn a_seed_counts_once_and_is_gone_before() {
    let mut first = Vec::new();
    let run = guest(Arch::X86_64, |boot| {
        let mut disk = Archive::new();
        disk.file("/seed", 0o600, [7; 512]);
        boot.disk(&disk)?.append(TRACED).hardware(&["-rtc", "base=2037-01-01"]);
        let (outcome, left) = seeded(boot, DATA)?;
        // The one that was written last counts as what it is.
        let (second, again) = seeded(boot, DATA)?;
        ensure!(second.find("counted: .* bits=256 bytes=32").is_some() && again != left, "{}", second.shown());
        first = left;
        Ok(outcome)
    });
    let Some(guest) = run.outcome() else { return };
    guest.says_in_order(&[
        "sys_ftruncate\\(fd: [0-9a-f]+, length: 0\\)",
        "sys_fsync",
        "counted: .* cmd=0x40085203 bits=4096 bytes=512",
        "sys_ftruncate\\(fd: [0-9a-f]+, length: 20\\)",
        "sys_fsync",
    ]);
    guest.says("case: seed [0-9a-f]{64} 600").never_says("tinyo: .*seed").ends(End::PowerOff);
    guest.held("lo-alone").never_says("tinyo: .*network");
    // Another year than that of the build, and later: nothing was set.
    guest.never_says("tinyo: clock:");
    let then = guest.find("case: seed ([0-9a-f]{64})").unwrap();
    let left: String = first.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(left.len() == 64 && left != then && !left.contains("070707"), "{left} {then}\n{}", guest.shown());
}

/// Zeros are what a disk may have kept of a file after the power went, and what is shorter than a key is nobody's seed.
#[test]
fn what_is_no_seed_does_not_count_and_is_replaced() {
    let run = guest(Arch::X86_64, |boot| {
        boot.append(TRACED);
        let mut whole = None;
        for content in [vec![0; 512], vec![7; 31]] {
            let mut disk = Archive::new();
            disk.file("/seed", 0o600, content.as_slice());
            boot.disk(&disk)?;
            let (outcome, left) = seeded(boot, DATA)?;
            ensure!(left.len() == 32 && !left.starts_with(&content[..4]), "{left:?}");
            ensure!(
                outcome.find(&format!("counted: .* bits=0 bytes={}", content.len())).is_some(),
                "{}",
                outcome.shown()
            );
            whole = Some(outcome);
        }
        whole.context("two boots")
    });
    let Some(guest) = run.outcome() else { return };
    guest.never_says("counted: .*bits=[1-9]").never_says("tinyo: .*seed").ends(End::PowerOff);
}

/// tinyo in the initramfs with one config hands over to tinyo on the disk with another, whose service runs `check`.
fn twice(boot: &mut Boot, first: &str, second: &str, check: &str) -> Result<Outcome> {
    cards(boot)?;
    let mut disk = image::busybox_root(&boot.kit)?;
    disk.file("/etc/tinyo.toml", 0o644, format!("{second}{END}"));
    disk.file("/check", 0o755, script(check));
    disk.file("/seed", 0o600, [7; 512]);
    let root = "[root]\nsource = \"/dev/vda\"\ntype = \"ext4\"\nread-only = true\ninit = \"tinyo\"\n";
    boot.config(&format!("{MODULES}{first}{root}")).disk(&disk)?.run()
}

#[test]
fn an_interface_that_is_not_there_is_waited_for_and_of_two_none_is_chosen() {
    let run = guest(Arch::X86_64, |boot| {
        boot.hardware(&SECOND_CARD);
        let first = "ip = \"10.0.2.15:::::eth9:off\"\nrandom-seed = \"/seed\"\n";
        twice(
            boot,
            first,
            "ip = \"10.0.2.15\"\nrandom-seed = \"/etc\"\n",
            "check none-has-it sh -c '! ip addr | grep -q \"inet 10\"'",
        )
    });
    let Some(guest) = run.outcome() else { return };
    let hint = "name the right one of /sys/class/net, and its driver among modules";
    guest.says_in_order(&[
        &format!("eth9: configure network 10.0.2.15:::::eth9:off: no such device; {hint}"),
        "root: services, .* and random-seed are left to the init that is handed over to",
        &format!("eth[01]: configure network 10.0.2.15: not the only one; {hint}"),
        "take random seed /etc: is a directory; it must be a regular file of at most 512 bytes",
    ]);
    guest.held("none-has-it").ends(End::PowerOff);
}

/// A card on a USB comes a second or two behind its driver.
#[test]
fn a_card_that_comes_late_gets_its_address() {
    let run = guest(Arch::X86_64, |boot| {
        boot.modules(&["virtio_pci", "virtio_net", "virtio_blk"])?.append("tinyo.log=debug loglevel=8");
        boot.hardware(&["-device", "pcie-root-port,id=hole,chassis=1", "-netdev", "user,id=net,restrict=on"]);
        boot.config(&format!("{MODULES}ip = \"10.0.2.15::10.0.2.2:255.255.255.0::eth0:off\"\n{END}"));
        boot.script("/check", "check address sh -c \"ip -4 addr show eth0 | grep -q 'inet 10.0.2.15/24'\"");
        converse(boot.start()?, |guest| {
            guest.expect("module virtio_blk: loaded")?;
            let said = guest.monitor("device_add virtio-net-pci,netdev=net,bus=hole")?;
            ensure!(said.is_empty(), "device_add: {said}");
            Ok(())
        })
    });
    let Some(guest) = run.outcome() else { return };
    guest.never_says("configure network").held("address").ends(End::PowerOff);
}

#[test]
fn a_gateway_elsewhere_is_named_and_an_address_that_is_there_stays() {
    let run = guest(Arch::X86_64, |boot| {
        let first = "ip = \"10.0.2.15::10.9.9.9:255.255.255.0::eth0:off\"\n";
        let second = "ip = \"10.0.2.99\"\nrandom-seed = \"/seed\"\n";
        boot.append(TRACED);
        let check = format!(
            "check address sh -c \"ip addr | grep -q 10.0.2.15/24\"; soon 'dmesg | grep -q random.seed'\n{SHOW_TRACE}"
        );
        twice(boot, first, second, &check)
    });
    let Some(guest) = run.outcome() else { return };
    guest.says_in_order(&[
        "eth0: configure network 10.0.2.15::10.9.9.9:.*: network is unreachable; the gateway must be in the network of address",
        "eth0: configure network 10.0.2.99: address in use; it has another address, and keeps it",
    ]);
    // Both can be read, and neither can be written.
    guest.says("take random seed /seed: read-only file system; without a new one").says("bits=0 bytes=512");
    guest.held("address").never_says("counted: .*bits=[1-9]").ends(End::PowerOff);
}

#[test]
fn who_comes_second_finds_all_as_it_should_be() {
    let run = guest(Arch::X86_64, |boot| {
        boot.append("ip=10.0.2.15::10.0.2.2:255.255.255.0::eth0:off:10.0.2.3:10.0.2.4");
        twice(boot, "", "", "check servers test $(grep -c nameserver /run/tinyo/resolv.conf) = 2")
    });
    let Some(guest) = run.outcome() else { return };
    guest.never_says("tinyo: .*network").held("servers").ends(End::PowerOff);
}
