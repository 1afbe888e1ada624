//! The root on every kind of disk that QEMU has: each its own drivers, its own name and its own time to appear.

use anyhow::Result;
use tinyo_qemu::{
    bus::Bus,
    expect::End,
    image,
    kit::{Arch, Kit},
    suite::{Run, guest_of, script},
};

/// ext4 is a module of Debian's usual kernel, and asks the kernel's crypto for crc32c by name, which modprobe would bring.
const EXT4: [&str; 2] = ["crc32c_generic", "ext4"];

const ON_DISK: &str = r#"
check root-is-the-disk grep -q "^/dev/$1 / ext4" /proc/mounts
check sys-says-so test -e /sys/class/block/$1
poweroff
"#;

/// Boots a busybox root on a disk of that kind; `file_system` are the modules of its file system.
fn boot(kit: Result<Kit>, bus: Bus, file_system: &[&str]) -> Run {
    guest_of(kit, |boot| {
        let mut disk = image::busybox_root(&boot.kit)?;
        disk.file("/etc/inittab", 0o644, format!("::sysinit:/etc/rc {}\n::shutdown:/bin/umount -a -r\n", bus.disk()));
        disk.file("/etc/rc", 0o755, script(ON_DISK));
        boot.bus(bus).modules(file_system)?.disk(&disk)?;
        let names: Vec<String> = bus.modules().iter().chain(file_system).map(|name| format!("\"{name}\"")).collect();
        boot.config(&format!(
            "modules = [{}]\non-failure = \"poweroff\"\n\n[root]\nsource = \"/dev/{}\"\ntype = \"ext4\"\n",
            names.join(", "),
            bus.disk()
        ));
        boot.run()
    })
}

#[track_caller]
fn holds(run: &Run, bus: Bus) {
    let Some(guest) = run.outcome() else { return };
    guest.says(&format!("tinyo: root: /dev/{} is there", bus.disk()));
    guest.held("root-is-the-disk").held("sys-says-so").ends(End::PowerOff);
}

#[track_caller]
fn boots_from(arch: Arch, bus: Bus) {
    holds(&boot(Kit::find(arch), bus, &[]), bus);
}

#[track_caller]
fn boots_the_full_kernel_from(bus: Bus) {
    holds(&boot(Kit::with_full_kernel(Arch::X86_64), bus, &EXT4), bus);
}

#[test]
fn virtio_by_pci() {
    boots_from(Arch::X86_64, Bus::VirtioPci);
}

#[test]
fn virtio_by_mmio_on_a_microvm_without_pci() {
    boots_from(Arch::X86_64, Bus::VirtioMmio);
}

#[test]
fn virtio_by_pci_on_aarch64() {
    boots_from(Arch::Aarch64, Bus::VirtioPci);
}

#[test]
fn virtio_by_mmio_on_aarch64() {
    boots_from(Arch::Aarch64, Bus::VirtioMmio);
}

#[test]
fn nvme() {
    boots_the_full_kernel_from(Bus::Nvme);
}

#[test]
fn sata_by_ahci() {
    boots_the_full_kernel_from(Bus::Ahci);
}

#[test]
fn usb_storage() {
    boots_the_full_kernel_from(Bus::Usb);
}

#[test]
fn an_sd_card() {
    boots_the_full_kernel_from(Bus::Sd);
}
