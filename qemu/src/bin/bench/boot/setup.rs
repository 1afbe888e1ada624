//! QEMU's command line for one boot. Every word is said here: nothing is taken from what the tests boot with.

use std::{path::PathBuf, process::Command, time::Duration};

use anyhow::Result;
use tinyo_qemu::{
    guest::{Guest, Outcome},
    kit::Kit,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Board {
    Q35,
    /// Without PCI: virtio by MMIO, named by ACPI.
    Microvm,
}

impl Board {
    /// In the order in which they need one another; the last two bring the rest along.
    pub fn modules(self) -> &'static [&'static str] {
        match self {
            Board::Q35 => {
                &["virtio_ring", "virtio", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci", "virtio_blk"]
            }
            Board::Microvm => &["virtio_ring", "virtio", "virtio_mmio", "virtio_blk"],
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Board::Q35 => "q35",
            Board::Microvm => "microvm",
        }
    }

    fn machine(self) -> &'static str {
        match self {
            Board::Q35 => "q35",
            Board::Microvm => "microvm,acpi=on,pcie=off,rtc=on",
        }
    }

    fn disk(self) -> &'static str {
        match self {
            Board::Q35 => "virtio-blk-pci",
            Board::Microvm => "virtio-blk-device",
        }
    }

    /// It has no clock that a kernel could measure the processor by, which in virtual time makes exactly 1 GHz.
    pub fn clock_words(self) -> &'static str {
        match self {
            Board::Q35 => "",
            Board::Microvm => " tsc=reliable no_timer_check nolapic_timer tsc_early_khz=1000000",
        }
    }
}

/// What a boot is measured by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// One instruction of the guest is one nanosecond; a disk and a sleep take the time that they take here.
    Virtual,
    /// This host's.
    Wall,
}

#[derive(Debug, Clone)]
pub struct Setup {
    pub board: Board,
    /// The disk's, if it is not the board's own.
    pub device: Option<&'static str>,
    pub clock: Clock,
    pub cpu: &'static str,
    /// MiB.
    pub memory: u32,
    pub kernel: PathBuf,
    pub initrd: Option<PathBuf>,
    pub disk: PathBuf,
    pub words: String,
    /// More of QEMU's own.
    pub options: Vec<String>,
}

impl Setup {
    pub fn boot(&self, kit: &Kit, patience: Duration) -> Result<Outcome> {
        Guest::of(self.command(kit), patience)?.finish()
    }

    fn command(&self, kit: &Kit) -> Command {
        let mut qemu = Command::new(&kit.qemu);
        qemu.args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]);
        qemu.args(["-chardev", "stdio,id=serial,signal=off", "-serial", "chardev:serial"]);
        qemu.args(["-M", self.board.machine(), "-accel", "tcg", "-cpu", self.cpu, "-m", &self.memory.to_string()]);
        if self.clock == Clock::Virtual {
            // A real-time clock of the host's would be another's time, and `sleep=off` jumps ahead while the disk works.
            qemu.args(["-icount", "shift=0,sleep=on", "-rtc", "base=2030-01-01,clock=vm"]);
        }
        qemu.args(["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]);
        qemu.arg("-kernel").arg(&self.kernel).args(["-append", &self.words]);
        if let Some(initrd) = &self.initrd {
            qemu.arg("-initrd").arg(initrd);
        }
        // Several guests read the one image, and none of them writes. What QEMU does between a guest's request and its
        // answer is this host's time, on every clock: the shorter, the steadier.
        let file = self.disk.display().to_string().replace(',', ",,");
        qemu.arg("-drive").arg(format!("file={file},file.locking=off,if=none,id=disk,format=raw,cache=unsafe"));
        // It is a property of the transport, which on microvm is none of the disk's: without KVM it has no effect there.
        let device = self.device.unwrap_or(self.board.disk());
        let own = if device.ends_with("-pci") { ",ioeventfd=off" } else { "" };
        qemu.arg("-device").arg(format!("{device},drive=disk{own}"));
        qemu.args(&self.options);
        qemu
    }
}
