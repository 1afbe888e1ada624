//! The address of the machine, as the kernel's own `ip=` has it (Documentation/admin-guide/nfs/nfsroot.rst):
//! `CLIENT:SERVER:GATEWAY:NETMASK:HOSTNAME:DEVICE:AUTOCONF:DNS0:DNS1:NTP0`, what is missing being empty, or one word of
//! AUTOCONF alone. IPv4 only, as there.

use super::address::v4;
use super::bytes::{before, cut, has};
use super::names;

/// IPv4, in the order of the wire; all zeros: none, as there.
pub type V4 = [u8; 4];

pub const NONE: V4 = [0; 4];

/// A text of that form, or an empty one. Without an address only `lo` is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ip<'a>(&'a [u8]);

const CLIENT: usize = 0;
const GATEWAY: usize = 2;
const NETMASK: usize = 3;
const HOSTNAME: usize = 4;
const DEVICE: usize = 5;
const AUTOCONF: usize = 6;
const DNS: usize = 7;
/// How many fields there are.
const FIELDS: usize = 10;

impl<'a> Ip<'a> {
    /// Of a text that was [parsed](parse) before.
    pub const fn of(text: &'a [u8]) -> Self {
        Ip(text)
    }

    /// A word of AUTOCONF alone is no number: it may stand as the first.
    #[inline(never)]
    fn field(self, index: usize) -> &'a [u8] {
        let mut rest = self.0;
        for _ in 0..index {
            rest = cut(rest, b':').1.unwrap_or_default();
        }
        before(rest, b':')
    }

    #[inline(never)]
    fn number(self, index: usize) -> V4 {
        v4(self.field(index)).unwrap_or(NONE)
    }

    pub fn address(self) -> V4 {
        self.number(CLIENT)
    }

    pub fn gateway(self) -> V4 {
        self.number(GATEWAY)
    }

    /// None: that of the address's class, as the kernel guesses it.
    pub fn netmask(self) -> V4 {
        self.number(NETMASK)
    }

    /// The name of the host, and behind its first dot that of its NIS domain; empty: none.
    pub fn hostname(self) -> &'a [u8] {
        self.field(HOSTNAME)
    }

    /// Empty: the only one that there is.
    pub fn device(self) -> &'a [u8] {
        self.field(DEVICE)
    }

    /// Numbers of name servers, as they are written; empty: none.
    pub fn name_servers(self) -> [&'a [u8]; 2] {
        [DNS, DNS + 1].map(|index| self.field(index))
    }
}

/// Looks at all but the two names, which are anybody's that may be called so.
///
/// # Errors
///
/// The field that cannot be what it is: also a word of AUTOCONF that asks others for an address. All of the text: it has no
/// address, and neither `off` nor one of its like (for the kernel that is to ask others), or what needs one, and would silently
/// be nothing.
pub fn parse(text: &[u8]) -> Result<Ip<'_>, &[u8]> {
    let ip = Ip(text);
    let mut index = if has(text, b':') || v4(text).is_some() { CLIENT } else { AUTOCONF };
    let (mut rest, mut off) = (Some(text), false);
    while let Some((field, more)) = rest.map(|rest| cut(rest, b':')) {
        let number = v4(field);
        let good = match index {
            FIELDS.. => false,
            _ if field.is_empty() => true,
            HOSTNAME | DEVICE => true,
            AUTOCONF => {
                // The last one is klibc's.
                off = names::position("off none static", field).is_some();
                off
            }
            NETMASK => number.is_some_and(is_mask),
            CLIENT..=GATEWAY => number.is_some_and(is_host),
            _ => number.is_some(),
        };
        if !good {
            return Err(field);
        }
        (rest, index) = (more, index.wrapping_add(1));
    }
    let needs = [GATEWAY, NETMASK, DNS, DNS + 1].iter().any(|index| !ip.field(*index).is_empty());
    if ip.address() == NONE && (needs || !off) { Err(text) } else { Ok(ip) }
}

/// Ones, then zeros: the kernel takes no other.
fn is_mask(mask: V4) -> bool {
    let zeros = !u32::from_be_bytes(mask);
    mask != NONE && zeros & zeros.wrapping_add(1) == 0
}

/// None, or neither "this network", nor a loopback, nor multicast and what is above it. The kernel would take some of these.
fn is_host(number: V4) -> bool {
    number == NONE || !matches!(number[0], 0 | 127 | 224..)
}

#[cfg(test)]
#[path = "ip_tests.rs"]
mod tests;
