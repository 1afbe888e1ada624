//! Sockets under a path (unix(7)): packets with their ends kept, and the kernel's word about who sent them.

use super::error::{Call, Result, check_long, done};
use super::fd::Fd;
use super::fs::{self, At};
use super::net::{self, socket};
use super::process::Pid;
use core::ffi::CStr;
use core::mem::{size_of, zeroed};

/// Connections whose packets are whole and in order, and that end.
pub const CONNECTIONS: i32 = libc::SOCK_SEQPACKET;
/// Single packets from anybody.
pub const PACKETS: i32 = libc::SOCK_DGRAM;

/// A socket that others reach at `path`, with these rights, in place of what was there; EADDRINUSE where somebody still
/// answers. It never blocks.
pub fn bind(path: &CStr, kind: i32, mode: u32) -> Result<Fd> {
    let socket = socket(libc::AF_UNIX, kind | libc::SOCK_NONBLOCK, 0)?;
    // The file is made with these rights: there is no moment with others.
    let bind = || net::bind(&socket, libc::AF_UNIX, path.to_bytes_with_nul(), !mode & 0o777);
    if let Err(error) = bind() {
        if !error.is(libc::EADDRINUSE) || connect(path, kind).is_ok() {
            return Err(error);
        }
        let _ = fs::remove(At::Cwd, path, false);
        bind()?;
    }
    if kind == PACKETS {
        net::set_option(&socket, libc::SOL_SOCKET, libc::SO_PASSCRED, 1)?;
    } else {
        net::queue(&socket, 64)?;
    }
    Ok(socket)
}

/// A connection to the socket at `path`. It does not block: EAGAIN when its queue is full.
pub fn connect(path: &CStr, kind: i32) -> Result<Fd> {
    let socket = socket(libc::AF_UNIX, kind | libc::SOCK_NONBLOCK, 0)?;
    net::give(Call::Connect, &socket, libc::AF_UNIX, path.to_bytes_with_nul())?;
    Ok(socket)
}

/// Bytes that a connection holds for a client that does not read, before [`send`] fails.
const ROOM: i32 = 1 << 20;

