//! `modules = ["auto"]`: the modules that may be asked for when devices appear.

use std::fs;

use anyhow::{Context, Result};

use super::folder::Folder;

/// Whose hardware the image is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Auto {
    /// Any machine's disks, with the buses, USB and keyboards that lead to them
    #[default]
    Storage,
    /// What is loaded on this machine now
    Host,
    /// Every driver of hardware that the kernel has
    All,
}

/// What leads to a disk, and to a keyboard for the rescue; on boards that is clocks, pins, regulators and buses too. What a file
/// begins with below kernel/drivers.
const STORAGE: &[&str] = &[
    "ata/",
    "block/",
    "bus/",
    "cdrom/",
    "clk/",
    "dma/",
    "extcon/",
    "firewire/",
    "gpio/",
    "hid/hid-generic.",
    "hid/hid-hyperv.",
    "hid/usbhid/",
    "hv/",
    "hwspinlock/",
    "i2c/busses/",
    "i2c/muxes/",
    "input/keyboard/atkbd.",
    "input/serio/",
    "memstick/",
    "message/fusion/",
    "mfd/",
    "mmc/",
    "mux/",
    "nvdimm/",
    "nvme/",
    "nvmem/",
    "pci/",
    "phy/",
    "pinctrl/",
    "pwm/",
    "regulator/",
    "reset/",
    "scsi/",
    "soc/",
    "spi/",
    "ufs/",
    "usb/chipidea/",
    "usb/common/",
    "usb/core/",
    "usb/dwc2/",
    "usb/dwc3/",
    "usb/host/",
    "usb/musb/",
    "usb/phy/",
    "usb/storage/",
    "usb/typec/",
    "virtio/",
    "xen/",
];

impl Auto {
    /// The names of the modules, without what they need.
    pub fn candidates(self, folder: &Folder) -> Result<Vec<String>> {
        match self {
            Auto::Host => {
                let loaded = fs::read_to_string("/proc/modules").context("/proc/modules: read what is loaded here")?;
                let names = loaded.lines().filter_map(|line| line.split_whitespace().next());
                Ok(names.filter(|name| folder.has(name)).map(str::to_owned).collect())
            }
            Auto::Storage => Ok(hardware(folder, &|file| {
                let drivers = file.strip_prefix("kernel/drivers/").unwrap_or_default();
                STORAGE.iter().any(|start| drivers.starts_with(start))
            })),
            Auto::All => Ok(hardware(folder, &|_| true)),
        }
    }
}

/// Those that a device can ask for: an alias of theirs is `BUS:...`, as a uevent's MODALIAS is.
fn hardware(folder: &Folder, wanted: &dyn Fn(&str) -> bool) -> Vec<String> {
    let buses =
        folder.aliases.iter().filter(|(pattern, _)| pattern.split_once(':').is_some_and(|(bus, _)| is_bus(bus)));
    let mut names: Vec<_> = buses.map(|(_, module)| module.clone()).collect();
    names.sort();
    names.dedup();
    names.retain(|name| folder.modules.get(name).is_some_and(|module| wanted(&module.file)));
    names
}

fn is_bus(word: &str) -> bool {
    !word.is_empty() && word != "devname" && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::folder::Module;

    fn folder() -> Folder {
        let mut folder = Folder::default();
        for (name, file, alias) in [
            ("virtio_blk", "kernel/drivers/block/virtio_blk.ko", "virtio:d00000002v*"),
            ("nbd", "kernel/drivers/block/nbd.ko", "block-major-43-*"),
            ("sd_mod", "kernel/drivers/scsi/sd_mod.ko.xz", "scsi:t-0x00*"),
            ("e1000", "kernel/drivers/net/ethernet/e1000.ko", "pci:v00008086d0000100E*"),
            ("blocks", "kernel/drivers/blocks/blocks.ko", "pci:v1*"),
            ("fuse", "kernel/fs/fuse/fuse.ko", "devname:fuse"),
        ] {
            folder.modules.insert(name.into(), Module { file: file.into(), needs: Vec::new() });
            folder.aliases.push((alias.into(), name.into()));
        }
        folder
    }

    #[test]
    fn storage_is_what_leads_to_disks_and_all_is_all_hardware() {
        assert_eq!(Auto::Storage.candidates(&folder()).unwrap(), ["sd_mod", "virtio_blk"]);
        assert_eq!(Auto::All.candidates(&folder()).unwrap(), ["blocks", "e1000", "sd_mod", "virtio_blk"]);
    }
}
