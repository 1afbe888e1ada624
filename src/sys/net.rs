//! The little of networking that an init needs: `lo` up, uevents, and a status over vsock.

use super::call::{self, NULL};
use super::error::{Call, Result, done, number};
use super::fd::Fd;
use core::mem::size_of;

fn socket(domain: i32, kind: i32, protocol: i32) -> Result<Fd> {
    // SAFETY: plain numbers.
    number(Call::Socket, unsafe { call::three(libc::SYS_socket, domain, kind | libc::SOCK_CLOEXEC, protocol) })
        .map(Fd::own)
}

/// Brings the loopback interface of this network namespace up (netdevice(7)); its addresses come by themselves.
pub fn loopback_up() -> Result<()> {
    let socket = socket(libc::AF_INET, libc::SOCK_DGRAM, 0)?;
    // SAFETY: an all-zero ifreq is valid, and the ioctl reads one.
    unsafe {
        let mut request: libc::ifreq = core::mem::zeroed();
        request.ifr_name[0] = b'l' as _;
        request.ifr_name[1] = b'o' as _;
        request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as _;
        done(Call::Ioctl, call::three(libc::SYS_ioctl, socket.raw(), libc::SIOCSIFFLAGS as u32, &raw const request))
    }
}

/// The kernel's device events (netlink(7), NETLINK_KOBJECT_UEVENT, the kernel's own group), not blocking.
pub fn device_events() -> Result<Fd> {
    let socket = socket(libc::AF_NETLINK, libc::SOCK_DGRAM | libc::SOCK_NONBLOCK, libc::NETLINK_KOBJECT_UEVENT)?;
    // SAFETY: an all-zero address with its family and group set; bind reads its size.
    unsafe {
        let mut address: libc::sockaddr_nl = core::mem::zeroed();
        address.nl_family = libc::AF_NETLINK as _;
        address.nl_groups = 1;
        let length = size_of::<libc::sockaddr_nl>();
        done(Call::Bind, call::three(libc::SYS_bind, socket.raw(), &raw const address, length))?;
    }
    Ok(socket)
}

/// Sends `bytes` to `port` of the host (vsock(7), context 2), within 2 seconds at each step.
pub fn send_to_host(port: u32, bytes: &[u8]) -> Result<()> {
    let socket = socket(libc::AF_VSOCK, libc::SOCK_STREAM, 0)?;
    let limit = libc::timeval { tv_sec: 2, tv_usec: 0 };
    // SAFETY: SO_SNDTIMEO reads a timeval (it bounds connect too); an all-zero address with its fields set.
    unsafe {
        done(
            Call::Setsockopt,
            call::five(
                libc::SYS_setsockopt,
                socket.raw(),
                libc::SOL_SOCKET,
                libc::SO_SNDTIMEO,
                &raw const limit,
                size_of::<libc::timeval>(),
            ),
        )?;
        let mut address: libc::sockaddr_vm = core::mem::zeroed();
        address.svm_family = libc::AF_VSOCK as _;
        address.svm_cid = libc::VMADDR_CID_HOST;
        address.svm_port = port;
        let length = size_of::<libc::sockaddr_vm>();
        done(Call::Connect, call::three(libc::SYS_connect, socket.raw(), &raw const address, length))?;
        // Without an address its length, the sixth word, is not read.
        let (text, no_signal) = (bytes.as_ptr(), libc::MSG_NOSIGNAL);
        done(Call::Send, call::five(libc::SYS_sendto, socket.raw(), text, bytes.len(), no_signal, NULL))
    }
}
