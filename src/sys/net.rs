//! The little of networking that an init needs: `lo` up, uevents, listening sockets, and a status over vsock.

use super::error::{Call, Error, Result, check, check_long};
use super::fd::Fd;
use super::fs::{self, At};
use crate::limits;
use crate::text::address::{Address, Host};
use core::ffi::CStr;
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

/// What bind(2) and connect(2) take: `sockaddr_in`, `sockaddr_in6` and `sockaddr_un` are all a family and bytes.
#[repr(C, align(4))]
struct Name {
    family: u16,
    rest: [u8; limits::SOCKET_PATH_BYTES],
    len: libc::socklen_t,
}

impl Name {
    /// The family, and `parts` as they lie behind it in memory.
    fn new(family: i32, parts: [&[u8]; 4]) -> Self {
        let mut name = Name { family: family as u16, rest: [0; limits::SOCKET_PATH_BYTES], len: 2 };
        for (to, from) in name.rest.iter_mut().zip(parts.into_iter().flatten()) {
            *to = *from;
            name.len += 1;
        }
        name
    }

    /// bind(2) or connect(2).
    fn give(&self, call: Call, socket: &Fd) -> Result<()> {
        let pointer = (&raw const *self).cast();
        // SAFETY: an address of the length given, all of it in `family` and `rest`.
        check(call, unsafe {
            match call {
                Call::Connect => libc::connect(socket.raw(), pointer, self.len),
                _ => libc::bind(socket.raw(), pointer, self.len),
            }
        })
        .map(drop)
    }
}

fn set_option(socket: &Fd, level: i32, option: i32, value: bool) -> Result<()> {
    let value = i32::from(value);
    let size = size_of::<i32>() as libc::socklen_t;
    // SAFETY: these options read an int.
    let done = unsafe { libc::setsockopt(socket.raw(), level, option, (&raw const value).cast(), size) };
    check(Call::Setsockopt, done).map(drop)
}

/// A socket that a service accepts or receives on: bound, and, but for `udp`, listening; blocking, as sd_listen_fds(3)
/// hands it over. Without a host it hears IPv4 and IPv6, as far as the kernel has them; with one in brackets only IPv6.
///
/// # Errors
///
/// EADDRINUSE: somebody else is there. EADDRNOTAVAIL: the machine does not have that address. EAFNOSUPPORT: nor that
/// family. For a path, ENOENT: its directory is missing; EEXIST: what lies there is no socket.
#[inline(never)]
pub fn listen(address: &Address) -> Result<Fd> {
    let (datagrams, host, port) = match *address {
        Address::Internet { datagrams, host, port } => (datagrams, host, port),
        Address::Unix(path) => return listen_at(path),
    };
    let number = port.to_be_bytes();
    let (family, name) = match host {
        Host::V4(host) => (libc::AF_INET, Name::new(libc::AF_INET, [&number, &host, &[0; 8], &[]])),
        // Before it a flow, behind it a scope.
        Host::V6(host) => (libc::AF_INET6, Name::new(libc::AF_INET6, [&number, &[0; 4], &host, &[0; 4]])),
        Host::Any => (libc::AF_INET6, Name::new(libc::AF_INET6, [&number, &[0; 24], &[], &[]])),
    };
    let kind = if datagrams { libc::SOCK_DGRAM } else { libc::SOCK_STREAM };
    let socket = match socket(family, kind, 0) {
        Err(error) if error.is(libc::EAFNOSUPPORT) && host == Host::Any => {
            return listen(&Address::Internet { datagrams, host: Host::V4([0; 4]), port });
        }
        done => done?,
    };
    if family == libc::AF_INET6 {
        // The system's default is not the machine's word: what is written in brackets leaves IPv4 to others.
        set_option(&socket, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, host != Host::Any)?;
    }
    if datagrams {
        // With SO_REUSEADDR a second socket could take its datagrams away.
        name.give(Call::Bind, &socket)?;
        return Ok(socket);
    }
    // Connections of its last life that linger in TIME_WAIT keep nobody out.
    set_option(&socket, libc::SOL_SOCKET, libc::SO_REUSEADDR, true)?;
    name.give(Call::Bind, &socket)?;
    start(socket)
}

fn listen_at(path: &[u8]) -> Result<Fd> {
    let name = Name::new(libc::AF_UNIX, [path, b"\0", &[], &[]]);
    let socket = socket(libc::AF_UNIX, libc::SOCK_STREAM, 0)?;
    let bind = || {
        // Everybody may connect, as to a port; whom to keep out is for the directory to say.
        // SAFETY: cannot fail, and there is no other thread that could make a file meanwhile.
        let mask = unsafe { libc::umask(0o111) };
        let done = name.give(Call::Bind, &socket);
        fs::set_mode_mask(mask as u32);
        done
    };
    match bind() {
        Err(error) if error.is(libc::EADDRINUSE) => {
            clear(&name)?;
            bind()?;
        }
        done => done?,
    }
    start(socket)
}

/// Removes a socket that nobody has open any more: the end of whoever made it leaves its name behind.
fn clear(name: &Name) -> Result<()> {
    let path = CStr::from_bytes_until_nul(&name.rest).unwrap_or_default();
    if !fs::link_status(At::Cwd, path)?.is_socket() {
        return Err(Error::new(Call::Bind, libc::EEXIST));
    }
    let probe = socket(libc::AF_UNIX, libc::SOCK_STREAM | libc::SOCK_NONBLOCK, 0)?;
    match name.give(Call::Connect, &probe) {
        Err(error) if error.is(libc::ECONNREFUSED) => fs::remove(At::Cwd, path, false),
        _ => Err(Error::new(Call::Bind, libc::EADDRINUSE)),
    }
}

/// listen(2), with the longest queue that a kernel has by default (SOMAXCONN since Linux 5.4): it is where connections wait
/// while the service starts again.
fn start(socket: Fd) -> Result<Fd> {
    // SAFETY: plain numbers.
    check(Call::Listen, unsafe { libc::listen(socket.raw(), 4096) })?;
    Ok(socket)
}
