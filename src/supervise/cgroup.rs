//! A service is its cgroup: `/sys/fs/cgroup/tinyo/NAME`, its processes in `main` below it (cgroups(7): processes live in
//! leaves). They are born there (CLONE_INTO_CGROUP), so nothing that they fork can leave without root, and one write
//! kills them all.

use core::ffi::CStr;

use super::Set;
use crate::config::{Config, Limits, Name, Service};
use crate::plan::limit::limits;
use crate::probe::keyed;
use crate::sys::error::{Call, Error, Result};
use crate::sys::fd::Fd;
use crate::sys::fs::{self, At};
use crate::sys::process::{self, Pid};
use crate::text::message::Message;
use crate::text::packed::{Packed, packed};
use crate::text::put::{Out, Word};
use crate::text::show::Show;
use crate::text::size::Size;
use crate::text::{bytes, number};
use crate::{put, say};

/// The folder of all services.
pub struct Cgroups(Fd);

/// A limit that cannot be had, which was said.
pub struct Unlimited;

/// No file of a cgroup fails like this: there is none, or not this one's controller.
const NO_CONTROLLER: Error = Error::new(Call::Lookup, libc::ENODEV);

/// There is no place for one: where it would be has processes of its own, or is not ours to change.
fn no_place(error: Error) -> Error {
    Error::new(Call::Lookup, error.errno().0.into())
}

/// Makes the cgroup of a service that has limits, before its first process, and writes them. One without has no need of
/// this, and of no system call.
pub fn limit(
    cgroup: &mut Option<Cgroup>,
    cgroups: Option<&Cgroups>,
    service: &Service,
    set: &Set,
) -> core::result::Result<(), Unlimited> {
    if cgroup.is_some() || service.limits == Limits::NONE {
        return Ok(());
    }
    let made = cgroups.ok_or(NO_CONTROLLER).and_then(|cgroups| cgroups.service(service.name));
    let absent = if set.machine {
        MACHINE
    } else {
        packed!("limits are for the machine; whoever made this container sets them")
    };
    *cgroup = Some(limited(made, service.name.as_bytes(), set.config, service, absent)?);
    Ok(())
}

/// What keeps a machine from having a controller.
const MACHINE: Packed = packed!("no %1 controller in /sys/fs/cgroup; is it on cgroup v1, or cgroup_disable=%1?");

/// Makes `name` in the cgroup `parent`, for a container of `service` alone, and writes its limits, which it has.
pub fn of_container(parent: Option<&Fd>, name: &CStr, config: &Config, service: &Service) -> Option<Cgroup> {
    let make = |parent: &Fd| {
        fs::make_directory(At::Dir(parent), name, 0o755)?;
        let top = fs::open_at(At::Dir(parent), name, fs::PLACE | fs::DIRECTORY)?;
        Ok(Cgroup { top, main: None, killed: None })
    };
    let made = parent.ok_or(NO_CONTROLLER).and_then(|parent| make(parent).map_err(no_place));
    limited(made, b"run", config, service, MACHINE).ok()
}

/// Writes the limits of `service` to `made`; what cannot be had, for `who`, is said.
#[inline(never)]
fn limited(
    made: Result<Cgroup>,
    who: &[u8],
    config: &Config,
    service: &Service,
    absent: Packed,
) -> core::result::Result<Cgroup, Unlimited> {
    let mut setting = bytes::Path::new();
    let mut done = true;
    limits(config, service, &mut |limit| {
        if !done {
            return;
        }
        limit.setting(&mut setting);
        let written = match &made {
            Ok(cgroup) => cgroup.write(&setting),
            Err(error) => Err(*error),
        };
        let Err(error) = written else { return };
        if error.is(libc::ENOENT) && limit.may_be_missing() {
            return;
        }
        done = false;
        let what = match error {
            NO_CONTROLLER => absent,
            _ if error.is_of(Call::Lookup) => packed!("%2; run it under systemd-run --user --scope -p Delegate=yes"),
            _ if error.is(libc::ENOENT) => packed!("this kernel has no such file; write another, or remove it"),
            _ => packed!("%2; does its file take that?"),
        };
        let controller = bytes::cut(&setting, b'.').0.get(1..).unwrap_or_default();
        let mut reason = bytes::Path::new();
        error.errno().write(&mut reason);
        let message = Message { what, with: [controller, &reason, b""] };
        say!(Failure, "{}: {}: {}", Show(who), limit, message);
    });
    let mut made = made.ok().filter(|_| done).ok_or(Unlimited)?;
    made.killed = made.oom_kills();
    Ok(made)
}

impl Cgroups {
    /// None: this machine has no cgroup2 there, or lets us make nothing in it. Services then are their process groups.
    pub fn open() -> Option<Cgroups> {
        let top = fs::open(c"/sys/fs/cgroup", fs::PLACE | fs::DIRECTORY).ok()?;
        if !fs::file_system(&top).ok()?.is_cgroup2() {
            return None;
        }
        fs::make_directory(At::Dir(&top), c"tinyo", 0o755).ok()?;
        fs::open_at(At::Dir(&top), c"tinyo", fs::PLACE | fs::DIRECTORY).ok().map(Cgroups)
    }