/// The next connection that waits, and the user at its other end (SO_PEERCRED). It never blocks.
pub fn accept(listener: &Fd) -> Result<(Fd, u32)> {
    let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: no address is wanted.
    let value = unsafe { libc::syscall(libc::SYS_accept4, listener.raw(), 0usize, 0usize, flags) };
    let connection = Fd::made(Call::Accept4, value)?;
    // The lines of 64 services at once are more than it takes by itself. Without CAP_NET_ADMIN that is so.
    let _ = net::set_option(&connection, libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, ROOM);
    // `struct ucred`: pid, uid, gid.
    let mut peer = [0u32; 3];
    let mut length = size_of::<[u32; 3]>() as libc::socklen_t;
    // SAFETY: room for one ucred, and its size.
    check_long(Call::Getsockopt, unsafe {
        libc::syscall(
            libc::SYS_getsockopt,
            connection.raw(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            peer.as_mut_ptr(),
            &raw mut length,
        )
    })?;
    Ok((connection, peer[1]))
}

/// Sends one packet, whole, or not at all: EAGAIN when the other side does not read, EPIPE (and no signal) when it is gone.
pub fn send(socket: &Fd, packet: &[u8]) -> Result<()> {
    // SAFETY: readable for its length, and no address.
    let value = unsafe {
        libc::syscall(libc::SYS_sendto, socket.raw(), packet.as_ptr(), packet.len(), libc::MSG_NOSIGNAL, 0usize, 0usize)
    };
    done(Call::Send, value)
}

/// Two ends of a connection of whole packets (socketpair(2)), which wait for each other or do not.
pub fn pair(wait: bool) -> Result<(Fd, Fd)> {
    let mut ends = [0i32; 2];
    let kind = CONNECTIONS | libc::SOCK_CLOEXEC | if wait { 0 } else { libc::SOCK_NONBLOCK };
    // SAFETY: room for two numbers.
    let value = unsafe { libc::syscall(libc::SYS_socketpair, libc::AF_UNIX, kind, 0, ends.as_mut_ptr()) };
    check_long(Call::Socket, value)?;
    Ok((Fd::own(ends[0]), Fd::own(ends[1])))
}

/// Takes an abstract name (unix(7)), which ends with the socket. EADDRINUSE: somebody has it.
pub fn take_name(name: &[u8]) -> Result<Fd> {
    let socket = socket(libc::AF_UNIX, PACKETS, 0)?;
    net::give(Call::Bind, &socket, libc::AF_UNIX, name)?;
    Ok(socket)
}

/// What a control message is of, as [`receive_from`] reads it: `int` level, `int` type.
const fn kind(kind: i32) -> u64 {
    libc::SOL_SOCKET as u64 | (kind as u64) << 32
}

/// `struct cmsghdr` of 64-bit machines and one descriptor: size_t length, int level, int type; then the int.
const FILE_MESSAGE: [u64; 2] = [20, kind(libc::SCM_RIGHTS)];

/// Sends a number, and a file with it (unix(7) SCM_RIGHTS).
pub fn send_file(socket: &Fd, number: u16, file: Option<&Fd>) -> Result<()> {
    let mut packet = number.to_ne_bytes();
    let mut control = [FILE_MESSAGE[0], FILE_MESSAGE[1], file.map_or(0, |file| file.raw() as u64)];
    // SAFETY: all zero is a valid header; then it names two buffers with their sizes.
    let value = unsafe {
        let mut piece = libc::iovec { iov_base: packet.as_mut_ptr().cast(), iov_len: packet.len() };
        let mut header: libc::msghdr = zeroed();
        header.msg_iov = &raw mut piece;
        header.msg_iovlen = 1;
        if file.is_some() {
            header.msg_control = control.as_mut_ptr().cast();
            header.msg_controllen = size_of_val(&control) as _;
        }
        libc::syscall(libc::SYS_sendmsg, socket.raw(), &raw mut header, libc::MSG_NOSIGNAL)
    };
    done(Call::Send, value)
}

/// Waits for what [`send_file`] sends. None: the other end is gone.
pub fn receive_file(socket: &Fd) -> Result<Option<(u16, Option<Fd>)>> {
    let (mut packet, mut control) = ([0; 2], [0u64; 3]);
    let (got, _) = receive_with(socket, &mut packet, &mut control)?;
    let &[low, high] = got else { return Ok(None) };
    let is_file = control[..2] == FILE_MESSAGE;
    Ok(Some((u16::from_ne_bytes([low, high]), is_file.then(|| Fd::own(control[2] as u32 as i32)))))
}

/// The next packet. One that is longer than `buffer` is dropped: it comes as an empty one. Files that come with it are
/// closed by the kernel, for there is no room for them.
pub fn receive<'b>(socket: &Fd, buffer: &'b mut [u8]) -> Result<&'b [u8]> {
    receive_with(socket, buffer, &mut []).map(|(packet, _)| packet)
}

/// The next packet of a socket with SO_PASSCRED, as [`receive`], and the process that sent it, as this pid namespace knows
/// it (unix(7) SCM_CREDENTIALS, which come before any files and fill the room).
pub fn receive_from<'b>(socket: &Fd, buffer: &'b mut [u8]) -> Result<(&'b [u8], Option<Pid>)> {
    // Room for one header and one ucred, aligned as a header is.
    let mut control = [0u64; 4];
    let (packet, filled) = receive_with(socket, buffer, &mut control)?;
    // `struct cmsghdr` of 64-bit machines: size_t length, int level, int type; then the ucred, its pid first.
    let is_credentials = filled >= 24 && control[1] == kind(libc::SCM_CREDENTIALS);
    Ok((packet, if is_credentials { Pid::new(control[2] as u32 as i32) } else { None }))
}

/// The next packet, with what comes beside it in `control`: how many bytes of that.
fn receive_with<'b>(socket: &Fd, buffer: &'b mut [u8], control: &mut [u64]) -> Result<(&'b [u8], usize)> {
    let length = buffer.len();
    // SAFETY: all zero is a valid header; then it names two buffers with their sizes.
    let (value, header) = unsafe {
        let mut piece = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: length };
        let mut header: libc::msghdr = zeroed();
        header.msg_iov = &raw mut piece;
        header.msg_iovlen = 1;
        header.msg_control = control.as_mut_ptr().cast();
        header.msg_controllen = size_of_val(control) as _;
        (libc::syscall(libc::SYS_recvmsg, socket.raw(), &raw mut header, libc::MSG_CMSG_CLOEXEC), header)
    };
    let n = check_long(Call::Recvmsg, value)?;
    let cut = header.msg_flags & libc::MSG_TRUNC != 0;
    Ok((buffer.get(..n).filter(|_| !cut).unwrap_or_default(), header.msg_controllen as usize))
}
