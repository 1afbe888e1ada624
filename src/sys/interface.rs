//! Network interfaces and the addresses of IPv4 on them: netdevice(7), and SIOCADDRT of Linux's own.

use super::error::{Call, Result, done};
use super::fd::Fd;
use super::net;
use crate::text::ip::{NONE, V4};

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

/// Of what an interface has.
#[derive(Clone, Copy)]
#[repr(u32)]
pub enum Part {
    Address = libc::SIOCSIFADDR as u32,
    Netmask = libc::SIOCSIFNETMASK as u32,
}

/// Those of our network namespace.
pub struct Interfaces(Fd);

impl Interfaces {
    /// EAFNOSUPPORT: this kernel has no IPv4.
    pub fn open() -> Result<Interfaces> {
        net::socket(libc::AF_INET, libc::SOCK_DGRAM, 0).map(Interfaces)
    }

    /// What the kernel answers to a request with a `value`.
    #[inline(never)]
    fn ask(&self, request: u32, name: &Name, value: &[u8]) -> Result<[u8; 24]> {
        let mut asked = Request { name: *name, value: [0; 24] };
        for (place, byte) in asked.value.iter_mut().zip(value) {
            *place = *byte;
        }
        // SAFETY: each of these requests reads an ifreq, and may write to it.
        done(Call::Ioctl, unsafe { libc::ioctl(self.0.raw(), request as _, &raw mut asked) })?;
        Ok(asked.value)
    }

    /// SIOCGIFFLAGS: IFF_UP and its like. ENODEV: there is no such interface.
    pub fn flags(&self, name: &Name) -> Result<i32> {
        let [low, high, ..] = self.ask(libc::SIOCGIFFLAGS as u32, name, &[])?;
        Ok(i32::from(u16::from_ne_bytes([low, high])))
    }

    /// SIOCSIFFLAGS: up, and what else it has by its `flags`.
    pub fn bring_up(&self, name: &Name, flags: i32) -> Result<()> {
        self.ask(libc::SIOCSIFFLAGS as u32, name, &(flags | libc::IFF_UP).to_ne_bytes()).map(drop)
    }

    /// SIOCGIFADDR: what somebody has given it.
    pub fn address(&self, name: &Name) -> Option<V4> {
        let [_, _, _, _, a, b, c, d, ..] = self.ask(libc::SIOCGIFADDR as u32, name, &address(NONE)).ok()?;
        Some([a, b, c, d])
    }

    /// SIOCSIFADDR, which sets the netmask of the address's class too, or SIOCSIFNETMASK.
    pub fn set(&self, name: &Name, what: Part, to: V4) -> Result<()> {
        self.ask(what as u32, name, &address(to)).map(drop)
    }

    /// SIOCADDRT: the way to everywhere else; fine when there is that one. ENETUNREACH: none leads to the gateway itself.
    pub fn add_gateway(&self, name: &Name, gateway: V4) -> Result<()> {
        const UP_BY_GATEWAY: u64 = 1 | 2;
        // `struct rtentry` in words, little-endian as both machines are: a `sockaddr_in` of all addresses, with the mask of
        // all, and the gateway's between.
        let mut route = [0u64; 15];
        (route[1], route[5]) = (libc::AF_INET as u64, libc::AF_INET as u64);
        route[3] = u64::from_ne_bytes(address(gateway));
        route[7] = UP_BY_GATEWAY;
        route[11] = name.as_ptr() as u64;
        // SAFETY: the kernel reads the route, and the name that it points to.
        match done(Call::Ioctl, unsafe { libc::ioctl(self.0.raw(), libc::SIOCADDRT as _, route.as_ptr()) }) {
            Err(error) if error.is(libc::EEXIST) => Ok(()),
            done => done,
        }
    }
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use core::mem::{offset_of, size_of};

    #[test]
    fn a_route_in_words_is_the_kernels() {
        assert_eq!(size_of::<libc::rtentry>(), 15 * 8);
        assert_eq!(
            [
                offset_of!(libc::rtentry, rt_dst),
                offset_of!(libc::rtentry, rt_gateway),
                offset_of!(libc::rtentry, rt_genmask),
                offset_of!(libc::rtentry, rt_flags),
                offset_of!(libc::rtentry, rt_dev)
            ],
            [1, 3, 5, 7, 11].map(|word| word * 8)
        );
        assert_eq!(size_of::<libc::ifreq>(), size_of::<super::Request>());
    }
}
