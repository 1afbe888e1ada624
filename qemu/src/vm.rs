//! QEMU's command line: one machine per architecture, with the settings that boot fastest under emulation.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use crate::{
    bus::{Bus, DRIVE},
    kit::{Arch, Kit},
};

#[derive(Debug, Clone)]
pub struct Machine {
    arch: Arch,
    qemu: PathBuf,
    kernel: PathBuf,
    initrd: PathBuf,
    words: Vec<String>,
    /// What follows `--`: a command for tinyo, which must end the kernel's command line.
    command: Option<String>,
    disk: Option<PathBuf>,
    bus: Bus,
    options: Vec<String>,
    memory: String,
    kvm: bool,
    virtual_time: bool,
}

impl Machine {
    pub fn new(kit: &Kit, initrd: &Path) -> Machine {
        Machine {
            arch: kit.arch,
            qemu: kit.qemu.clone(),
            kernel: kit.kernel.clone(),
            initrd: initrd.to_owned(),
            words: Vec::new(),
            command: None,
            disk: None,
            bus: Bus::default(),
            options: Vec::new(),
            memory: "256".into(),
            kvm: false,
            virtual_time: false,
        }
    }

    /// Adds words to the kernel's command line. From a `--` on they are a command and go to its end, however many
    /// times more this is called.
    pub fn append(mut self, words: &str) -> Machine {
        let (before, command) = split_command(words);
        if !before.is_empty() {
            self.words.push(before.to_owned());
        }
        if let Some(command) = command {
            self.command = Some(command.to_owned());
        }
        self
    }

    pub fn disk(mut self, image: Option<PathBuf>) -> Machine {
        self.disk = image;
        self
    }

    /// What the disk hangs on; the machine is one that has it.
    pub fn bus(mut self, bus: Bus) -> Machine {
        self.bus = bus;
        self
    }

    /// Words of QEMU's own command line, for hardware that other machines do without.
    pub fn options(mut self, words: &[String]) -> Machine {
        self.options.extend_from_slice(words);
        self
    }

    pub fn memory(mut self, megabytes_or_size: &str) -> Machine {
        self.memory = megabytes_or_size.to_owned();
        self
    }

    pub fn kvm(mut self, wanted: bool) -> Machine {
        self.kvm = wanted;
        self
    }

    /// For measurements: one guest instruction is one nanosecond of its clock, and time with nothing to do is skipped. Such
    /// a clock repeats to about 1 %, whatever else this host does; of caches, memory and devices it knows nothing. The
    /// guest is as it would be outside of a test: every mitigation, and all that its processor can do.
    pub fn virtual_time(mut self) -> Machine {
        self.virtual_time = true;
        self
    }

    /// Whether a command after `--` was given, whose status is the guest's.
    pub fn has_command(&self) -> bool {
        self.command.is_some()
    }

