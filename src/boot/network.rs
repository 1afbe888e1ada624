//! The machine's own address: `ip`, as a kernel with CONFIG_IP_PNP sets it.

use core::ffi::CStr;

use super::device::{self, Absent, Events};
use crate::config::Wait;
use crate::put;
use crate::sys::error::{Call, Error, Result};
use crate::sys::fd::Fd;
use crate::sys::fs::{self, At, Names};
use crate::sys::interface::{Interfaces, Name};
use crate::text::bytes;
use crate::text::duration::Millis;
use crate::text::ip::{Ip, NONE};
use crate::text::show::Show;

/// For an interface to come when its driver is there already: one on a USB takes a second or two. No longer than until a wait
/// speaks of block devices.
const WAIT: Wait = Wait::For(Millis(5_000));

/// Where `nameserver` lines go, in the form of resolv.conf(5).
const NAME_SERVERS: &CStr = c"/run/tinyo/resolv.conf";

/// Brings `lo` up, then waits for the interface of `ip`, whose name goes to `name`, and gives it its address.
///
/// # Errors
///
/// EAFNOSUPPORT: this kernel has no IPv4. ENOTUNIQ: there are several interfaces, and nobody said which. EADDRINUSE: it has
/// another address. ENETUNREACH: the gateway is not in its network. EINVAL: no host has such an address.
pub fn configure(ip: Ip, name: &mut Name, events: &Events, signals: &Fd) -> core::result::Result<Result<()>, Absent> {
    *name = named(b"lo");
    let all = match Interfaces::open().and_then(|all| all.bring_up(name, 0).map(|()| all)) {
        Ok(all) if ip.address() != NONE => all,
        done => return Ok(done.map(drop)),
    };
    *name = named(ip.device());
    device::wait_for(c"network", WAIT, events, signals, &mut || {
        find(&all, ip.device(), name).map(|found| found.and_then(|flags| give(&all, name, flags, ip)))
    })
}

/// The flags of the interface that is called as `wanted`, or else of the only one that could have others on its line: no tunnel,
/// and no dummy.
fn find(all: &Interfaces, wanted: &[u8], name: &mut Name) -> Option<Result<i32>> {
    const KIND: i32 = libc::IFF_BROADCAST | libc::IFF_LOOPBACK | libc::IFF_NOARP;
    let class = fs::open(c"/sys/class/net", fs::READ | fs::DIRECTORY).ok()?;
    let mut names = Names::of(&class);
    let mut found = None;
    while let Some((other, _)) = names.next_name() {
        let other = named(other.to_bytes());
        // Not all that lies there is one.
        let Ok(flags) = all.flags(&other) else { continue };
        if if wanted.is_empty() { flags & KIND == libc::IFF_BROADCAST } else { shown(&other) == wanted } {
            let several = Err(Error::new(Call::Ioctl, libc::ENOTUNIQ));
            found = Some(if found.is_some() { several } else { Ok(flags) });
            *name = other;
        }
    }
    found
}

/// Gives it what the words say.
fn give(all: &Interfaces, name: &Name, flags: i32, ip: Ip) -> Result<()> {
    // By the kernel, or by who was here before; somebody may have a root by it.
    if all.has_other_address(name, ip.address()) {
        return Err(Error::new(Call::Ioctl, libc::EADDRINUSE));
    }
    all.set_address(name, ip.address())?;
    if ip.netmask() != NONE {
        all.set_netmask(name, ip.netmask())?;
    }
    all.bring_up(name, flags)?;
    if ip.gateway() != NONE {
        all.add_gateway(name, ip.gateway())?;
    }
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

/// A NUL stays behind it: no interface has a longer name.
fn named(bytes: &[u8]) -> Name {
    let mut name = Name::default();
    for (place, byte) in name.iter_mut().zip(bytes) {
        *place = *byte;
    }
    name
}

pub fn shown(name: &Name) -> &[u8] {
    bytes::before(name, 0)
}
