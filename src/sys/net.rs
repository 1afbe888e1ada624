//! The little of networking that an init needs: `lo` up, uevents, listening sockets, and a status over vsock.

use super::error::{Call, Error, Result, done};
use super::fd::Fd;
use super::fs::{self, At};
use crate::limits;
use crate::text::address::{Address, Family, V4_BYTES};
use crate::text::bytes;
use core::mem::size_of;
use heapless::Vec;

pub(super) fn socket(domain: i32, kind: i32, protocol: i32) -> Result<Fd> {
    // SAFETY: plain numbers.
    let value = unsafe { libc::syscall(libc::SYS_socket, domain, kind | libc::SOCK_CLOEXEC, protocol) };
    Fd::made(Call::Socket, value)
}

/// Brings the loopback interface of this network namespace up (netdevice(7)); its addresses come by themselves. For a process
/// that closes all its files later: the socket too.
pub fn loopback_up() -> Result<()> {
    // Any kind of socket will do, and this one costs least.
    let socket = socket(libc::AF_UNIX, libc::SOCK_DGRAM, 0)?;
    // SAFETY: an all-zero ifreq is valid, and the ioctl reads one.
    unsafe {
        let mut request: libc::ifreq = core::mem::zeroed();
        request.ifr_name[0] = b'l' as _;
        request.ifr_name[1] = b'o' as _;
        request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as _;
        done(Call::Ioctl, libc::ioctl(socket.leak(), libc::SIOCSIFFLAGS as _, &request))
    }
}

/// The kernel's device events (netlink(7), NETLINK_KOBJECT_UEVENT, the kernel's own group), not blocking.
pub fn device_events() -> Result<Fd> {
    const GROUP: [u8; 4] = 1u32.to_ne_bytes();
    let socket = socket(libc::AF_NETLINK, libc::SOCK_DGRAM | libc::SOCK_NONBLOCK, libc::NETLINK_KOBJECT_UEVENT)?;
    // `struct sockaddr_nl` behind its family: padding, our number, which the kernel gives, and the group.
    give(Call::Bind, &socket, libc::AF_NETLINK, &[0, 0, 0, 0, 0, 0, GROUP[0], GROUP[1], GROUP[2], GROUP[3]])?;
    Ok(socket)
}

/// Sends `bytes` to `port` of the host (vsock(7), context 2), within 2 seconds at each step.
pub fn send_to_host(port: u32, bytes: &[u8]) -> Result<()> {
    let socket = socket(libc::AF_VSOCK, libc::SOCK_STREAM, 0)?;
    let limit = libc::timeval { tv_sec: 2, tv_usec: 0 };
    let size = size_of::<libc::timeval>();
    // SAFETY: SO_SNDTIMEO reads a timeval (it bounds connect too).
    done(Call::Setsockopt, unsafe {
        libc::syscall(libc::SYS_setsockopt, socket.raw(), libc::SOL_SOCKET, libc::SO_SNDTIMEO, &raw const limit, size)
    })?;
    // `struct sockaddr_vm` behind its family: two bytes reserved, the port, the context, and zeros.
    let mut name = [0; 14];
    name[2..6].copy_from_slice(&port.to_ne_bytes());
    name[6..10].copy_from_slice(&libc::VMADDR_CID_HOST.to_ne_bytes());
    give(Call::Connect, &socket, libc::AF_VSOCK, &name)?;
    super::local::send(&socket, bytes)
}

pub(super) fn set_option(socket: &Fd, level: i32, option: i32, value: i32) -> Result<()> {
    let size = size_of::<i32>() as libc::socklen_t;
    // SAFETY: these options read an int.
    done(Call::Setsockopt, unsafe {
        libc::syscall(libc::SYS_setsockopt, socket.raw(), level, option, &raw const value, size)
    })
}

