//! From the initramfs into the real root: to its init, or as the init there.

use core::ffi::CStr;

use super::boot::{Machine, Stuck, say_failure};
use super::ending::farewell_and_end;
use super::{fsck, returned, times, usr};
use crate::boot::device::{self, Absent};
use crate::boot::find::{self, Known};
use crate::boot::modules::Modules;
use crate::boot::switch::{self, Left};
use crate::boot::{image, overlay, root};
use crate::config::{Config, Root, Wait};
use crate::limits;
use crate::log::{Level, Line};
use crate::plan::{Step, machine};
use crate::probe::superblock::NO_LOOP;
use crate::supervise::End;
use crate::sys::error::{self, Error};
use crate::sys::fs;
use crate::sys::memory::Static;
use crate::sys::process::{self, Room, Words};
use crate::sys::{mount, power, signal};
use crate::text::bytes::{self, Path};
use crate::text::duration::Millis;
use crate::text::packed::packed;
use crate::text::show::Show;
use crate::{put, say, watchdog};

/// Where an init is when nobody says otherwise.
const USUAL_INIT: &CStr = c"/sbin/init";

/// Ourselves, as the init of the new root with its own config.
const OWN: &CStr = c"tinyo";

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
        let [step, _] = machine::root(root, init);
        if mount(machine, root, &step).is_ok()
            && usr::mount(machine, root, init).is_ok()
            && let Some(systemd) = has_init(init)
        {
            match switch::switch_root() {
                Ok(left) => {
                    machine.events.modules(&mut Modules::forget);
                    let rest = config.random_seed.is_some() || !config.mounts.is_empty() || !config.services.is_empty();
                    if init.is_some() && rest {
                        say!(
                            Warning,
                            "root: services, [[mount]] and random-seed are left to the init that is handed over to"
                        );
                    }
                    if systemd
                        && (root.overlay.is_some() || root.image.is_some())
                        && let Err(error) = returned::offer()
                    {
                        say!(Warning, "root: /run/initramfs/shutdown: {}; the end leaves its layers mounted", error);
                    }
                    let Some(init) = init else {
                        left.empty();
                        return Ok(());
                    };
                    return become_init(machine, init, systemd, &left);
                }
                Err(error) => {
                    let name = root.image.unwrap_or(root.source);
                    say!(Failure, "root: switching to {}: {}", Show(name.to_bytes()), error);
                }
            }
        }
        // For the next one to be tried.
        for place in &[root::PLACE, overlay::UPPER, overlay::LOWER, image::SOURCE] {
            let _ = mount::unmount(place, true);
        }
    }
    Err(Stuck)
}

/// Waits for a device that a `[[mount]]` needs, whose path goes to `place`. When it does not come, the mount says why it
/// fails.
pub fn wait_for_device(machine: &Machine, source: &CStr, fstype: Option<&CStr>, place: &mut Path) -> Known {
    let mut known = Known::default();
    let mut there = || {
        known = find::device(source, fstype, place)?;
        bytes::terminated(place).is_some_and(fs::exists).then_some(Ok(()))
    };
    if let Err(Absent::Ended(ending)) =
        device::wait_for(source, Wait::Default, &machine.events, &machine.signals, &mut there)
    {
        farewell_and_end(machine, End { ending, status: None });
    }
    known
}

/// All of it, with what is laid over it.
fn mount(machine: &Machine, root: &Root, step: &Step) -> Result<(), Stuck> {
    mount_plain(machine, root, step)?;
    let Some(layers) = root.overlay else { return Ok(()) };
    settle(machine, overlay::lay(layers, &machine.events, &machine.signals), &Step::over_root(layers))
}

/// The source, and the image in it.
fn mount_plain(machine: &Machine, root: &Root, step: &Step) -> Result<(), Stuck> {
    let Some(image) = root.image else { return mount_source(machine, root, root::PLACE, step) };
    if !root.source.is_empty() {
        // What is wrong with it, the mount says.
        let _ = root::make_places(&[image::SOURCE]);
        mount_source(machine, root, image::SOURCE, step)?;
    }
    let mut check = |device: &CStr, fstype: &CStr| !root.fsck || fsck::check_device(machine, device, fstype).is_ok();
    let Err(error) = image::mount(root, image, &machine.events, &mut check) else {
        say!(Info, "root: image {} is there", Show(image.to_bytes()));
        return Ok(());
    };
    // Why it is none is why it would be no container's root.
    let container = Step::Root { path: image, read_only: true, devices: true };
    let hint = match error.is(NO_LOOP) {
        true => packed!("is loop among modules?"),
        false => container.hint(i32::from(error.errno().0)),
    };
    let before = if hint.is_empty() { "" } else { "; " };
    say!(Failure, "root: image {}: {}{}{}", Show(image.to_bytes()), error.errno(), before, hint);
    Err(Stuck)
}

