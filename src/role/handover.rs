//! From the initramfs into the real root: to its init, or as the init there.

use core::ffi::CStr;

use super::boot::{Machine, Stuck, farewell_and_end, say_failure};
use crate::boot::device::{self, Absent};
use crate::boot::switch;
use crate::boot::{find, root};
use crate::config::{Config, Root, Wait};
use crate::limits;
use crate::log::{Level, Line};
use crate::plan::{Step, build};
use crate::supervise::End;
use crate::sys::error::Error;
use crate::sys::fs;
use crate::sys::process::{self, Room, Words};
use crate::sys::{mount, power, signal};
use crate::text::bytes::{self, Path};
use crate::text::show::Show;
use crate::{put, request, say, watchdog};

/// Where an init is when nobody says otherwise.
const USUAL_INIT: &CStr = c"/sbin/init";

/// The init of `root`: its own, else ours when there is something to supervise, else the usual one. None: we go on.
#[inline(never)]
pub fn init_of<'a>(root: &Root<'a>, config: &Config<'a>) -> Option<&'a CStr> {
    match root.init {
        Some(init) => Some(init),
        None if !config.services.is_empty() => None,
        None => Some(USUAL_INIT),
    }
}

/// Tries each root in turn. Returns in the new root, as the init there, or not at all when another init took over.
pub fn find_and_enter(machine: &Machine, config: &Config) -> Result<(), Stuck> {
    if machine.line.rootdelay.0 > 0 {
        // Nothing is looked for: only the end of the time, or of the machine, ends this.
        let wait = Wait::For(machine.line.rootdelay);
        if let Err(Absent::Ended(ending)) =
            device::wait_for(c"rootdelay", wait, &machine.events, &machine.signals, &mut || None)
        {
            farewell_and_end(machine, End { ending, status: None });
        }
    }
    for root in &config.roots {
        let init = init_of(root, config);
        let [step, _] = build::root(root, init);
        if mount(machine, root, &step).is_ok() && has_init(init) {
            return enter(machine, init);
        }
    }
    Err(Stuck)
}

/// Waits for a device that a `[[mount]]` needs, whose path goes to `place`. When it does not come, the mount says why it
/// fails.
pub fn wait_for_device(machine: &Machine, source: &CStr, fstype: Option<&CStr>, place: &mut Path) {
    let mut there = || {
        let is = find::device(source, fstype, place) && bytes::terminated(place).is_some_and(fs::exists);
        is.then_some(Ok(()))
    };
    if let Err(Absent::Ended(ending)) =
        device::wait_for(source, Wait::Default, &machine.events, &machine.signals, &mut there)
    {
        farewell_and_end(machine, End { ending, status: None });
    }
}

#[inline(never)]
fn mount(machine: &Machine, root: &Root, step: &Step) -> Result<(), Stuck> {
    match root::mount_root(root, &machine.events, &machine.signals) {
        Ok(Ok(())) => {
            say!(Info, "root: {} is there", Show(root.source.to_bytes()));
            Ok(())
        }
        Ok(Err(error)) => {
            say_failure(step, error);
            Err(Stuck)
        }
        Err(Absent::TimedOut) => {
            let mut line = Line::new(Level::Failure);
            put!(&mut line, "{}: it did not come", *step);
            device::write_block_devices(&mut line);
            line.send();
            Err(Stuck)
        }
        Err(Absent::Ended(ending)) => farewell_and_end(machine, End { ending, status: None }),
    }
}

/// What this root is to be left to is there. If it is not, the root is let go of, for the next one to be tried.
fn has_init(init: Option<&CStr>) -> bool {
    let Some(init) = init.filter(|init| *init != c"tinyo") else { return true };
    let Err(error) = switch::check_init(init) else { return true };
    let hint = "is it the right root, and its init executable?";
    say!(Failure, "root: init {}: {}; {}", Show(init.to_bytes()), error.errno(), hint);
    let _ = mount::unmount(root::PLACE, true);
    false
}

/// From here on there is no way back into the initramfs, so what can be checked was checked before.
fn enter(machine: &Machine, init: Option<&CStr>) -> Result<(), Stuck> {
    if let Err(error) = switch::switch_root() {
        say!(Failure, "root: switching to it: {}", error);
        return Err(Stuck);
    }
    match init {
        None => Ok(()),
        // Our own file, which may be gone from every directory by now.
        Some(own) if own == c"tinyo" => become_init(machine, c"/proc/self/exe", c"tinyo"),
        Some(init) => become_init(machine, init, init),
    }
}

/// Leaves signals, ctrl-alt-del and standard files as the kernel gives them to an init, and becomes it.
fn become_init(machine: &Machine, path: &CStr, name: &CStr) -> Result<(), Stuck> {
    say!(Info, "root: handing over to {}", Show(name.to_bytes()));
    let mut rooms = [const { Room::<{ limits::EXEC_WORDS }>::new() }; 2];
    let [words, variables] = rooms.each_mut().map(Words::of);
    let error = match fill(machine, name, words, variables) {
        Ok((argv, environment)) => {
            if let Ok(console) = fs::open(c"/dev/console", fs::READ_WRITE) {
                let _ = console.onto_standard();
            }
            let _ = power::set_ctrl_alt_del(true);
            // What was asked of us meanwhile would be lost: the new init knows nothing of it.
            while let Ok(Some(number)) = signal::next(&machine.signals) {
                if let Some(ending) = request::ending(number, true) {
                    farewell_and_end(machine, End { ending, status: None });
                }
            }
            watchdog::hand_over();
            signal::unblock_all();
            process::execute(path, &argv, &environment)
        }
        Err(error) => error,
    };
    signal::block_all();
    let _ = power::set_ctrl_alt_del(false);
    say!(Failure, "root: init {}: {}", Show(name.to_bytes()), error.errno());
    Err(Stuck)
}

/// The kernel's words go on to the real init, as it would have given them itself.
fn fill<'w>(
    machine: &Machine,
    name: &'w CStr,
    mut argv: Words<'w>,
    mut environment: Words<'w>,
) -> Result<(Words<'w>, Words<'w>), Error> {
    argv.push(name)?;
    for word in machine.args.from(1) {
        argv.push(word)?;
    }
    argv.end()?;
    for word in machine.args.environment() {
        environment.push(word)?;
    }
    environment.end()?;
    Ok((argv, environment))
}