/// A socket that a service accepts or receives on: bound, and, but for `udp`, listening; blocking, as sd_listen_fds(3)
/// hands it over. One for IPv6 leaves IPv4 to others; one for both families is for IPv4 where the kernel has no other.
///
/// # Errors
///
/// EADDRINUSE: somebody else is there. EADDRNOTAVAIL: the machine does not have that address. EAFNOSUPPORT: nor that
/// family. For a path, ENOENT: its directory is missing; EEXIST: what lies there is no socket.
#[inline(never)]
pub fn listen(address: &Address) -> Result<Fd> {
    let kind = if address.datagrams { libc::SOCK_DGRAM } else { libc::SOCK_STREAM };
    let mut name = address.name.as_slice();
    let mut family = match address.family {
        Family::V4 => libc::AF_INET,
        Family::V6 | Family::Both => libc::AF_INET6,
        Family::Unix => libc::AF_UNIX,
    };
    let mut made = socket(family, kind, 0);
    if address.family == Family::Both && made.as_ref().is_err_and(|error| error.is(libc::EAFNOSUPPORT)) {
        name = name.get(..V4_BYTES).unwrap_or_default();
        family = libc::AF_INET;
        made = socket(family, kind, 0);
    }
    let socket = made?;
    if family == libc::AF_INET6 {
        // The system's default is not what was written.
        let only = i32::from(address.family == Family::V6);
        set_option(&socket, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, only)?;
    }
    if !address.datagrams {
        // Connections that linger in TIME_WAIT keep nobody out. (Of datagrams a second socket could take a share.)
        set_option(&socket, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
    }
    // Everybody may connect to a path, as to a port: whom to keep out is for its directory to say.
    const EVERYBODY: u32 = 0o111;
    match bind(&socket, family, name, EVERYBODY) {
        Err(error) if family == libc::AF_UNIX && error.is(libc::EADDRINUSE) => {
            clear(name)?;
            bind(&socket, family, name, EVERYBODY)?;
        }
        done => done?,
    }
    if !address.datagrams {
        // The longest queue that a kernel has by default: connections wait in it while the service starts again.
        queue(&socket, 4096)?;
    }
    Ok(socket)
}

/// listen(2).
pub(super) fn queue(socket: &Fd, length: i32) -> Result<()> {
    // SAFETY: plain numbers.
    done(Call::Listen, unsafe { libc::syscall(libc::SYS_listen, socket.raw(), length) })
}

/// bind(2), with a mask for the rights of the file that a path becomes: there is no other thread that could make one
/// meanwhile.
pub(super) fn bind(socket: &Fd, family: i32, name: &[u8], mask: u32) -> Result<()> {
    let mask = fs::set_mode_mask(mask);
    let done = give(Call::Bind, socket, family, name);
    fs::set_mode_mask(mask);
    done
}

/// bind(2) or connect(2) with the name behind its family.
pub(super) fn give(call: Call, socket: &Fd, family: i32, name: &[u8]) -> Result<()> {
    let mut address = Vec::<u8, { 2 + limits::SOCKET_PATH_BYTES }, u8>::new();
    // They fit: the longest name is a path.
    let _ = address.extend_from_slice(&(family as libc::sa_family_t).to_ne_bytes());
    let _ = address.extend_from_slice(name);
    let number = if call == Call::Connect { libc::SYS_connect } else { libc::SYS_bind };
    // SAFETY: the kernel copies that many bytes, from wherever they are.
    done(call, unsafe { libc::syscall(number, socket.raw(), address.as_ptr(), address.len()) })
}

/// Removes a socket that nobody has open any more: the end of whoever made it leaves its name behind.
fn clear(name: &[u8]) -> Result<()> {
    let path = bytes::terminated(name).unwrap_or_default();
    if !fs::link_status(At::Cwd, path)?.is_socket() {
        return Err(Error::new(Call::Bind, libc::EEXIST));
    }
    let probe = socket(libc::AF_UNIX, libc::SOCK_STREAM | libc::SOCK_NONBLOCK, 0)?;
    match give(Call::Connect, &probe, libc::AF_UNIX, name) {
        Err(error) if error.is(libc::ECONNREFUSED) => fs::remove(At::Cwd, path, false),
        _ => Err(Error::new(Call::Bind, libc::EADDRINUSE)),
    }
}
