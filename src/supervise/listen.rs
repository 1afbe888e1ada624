//! The sockets that a service listens on: opened before its first process, kept from one to the next, so that a connection
//! waits while it starts again, and is not refused.

use core::ffi::CStr;

use crate::config::{Config, Service};
use crate::limits;
use crate::say;
use crate::sys::error::{Call, Error, Result};
use crate::sys::fd::Fd;
use crate::sys::fs::{self, At};
use crate::sys::net;
use crate::text::address;
use crate::text::bytes;
use crate::text::packed::{Packed, packed};
use crate::text::show::Show;
use heapless::Vec;

/// All that the service's `listen` names, in its order, or none.
#[derive(Default)]
pub struct Sockets(Vec<Fd, { limits::SOCKETS }, u8>);

impl Sockets {
    pub const fn new() -> Self {
        Sockets(Vec::new())
    }

    /// What [`Step::Sockets`](crate::plan::Step::Sockets) hands over.
    pub fn files(&self) -> &[Fd] {
        &self.0
    }

    /// Opens what is not open yet. Which one cannot be had, and why, was said then, and none is kept.
    #[inline(never)]
    pub fn open(&mut self, config: &Config, service: &Service) -> Result<()> {
        for word in config.list(service.listen).iter().skip(self.0.len()) {
            match open(word) {
                Ok(socket) => drop(self.0.push(socket)),
                Err(error) => {
                    let hint = hint(error);
                    say!(Failure, "{}: listen {}: {}{}", service.name, Show::from(*word), error.errno(), hint);
                    self.close(config, service);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Closes all that is open. From here on connections are refused, and paths are free.
    pub fn close(&mut self, config: &Config, service: &Service) {
        for word in config.list(service.listen).iter().take(self.0.len()) {
            let path = bytes::after(word.to_bytes_with_nul(), b"unix:").and_then(bytes::terminated);
            // Somebody else may have removed it, or its directory.
            let _ = path.map(|path| fs::remove(At::Cwd, path, false));
        }
        self.0.clear();
    }
}

fn open(word: &CStr) -> Result<Fd> {
    // The config was checked.
    let address = address::parse(word.to_bytes()).ok_or(Error::new(Call::Socket, libc::EINVAL))?;
    net::listen(&address)
}

/// What to try.
fn hint(error: Error) -> Packed {
    match i32::from(error.errno().0) {
        libc::EADDRINUSE => packed!("; does another service or program listen there?"),
        libc::EADDRNOTAVAIL => packed!("; is its interface up, and has it this address?"),
        libc::EAFNOSUPPORT => packed!("; is it in this kernel?"),
        libc::ENOENT => packed!("; is its directory there?"),
        libc::EEXIST => packed!("; what lies there is no socket, remove it"),
        _ => Packed::EMPTY,
    }
}
