//! Images, the QEMU driver and the end-to-end tests of tinyo: the interactive run and every boot test share what is here.
//!
//! Reads what `scripts/setup.sh` fetched (target/vm) and what `scripts/build.sh` built (target/dist); builds nothing itself.
#![deny(unsafe_code)]

pub mod bus;
pub use tinyo_image::cpio;
pub mod demo;
pub mod expect;
#[cfg(target_arch = "x86_64")]
pub mod fault;
pub mod guest;
pub mod image;
pub mod kit;
pub mod refuse;
pub mod suite;
pub mod vm;
