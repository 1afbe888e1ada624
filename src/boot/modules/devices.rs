//! Modules by the devices that are there, and that come: `modules = ["auto"]`.

use core::ffi::CStr;

use super::Modules;
use crate::probe::alias::{self, Asked};
use crate::say;
use crate::sys::fs::{self, At, Names};
use crate::sys::process::{self, Forked};
use crate::text::bytes::{self, Path};

/// A device's own file.
const ONE: &[u8] = b"/uevent";

/// What the kernel says of a device (UEVENT_BUFFER_SIZE), and of its place.
pub const EVENT: usize = 2048 + 512;

impl Modules {
    /// Whether devices are listened to.
    pub const fn is_auto(&self) -> bool {
        self.auto
    }

    /// From here on PID 1 has services, and modules are loaded beside it. False: there are none for this root.
    pub fn go_apart(&mut self) -> bool {
        self.apart = true;
        self.is_open()
    }

    /// Loads what the devices of events `asked` for; or what is there, where events were `lost`.
    pub fn follow(&mut self, asked: &Asked, lost: bool) {
        if self.apart {
            match process::fork(process::Namespaces::default(), None) {
                // Much may have been unloaded since, or installed.
                Ok(Forked::Child) => self.forget(),
                Ok(Forked::Parent(_)) => return,
                Err(error) => return say!(Failure, "modules: {}; a device has no driver", error),
            }
        }
        if lost {
            self.coldplug();
        } else if self.is_open() {
            self.load_by_alias(asked, 1);
        }
        if self.apart {
            process::exit(0);
        }
    }

    /// Loads what the devices want that are there by now. By bus: /sys/devices has ten times as many directories.
    #[inline(never)]
    pub fn coldplug(&mut self) {
        if !self.is_open() {
            return;
        }
        let mut asked = Asked::new();
        self.ask(At::Cwd, c"/sys/bus", b"/devices", &mut asked);
        self.ask(At::Cwd, c"/sys/class/dmi", ONE, &mut asked);
        self.ask(At::Cwd, c"/sys/class/input", ONE, &mut asked);
        self.load_by_alias(&asked, 1);
    }

    /// Asks for each device in a directory of them, or in all directories of devices that are in a directory.
    fn ask(&mut self, at: At, devices: &CStr, last: &[u8], asked: &mut Asked) {
        let Ok(devices) = fs::open_at(at, devices, fs::READ | fs::DIRECTORY) else { return };
        let mut names = Names::of(&devices);
        let mut text = Path::new();
        while let Some((name, _)) = names.next_name() {
            let Some(path) = bytes::path(&[name.to_bytes(), last], &mut text) else { continue };
            if last != ONE {
                self.ask(At::Dir(&devices), path, ONE, asked);
                continue;
            }
            let mut device = [0; EVENT];
            let read = fs::open_at(At::Dir(&devices), path, fs::READ).and_then(|file| file.read(&mut device));
            let Some(modalias) = read.ok().and_then(|count| alias::modalias(device.get(..count)?, b'\n')) else {
                continue;
            };
            if !asked.add(modalias) {
                self.load_by_alias(asked, 1);
                asked.clear();
                asked.add(modalias);
            }
        }
    }
}
