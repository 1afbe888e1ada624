//! The address of the machine, as the kernel's own `ip=` has it (Documentation/admin-guide/nfs/nfsroot.rst):
//! `CLIENT:SERVER:GATEWAY:NETMASK:HOSTNAME:DEVICE:AUTOCONF:DNS0:DNS1:NTP0`, what is missing being empty, or one word of
//! AUTOCONF alone. IPv4 only, as there.

use super::address::v4;
use super::bytes::{all, before, cut, has};
use super::names;

/// IPv4, in the order of the wire; all zeros: none, as there.
pub type V4 = [u8; 4];

pub const NONE: V4 = [0; 4];

/// The longest name of an interface: IFNAMSIZ without its NUL.
const DEVICE_BYTES: usize = 15;

/// Fields in their order. Without an address only `lo` is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ip<'a> {
    words: [&'a [u8]; 10],
    numbers: [V4; 10],
}

const CLIENT: usize = 0;
const GATEWAY: usize = 2;
const NETMASK: usize = 3;
const HOSTNAME: usize = 4;
const DEVICE: usize = 5;
const AUTOCONF: usize = 6;

impl<'a> Ip<'a> {
    pub fn address(&self) -> V4 {
        self.numbers[CLIENT]
    }

    pub fn gateway(&self) -> V4 {
        self.numbers[GATEWAY]
    }

    /// None: that of the address's class, as the kernel guesses it.
    pub fn netmask(&self) -> V4 {
        self.numbers[NETMASK]
    }

    /// The name of the host, and behind its first dot that of its NIS domain; empty: none.
    pub fn hostname(&self) -> &'a [u8] {
        self.words[HOSTNAME]
    }

    /// Empty: the only one that there is.
    pub fn device(&self) -> &'a [u8] {
        self.words[DEVICE]
    }

    /// Numbers of name servers, as they are written; empty: none.
    pub fn name_servers(&self) -> [&'a [u8]; 2] {
        [self.words[AUTOCONF + 1], self.words[AUTOCONF + 2]]
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault<'a> {
    /// This field cannot be what it is.
    Field(&'a [u8]),
    /// It asks others for an address.
    Asks,
}

/// What AUTOCONF can be: the first three, of which the last is klibc's, ask nobody. Of the others some are dracut's.
const WAYS: &str = "off none static dhcp on any bootp rarp both dhcp6 auto6 either6 link6 link-local ibft";

/// # Errors
///
/// [`Fault::Asks`] for what a kernel with CONFIG_IP_PNP, or dracut, would ask a server for: for them no address and no `off` is
/// that too. [`Fault::Field`] for all else. What comes without its address is an error: it would silently be nothing.
pub fn parse(text: &[u8]) -> Result<Ip<'_>, Fault<'_>> {
    let mut ip = Ip::default();
    let mut index = if has(text, b':') || v4(text).is_some() { CLIENT } else { AUTOCONF };
    let (mut rest, mut off) = (Some(text), false);
    while let Some((field, more)) = rest.map(|rest| cut(rest, b':')) {
        let wrong = Fault::Field(field);
        let (Some(word), Some(number)) = (ip.words.get_mut(index), ip.numbers.get_mut(index)) else {
            return Err(wrong);
        };
        *word = field;
        let good = match index {
            _ if field.is_empty() => !text.is_empty(),
            HOSTNAME => true,
            DEVICE => is_device(field),
            // DHCP takes a name for the client behind a comma.
            AUTOCONF => match names::position(WAYS, before(field, b',')) {
                Some(3..) => return Err(Fault::Asks),
                way => {
                    off = way.is_some() && !has(field, b',');
                    off
                }
            },
            // SERVER and NTP0 are for a root on NFS, and for who sets the clock: not ours, but numbers all the same.
            _ => {
                *number = v4(field).ok_or(wrong)?;
                match index {
                    NETMASK => is_mask(*number),
                    CLIENT | GATEWAY => *number == NONE || is_host(*number),
                    _ => true,
                }
            }
        };
        if !good {
            return Err(wrong);
        }
        (rest, index) = (more, index.wrapping_add(1));
    }
    match ip.address() == NONE {
        true if !off => Err(Fault::Asks),
        true if ip.numbers != [NONE; 10] => Err(Fault::Field(ip.words[CLIENT])),
        _ => Ok(ip),
    }
}

/// Ones, then zeros: the kernel takes no other.
fn is_mask(mask: V4) -> bool {
    let zeros = !u32::from_be_bytes(mask);
    mask != NONE && zeros & zeros.wrapping_add(1) == 0
}

/// Neither "this network", nor a loopback, nor multicast and what is above it. The kernel would take some of these.
fn is_host(number: V4) -> bool {
    !matches!(number[0], 0 | 127 | 224..)
}

/// A name that an interface can have (dev_valid_name() of the kernel). Who writes brackets or quotes means what is in them.
fn is_device(name: &[u8]) -> bool {
    name.len() <= DEVICE_BYTES
        && name != b"."
        && name != b".."
        && all(name, |byte| byte.is_ascii_graphic() && !matches!(byte, b'/' | b'[' | b']' | b'"' | b'\''))
}

#[cfg(test)]
#[path = "ip_tests.rs"]
mod tests;
