//! Waiting for a block device: by the kernel's events, with one deadline, and never in silence.

use core::cell::Cell;
use core::ffi::CStr;

use super::modules::{EVENT, Modules};
use super::{apart, find};
use crate::config::Wait;
use crate::log::{Level, Line};
use crate::plan::step::Waiting;
use crate::probe::alias::{self, Asked};
use crate::put;
use crate::request::{self, Ending};
use crate::sys::error::{Call, Error, Result};
use crate::sys::fd::Fd;
use crate::sys::fs::{self, At, Names};
use crate::sys::poll::{self, Interest};
use crate::sys::{net, signal};
use crate::text::bytes::{self, Path, before};
use crate::text::duration::Millis;
use crate::text::put::Out;
use crate::text::show::Show;
use crate::watchdog;

/// So often a wait says what it waits for.
const REMINDER: u64 = 5_000;

/// The kernel's device events, bound before the first module is loaded: a device that comes in between is not lost. And who
/// loads modules, by name or by such an event.
pub struct Events(Option<Fd>, Cell<Option<&'static mut Modules>>);

impl Events {
    pub fn open(awaited: bool, modules: Option<&'static mut Modules>) -> Events {
        let listen = awaited || modules.as_ref().is_some_and(|modules| modules.is_auto());
        // A kernel without CONFIG_NET has none: then the wait below looks again at each reminder.
        Events(if listen { net::device_events().ok() } else { None }, Cell::new(modules))
    }

    /// Nothing is listened to.
    pub const fn none() -> Events {
        Events(None, Cell::new(None))
    }

    /// Takes all events so far. What a wait is for is looked at anew after each, whatever it says, so that neither a lost
    /// event (ENOBUFS) nor a forged one can mislead. True: modules were looked for, which may have brought more.
    pub fn drain(&self) -> bool {
        let mut asked = Asked::new();
        // Without events all devices are looked at each time.
        let mut lost = self.0.is_none();
        let mut event = [0u8; EVENT];
        while let Some(socket) = &self.0 {
            match socket.read(&mut event) {
                Ok(count @ 1..) => {
                    let event = event.get(..count).unwrap_or_default();
                    lost |= event.starts_with(b"add@")
                        && alias::modalias(event, 0).is_some_and(|modalias| !asked.add(modalias));
                }
                Err(error) if error.is(libc::ENOBUFS) => lost = true,
                _ => break,
            }
        }
        let mut acted = false;
        self.modules(&mut |modules| {
            acted = modules.is_auto() && (lost || !asked.is_empty());
            if acted {
                modules.follow(&asked, lost);
            }
        });
        acted
    }

    /// What loads modules, if something does.
    pub fn modules(&self, act: &mut dyn FnMut(&mut Modules)) {
        let mut modules = self.1.take();
        if let Some(modules) = &mut modules {
            act(modules);
        }
        self.1.set(modules);
    }

    /// With `modules = ["auto"]`: whether there is a module of this name or alias, such as `fs-` and `xfs`, by now loaded.
    #[inline(never)]
    pub fn demand(&self, name: &[&[u8]; 2]) -> bool {
        let mut found = false;
        let mut whole = Path::new();
        if bytes::path(name, &mut whole).is_some() {
            self.modules(&mut |modules| found = modules.is_auto() && modules.demand(before(&whole, 0)));
        }
        found
    }

    /// Mounts by `once`, and again where the kernel lacked the file system `fstype` and a module has brought it since.
    #[inline(never)]
    pub fn with_file_system(&self, fstype: &CStr, once: &mut dyn FnMut() -> Result<()>) -> Result<()> {
        match once() {
            Err(error) if error.is(libc::ENODEV) && self.demand(&[b"fs-", fstype.to_bytes()]) => once(),
            done => done,
        }
    }

    /// Where to hear of devices.
    pub fn socket(&self) -> Option<&Fd> {
        self.0.as_ref()
    }
}

/// Why there is no device.
pub enum Absent {
    /// The deadline has passed.
    TimedOut,
    /// Somebody pressed ctrl-alt-del meanwhile.
    Ended(Ending),
}

/// Tries `attempt` now and after each event until it succeeds, fails for good, or `wait` is over.
///
/// `attempt` answers None while what it wants is not there yet.
#[inline(never)]
pub fn wait_for(
    what: &CStr,
    wait: Wait,
    events: &Events,
    signals: &Fd,
    attempt: &mut dyn FnMut() -> Option<Result<()>>,
) -> core::result::Result<Result<()>, Absent> {
    let begin = poll::now();
    let deadline = wait.limit().map(|limit| Millis(begin.0.saturating_add(limit.0)));
    let mut reminder = Millis(begin.0.saturating_add(REMINDER));
    if events.0.is_none() {
        events.drain();
    }
    loop {
        // Before the events: most often it is there, and dozens have come so far.
        if let Some(done) = attempt() {
            return Ok(done);
        }
        let now = poll::now();
        if deadline.is_some_and(|deadline| deadline <= now) {
            return Err(Absent::TimedOut);
        }
        if reminder <= now {
            remind(what, now.0.saturating_sub(begin.0), wait);
            reminder = Millis(now.0.saturating_add(REMINDER));
        }
        // Before the wait: the end of what an attempt has done beside us is no reason to try again at once.
        if let Some(ending) = asked_to_end(signals) {
            return Err(Absent::Ended(ending));
        }
        let mut files = heapless::Vec::<Interest, 2>::new();
        let _ = files.push(Interest::readable(signals));
        if let Some(socket) = &events.0 {
            let _ = files.push(Interest::readable(socket));
        }
        let next = [Some(reminder), deadline, watchdog::feed()].iter().flatten().min().copied();
        let _ = poll::wait(&mut files, next);
        events.drain();
    }
}

/// Takes the signals so far: whether one of them asks for the end of the machine.
pub fn asked_to_end(signals: &Fd) -> Option<Ending> {
    while let Ok(Some(number)) = signal::next(signals) {
        if let Some(ending) = request::ending(number, true) {
            return Some(ending);
        }
    }
    None
}

/// What is awaited, and what is there instead: that is usually the whole story.
fn remind(what: &CStr, waited: u64, wait: Wait) {
    let mut line = Line::new(Level::Failure);
    put!(&mut line, "waiting for {}, {} s of {}", Show(what.to_bytes()), waited / 1000, Waiting(wait));
    send_with_block_devices(line);
}

/// The device of who lists all devices: none of the kernel's.
const ALL: u32 = u32::MAX;

/// Sends `line` with `; block devices: vda, vda1 (ext4, LABEL=root, UUID=...)` behind it, as many as it takes, if they answer.
#[inline(never)]
pub fn send_with_block_devices(mut line: Line) {
    apart::forget_ended();
    let mut list = |_: &Fd| {
        write_block_devices(&mut line);
        line.send();
    };
    if !apart::is_stuck(ALL) {
        match apart::apart(&mut list, &mut |_| {}) {
            Ok(None) => return,
            Ok(Some(pid)) => drop(apart::leave(pid, ALL)),
            Err(_) => {}
        }
    }
    line.write(b"; not all block devices answer");
    line.send();
}

fn write_block_devices(line: &mut Line) {
    let Ok(directory) = fs::open(find::CLASS, fs::READ | fs::DIRECTORY) else { return };
    let mut names = Names::of(&directory);
    line.write(b"; block devices:");
    let mut before = " ";
    while let Some((name, _)) = names.next_name() {
        put!(line, "{}{}", before, Show(name.to_bytes()));
        before = ", ";
        if find::Device::of(&directory, name.to_bytes()).is_some_and(|device| apart::is_stuck(device.number)) {
            put!(line, " (no answer)");
            continue;
        }
        let Some(volume) = find::look(name.to_bytes()) else { continue };
        put!(line, " ({}", Show(volume.type_name().to_bytes()));
        for (tag, text) in [(", LABEL=", volume.label()), (", UUID=", volume.uuid())] {
            if !text.is_empty() {
                put!(line, "{}{}", tag, Show(text));
            }
        }
        put!(line, ")");
    }
    if before == " " {
        line.write(b" none; is the driver's module listed?");
    }
}

/// The block device at `path`: None while there is none.
pub fn look(path: &CStr) -> Option<Result<()>> {
    match fs::status(At::Cwd, path) {
        Ok(status) if status.is_block_device() => Some(Ok(())),
        Ok(_) => Some(Err(Error::new(Call::Stat, libc::ENOTBLK))),
        Err(_) => None,
    }
}
