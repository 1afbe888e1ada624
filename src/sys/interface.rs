//! Network interfaces and the addresses of IPv4 on them: netdevice(7), and SIOCADDRT of Linux's own.

use super::error::{Call, Result, done};
use super::fd::Fd;
use super::net;
use crate::text::ip::V4;

/// A name, with a NUL behind it: IFNAMSIZ.
pub type Name = [u8; 16];

/// `struct ifreq`. Its value is a number, or a `sockaddr_in`.
#[repr(C)]
struct Request {
    name: Name,
    value: [u64; 3],
}

/// `struct sockaddr_in`, its first half as one number, little-endian as both our machines are; zeros follow.
const fn address(number: V4) -> u64 {
    libc::AF_INET as u64 | (u32::from_le_bytes(number) as u64) << 32
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
    fn ask(&self, request: u32, name: &Name, value: u64) -> Result<u64> {
        let mut asked = Request { name: *name, value: [value, 0, 0] };
        // SAFETY: each of these requests reads an ifreq, and may write to it.
        done(Call::Ioctl, unsafe { libc::ioctl(self.0.raw(), request as _, &raw mut asked) })?;
        Ok(asked.value[0])
    }

    /// SIOCGIFFLAGS: IFF_UP and its like. ENODEV: there is no such interface.
    pub fn flags(&self, name: &Name) -> Result<i32> {
        self.ask(libc::SIOCGIFFLAGS as u32, name, 0).map(|value| i32::from(value as u16))
    }

    /// SIOCSIFFLAGS: up, and what else it has by its `flags`.
    pub fn bring_up(&self, name: &Name, flags: i32) -> Result<()> {
        self.ask(libc::SIOCSIFFLAGS as u32, name, (flags | libc::IFF_UP) as u64).map(drop)
    }

    /// SIOCGIFADDR: whether it has an address, and not this one.
    pub fn has_other_address(&self, name: &Name, than: V4) -> bool {
        self.ask(libc::SIOCGIFADDR as u32, name, address([0; 4])).is_ok_and(|has| has != address(than))
    }

    /// SIOCSIFADDR, which sets the netmask of the address's class too.
    pub fn set_address(&self, name: &Name, to: V4) -> Result<()> {
        self.ask(libc::SIOCSIFADDR as u32, name, address(to)).map(drop)
    }

    /// SIOCSIFNETMASK.
    pub fn set_netmask(&self, name: &Name, to: V4) -> Result<()> {
        self.ask(libc::SIOCSIFNETMASK as u32, name, address(to)).map(drop)
    }

    /// SIOCADDRT: the way to everywhere else; fine when there is that one. ENETUNREACH: none leads to the gateway itself.
    pub fn add_gateway(&self, name: &Name, gateway: V4) -> Result<()> {
        const UP_BY_GATEWAY: u64 = 1 | 2;
        // `struct rtentry` in words: a `sockaddr_in` of all addresses, with the mask of all, and the gateway's between.
        let mut route = [0u64; 15];
        (route[1], route[5]) = (address([0; 4]), address([0; 4]));
        route[3] = address(gateway);
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
    fn structures_in_words_are_the_kernels() {
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
        let (family, number) = (offset_of!(libc::sockaddr_in, sin_family), offset_of!(libc::sockaddr_in, sin_addr));
        let mut bytes = [0; 8];
        bytes[family..family + 2].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
        bytes[number..number + 4].copy_from_slice(&[10, 0, 2, 15]);
        assert_eq!(super::address([10, 0, 2, 15]).to_ne_bytes(), bytes);
    }
}
