//! A service is its cgroup: `/sys/fs/cgroup/tinyo/NAME`, its processes in `main` below it (cgroups(7): processes live in
//! leaves). They are born there (CLONE_INTO_CGROUP), so nothing that they fork can leave without root, and one write
//! kills them all.

use crate::config::Name;
use crate::sys::error::Result;
use crate::sys::fd::Fd;
use crate::sys::fs::{self, At};
use crate::sys::process::{self, Pid};
use crate::text::{bytes, number};

/// The folder of all services.
pub struct Cgroups(Fd);

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
        Ok(Cgroup { top, main })
    }
}

pub struct Cgroup {
    top: Fd,
    main: Fd,
}

impl Cgroup {
    /// Where a process of the service is born.
    pub fn main(&self) -> &Fd {
        &self.main
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
        let Ok(file) = fs::open_at(At::Dir(&self.main), c"cgroup.procs", fs::READ) else { return 0 };
        let n = file.read_to_end(&mut text).unwrap_or(0);
        let lines = text.get(..n).unwrap_or_default().split(|&byte| byte == b'\n');
        let pids = lines.filter_map(|line| Pid::new(i32::try_from(number::decimal(line)?).ok()?));
        let mut killed = 0;
        for pid in pids {
            // ESRCH: it was a zombie, or has gone meanwhile.
            killed += usize::from(process::kill(pid, libc::SIGKILL as u8).is_ok());
        }
        killed
    }
}
