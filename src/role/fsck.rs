//! The file system of a root is checked before it is mounted, by the checker that the image holds.

use core::ffi::CStr;

use super::boot::{Machine, Stuck};
use super::ending::farewell_and_end;
use super::handover::settle;
use crate::boot::device;
use crate::boot::{find, root};
use crate::config::{Log, Name, Root};
use crate::plan::run::{self, Handed, Report};
use crate::plan::{Plan, Step};
use crate::request::Ending;
use crate::supervise::End;
use crate::supervise::lines::Lines;
use crate::sys::error::{Error, Result as Done};
use crate::sys::fs;
use crate::sys::poll::{self, Interest};
use crate::sys::process::{self, Exit, Waited};
use crate::text::bytes::{self, Path};
use crate::text::duration::Millis;
use crate::text::show::Show;
use crate::{say, watchdog};

/// So often a check that takes longer says so.
const REMINDER: u64 = 5_000;

/// Where a checker is.
const PLACES: [&[u8]; 4] = [b"/sbin/fsck.", b"/usr/sbin/fsck.", b"/bin/fsck.", b"/usr/bin/fsck."];

/// What becomes of the boot after a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Mount,
    /// It did not do its work. As with systemd-fsck(8) that is no reason not to mount.
    MountAnyway,
    Reboot,
    Never,
}

/// Exit codes are those of fsck(8), a bit each; 64 is none of them, nor what a shell says when it finds no program. What is left
/// uncorrected weighs more than the wish for a reboot, after which it would be found again, for ever.
fn verdict(exit: Exit) -> Verdict {
    match exit {
        Exit::Code(0 | 1) => Verdict::Mount,
        Exit::Code(code) if code & 64 != 0 => Verdict::MountAnyway,
        Exit::Code(code) if code & 4 != 0 => Verdict::Never,
        Exit::Code(code) if code & 2 != 0 => Verdict::Reboot,
        _ => Verdict::MountAnyway,
    }
}

/// Waits for the source of `root`, and has it checked. A checker that is missing or fails is said, and the boot goes on.
#[inline(never)]
pub fn check(machine: &Machine, root: &Root, step: &Step) -> Result<(), Stuck> {
    let mut place = Path::new();
    let awaited = device::wait_for(root.source, root.wait, &machine.events, &machine.signals, &mut || {
        match root::locate(root, &mut place)? {
            // Its node comes before the disk behind it can be read.
            Ok(_) if place.starts_with(b"/dev/") && !bytes::terminated(&place).is_some_and(find::can_read) => None,
            done => Some(done.map(drop)),
        }
    });
    match awaited {
        // Nor will the mount have it, which would wait as long once more.
        Err(_) => return settle(machine, awaited, step),
        Ok(Ok(())) => {}
        // The mount says why.
        Ok(Err(_)) => return Ok(()),
    }
    let Some(device) = bytes::terminated(&place).filter(|path| path.to_bytes().starts_with(b"/dev/")) else {
        return Ok(());
    };
    let volume = find::look_at(device);
    let single = root.fstype.filter(|types| !bytes::has(types.to_bytes(), b','));
    let Some(fstype) = single.or(volume.as_ref().map(|volume| volume.type_name())) else { return Ok(()) };
    check_device(machine, device, fstype)
}

