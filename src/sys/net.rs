//! The little of networking that an init needs: `lo` up, uevents, and a status over vsock.

use super::error::{Call, Result, check, check_long};
use super::fd::Fd;
use core::mem::size_of;

fn socket(domain: i32, kind: i32, protocol: i32) -> Result<Fd> {
    // SAFETY: plain numbers.
    let value = unsafe { libc::syscall(libc::SYS_socket, domain, kind | libc::SOCK_CLOEXEC, protocol) };
    check_long(Call::Socket, value).map(|raw| Fd::own(raw as i32))
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
        check(Call::Ioctl, libc::ioctl(socket.raw(), libc::SIOCSIFFLAGS as _, &request)).map(drop)
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
        let pointer = (&raw const address).cast();
        check(Call::Bind, libc::bind(socket.raw(), pointer, size_of::<libc::sockaddr_nl>() as _))?;
    }
    Ok(socket)
}

/// Sends `bytes` to `port` of the host (vsock(7), context 2), within 2 seconds at each step.
pub fn send_to_host(port: u32, bytes: &[u8]) -> Result<()> {
    let socket = socket(libc::AF_VSOCK, libc::SOCK_STREAM, 0)?;
    let limit = libc::timeval { tv_sec: 2, tv_usec: 0 };
    // SAFETY: SO_SNDTIMEO reads a timeval (it bounds connect too); an all-zero address with its fields set.
    unsafe {
        check(
            Call::Setsockopt,
            libc::setsockopt(
                socket.raw(),
                libc::SOL_SOCKET,
                libc::SO_SNDTIMEO,
                (&raw const limit).cast(),
                size_of::<libc::timeval>() as _,
            ),
        )?;
        let mut address: libc::sockaddr_vm = core::mem::zeroed();
        address.svm_family = libc::AF_VSOCK as _;
        address.svm_cid = libc::VMADDR_CID_HOST;
        address.svm_port = port;
        let pointer = (&raw const address).cast();
        check(Call::Connect, libc::connect(socket.raw(), pointer, size_of::<libc::sockaddr_vm>() as _))?;
        let n = libc::send(socket.raw(), bytes.as_ptr().cast(), bytes.len(), libc::MSG_NOSIGNAL);
        check_long(Call::Send, n as libc::c_long).map(drop)
    }
}
