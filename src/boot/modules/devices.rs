//! Modules by the devices that are there, and that come: `modules = ["auto"]`.

use super::Modules;
use super::folder::path;
use crate::log::Level;
use crate::probe::alias;
use crate::probe::modules::key;
use crate::say;
use crate::sys::fd::Fd;
use crate::sys::fs::{self, At, Names};
use crate::sys::process::{self, Forked};
use crate::text::bytes::Path;
use heapless::Vec;

/// What was looked for already, by hashes: devices of one kind say the same, and each says it twice, in /sys and by an event.
/// A machine has some hundred kinds; past this many all are forgotten, and looked for once more.
pub type Seen = Vec<u64, 512>;

/// Devices that are on no bus and yet have modules.
const CLASSES: [&core::ffi::CStr; 2] = [c"/sys/class/dmi", c"/sys/class/input"];

impl Modules {
    /// Whether devices are listened to.
    pub const fn is_auto(&self) -> bool {
        self.auto
    }

    /// From here on PID 1 has services, and modules are loaded beside it. False: there are none for this root.
    pub fn go_apart(&mut self) -> bool {
        self.forget();
        let there = self.is_open();
        self.forget();
        self.apart = true;
        there
    }

    /// Takes an event of the kernel's.
    pub fn hear(&mut self, event: &[u8]) {
        if event.starts_with(b"add@")
            && let Some(modalias) = alias::modalias(event, 0)
        {
            self.ask(modalias);
        }
    }

    /// Loads what was asked for; and what is there, where events were `lost`.
    pub fn act(&mut self, lost: bool) {
        if self.asked.is_empty() && !lost {
            return;
        }
        if self.apart {
            match process::fork(process::Namespaces::default(), None) {
                Ok(Forked::Child) => self.apart = false,
                Ok(Forked::Parent(_)) => return self.asked.clear(),
                Err(error) => {
                    say!(Failure, "modules: {}; a device has no driver", error);
                    return self.asked.clear();
                }
            }
            self.work(lost);
            process::exit(0);
        }
        self.work(lost);
    }

    #[inline(never)]
    fn work(&mut self, lost: bool) {
        if lost {
            self.walk();
        }
        if self.is_open() {
            self.resolve(0);
            self.load_wanted(Level::Warning);
        }
        self.asked.clear();
    }

    /// Loads what the devices want that are there by now.
    pub fn coldplug(&mut self) {
        if self.is_open() && !self.folder.as_ref().is_some_and(|folder| folder.has(c"modules.alias")) {
            say!(Failure, "modules: auto finds none without modules.alias; depmod makes it");
        }
        self.work(true);
    }

    /// Asks for all devices. By bus: /sys/devices has ten times as many directories.
    #[inline(never)]
    fn walk(&mut self) {
        let buses = match fs::open(c"/sys/bus", fs::READ | fs::DIRECTORY) {
            Ok(buses) => buses,
            Err(error) => {
                return say!(
                    Failure,
                    "modules: auto finds no devices: open /sys/bus: {}; is sysfs there?",
                    error.errno()
                );
            }
        };
        let mut names = Names::of(buses);
        let mut text = Path::new();
        while let Some((name, _)) = names.next_name() {
            if let Ok(devices) = path(&[name.to_bytes(), b"/devices"], &mut text) {
                self.ask_all(At::Dir(names.directory()), devices);
            }
        }
        for class in &CLASSES {
            self.ask_all(At::Cwd, class);
        }
    }

    /// Asks for each device in a directory of them.
    #[inline(never)]
    fn ask_all(&mut self, at: At, devices: &core::ffi::CStr) {
        let Ok(devices) = fs::open_at(at, devices, fs::READ | fs::DIRECTORY) else { return };
        let mut names = Names::of(devices);
        let mut text = Path::new();
        while let Some((name, _)) = names.next_name() {
            let Ok(file) = path(&[name.to_bytes(), b"/uevent"], &mut text) else { continue };
            // As long as the kernel makes them.
            let mut device = [0; 2048 + 512];
            let read =
                fs::open_at(At::Dir(names.directory()), file, fs::READ).and_then(|file: Fd| file.read(&mut device));
            if let Some(modalias) = read.ok().and_then(|count| alias::modalias(device.get(..count)?, b'\n')) {
                self.ask(modalias);
            }
        }
    }

    fn ask(&mut self, modalias: &[u8]) {
        let key = key(modalias);
        if self.seen.contains(&key) {
            return;
        }
        if self.seen.is_full() {
            self.seen.clear();
        }
        let _ = self.seen.push(key);
        if !self.asked.add(modalias) {
            self.act(false);
            self.asked.add(modalias);
        }
    }
}
