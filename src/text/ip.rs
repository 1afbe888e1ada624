//! The address of the machine, as the kernel's own `ip=` has it (Documentation/admin-guide/nfs/nfsroot.rst):
//! `CLIENT:SERVER:GATEWAY:NETMASK:HOSTNAME:DEVICE:AUTOCONF:DNS0:DNS1:NTP0`, what is missing being empty, or one word of
//! AUTOCONF alone. IPv4 only, as there.

use super::address::v4;
use super::bytes::{all, before, cut, has};
use super::names;

/// IPv4, in the order of the wire; all zeros: none.
pub type V4 = [u8; 4];

const NONE: V4 = [0; 4];

/// The longest name of an interface: IFNAMSIZ without its NUL.
const DEVICE_BYTES: usize = 15;

/// Fields in their order. Without an address only `lo` is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ip<'a> {
    words: [&'a [u8]; 10],
    numbers: [V4; 10],
}

const GATEWAY: usize = 2;
const NETMASK: usize = 3;
const HOSTNAME: usize = 4;
const DEVICE: usize = 5;
const AUTOCONF: usize = 6;

impl<'a> Ip<'a> {
    pub fn address(&self) -> V4 {
        self.numbers[0]
    }

    pub fn gateway(&self) -> V4 {
        self.numbers[GATEWAY]
    }

    /// None: that of the address's class, as the kernel guesses it.
    pub fn netmask(&self) -> V4 {
        self.numbers[NETMASK]
    }

    /// Empty: none.
    pub fn hostname(&self) -> &'a [u8] {
        self.words[HOSTNAME]
    }

    /// Empty: whichever there is.
    pub fn device(&self) -> &'a [u8] {
        self.words[DEVICE]
    }

    /// Numbers of name servers, as they are written; empty: none.
    pub fn name_servers(&self) -> [&'a [u8]; 2] {
        [self.words[AUTOCONF + 1], self.words[AUTOCONF + 2]]
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It has not that form.
    Form,
    /// It asks others for an address.
    Asks,
}

/// # Errors
///
/// [`Fault::Asks`] for what a kernel with CONFIG_IP_PNP, or dracut, would ask a server for; [`Fault::Form`] for all else. What
/// comes without its address is an error too: it would silently be nothing.
pub fn parse(text: &[u8]) -> Result<Ip<'_>, Fault> {
    let mut ip = Ip::default();
    let mut index = if has(text, b':') || v4(text).is_some() { 0 } else { AUTOCONF };
    let mut rest = Some(text);
    while let Some((field, more)) = rest.map(|rest| cut(rest, b':')) {
        let (Some(word), Some(number)) = (ip.words.get_mut(index), ip.numbers.get_mut(index)) else {
            return Err(Fault::Form);
        };
        *word = field;
        match index {
            _ if field.is_empty() => {}
            HOSTNAME | DEVICE => {}
            // DHCP takes a name for the client behind a comma.
            AUTOCONF => match names::position(WAYS, before(field, b',')) {
                Some(0..3) if !has(field, b',') => {}
                Some(3..) => return Err(Fault::Asks),
                _ => return Err(Fault::Form),
            },
            // Two of them are for a root on NFS, and for who sets the clock: not ours, but numbers all the same.
            _ => *number = v4(field).ok_or(Fault::Form)?,
        }
        (rest, index) = (more, index.wrapping_add(1));
    }
    let needless = ip.address() == NONE && ip.numbers != [NONE; 10];
    if text.is_empty() || needless || !is_mask(ip.netmask()) || !is_device(ip.device()) {
        return Err(Fault::Form);
    }
    Ok(ip)
}

/// What AUTOCONF can be: the first three ask nobody.
const WAYS: &str = "off none static dhcp on any bootp rarp both dhcp6 auto6 ibft";

/// Ones, then zeros: the kernel takes no other.
fn is_mask(mask: V4) -> bool {
    let zeros = !u32::from_be_bytes(mask);
    zeros & zeros.wrapping_add(1) == 0
}

/// A name that an interface can have (dev_valid_name() of the kernel), or none.
fn is_device(name: &[u8]) -> bool {
    name.len() <= DEVICE_BYTES
        && name != b"."
        && name != b".."
        && all(name, |byte| byte.is_ascii_graphic() && byte != b'/')
}

#[cfg(test)]
#[path = "ip_tests.rs"]
mod tests;