/// Has a device checked, by the checker of `fstype`.
#[inline(never)]
pub fn check_device(machine: &Machine, device: &CStr, fstype: &CStr) -> Result<(), Stuck> {
    let mut path = Path::new();
    let there = |place: &&&[u8]| bytes::path(&[place, fstype.to_bytes()], &mut path).is_some_and(fs::exists);
    if PLACES.iter().find(there).is_none() {
        let fstype = Show(fstype.to_bytes());
        say!(
            Warning,
            "fsck: no fsck.{} in /sbin, /usr/sbin, /bin or /usr/bin; {} is not checked",
            fstype,
            Show(device.to_bytes())
        );
        return Ok(());
    }
    let shown = Show(device.to_bytes());
    let exit = match run(machine, bytes::terminated(&path).unwrap_or_default(), device) {
        Ok(Some(exit)) => exit,
        // It was said.
        Ok(None) => return Ok(()),
        Err(error) => {
            say!(Warning, "fsck: {}; {} is not checked", error, shown);
            return Ok(());
        }
    };
    let status = exit.status();
    match verdict(exit) {
        Verdict::Mount if status == 0 => {}
        Verdict::Mount => say!(Info, "fsck: {}: errors are corrected", shown),
        Verdict::MountAnyway => say!(Warning, "fsck: {}: exit status {}; going on without its check", shown, status),
        Verdict::Never => {
            say!(Failure, "fsck: {}: errors are left, exit status {}; run it by hand", shown, status);
            return Err(Stuck);
        }
        Verdict::Reboot => {
            say!(Failure, "fsck: {}: corrected, exit status {}: reboot", shown, status);
            farewell_and_end(machine, End { ending: Ending::Reboot, status: None });
        }
    }
    Ok(())
}

/// Runs `checker` as boots do, without questions, and waits for its end. None: it could not be executed, which was said.
fn run(machine: &Machine, checker: &CStr, device: &CStr) -> Done<Option<Exit>> {
    let words = [checker, c"-a", device];
    let mut plan = Plan::default();
    plan.extend(&[
        Step::Stdio { log: Log::Kmsg, fed: false },
        Step::Session { terminal: false },
        Step::ResetSignals,
        Step::Exec { argv: &words, env: &[], term: None },
    ]);
    let name = Name::of(b"fsck");
    let mut output = Lines::new()?;
    let child = run::spawn(&plan, Handed { log: Some(output.writer()?), ..Handed::default() })?;
    let begin = poll::now();
    let mut reminder = begin.0.saturating_add(REMINDER);
    let exit = 'ended: loop {
        while let Waited::Ended(pid, exit) = process::reap() {
            if pid == child.pid {
                break 'ended exit;
            }
        }
        let now = poll::now().0;
        if reminder <= now {
            let waited = now.saturating_sub(begin.0) / 1000;
            say!(Failure, "fsck: checking {}, {} s so far", Show(device.to_bytes()), waited);
            reminder = now.saturating_add(REMINDER);
        }
        let mut files = [Interest::readable(&machine.signals), Interest::readable(output.reader())];
        let next = watchdog::feed().map_or(reminder, |next| next.0.min(reminder));
        let _ = poll::wait(&mut files, Some(Millis(next)));
        output.read(name, &mut |_| {});
        if let Some(ending) = device::asked_to_end(&machine.signals) {
            farewell_and_end(machine, End { ending, status: None });
        }
    };
    output.drain(name, &mut |_| {});
    if let Report::Failed { step, errno } = child.report()
        && let Some(step) = plan.steps.get(step)
    {
        run::say_failure(b"fsck", step, Error::new(crate::sys::error::Call::Execve, errno).errno());
        return Ok(None);
    }
    Ok(Some(exit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_those_of_fsck() {
        for (code, expected) in [
            (0, Verdict::Mount),
            (1, Verdict::Mount),
            (2, Verdict::Reboot),
            (3, Verdict::Reboot),
            (4, Verdict::Never),
            (5, Verdict::Never),
            (6, Verdict::Never),
            (7, Verdict::Never),
            (8, Verdict::MountAnyway),
            (9, Verdict::MountAnyway),
            (10, Verdict::Reboot),
            (12, Verdict::Never),
            (16, Verdict::MountAnyway),
            (32, Verdict::MountAnyway),
            (126, Verdict::MountAnyway),
            (127, Verdict::MountAnyway),
            (128, Verdict::MountAnyway),
            (132, Verdict::Never),
        ] {
            assert_eq!(verdict(Exit::Code(code)), expected, "{code}");
        }
        assert_eq!(verdict(Exit::Signal(11)), Verdict::MountAnyway);
    }
}
