//! What tinyo boots from, made on any Linux machine and without root: an initramfs with tinyo as /init, its config, the
//! kernel modules that the config needs, a root file system and single files; checked before anything is written.
#![deny(unsafe_code)]

pub mod additions;
pub mod check;
pub mod compress;
pub mod config;
pub mod cpio;
mod elf;
pub mod findings;
pub mod interrupt;
pub mod kernel;
mod libraries;
pub mod list;
pub mod make;
pub mod modules;
mod newc;
pub mod output;
mod program;
#[cfg(test)]
mod specimen;
pub mod tree;
mod view;
mod volume;
