//! The machine's own address: `ip`, as a kernel with CONFIG_IP_PNP sets it.

use core::ffi::CStr;

use super::device::{self, Absent, Events};
use crate::config::Wait;
use crate::put;
use crate::say;
use crate::sys::error::Result;
use crate::sys::fd::Fd;
use crate::sys::fs::{self, At};
use crate::sys::interface::{Interfaces, Name, Part};
use crate::text::duration::Millis;
use crate::text::ip::{Ip, V4};
use crate::text::show::Show;

/// For an interface to come when its driver is there already: one on a USB takes a second or two.
const WAIT: Wait = Wait::For(Millis(5_000));

/// Interfaces have numbers from 1 on, of which few machines have used up so many by then.
const MOST: u32 = 64;

/// Where `nameserver` lines go, in the form of resolv.conf(5).
const NAME_SERVERS: &CStr = c"/run/tinyo/resolv.conf";

/// Brings `lo` up, then waits for the interface of `ip`, and gives it its address.
///
/// # Errors
///
/// ENETUNREACH: the gateway is not in its network. EINVAL: no host has such an address.
pub fn configure(ip: &Ip, events: &Events, signals: &Fd) -> core::result::Result<Result<()>, Absent> {
    let interfaces = match Interfaces::open() {
        Ok(interfaces) => interfaces,
        Err(error) => return Ok(Err(error)),
    };
    let done = interfaces.bring_up(&name(b"lo"));
    if done.is_err() || ip.address() == V4::default() {
        return Ok(done);
    }
    let wanted = name(ip.device());
    let what = if ip.device().is_empty() { c"a network interface" } else { shown(&wanted) };
    device::wait_for(what, WAIT, events, signals, &mut || {
        find(&interfaces, ip.device()).map(|name| give(&interfaces, &name, ip))
    })
}

fn name(bytes: &[u8]) -> Name {
    let mut name = Name::default();
    // A NUL stays behind it: the words were checked.
    for (place, byte) in name.iter_mut().zip(bytes) {
        *place = *byte;
    }
    name
}

fn shown(name: &Name) -> &CStr {
    CStr::from_bytes_until_nul(name).unwrap_or_default()
}

/// The interface that is called so, or else the first that could have others on its line: no tunnel, and no dummy.
fn find(interfaces: &Interfaces, wanted: &[u8]) -> Option<Name> {
    const KIND: i32 = libc::IFF_BROADCAST | libc::IFF_LOOPBACK | libc::IFF_NOARP;
    if !wanted.is_empty() {
        return Some(name(wanted)).filter(|name| interfaces.flags(name).is_ok());
    }
    for number in 1..=MOST {
        if let Ok(name) = interfaces.name(number)
            && interfaces.flags(&name).is_ok_and(|flags| flags & KIND == libc::IFF_BROADCAST)
        {
            return Some(name);
        }
    }
    None
}

/// Gives it what the words say. One that has an address was given it by the kernel, or by who was here before.
fn give(interfaces: &Interfaces, name: &Name, ip: &Ip) -> Result<()> {
    if interfaces.has_address(name) {
        say!(Info, "network: {} has an address already, and keeps it", Show(shown(name).to_bytes()));
        return Ok(());
    }
    for (part, number) in [(Part::Address, ip.address()), (Part::Netmask, ip.netmask())] {
        if number != V4::default() {
            interfaces.set(name, part, number)?;
        }
    }
    interfaces.bring_up(name)?;
    if ip.gateway() != V4::default() {
        interfaces.add_gateway(name, ip.gateway())?;
    }
    write_name_servers(&ip.name_servers())
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
    fs::open(NAME_SERVERS, fs::WRITE | fs::CREATE)?.write(&text).map(drop)
}
