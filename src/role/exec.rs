//! `tinyo exec`: a command in a container that runs, as what it runs itself.

use core::ffi::CStr;

use super::run::{Failed, launch};
use super::{client, exit};
use crate::config::{Config, Kind, Service};
use crate::container::idmap;
use crate::container::reaper::Manner;
use crate::plan::Plan;
use crate::plan::build::{self, Rights};
use crate::plan::run::Handed;
use crate::probe::cgroup;
use crate::probe::credentials::{Credentials, credentials};
use crate::sys::error::{Call, Error, Result};
use crate::sys::fs;
use crate::sys::process::{self, Pid};
use crate::text::packed::{Packed, packed};
use crate::text::show::Show;
use crate::text::{bytes, number};
use crate::{put, say};

pub const USAGE: Packed = packed!(
    "usage: tinyo exec [OPTIONS] NAME|PID [--] COMMAND [ARGUMENTS]
  -e, --env NAME[=VALUE]      set NAME, or pass it on
  -u, --user USER[:GROUP]     run as USER, by name or number (NAME: as the service; PID: 0:0)
  -w, --workdir PATH          start in PATH (/)
  -t, --tty                   a terminal of its own; -i is taken, and void
NAME is a service of PID 1, PID a process: in its namespaces, its cgroup, and within its rights.
Exit status: the command's; 125 tinyo failed, 126 not executable, 127 not found, 128+N killed by signal N
"
);

/// Runs the command of `service` in the container that its root names.
#[inline(never)]
pub fn exec(config: &Config, service: &Service, term: Option<&CStr>) -> u8 {
    let name = service.container.as_ref().map_or(c"", |container| container.root).to_bytes();
    let number = number::decimal(name);
    let pid = match number {
        Some(number) => Pid::of(number),
        None => match client::process_of(name, "exec") {
            None => return exit::LAUNCHER,
            pid => pid,
        },
    };
    enter(config, service, term, pid, number.is_some()).unwrap_or_else(|error| {
        let error = if error.is(libc::ENOENT) { NOBODY } else { error };
        say!(Failure, "exec: {}: {}", Show(name), error.errno());
        exit::LAUNCHER
    })
}

const NOBODY: Error = Error::new(Call::Open, libc::ESRCH);

/// Whoever it runs as has no id in its user namespace.
const NO_ID: Error = Error::new(Call::Lookup, libc::EINVAL);

/// One more than a user can have here: too many of them is an error of the step.
const MOST_GROUPS: usize = 65;

/// The exit status. EBADMSG: what /proc says about the process is not understood.
fn enter(config: &Config, service: &Service, term: Option<&CStr>, pid: Option<Pid>, by_number: bool) -> Result<u8> {
    let pid = pid.ok_or(NOBODY)?;
    // That of this one process, whoever has its number later: it is joined only if it still lives then, and so all that is
    // read by its number until then is its own.
    let directory = process::open(pid, "", fs::PLACE | fs::DIRECTORY)?;
    let mut text = [0; 4096];
    let mut path = bytes::Path::new();
    let place = cgroup::own(process::told(pid, "cgroup", &mut text)?);
    let place = place.and_then(|place| bytes::path(&[b"/sys/fs/cgroup", place], &mut path));
    // None: no cgroup2 here, and so no limit.
    let cgroup = place.and_then(|place| fs::open(place, fs::PLACE | fs::DIRECTORY).ok());
    let cgroup = cgroup.filter(|place| fs::file_system(place).is_ok_and(|system| system.is_cgroup2()));
    let like = credentials(process::told(pid, "status", &mut text)?).ok_or(Error::new(Call::Read, libc::EBADMSG))?;
    let mut words = heapless::Vec::<u8, 1024>::new();
    let mut groups = heapless::Vec::<&CStr, MOST_GROUPS>::new();
    let mut maps = [[0; 1024]; 2];
    let [users, others] = &mut maps;
    let maps = [process::told(pid, "uid_map", users)?, process::told(pid, "gid_map", others)?];
    let rights = rights(service, by_number, &like, maps, &mut words, &mut groups).ok_or(NO_ID)?;
    let mut plan = Plan::default();
    build::exec(&mut plan, config, service, &rights, term);
    let handed = Handed { cgroup: cgroup.as_ref(), process: Some((pid, &directory)), ..Handed::default() };
    let manner = Manner { terminal: service.kind == Kind::Console, ..Manner::default() };
    let status = launch(&plan, "exec", manner, handed, &mut |_| true);
    Ok(status.unwrap_or_else(|Failed { status }| status))
}

/// Those of the process that is entered, or root's there, within its bounding set. Its ids are ours to begin with; `maps` has
/// who they are in there.
fn rights<'g, 'w: 'g>(
    service: &Service<'w>,
    by_number: bool,
    like: &Credentials,
    maps: [&[u8]; 2],
    words: &'w mut heapless::Vec<u8, 1024>,
    groups: &'g mut heapless::Vec<&'w CStr, MOST_GROUPS>,
) -> Option<Rights<'g>> {
    let user = service.user.or(if by_number { Some(c"0:0") } else { None });
    let (bounding, no_new_privileges, filtered) = (like.bounding, like.no_new_privileges, like.filtered);
    if user.is_some() {
        return Some(Rights { user, groups: &[], capabilities: bounding, bounding, no_new_privileges, filtered });
    }
    let [users, others] = maps;
    let inside = |map, id: &[u8]| idmap::inside(map, u32::try_from(number::decimal(id)?).ok()?);
    put!(words, "{}:{}\0", inside(users, like.user)?, inside(others, like.group)?);
    // What does not fit is more than there may be.
    for group in like.groups.split(|&byte| byte == b' ').filter_map(|id| inside(others, id)) {
        put!(words, "{}\0", group);
    }
    let mut each = bytes::Words(words).filter_map(bytes::terminated);
    let user = each.next();
    for group in each {
        let _ = groups.push(group);
    }
    Some(Rights { user, groups, capabilities: like.permitted, bounding, no_new_privileges, filtered })
}
