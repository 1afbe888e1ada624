//! Network interfaces and the addresses of IPv4 on them: netdevice(7), and SIOCADDRT of Linux's own.

use super::error::{Call, Result, done};
use super::fd::Fd;
use super::net;
use crate::text::ip::V4;

/// A name, with a NUL behind it: IFNAMSIZ.
pub type Name = [u8; 16];

/// `struct ifreq`.
#[repr(C, align(8))]
struct Request {
    name: Name,
    value: [u8; 24],
}

/// `struct sockaddr_in`, its first half; zeros follow.
const fn address([a, b, c, d]: V4) -> [u8; 8] {
    let [low, high] = (libc::AF_INET as u16).to_ne_bytes();
    [low, high, 0, 0, a, b, c, d]
}

/// Those of our network namespace.
pub struct Interfaces(Fd);

impl Interfaces {
    /// EAFNOSUPPORT: this kernel has no IPv4.
    pub fn open() -> Result<Interfaces> {
        net::socket(libc::AF_INET, libc::SOCK_DGRAM, 0).map(Interfaces)
    }

    /// What the kernel answers to a request with a `value`.
    fn ask(&self, request: u32, name: &Name, value: &[u8]) -> Result<Request> {
        let mut asked = Request { name: *name, value: [0; 24] };
        for (place, byte) in asked.value.iter_mut().zip(value) {
            *place = *byte;
        }
        // SAFETY: each of these requests reads an ifreq, and may write to it.
        done(Call::Ioctl, unsafe { libc::ioctl(self.0.raw(), request as _, &raw mut asked) })?;
        Ok(asked)
    }

    /// SIOCGIFNAME: the interface with this number, from 1 on. ENODEV: there is none.
    pub fn name(&self, number: u32) -> Result<Name> {
        self.ask(libc::SIOCGIFNAME as u32, &Name::default(), &number.to_ne_bytes()).map(|asked| asked.name)
    }

    /// SIOCGIFFLAGS: IFF_UP and its like. ENODEV: there is no such interface.
    pub fn flags(&self, name: &Name) -> Result<i32> {
        let asked = self.ask(libc::SIOCGIFFLAGS as u32, name, &[])?;
        Ok(i32::from(u16::from_ne_bytes([asked.value[0], asked.value[1]])))
    }

    /// SIOCSIFFLAGS: up, and what else it has.
    pub fn bring_up(&self, name: &Name) -> Result<()> {
        let flags = self.flags(name)? | libc::IFF_UP;
        self.ask(libc::SIOCSIFFLAGS as u32, name, &flags.to_ne_bytes()).map(drop)
    }

    /// SIOCGIFADDR: somebody has given it an address.
    pub fn has_address(&self, name: &Name) -> bool {
        self.ask(libc::SIOCGIFADDR as u32, name, &address(V4::default())).is_ok()
    }

    /// SIOCSIFADDR: the netmask is that of the address's class then.
    pub fn set_address(&self, name: &Name, to: V4) -> Result<()> {
        self.ask(libc::SIOCSIFADDR as u32, name, &address(to)).map(drop)
    }

    /// SIOCSIFNETMASK.
    pub fn set_netmask(&self, name: &Name, to: V4) -> Result<()> {
        self.ask(libc::SIOCSIFNETMASK as u32, name, &address(to)).map(drop)
    }

    /// SIOCADDRT: the way to everywhere else. ENETUNREACH: none leads to the gateway itself.
    pub fn add_gateway(&self, name: &Name, gateway: V4) -> Result<()> {
        const UP_BY_GATEWAY: u16 = 1 | 2;
        // SAFETY: all zeros are a route to 0.0.0.0/0 once the families are there; the kernel reads it, and the name.
        unsafe {
            let mut route: libc::rtentry = core::mem::zeroed();
            for part in [&mut route.rt_dst, &mut route.rt_gateway, &mut route.rt_genmask] {
                part.sa_family = libc::AF_INET as _;
            }
            for (place, byte) in route.rt_gateway.sa_data.iter_mut().skip(2).zip(gateway) {
                *place = byte as _;
            }
            route.rt_flags = UP_BY_GATEWAY;
            route.rt_dev = name.as_ptr() as *mut _;
            done(Call::Ioctl, libc::ioctl(self.0.raw(), libc::SIOCADDRT as _, &raw const route))
        }
    }
}
