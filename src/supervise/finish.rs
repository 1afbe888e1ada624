//! The end of the machine: strangers, disks, power. Bounded in time, always: from here on nothing returns an error, it is
//! said and passed over.

use core::ffi::CStr;

use super::End;
use crate::boot::{seed, switch};
use crate::plan::run::bind::Spot;
use crate::probe::mountinfo;
use crate::request::Ending;
use crate::say;
use crate::sys::error::{Call, Errno, Error, Result};
use crate::sys::fd::Fd;
use crate::sys::fs::{self, At, Names};
use crate::sys::poll::{self, Interest};
use crate::sys::power::{self, Power};
use crate::sys::process::{self, Forked, Waited};
use crate::sys::{mount, signal};
use crate::text::bytes::{self, Path};
use crate::text::duration::Millis;
use crate::text::lines::{self, Stop};
use crate::text::show::Show;
use crate::watchdog;

/// Strangers (what no service's cgroup holds) get this long after TERM, and after KILL.
const STRANGERS: Millis = Millis(2_000);
/// A slow stick may hold a gigabyte of what was written; a dead one would hold us for ever.
const SYNC: Millis = Millis(60_000);
const UNMOUNT: Millis = Millis(20_000);

/// So often a mount is tried that is busy and cannot be made read-only, 10 ms each.
const TRIES: u8 = 20;

/// Mounts with data that are let go of: a machine with more has a mistake in it.
const MOST: usize = 128;