    /// The cgroup of service `name`.
    pub fn service(&self, name: Name) -> Result<Cgroup> {
        let mut buffer = bytes::Path::new();
        // A name has no NUL and fits: the config was checked.
        let name = bytes::path(&[name.as_bytes()], &mut buffer).unwrap_or(c"unnamed");
        fs::make_directory(At::Dir(&self.0), name, 0o755)?;
        let top = fs::open_at(At::Dir(&self.0), name, fs::PLACE | fs::DIRECTORY)?;
        fs::make_directory(At::Dir(&top), c"main", 0o755)?;
        let main = fs::open_at(At::Dir(&top), c"main", fs::PLACE | fs::DIRECTORY)?;
        Ok(Cgroup { top, main: Some(main), killed: None })
    }

    /// Removes the cgroup of the service `name`, if it has one: nobody is in it any more.
    pub fn remove(&self, name: &[u8]) -> Result<()> {
        let mut buffer = bytes::Path::new();
        for inside in &[b"/main".as_slice(), b""] {
            let path = bytes::path(&[name, inside], &mut buffer).unwrap_or(c"unnamed");
            match fs::remove(At::Dir(&self.0), path, true) {
                Err(error) if !error.is(libc::ENOENT) => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

pub struct Cgroup {
    top: Fd,
    /// None: no other is below it.
    main: Option<Fd>,
    /// How many of it the kernel has killed for want of memory, when we last looked; None: nobody counts.
    killed: Option<u64>,
}

/// That a process ended for want of memory, behind how it ended.
pub struct OutOfMemory<'s>(pub &'s Limits);

impl Word for OutOfMemory<'_> {
    fn write(&self, out: &mut dyn Out) {
        match self.0.memory {
            0 => out.write(b", out of memory"),
            limit => put!(out, ", out of memory (memory = {})", Size(limit)),
        }
    }
}

impl Cgroup {
    /// Where a process of the service is born.
    pub fn main(&self) -> &Fd {
        self.main.as_ref().unwrap_or(&self.top)
    }

    /// Writes one [`Limit::setting`](crate::plan::limit::Limit::setting). Its file is there once its controller is on in the
    /// root and for all services; PID 1 itself stays in the root, for nobody may be where a controller is on for what is
    /// below.
    fn write(&self, setting: &[u8]) -> Result<()> {
        let file = setting.get(1..).and_then(|file| CStr::from_bytes_until_nul(file).ok()).unwrap_or_default();
        let value = bytes::cut(setting, 0).1.unwrap_or_default();
        let first = fs::write_file(At::Dir(&self.top), file, value);
        if !first.is_err_and(|error| error.is(libc::ENOENT)) {
            return first;
        }
        let (controller, _) = bytes::cut(setting, b'.');
        let levels = &[c"../../cgroup.subtree_control", c"../cgroup.subtree_control"];
        for file in levels.get(usize::from(self.main.is_none())..).unwrap_or_default() {
            match fs::write_file(At::Dir(&self.top), file, controller) {
                // It is not there; or the kernel does not know it, or was told to do without.
                Err(error) if error.is(libc::ENOENT) || error.is(libc::EINVAL) => {
                    return Err(NO_CONTROLLER);
                }
                Err(error) if self.main.is_none() => return Err(no_place(error)),
                done => done?,
            }
        }
        fs::write_file(At::Dir(&self.top), file, value)
    }

    /// The kernel has killed processes of it for want of memory since the last time we asked.
    pub fn ran_out_of_memory(&mut self) -> bool {
        let Some(before) = self.killed else { return false };
        self.killed = self.oom_kills();
        self.killed > Some(before)
    }

    /// None: memory is not limited, so nobody counts.
    fn oom_kills(&self) -> Option<u64> {
        keyed::number_of(read(&self.top, c"memory.events", &mut [0; 4096]), b"oom_kill ")
    }

    /// SIGKILL to everything in it: `cgroup.kill` since Linux 5.14; before that one by one, until nobody is left who
    /// could have forked meanwhile.
    pub fn kill(&self) {
        if fs::write_file(At::Dir(&self.top), c"cgroup.kill", b"1").is_ok() {
            return;
        }
        // Each round kills all that the one before left; a fork bomb is outrun after a few, or is left for the next stop.
        for _ in 0..16 {
            if self.kill_members() == 0 {
                break;
            }
        }
    }

    fn kill_members(&self) -> usize {
        let mut text = [0u8; 4096];
        let lines = read(self.main(), c"cgroup.procs", &mut text).split(|&byte| byte == b'\n');
        let pids = lines.filter_map(|line| Pid::new(i32::try_from(number::decimal(line)?).ok()?));
        let mut killed = 0;
        for pid in pids {
            // ESRCH: it was a zombie, or has gone meanwhile.
            killed += usize::from(process::kill(pid, libc::SIGKILL as u8).is_ok());
        }
        killed
    }
}

/// What a file of a cgroup says, as far as there is room for it; nothing when it is not there.
#[inline(never)]
fn read<'b>(directory: &Fd, name: &CStr, text: &'b mut [u8; 4096]) -> &'b [u8] {
    let count = fs::open_at(At::Dir(directory), name, fs::READ).and_then(|file| file.read_to_end(text));
    text.get(..count.unwrap_or(0)).unwrap_or_default()
}
