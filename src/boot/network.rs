//! The machine's own address: `ip`, as a kernel with CONFIG_IP_PNP sets it.

use core::ffi::CStr;

use super::device::{self, Absent, Events};
use crate::config::Wait;
use crate::log::{Level, Line};
use crate::put;
use crate::request::Ending;
use crate::sys::error::{Call, Error, Result};
use crate::sys::fd::Fd;
use crate::sys::fs::{self, At, Names};
use crate::sys::interface::{Interfaces, Name};
use crate::text::bytes;
use crate::text::duration::Millis;
use crate::text::ip::{Ip, NONE};
use crate::text::packed::{Packed, packed};
use crate::text::show::Show;

/// For an interface to come when its driver is there already: one on a USB takes a second or two. No longer than until a wait
/// speaks of block devices.
const WAIT: Wait = Wait::For(Millis(5_000));

/// Where `nameserver` lines go, in the form of resolv.conf(5).
const NAME_SERVERS: &CStr = c"/run/tinyo/resolv.conf";

/// What is done, in this order, and what to try when it fails.
const PARTS: Packed = packed!(
    "up\ndoes this kernel have CONFIG_INET?\n\
     device\nname the right one in ip, and its driver in modules; there are\n\
     address\nit has another, and keeps it\n\
     address\nis it one that a host can have?\n\
     netmask\nis it one of that address?\n\
     up\ndoes the kernel's log say why?\n\
     gateway\nit must be another host in the network of address and netmask\n\
     name servers\nis there room in /run?\n"
);
const DEVICE: usize = 1;

/// How far it has come.
struct Progress {
    /// Of [`PARTS`].
    part: usize,
    /// The interface that it is about.
    name: Name,
    ending: Option<Ending>,
}

/// Brings `lo` up, then waits for the interface of `ip`, and gives it its address. What fails is said, and the machine goes on
/// without, unless somebody asked it to end meanwhile.
#[inline(never)]
pub fn configure(ip: &Ip, events: &Events, signals: &Fd) -> Option<Ending> {
    let mut progress = Progress { part: 0, name: name(b"lo"), ending: None };
    if let Err(error) = advance(&mut progress, ip, events, signals)
        && progress.ending.is_none()
    {
        let mut line = Line::new(Level::Failure);
        let [what, hint] = [0, 1].map(|line| PARTS.line(2 * progress.part + line));
        put!(&mut line, "network: {}: {}: {}; {}", Show(shown(&progress.name)), what, error.errno(), hint);
        if progress.part == DEVICE {
            each(&mut |name| put!(&mut line, " {}", Show(name)));
        }
        line.send();
    }
    progress.ending
}

#[inline(never)]
fn advance(progress: &mut Progress, ip: &Ip, events: &Events, signals: &Fd) -> Result<()> {
    let all = Interfaces::open()?;
    all.bring_up(&progress.name, 0)?;
    if ip.address() == NONE {
        return Ok(());
    }
    (progress.part, progress.name) = (DEVICE, name(b"ip"));
    let (mut found, mut flags) = (0, 0);
    let waited = device::wait_for(c"network", WAIT, events, signals, &mut || {
        found = 0;
        each(&mut |other| {
            let other = name(other);
            if let Ok(has) = all.flags(&other)
                && is_meant(ip.device(), shown(&other), has)
            {
                (found, flags, progress.name) = (found + 1, has, other);
            }
        });
        (found > 0).then_some(Ok(()))
    });
    if let Err(Absent::Ended(ending)) = waited {
        progress.ending = Some(ending);
    }
    if found != 1 {
        return Err(Error::new(Call::Ioctl, if found == 0 { libc::ENODEV } else { libc::ENOTUNIQ }));
    }
    let (part, name) = (&mut progress.part, &progress.name);
    *part += 1;
    // It was given by the kernel, or by who was here before; somebody may have a root by it.
    if all.has_other_address(name, ip.address()) {
        return Err(Error::new(Call::Ioctl, libc::EBUSY));
    }
    *part += 1;
    all.set_address(name, ip.address())?;
    *part += 1;
    if ip.netmask() != NONE {
        all.set_netmask(name, ip.netmask())?;
    }
    *part += 1;
    all.bring_up(name, flags)?;
    *part += 1;
    if ip.gateway() != NONE {
        all.add_gateway(name, ip.gateway())?;
    }
    *part += 1;
    write_name_servers(ip)
}

/// The interface is called as `wanted`, or, where nobody said how, it could have others on its line: no tunnel, and no dummy.
fn is_meant(wanted: &[u8], name: &[u8], flags: i32) -> bool {
    const KIND: i32 = libc::IFF_BROADCAST | libc::IFF_LOOPBACK | libc::IFF_NOARP;
    if wanted.is_empty() { flags & KIND == libc::IFF_BROADCAST } else { name == wanted }
}

/// Shows `see` the name of each interface, and of what else lies there.
fn each(see: &mut dyn FnMut(&[u8])) {
    let Ok(directory) = fs::open(c"/sys/class/net", fs::READ | fs::DIRECTORY) else { return };
    let mut names = Names::of(directory);
    while let Some((name, _)) = names.next_name() {
        see(name.to_bytes());
    }
}

/// A NUL stays behind it: no interface has a longer name.
fn name(bytes: &[u8]) -> Name {
    let mut name = Name::default();
    for (place, byte) in name.iter_mut().zip(bytes) {
        *place = *byte;
    }
    name
}

fn shown(name: &Name) -> &[u8] {
    bytes::before(name, 0)
}

fn write_name_servers(ip: &Ip) -> Result<()> {
    let mut text = heapless::Vec::<u8, 64>::new();
    for server in ip.name_servers().iter().filter(|server| !server.is_empty()) {
        put!(&mut text, "nameserver {}\n", Show(server));
    }
    if text.is_empty() {
        return Ok(());
    }
    fs::make_directory(At::Cwd, c"/run/tinyo", 0o755)?;
    fs::open(NAME_SERVERS, fs::WRITE | fs::CREATE | fs::TRUNCATE)?.write(&text).map(drop)
}