#[inline(never)]
pub fn mount_source(machine: &Machine, root: &Root, target: &CStr, step: &Step) -> Result<(), Stuck> {
    if root.fsck {
        fsck::check(machine, root, step)?;
    }
    settle(machine, root::mount_root(root, target, &machine.events, &machine.signals), step)?;
    say!(Info, "root: {} is there", Show(root.source.to_bytes()));
    Ok(())
}

/// Says what went wrong.
#[inline(never)]
pub fn settle(machine: &Machine, done: Result<error::Result<()>, Absent>, step: &Step) -> Result<(), Stuck> {
    match done {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            say_failure(step, error);
            Err(Stuck)
        }
        Err(Absent::TimedOut) => {
            let mut line = Line::new(Level::Failure);
            put!(&mut line, "{}: it did not come", *step);
            device::send_with_block_devices(line);
            Err(Stuck)
        }
        Err(Absent::Ended(ending)) => farewell_and_end(machine, End { ending, status: None }),
    }
}

/// What this root is to be left to is there, and all that it takes: there is no way back from behind an execve(2). Whether it
/// is systemd.
#[inline(never)]
fn has_init(init: Option<&CStr>) -> Option<bool> {
    let Some(init) = init.filter(|init| *init != OWN) else { return Some(false) };
    let mut about = Path::new();
    let errno = match switch::check_init(init, &mut about) {
        Ok(systemd) => return Some(systemd),
        Err(error) => error.errno(),
    };
    let about = bytes::before(&about, 0);
    let (run_by, about) = if about == init.to_bytes() { ("", &[][..]) } else { (", run by ", about) };
    let hint = Step::HandOver(init).hint(i32::from(errno.0));
    let before_hint = if hint.is_empty() { "" } else { "; " };
    say!(Failure, "root: init {}{}{}: {}{}{}", Show(init.to_bytes()), run_by, Show(about), errno, before_hint, hint);
    None
}

/// Not on the stack, which would have to be cleared: 20 kB.
static ROOMS: Static<[Room<{ limits::EXEC_WORDS }>; 2]> = Static::new([const { Room::new() }; 2]);

/// Leaves signals, ctrl-alt-del and standard files as the kernel gives them to an init, and becomes it.
fn become_init(machine: &Machine, name: &CStr, systemd: bool, left: &Left) -> Result<(), Stuck> {
    // Our own file may be gone from every directory by now.
    let path = if name == OWN { c"/proc/self/exe" } else { name };
    say!(Info, "root: handing over to {}", Show(name.to_bytes()));
    let Some(rooms) = ROOMS.take() else { return Err(Stuck) };
    let [words, variables] = rooms.each_mut().map(Words::of);
    let began = machine.phases.first().map_or(Millis(0), |kernel| kernel.ended);
    let times = if systemd { times::hand_over(began).unwrap_or_default() } else { &[] };
    let error = match fill(machine, name, times, words, variables) {
        Ok((argv, environment)) => {
            if let Ok(console) = fs::open(c"/dev/console", fs::READ_WRITE) {
                let _ = console.onto_standard();
            }
            let _ = power::set_ctrl_alt_del(true);
            // What was asked of us meanwhile would be lost: the new init knows nothing of it.
            if let Some(ending) = device::asked_to_end(&machine.signals) {
                farewell_and_end(machine, End { ending, status: None });
            }
            watchdog::hand_over();
            left.empty_beside();
            signal::unblock_all();
            process::execute(path, &argv, &environment)
        }
        Err(error) => error,
    };
    signal::block_all();
    let _ = power::set_ctrl_alt_del(false);
    watchdog::take_back();
    say!(Failure, "root: init {}: {}", Show(name.to_bytes()), error.errno());
    Err(Stuck)
}

/// The kernel's words go on to the real init, as it would have given them itself.
fn fill<'w>(
    machine: &Machine,
    name: &'w CStr,
    times: &[&'static CStr],
    mut argv: Words<'w>,
    mut environment: Words<'w>,
) -> Result<(Words<'w>, Words<'w>), Error> {
    argv.push(name)?;
    for word in times.iter().copied().chain(machine.args.from(1)) {
        argv.push(word)?;
    }
    argv.end()?;
    for word in machine.args.environment() {
        environment.push(word)?;
    }
    environment.end()?;
    Ok((argv, environment))
}
