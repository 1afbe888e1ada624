//! Kernel modules: what is loaded, in which order, with which options, and what is said when one is not.

use std::{fs, sync::LazyLock};

use anyhow::{Context, Result, ensure};
use tinyo_qemu::{
    bus::Bus,
    cpio::Archive,
    expect::End,
    guest::{Guest, Outcome},
    image,
    kit::{Arch, Kit},
    suite::{Boot, Shared, converse, guest, guest_of, script},
};

/// Runs /look, whose end is the machine's.
const LOOK: &str = "[service.look]\nexec = [\"/look\"]\ntype = \"oneshot\"\non-exit = \"poweroff\"\n";

/// Each module as it is loaded.
const TELL: &str = "tinyo.log=debug loglevel=8";

fn folder(boot: &Boot) -> String {
    format!("/lib/modules/{}", boot.kit.modules.file_name().unwrap_or_default().to_string_lossy())
}

/// A module's file, or a table, as the kernel's own folder has it.
fn original(boot: &Boot, path: &str) -> Result<Vec<u8>> {
    let path = boot.kit.modules.join(path);
    fs::read(&path).with_context(|| path.display().to_string())
}

/// Puts a file among the modules of the image.
fn put(boot: &mut Boot, path: &str, bytes: impl Into<Vec<u8>>) {
    let path = format!("{}/{path}", folder(boot));
    boot.archive.file(path, 0o644, bytes);
}

/// `modules = [...]`, and what looks at what came of it.
fn config(names: &[&str]) -> String {
    format!("modules = {names:?}\n{LOOK}")
}

#[track_caller]
fn each_once(outcome: &Outcome, modules: &[&str]) {
    for module in modules {
        let times = outcome.transcript.matches(&format!("tinyo: module {module}: loaded")).count();
        assert_eq!(times, 1, "{module}\n{}", outcome.shown());
    }
}

/// What is right and what is wrong side by side: each item goes its own way.
static NAMED: Shared = LazyLock::new(|| {
    guest(Arch::X86_64, |boot| {
        let all = ["virtio_blk", "virtio_pci", "dummy", "null_blk", "loop", "zram", "brd", "veth", "scsi_mod"];
        image::add_modules(&mut boot.archive, &boot.kit.modules, &all)?;
        let dummy = original(boot, "kernel/drivers/net/dummy.ko")?;
        for name in ["one.ko.gz", "two.ko.xz", "three.ko.zst"] {
            put(boot, name, dummy.as_slice());
        }
        put(boot, "half.ko", &dummy[..dummy.len() / 2]);
        let mut dep = original(boot, "modules.dep")?;
        dep.extend(b"one.ko.gz:\ntwo.ko.xz:\nthree.ko.zst:\nhalf.ko: kernel/drivers/block/brd.ko\nneedy.ko: gone.ko\n");
        put(boot, "modules.dep", dep);
        boot.script(
            "/look",
            r#"
            is() { check $1 test "$(cat /sys/module/$1/parameters/$2)" = "$3"; }
            is loop max_loop 5
            is null_blk nr_devices 2
            is scsi_mod scan "a b"
            check three-dummies test -e /sys/class/net/dummy2 -a ! -e /sys/class/net/dummy3
            for m in veth zram half dummy_hcd; do check no-$m test ! -e /sys/module/$m; done
            "#,
        );
        let names = [
            "virtio-blk",
            "virtio_pci",
            "virtio",
            "loop",
            "loop",
            "dummy numdummies=3",
            "null_blk nr_devices=1",
            "ext4",
            "scsi_mod",
            "nosuch x=1",
            "needy",
            "half",
            "one",
            "two",
            "three",
            "zram num_devices=many",
            "veth",
        ];
        boot.config(&config(&names)).append(TELL);
        boot.append("loop.max-loop=5 null-blk.nr_devices=2 scsi_mod.scan=\"a b\" module_blacklist=veth").by_hand().run()
    })
});

