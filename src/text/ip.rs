//! The address of the machine, as the kernel's own `ip=` has it (Documentation/admin-guide/nfs/nfsroot.rst):
//! `CLIENT:SERVER:GATEWAY:NETMASK:HOSTNAME:DEVICE:AUTOCONF:DNS0:DNS1:NTP0`, what is missing being empty, or one word of
//! AUTOCONF alone. IPv4 only, as there.

use super::address::v4;
use super::bytes::{all, cut, has};
use super::names;

/// IPv4, in the order of the wire; all zeros: none.
pub type V4 = [u8; 4];

const NONE: V4 = [0; 4];

/// The longest name of an interface: IFNAMSIZ without its NUL.
const DEVICE_BYTES: usize = 15;

/// Without an address only `lo` is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ip<'a> {
    pub address: V4,
    pub gateway: V4,
    /// None: that of the address's class, as the kernel guesses it.
    pub netmask: V4,
    /// Empty: none.
    pub hostname: &'a [u8],
    /// Empty: whichever there is.
    pub device: &'a [u8],
    pub dns: [V4; 2],
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
    const FIELDS: usize = 10;
    let mut fields = [b"".as_slice(); FIELDS];
    let mut rest = Some(text);
    for field in &mut fields {
        let Some(left) = rest else { break };
        (*field, rest) = cut(left, b':');
    }
    let [mut address, server, gateway, netmask, hostname, device, mut autoconf, dns0, dns1, ntp] = fields;
    if !has(text, b':') && v4(text).is_none() {
        (address, autoconf) = (b"", text);
    }
    // DHCP takes a name for the client behind a comma.
    let (how, _) = cut(autoconf, b',');
    if names::position("dhcp on any bootp rarp both dhcp6 auto6 ibft link6 link-local", how).is_some() {
        return Err(Fault::Asks);
    }
    let known = names::position("off none static", autoconf).is_some();
    if rest.is_some() || text.is_empty() || !(known || autoconf.is_empty()) {
        return Err(Fault::Form);
    }
    let number = |field: &[u8]| if field.is_empty() { Some(NONE) } else { v4(field) };
    // Those are for a root on NFS, and for who sets the clock: not ours, but numbers all the same.
    let others = [server, ntp].map(number);
    let numbers = [address, gateway, netmask, dns0, dns1].map(number);
    let [Some(address), Some(gateway), Some(netmask), Some(dns0), Some(dns1)] = numbers else {
        return Err(Fault::Form);
    };
    let needless = address == NONE && [gateway, netmask, dns0, dns1] != [NONE; 4];
    if needless || others.contains(&None) || !is_mask(netmask) || !is_device(device) {
        return Err(Fault::Form);
    }
    Ok(Ip { address, gateway, netmask, hostname, device, dns: [dns0, dns1] })
}

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