    fn clock(&self) -> Option<(&'static [&'static str], &'static str)> {
        self.bus.clock(self.arch).filter(|_| !self.kvm)
    }

    fn kernel_words(&self) -> String {
        let console = match self.arch {
            Arch::X86_64 => "console=ttyS0 8250.nr_uarts=1",
            Arch::Aarch64 => "console=ttyAMA0",
        };
        let mut line = format!("{console} panic=-1 cryptomgr.notests");
        // Self-tests, audit and mitigations guard nothing in a guest that lives for seconds, and cost a quarter of its boot.
        if !self.virtual_time {
            line += " mitigations=off audit=0";
        }
        if self.arch == Arch::X86_64 && !self.kvm && !self.virtual_time {
            line += " tsc=reliable no_timer_check"; // an emulated clock fails its checks on a busy host
        }
        if let Some((_, words)) = self.clock() {
            line = format!("{line} {words}");
        }
        for words in &self.words {
            line = format!("{line} {words}");
        }
        match &self.command {
            Some(command) => format!("{line} -- {command}"),
            None => line,
        }
    }

    /// The guest's serial line is this command's stdin and stdout; the monitor listens at `monitor`.
    pub fn command_line(&self, monitor: &Path) -> Result<Command> {
        let mut qemu = Command::new(&self.qemu);
        qemu.args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]);
        qemu.args(["-chardev", "stdio,id=serial,signal=off", "-serial", "chardev:serial"]);
        qemu.arg("-monitor").arg(format!("unix:{},server=on,wait=off", monitor.display()));
        let cpu = match self.arch {
            Arch::X86_64 => "qemu64",
            Arch::Aarch64 => "cortex-a57",
        };
        let cpu = match (self.kvm, self.virtual_time) {
            (true, _) => "host",
            (_, true) => "max",
            _ => cpu,
        };
        if self.virtual_time {
            qemu.args(["-icount", "shift=0,sleep=off"]);
        } else if let Some((words, _)) = self.clock() {
            qemu.args(words);
        }
        qemu.args(["-M", self.bus.machine(self.arch), "-cpu", cpu, "-smp", "1", "-m", &self.memory]);
        qemu.args(["-accel", if self.kvm { "kvm" } else { "tcg" }]);
        if self.arch == Arch::X86_64 {
            qemu.args(["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]);
        }
        qemu.arg("-kernel").arg(&self.kernel).arg("-initrd").arg(&self.initrd);
        qemu.arg("-append").arg(self.kernel_words());
        if let Some(image) = &self.disk {
            // A comma ends a value in QEMU's options; doubled it is itself.
            let file = image.display().to_string().replace(',', ",,");
            let format = disk_format(image)?;
            qemu.arg("-drive");
            qemu.arg(format!("file={file},if=none,id={DRIVE},format={format},cache=unsafe"));
            for device in self.bus.devices() {
                qemu.args(["-device", device]);
            }
        }
        qemu.args(&self.options);
        Ok(qemu)
    }
}

/// At the first `--` that stands alone outside double quotes, as the kernel splits its command line.
fn split_command(words: &str) -> (&str, Option<&str>) {
    let mut quoted = false;
    let mut start = 0;
    for (at, c) in words.char_indices().chain([(words.len(), ' ')]) {
        match c {
            '"' => quoted = !quoted,
            ' ' if !quoted => {
                if &words[start..at] == "--" {
                    return (words[..start].trim(), Some(words[at..].trim()));
                }
                start = at + 1;
            }
            _ => {}
        }
    }
    (words.trim(), None)
}

/// QEMU guesses a format only with a warning, and a guest could turn a raw image into another by writing a header.
fn disk_format(image: &Path) -> Result<&'static str> {
    let mut magic = [0; 4];
    let read = File::open(image).and_then(|mut file| file.read(&mut magic));
    read.map_err(|e| anyhow::anyhow!("{}: read the disk image: {e}", image.display()))?;
    Ok(if &magic == b"QFI\xfb" { "qcow2" } else { "raw" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_split_off_as_the_kernel_does() {
        assert_eq!(split_command("quiet"), ("quiet", None));
        assert_eq!(split_command("quiet -- /bin/sh -c \"exit 7\""), ("quiet", Some("/bin/sh -c \"exit 7\"")));
        assert_eq!(split_command("-- a -- b"), ("", Some("a -- b")));
        assert_eq!(split_command("x=\"a -- b\" y"), ("x=\"a -- b\" y", None));
        assert_eq!(split_command("a --b"), ("a --b", None));
        assert_eq!(split_command("a --"), ("a", Some("")));
    }

    #[test]
    fn the_command_comes_last_whatever_is_added_after_it() {
        let kit = Kit {
            arch: Arch::X86_64,
            qemu: "q".into(),
            kernel: "k".into(),
            modules: "m".into(),
            busybox: "b".into(),
            tinyo: "t".into(),
        };
        let machine = Machine::new(&kit, Path::new("i")).append("a=1 -- run me").append("quiet");
        assert!(machine.kernel_words().ends_with(" a=1 quiet -- run me"));
    }
}
