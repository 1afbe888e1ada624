//! How a guest's disk is attached: the machine that has such a bus, the disk's name there, and the drivers it wants.

use crate::kit::Arch;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Bus {
    #[default]
    VirtioPci,
    /// On x86_64 the machine `microvm`, which has no PCI at all.
    VirtioMmio,
    Nvme,
    Ahci,
    Usb,
    Sd,
}

/// The name of the drive that [`Bus::devices`] attaches.
pub const DRIVE: &str = "disk";

impl Bus {
    /// QEMU's machine. By ACPI microvm can be switched off; without PCI its disk is found by ACPI too.
    pub fn machine(self, arch: Arch) -> &'static str {
        match (arch, self) {
            (Arch::X86_64, Bus::VirtioMmio) => "microvm,acpi=on,pcie=off,rtc=on",
            (Arch::X86_64, _) => "q35",
            (Arch::Aarch64, _) => "virt",
        }
    }

    /// What QEMU and the kernel are told for an emulated machine's clock to count. microvm has no timer to measure the
    /// processor's by, and hangs before its first line on a busy host: under -icount that clock has 1 GHz by definition.
    /// (`nolapic_timer` would boot it faster, and leave it without any timer: a sleep there never ends.)
    pub fn clock(self, arch: Arch) -> Option<(&'static [&'static str], &'static str)> {
        (arch == Arch::X86_64 && self == Bus::VirtioMmio)
            .then_some((&["-icount", "shift=0,sleep=on"], "tsc_early_khz=1000000"))
    }

    /// The drive named [`DRIVE`] and what it hangs on, each a `-device` of QEMU's.
    pub fn devices(self) -> &'static [&'static str] {
        match self {
            Bus::VirtioPci => &["virtio-blk-pci,drive=disk"],
            Bus::VirtioMmio => &["virtio-blk-device,drive=disk"],
            Bus::Nvme => &["nvme,serial=tinyo,drive=disk"],
            Bus::Ahci => &["ich9-ahci,id=sata", "ide-hd,bus=sata.0,drive=disk"],
            Bus::Usb => &["qemu-xhci,id=usb", "usb-storage,bus=usb.0,drive=disk"],
            Bus::Sd => &["sdhci-pci", "sd-card,drive=disk"],
        }
    }

    /// The modules of Debian's kernel to be named, which modules.dep completes.
    pub fn modules(self) -> &'static [&'static str] {
        match self {
            Bus::VirtioPci => &["virtio_pci", "virtio_blk"],
            Bus::VirtioMmio => &["virtio_mmio", "virtio_blk"],
            Bus::Nvme => &["nvme"],
            Bus::Ahci => &["ahci", "sd_mod"],
            Bus::Usb => &["xhci_pci", "usb_storage", "sd_mod"],
            Bus::Sd => &["sdhci_pci", "mmc_block"],
        }
    }

    /// What the kernel calls the first disk there.
    pub fn disk(self) -> &'static str {
        match self {
            Bus::VirtioPci | Bus::VirtioMmio => "vda",
            Bus::Nvme => "nvme0n1",
            Bus::Ahci | Bus::Usb => "sda",
            Bus::Sd => "mmcblk0",
        }
    }
}
