//! The kernel's interface, one typed wrapper per system call: the only unsafe code, and no policy.
//!
//! A wrapper names its call in the [`Error`] it returns, takes owned or borrowed descriptors, never a bare number, and
//! retries EINTR where the call can only be retried. What a failure means is for the caller to say.
#![allow(unsafe_code)]
// The C library's number types differ by machine; a cast that is none on one is needed on another.
#![allow(clippy::unnecessary_cast)]

pub mod args;
pub mod block;
mod clone;
mod directory;
pub mod error;
pub mod fd;
pub mod fs;
mod inside;
pub mod interface;
pub mod local;
pub mod memory;
pub mod mount;
pub mod net;
pub mod poll;
pub mod power;
pub mod process;
pub mod random;
pub mod seccomp;
pub mod signal;
mod status;
pub mod tty;
pub mod user;
pub mod watchdog;

pub use error::{Errno, Error, Result};
pub use fd::Fd;

// The C library is linked into the binary by name: the `libc` crate leaves that to `std`, which is not here.
#[cfg(target_env = "musl")]
#[link(name = "c", kind = "static", modifiers = "-bundle")]
unsafe extern "C" {}
