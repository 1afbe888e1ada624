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

/// What was found to be of that form, or nothing. Without an address only `lo` is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ip<'a>(&'a [u8]);

const CLIENT: usize = 0;
const GATEWAY: usize = 2;
const NETMASK: usize = 3;
const HOSTNAME: usize = 4;
const DEVICE: usize = 5;
const AUTOCONF: usize = 6;
/// How many fields there are.
const FIELDS: usize = 10;

impl<'a> Ip<'a> {
    /// A word of AUTOCONF alone is no number: it may stand as the first.
    #[inline(never)]
    fn field(&self, index: usize) -> &'a [u8] {
        let mut rest = self.0;
        for _ in 0..index {
            rest = cut(rest, b':').1.unwrap_or_default();
        }
        before(rest, b':')
    }

    fn number(&self, index: usize) -> V4 {
        v4(self.field(index)).unwrap_or(NONE)
    }

    pub fn address(&self) -> V4 {
        self.number(CLIENT)
    }

    pub fn gateway(&self) -> V4 {
        self.number(GATEWAY)
    }

    /// None: that of the address's class, as the kernel guesses it.
    pub fn netmask(&self) -> V4 {
        self.number(NETMASK)
    }

    /// The name of the host, and behind its first dot that of its NIS domain; empty: none.
    pub fn hostname(&self) -> &'a [u8] {
        self.field(HOSTNAME)
    }

    /// Empty: the only one that there is.
    pub fn device(&self) -> &'a [u8] {
        self.field(DEVICE)
    }

    /// Numbers of name servers, as they are written; empty: none.
    pub fn name_servers(&self) -> [&'a [u8]; 2] {
        [AUTOCONF + 1, AUTOCONF + 2].map(|index| self.field(index))
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
    let mut index = if has(text, b':') || v4(text).is_some() { CLIENT } else { AUTOCONF };
    // Whether there is an address, anything that needs one, and the word that nobody is asked.
    let (mut address, mut needs, mut off) = (NONE, false, false);
    let mut rest = Some(text);
    while let Some((field, more)) = rest.map(|rest| cut(rest, b':')) {
        let good = match index {
            FIELDS.. => false,
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
            _ => match (v4(field), index) {
                (None, _) => false,
                (Some(mask), NETMASK) => {
                    needs = true;
                    is_mask(mask)
                }
                (Some(NONE), _) => true,
                (Some(number), _) => {
                    needs = true;
                    if index == CLIENT {
                        address = number;
                    }
                    index > GATEWAY || is_host(number)
                }
            },
        };
        if !good {
            return Err(Fault::Field(field));
        }
        (rest, index) = (more, index.wrapping_add(1));
    }
    match address == NONE {
        true if !off => Err(Fault::Asks),
        true if needs => Err(Fault::Field(before(text, b':'))),
        _ => Ok(Ip(text)),
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