/// What can block behind a disk, or a process that a disk holds.
#[derive(Clone, Copy)]
enum Work<'a> {
    Signal(u8),
    /// And a new random seed.
    Sync(Option<&'a CStr>),
    Free,
    StepBack,
    LetGo(&'a CStr),
    Detach(&'a CStr),
    Remount(&'a CStr),
}

impl Work<'_> {
    fn carry_out(self) -> Result<()> {
        match self {
            Work::Signal(number) => process::kill_all(number),
            Work::Sync(seed) => {
                power::sync();
                // It looks after itself, and may take longer.
                if let Some(Err(error)) = seed.map(seed::renew) {
                    say!(Failure, "random-seed: {}", error.errno());
                }
                Ok(())
            }
            Work::Free => {
                free();
                Ok(())
            }
            Work::StepBack => step_back(),
            Work::LetGo(path) => let_go(path),
            Work::Detach(path) => mount::unmount(path, true),
            Work::Remount(path) => mount::mount(c"none", path, c"", mount::REMOUNT | mount::READ_ONLY, c""),
        }
    }
}

/// Does `work` in a process of its own, for at most `limit`.
fn bounded(work: Work, limit: Millis, signals: &Fd) -> Result<()> {
    let pid = match process::fork(process::Namespaces::default(), None) {
        Ok(Forked::Parent(pid)) => pid,
        // No process is to be had: better done here, at the risk of waiting for ever, than not at all.
        Err(_) => return work.carry_out(),
        // Every errno that these calls have fits into a status.
        Ok(Forked::Child) => process::exit(work.carry_out().map_or_else(|error| error.errno().0 as u8, |()| 0)),
    };
    let deadline = Millis(poll::now().0.saturating_add(limit.0));
    loop {
        match process::reap() {
            Waited::Ended(ended, exit) if ended == pid => {
                return match exit.status() {
                    0 => Ok(()),
                    errno => Err(Error::new(Call::Waitpid, i32::from(errno))),
                };
            }
            Waited::Ended(..) => continue,
            _ => {}
        }
        if poll::now() >= deadline {
            // It stays in the kernel; it holds nothing of ours that anybody waits for.
            let _ = process::kill(pid, libc::SIGKILL as u8);
            return Err(Error::new(Call::Waitpid, libc::ETIMEDOUT));
        }
        wait(signals, deadline);
    }
}

fn wait(signals: &Fd, deadline: Millis) {
    let deadline = watchdog::feed().map_or(deadline, |next| next.min(deadline));
    let _ = poll::wait(&mut [Interest::readable(signals)], Some(deadline));
    while let Ok(Some(_)) = signal::next(signals) {}
}

/// Reaps until there is no process left but us, or `limit` is over.
fn nobody_left(signals: &Fd, limit: Millis) -> bool {
    let deadline = Millis(poll::now().0.saturating_add(limit.0));
    loop {
        match process::reap() {
            Waited::Ended(..) => continue,
            Waited::NoChildren => return true,
            Waited::NoneYet if poll::now() >= deadline => return false,
            Waited::NoneYet => wait(signals, deadline),
        }
    }
}

/// Ends the machine, or, in a pid namespace that is not the machine's, this process. `farewell` is called when all is
/// safe on disk, among it a new random `seed`, just before the power goes or the process ends.
pub fn end(end: End, machine: bool, signals: &Fd, seed: Option<&CStr>, farewell: &dyn Fn()) -> ! {
    for number in [libc::SIGTERM, libc::SIGKILL] {
        if nobody_left(signals, Millis(0)) {
            break;
        }
        if let Err(error) = bounded(Work::Signal(number as u8), STRANGERS, signals)
            && !error.is(libc::ESRCH)
        {
            say!(Warning, "{}: signal to all: {}", end.ending.name(), error.errno());
        }
        nobody_left(signals, STRANGERS);
    }
    if !machine {
        farewell();
        process::exit(end.status.unwrap_or(0));
    }
    if let Err(error) = bounded(Work::Sync(seed), SYNC, signals) {
        say!(Failure, "{}: sync: {}; going on without it", end.ending.name(), error.errno());
    }
    let _ = bounded(Work::Free, UNMOUNT, signals);
    if let Err(error) = bounded(Work::StepBack, UNMOUNT, signals) {
        say!(Warning, "{}: leaving the root: {}; it stays mounted, read-only", end.ending.name(), error.errno());
    }
    release(end.ending, signals);
    farewell();
    let power = match end.ending {
        Ending::Poweroff => Power::Off,
        Ending::Reboot => Power::Reboot,
        Ending::Halt => Power::Halt,
        Ending::Panic => {
            // The kernel's own crash key; without it, the end of PID 1 is a panic too.
            let _ = fs::write_file(At::Cwd, c"/proc/sysrq-trigger", b"c");
            process::exit(1)
        }
    };
    let error = power::end(power);
    say!(Failure, "{}: {}", end.ending.name(), error);
    loop {
        // reboot(2) cannot fail for PID 1 of the machine; if it did, there is nothing better to do than to reap.
        nobody_left(signals, Millis(60_000));
    }
}

/// Ends the swapping, and the loop devices: a file that is used for either keeps its file system busy, and dirty. What
/// stays shows by what cannot be unmounted.
#[inline(never)]
fn free() {
    let mut buffer = [0u8; 4096];
    if let Ok(table) = fs::open(c"/proc/swaps", fs::READ) {
        let _ = lines::each(&mut buffer, &mut |buffer| table.read(buffer), &mut |line| {
            // The line above them all has no path.
            if let (true, Some(end)) = (line.starts_with(b"/"), line.iter_mut().find(|byte| **byte == b' ')) {
                *end = 0;
                let _ = CStr::from_bytes_until_nul(line).map(power::swap_off);
            }
            true
        });
    }
    let mut place = Path::new();
    let Ok(devices) = fs::open(c"/sys/block", fs::READ | fs::DIRECTORY) else { return };
    let mut names = Names::of(&devices);
    while let Some((name, _)) = names.next_name() {
        if name.to_bytes().starts_with(b"loop")
            && let Some(path) = bytes::path(&[b"/dev/", name.to_bytes()], &mut place)
            && let Ok(device) = fs::open(path, fs::READ)
        {
            // ENXIO: it has no file.
            let _ = power::detach_loop(&device);
        }
    }
}

/// Goes back onto a tmpfs, with PID 1 and all whose root is the root, so that it can be unmounted like any other mount. When
/// it fails, all is where it was.
#[inline(never)]
fn step_back() -> Result<()> {
    if fs::file_system_of(c"/")?.is_memory() {
        return Ok(());
    }
    // Nothing is moved or pivoted out of a mount that is shared.
    mount::mount(c"none", c"/", c"", mount::RECURSIVE | mount::PRIVATE, c"")?;
    let mut spot = Spot::default();
    spot.enter()?;
    let new = fs::open(c".", fs::PLACE | fs::DIRECTORY)?;
    let done = switch::move_all(&new)
        .and_then(|()| fs::enter(&new))
        .and_then(|()| fs::make_directory(At::Cwd, c"oldroot", 0o700))
        .and_then(|()| mount::pivot_root(c"oldroot"));
    if done.is_err() {
        switch::move_back(&new);
        let _ = spot.leave();
    }
    done
}

/// Unmounts what is at `path`, read-only first: then it is clean too where something still holds it, as our own executable
/// does, an overlay whose layer it is, or a loop device whose end takes a moment.
#[inline(never)]
fn let_go(path: &CStr) -> Result<()> {
    let mut tries = 0..TRIES;
    loop {
        let read_only = mount::mount(c"none", path, c"", mount::REMOUNT | mount::READ_ONLY, c"");
        match mount::unmount(path, false) {
            Err(_) if read_only.is_ok() => return Ok(()),
            Err(error) if error.is(libc::EBUSY) && tries.next().is_some() => poll::pause(),
            done => return done,
        }
    }
}

/// Unmounts what holds data, the last mounted first, and makes read-only what will not go.
#[inline(never)]
fn release(ending: Ending, signals: &Fd) {
    let mut tried = heapless::Vec::<u32, MOST>::new();
    let mut place = Path::new();
    loop {
        let data = match next_to_go(&tried, &mut place) {
            Ok(Some((id, data))) if tried.push(id).is_ok() => data,
            Ok(Some(_)) => return say!(Failure, "{}: more than {} mounts; the rest stays", ending.name(), MOST),
            Ok(None) => return,
            Err(error) => {
                // Its own root is all that we know of.
                say!(Failure, "{}: read /proc/self/mountinfo: {}", ending.name(), error.errno());
                let _ = bounded(Work::Remount(c"/"), UNMOUNT, signals);
                return;
            }
        };
        let Some(path) = bytes::terminated(&place) else { return };
        let work = if data { Work::LetGo(path) } else { Work::Detach(path) };
        let Err(error) = bounded(work, UNMOUNT, signals) else { continue };
        if let Err(again) = bounded(Work::Remount(path), UNMOUNT, signals) {
            let (first, second): (Errno, Errno) = (error.errno(), again.errno());
            say!(Failure, "{}: unmount {}: {}; read-only: {}", ending.name(), Show(path.to_bytes()), first, second);
        }
    }
}

/// When a mount goes: first what an old root has mounted in it, data before the rest, then that root, then what it may lie on;
/// 0: never.
fn rank(mount: &mountinfo::Mount) -> u8 {
    match (bytes::after(mount.mount_point.to_bytes(), b"/oldroot"), mount.holds_data()) {
        (Some([b'/', ..]), true) => 4,
        (Some([b'/', ..]), false) => 3,
        (Some(b""), _) => 2,
        (_, data) => data.into(),
    }
}

/// The last mount in the table of those whose turn it is, and that were not `tried`: what was mounted last lies on top, or
/// deepest (the early mounts, which are moved, hold none of the others). Its number, and whether it holds data; its place goes to
/// `place`, NUL-terminated. The table is read anew each time, through a buffer that any line fits into.
fn next_to_go(tried: &[u32], place: &mut Path) -> Result<Option<(u32, bool)>> {
    let table = mount_table()?;
    let mut buffer = [0u8; 8192];
    let (mut last, mut best) = (None, 1);
    let seen = lines::each(&mut buffer, &mut |buffer| table.read(buffer), &mut |line| {
        if let Some(mount) = mountinfo::parse(line)
            && !tried.contains(&mount.id)
            && let rank = rank(&mount)
            && rank >= best
        {
            best = rank;
            last = Some((mount.id, mount.holds_data()));
            place.clear();
            let _ = place.extend_from_slice(mount.mount_point.to_bytes_with_nul());
        }
        true
    });
    match seen {
        Err(Stop::Read(error)) => Err(error),
        _ => Ok(last),
    }
}

/// The kernel's table of our mounts. Where there was no place for /proc, there is one by now; a root that could not be left
/// has another in /run, which nobody needs any more.
fn mount_table() -> Result<Fd> {
    const TABLE: &CStr = c"/proc/self/mountinfo";
    const OVER_RUN: &CStr = c"/run/self/mountinfo";
    let laid = |place, table| mount::mount(c"proc", place, c"proc", 0, c"").and_then(|()| fs::open(table, fs::READ));
    fs::open(TABLE, fs::READ).or_else(|error| {
        let there = fs::open(OVER_RUN, fs::READ).or_else(|_| laid(c"/proc", TABLE));
        there.or_else(|_| laid(c"/run", OVER_RUN)).map_err(|_| error)
    })
}