#[test]
fn what_a_module_needs_comes_before_it_and_nothing_twice() {
    let Some(guest) = NAMED.outcome() else { return };
    let loaded =
        ["virtio_ring", "virtio", "virtio_blk", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci"];
    guest.says_in_order(&loaded.map(|name| format!("module {name}: loaded")).each_ref().map(String::as_str));
    each_once(guest, &loaded);
    each_once(guest, &["loop", "dummy", "configfs", "null_blk", "scsi_common", "scsi_mod", "brd"]);
    guest.never_says("load module (virtio|loop|ext4)").ends(End::PowerOff);
}

#[test]
fn options_come_from_the_config_and_from_the_kernels_command_line() {
    let Some(guest) = NAMED.outcome() else { return };
    guest.held("loop").held("null_blk").held("scsi_mod").held("three-dummies").ends(End::PowerOff);
}

#[test]
fn a_module_that_is_not_loaded_says_why_and_the_others_are() {
    let Some(guest) = NAMED.outcome() else { return };
    let image = "is its file in the image, and modules.dep of this kernel\\?";
    let packed = "does it take its options\\? compressed ones need CONFIG_MODULE_DECOMPRESS";
    guest
        .says(&format!("tinyo: load module \"?nosuch x=1\"?: no such file or directory; {image}"))
        .says(&format!("tinyo: needy: load module gone.ko: no such file or directory; {image}"))
        .says("tinyo: half: load module half.ko: .*; is it whole, and built for this kernel\\?")
        .says(&format!("tinyo: one: load module one.ko.gz: .*; {packed}"))
        .says(&format!("tinyo: two: load module two.ko.xz: .*; {packed}"))
        .says(&format!("tinyo: three: load module three.ko.zst: .*; {packed}"))
        .says(&format!("tinyo: zram: load module kernel/drivers/block/zram/zram.ko: invalid argument; {packed}"))
        .says("tinyo: veth: load module kernel/drivers/net/veth.ko: operation not permitted; is it on module_blacklist")
        .says("module zsmalloc: loaded");
    // Without what it needs it is not even asked for.
    guest.never_says("load module needy.ko");
    for module in ["veth", "zram", "half"] {
        guest.held(&format!("no-{module}"));
    }
    guest.ends(End::PowerOff);
}

#[test]
fn soft_dependencies_come_before_and_behind() {
    let run = guest(Arch::X86_64, |boot| {
        // The last one finds no device, which is no news of what nobody named.
        let all = ["dummy", "veth", "loop", "brd", "zram", "virtio_rng", "acpi_cpufreq"];
        image::add_modules(&mut boot.archive, &boot.kit.modules, &all)?;
        let soft = "# comment\nsoftdep dummy pre: nosuch veth post: loop\nsoftdep veth pre: crypto-zram\nsoftdep loop post: brd dummy\n\
                    softdep zsmalloc pre: acpi-cpufreq virtio-rng\n";
        put(boot, "modules.softdep", soft);
        put(boot, "modules.alias", "alias crypto-z* zram\nalias crypto-zram nosuch\n");
        boot.script("/look", "");
        boot.config(&config(&["dummy"])).append(TELL).run()
    });
    let Some(guest) = run.outcome() else { return };
    let order = ["virtio", "virtio_rng", "zsmalloc", "zram", "veth", "dummy", "loop", "brd"];
    guest.says_in_order(
        &order.map(|name| format!("module {}: loaded", name.replace("_rng", "-rng"))).each_ref().map(String::as_str),
    );
    guest.never_says("tinyo: .*load module").ends(End::PowerOff);
    each_once(guest, &["virtio", "zsmalloc", "zram", "veth", "dummy", "loop", "brd"]);
}

#[test]
fn a_kernel_without_its_modules_is_named_and_the_boot_goes_on() {
    let run = guest(Arch::X86_64, |boot| {
        boot.script("/look", "check goes-on true").config(&config(&["dummy", "auto", "loop"])).by_hand().run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("tinyo: modules: /lib/modules/[0-9][^:]*: no such file or directory; is it in the image");
    assert_eq!(guest.transcript.matches("/lib/modules").count(), 1, "{}", guest.shown());
    guest.held("goes-on").ends(End::PowerOff);
}

#[test]
fn tables_of_rubbish_cost_only_the_modules_in_them() {
    let run = guest(Arch::X86_64, |boot| {
        image::add_modules(&mut boot.archive, &boot.kit.modules, &["dummy", "loop", "veth"])?;
        let mut state = 7u32;
        let mut random = move |length: usize| -> Vec<u8> {
            let mut next = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            };
            (0..length).map(|_| next()).collect()
        };
        let circle = b"a.ko: b.ko\nb.ko: a.ko\n\n:\n: :\nkernel/x.ko\n\0\n".as_slice();
        // Each wants another one, deeper than there is stack for.
        let chain = |line: fn(u32) -> String| (0..3000).map(line).collect::<String>().into_bytes();
        let links = chain(|n| format!("l{n}.ko:\n"));
        let dep = original(boot, "modules.dep")?;
        put(
            boot,
            "modules.dep",
            [&dep, circle, &links, &random(100_000), b"\nlong.ko:", &b" c.ko".repeat(50_000)].concat(),
        );
        let many = (0..2000)
            .map(|n| format!("softdep loop pre: w{n} post: dummy\nsoftdep w{n} pre: loop\n"))
            .collect::<String>();
        let soft =
            b"softdep dummy pre: loop dummy l0 post: veth\nsoftdep veth pre: dummy loop veth\nsoftdep\nsoftdep veth\n"
                .as_slice();
        put(
            boot,
            "modules.softdep",
            [
                soft,
                &chain(|n| format!("softdep l{n} pre: l{}\n", n + 1)),
                many.as_bytes(),
                &random(50_000),
                &b"softdep veth pre:".repeat(9000),
            ]
            .concat(),
        );
        let stars = ["alias ".as_bytes(), &b"*a".repeat(3000), b"[ loop\nalias p* a\nalias\nalias * \n"].concat();
        put(boot, "modules.alias", [stars.as_slice(), &random(100_000), &b"alias [".repeat(5000)].concat());
        boot.script("/look", "for m in dummy loop veth; do check $m test -e /sys/module/$m; done");
        boot.config(&config(&["dummy", "a", "long", "auto"])).append(TELL).patience(120).by_hand().run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.held("dummy").held("loop").held("veth");
    guest.says("tinyo: modules: modules.dep has over 8192 modules, or 4096 bytes in a line; not all are found");
    guest.says("tinyo: a: load module b.ko: no such file").says("tinyo: load module long: no such file");
    each_once(guest, &["dummy", "loop", "veth"]);
    guest.ends(End::PowerOff);
}

/// A drive that hangs on nothing yet, with a busybox root in it.
fn drive(boot: &mut Boot, on_disk: &str) -> Result<()> {
    let path = boot.dir.path().join("late.img");
    image::ext4(&root(&boot.kit, on_disk)?, &path, 32, "late")?;
    let file = format!("file={},if=none,id=late,format=raw,cache=unsafe", path.display());
    boot.hardware(&["-drive", &file, "-device", "virtio-scsi-pci,id=bus", "-device", "virtio-net-pci"]);
    boot.modules(&["virtio_pci", "virtio_scsi", "sd_mod", "virtio_net", "loop"])?;
    Ok(())
}

fn root(kit: &Kit, on_disk: &str) -> Result<Archive> {
    let mut disk = image::busybox_root(kit)?;
    disk.file("/etc/inittab", 0o644, "::sysinit:/etc/rc\n::shutdown:/bin/umount -a -r\n");
    disk.file("/etc/rc", 0o755, script(on_disk));
    Ok(disk)
}

fn plug_in(guest: &mut Guest) -> Result<()> {
    let said = guest.monitor("device_add scsi-hd,drive=late,bus=bus.0")?;
    ensure!(said.is_empty(), "device_add: {said}");
    Ok(())
}

#[test]
fn a_late_disk_brings_its_drivers_and_what_is_blacklisted_stays_out() {
    let run = guest(Arch::X86_64, |boot| {
        let on_disk = "check root grep -q '^/dev/sda / ext4' /proc/mounts\n\
                       check not-wanted test ! -e /sys/module/virtio_net -a ! -e /sys/module/loop\npoweroff";
        drive(boot, on_disk)?;
        boot.config(
            "modules = [\"auto\"]\non-failure = \"poweroff\"\n[root]\nsource = \"/dev/sda\"\ntype = \"ext4\"\n",
        );
        boot.append(TELL).append("module_blacklist=nosuch,virtio-net");
        converse(boot.start()?, |guest| {
            guest.expect("tinyo: waiting for /dev/sda")?;
            plug_in(guest)
        })
    });
    let Some(guest) = run.outcome() else { return };
    let order = ["module virtio_pci: loaded", "module virtio_scsi: loaded", "waiting for", "module sd_mod: loaded"];
    guest.says_in_order(&order).held("root").held("not-wanted").never_says("load module").ends(End::PowerOff);
    each_once(guest, &["virtio_ring", "virtio", "virtio_pci", "virtio_scsi", "scsi_mod", "sd_mod"]);
}

#[test]
fn a_device_that_is_plugged_in_later_gets_its_driver_from_a_child() {
    let run = guest(Arch::X86_64, |boot| {
        drive(boot, "")?;
        boot.script(
            "/look",
            "check none-yet test ! -e /sys/module/sd_mod -a -e /sys/module/virtio_scsi -a -e /sys/module/virtio_net\n\
             say plug it in\ncheck it-came soon '[ -e /sys/block/sda ]'\n\
             check nobody-stays soon '[ $(ps -o args | grep -c \"^[{]*/*init\") -le 1 ]'",
        );
        boot.config(&config(&["auto"])).append(TELL);
        converse(boot.start()?, |guest| {
            guest.expect("case: plug it in")?;
            plug_in(guest)
        })
    });
    let Some(guest) = run.outcome() else { return };
    guest.held("none-yet").held("it-came").held("nobody-stays").ends(End::PowerOff);
    each_once(guest, &["virtio_scsi", "virtio_net", "sd_mod"]);
}

/// Debian's usual kernel has the disk's file system as a module too, whose checksums come by a softdep.
#[test]
fn auto_alone_boots_a_stock_kernel_from_sata() {
    let run = guest_of(Kit::with_full_kernel(Arch::X86_64), |boot| {
        let disk = root(&boot.kit, "check root grep -q '^/dev/sda / ext4' /proc/mounts\npoweroff")?;
        boot.bus(Bus::Ahci).modules(&["ext4", "crc32c_generic"])?.disk(&disk)?;
        // The kernel would ask it.
        ensure!(boot.archive.remove("/bin/modprobe"), "busybox without a modprobe");
        boot.config("modules = [\"auto\"]\non-failure = \"poweroff\"\n[root]\nsource = \"LABEL=case\"\n");
        boot.append(TELL).run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says_in_order(&[
        "module ahci: loaded",
        "module sd_mod: loaded",
        "module crc32c_generic: loaded",
        "module ext4: loaded",
    ]);
    guest.held("root").ends(End::PowerOff);
}

/// By the kernel's own record of every call: finit_module(2), also of what is there already, is nearly all that a boot costs.
#[test]
fn the_kernel_is_asked_for_each_module_once_and_for_little_else() {
    let run = guest(Arch::X86_64, |boot| {
        boot.modules(&["virtio_pci", "virtio_blk"])?;
        boot.script(
            "/look",
            "mkdir /trace; mount -t tracefs trace /trace; echo 0 >/trace/tracing_on; cat /trace/trace >/calls\n\
             calls=$(sed -n 's/.*init-1 .*sys_enter: NR \\([0-9]*\\) .*/\\1/p' /calls)\n\
             say loaded $(echo \"$calls\" | grep -c '^313$')\n\
             say between $(echo \"$calls\" | sed -n '/^313$/,$p' | tac | sed -n '/^313$/,$p' | wc -l)",
        );
        boot.config(&config(&["virtio_blk", "virtio_pci", "virtio", "virtio_blk"]));
        boot.append("trace_event=raw_syscalls:sys_enter trace_buf_size=1M").patience(120).run()
    });
    let Some(guest) = run.outcome() else { return };
    guest.says("(?m)case: loaded 6$").ends(End::PowerOff);
    // A look into /sys/module, open, finit_module and close for each, and a line of modules.dep for each name.
    let between: u32 = guest.find("case: between ([0-9]+)").and_then(|count| count.parse().ok()).unwrap_or(u32::MAX);
    assert!(between <= 6 * 4 + 4, "{between} calls\n{}", guest.shown());
}
