//! The machine's own address: `ip`, as a kernel with CONFIG_IP_PNP sets it.

use core::ffi::CStr;

use super::device::{self, Absent, Events};
use crate::config::Wait;
use crate::log::{Level, Line};
use crate::put;
use crate::request::Ending;
use crate::say;
use crate::sys::error::Result;
use crate::sys::fd::Fd;
use crate::sys::fs::{self, At, Names};
use crate::sys::interface::{Interfaces, Name, Part};
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

/// Brings `lo` up, then waits for the interface of `ip`, and gives it its address. What fails is said, and a machine goes on
/// without.
///
/// # Errors
///
/// How the machine shall end: somebody asked for that meanwhile.
pub fn configure(ip: &Ip, events: &Events, signals: &Fd) -> core::result::Result<(), Ending> {
    let opened = Interfaces::open().and_then(|all| all.bring_up(&name(b"lo"), 0).map(|()| all));
    let all = match opened {
        Ok(all) if ip.address() != NONE => all,
        Ok(_) => return Ok(()),
        Err(error) => {
            say!(Failure, "network: lo: {}; does this kernel have CONFIG_INET?", error.errno());
            return Ok(());
        }
    };
    let mut found = Found::default();
    let waited = device::wait_for(c"network", WAIT, events, signals, &mut || {
        found = Found::default();
        each(&all, &mut |name, flags| found.see(ip.device(), name, flags));
        (found.count > 0).then_some(Ok(()))
    });
    if let Err(Absent::Ended(ending)) = waited {
        return Err(ending);
    }
    if found.count == 1 {
        give(&all, &found, ip);
    } else {
        say_interfaces(&all, ip.device(), found.count);
    }
    Ok(())
}

/// Those that are meant: how many, and one of them.
#[derive(Default)]
struct Found {
    name: Name,
    flags: i32,
    count: u32,
}

impl Found {
    /// The one that is called as `wanted`, or else all that could have others on their line: no tunnel, and no dummy.
    fn see(&mut self, wanted: &[u8], name: &Name, flags: i32) {
        const KIND: i32 = libc::IFF_BROADCAST | libc::IFF_LOOPBACK | libc::IFF_NOARP;
        if if wanted.is_empty() { flags & KIND == libc::IFF_BROADCAST } else { shown(name) == wanted } {
            (self.name, self.flags) = (*name, flags);
            self.count += 1;
        }
    }
}

/// Shows `see` each interface, with its flags.
#[inline(never)]
fn each(all: &Interfaces, see: &mut dyn FnMut(&Name, i32)) {
    let Ok(directory) = fs::open(c"/sys/class/net", fs::READ | fs::DIRECTORY) else { return };
    let mut names = Names::of(directory);
    while let Some((found, _)) = names.next_name() {
        let name = name(found.to_bytes());
        // Not all that lies there is one.
        if let Ok(flags) = all.flags(&name) {
            see(&name, flags);
        }
    }
}

fn name(bytes: &[u8]) -> Name {
    let mut name = Name::default();
    // A NUL stays behind it: no interface has a longer name.
    for (place, byte) in name.iter_mut().zip(bytes) {
        *place = *byte;
    }
    name
}

fn shown(name: &Name) -> &[u8] {
    bytes::before(name, 0)
}

/// That none of them is the one, and which there are: that is usually the whole story.
fn say_interfaces(all: &Interfaces, wanted: &[u8], count: u32) {
    let mut line = Line::new(Level::Failure);
    let wanted = if wanted.is_empty() { b"no interface" } else { wanted };
    let why = match count {
        0 => packed!(" came; is its driver built in or among modules?"),
        _ => packed!(" is named in ip, and there are several; write which"),
    };
    put!(&mut line, "network: {}{} interfaces:", Show(wanted), why);
    each(all, &mut |name, _| put!(&mut line, " {}", Show(shown(name))));
    line.send();
}

/// Gives it what the words say, in the order of these: their names, and what to try when one fails.
#[inline(never)]
fn give(all: &Interfaces, to: &Found, ip: &Ip) {
    const PARTS: Packed = packed!(
        "address\nis it one that a host can have?\nnetmask\nis it one of that address?\nup\nwhat does the kernel's log say of it?\n\
         gateway\nit must be another host in the network of address and netmask\nname servers\n/run must be there, and have room"
    );
    let name = &to.name;
    let whose = Show(shown(name));
    // It was given by the kernel, or by who was here before; somebody may have a root by it.
    if all.address(name).is_some_and(|other| other != ip.address()) {
        return say!(Warning, "network: {} has another address already, and keeps it", whose);
    }
    for part in 0..5 {
        let done = match part {
            0 => all.set(name, Part::Address, ip.address()),
            1 if ip.netmask() != NONE => all.set(name, Part::Netmask, ip.netmask()),
            2 => all.bring_up(name, to.flags),
            3 if ip.gateway() != NONE => all.add_gateway(name, ip.gateway()),
            4 => write_name_servers(&ip.name_servers()),
            _ => Ok(()),
        };
        if let Err(error) = done {
            let [what, hint] = [2 * part, 2 * part + 1].map(|line| PARTS.line(line));
            return say!(Failure, "network: {}: {}: {}; {}", whose, what, error.errno(), hint);
        }
    }
}

fn write_name_servers(servers: &[&[u8]]) -> Result<()> {
    let mut text = heapless::Vec::<u8, 64>::new();
    for server in servers.iter().filter(|server| !server.is_empty()) {
        put!(&mut text, "nameserver {}\n", Show(server));
    }
    if text.is_empty() {
        return Ok(());
    }
    fs::make_directory(At::Cwd, c"/run/tinyo", 0o755)?;
    fs::open(NAME_SERVERS, fs::WRITE | fs::CREATE | fs::TRUNCATE)?.write(&text).map(drop)
}
