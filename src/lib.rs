//! The parts of tinyo, lowest first; a module uses only those above it in this list (`scripts/test.sh` checks).
//!
//! A function with one caller becomes a part of it, and past 127 bytes of stack each access to a variable takes three bytes
//! more: `#[inline(never)]` keeps large buffers, and what is done once, out of the frames of others. Each was measured.
#![no_std]
#![deny(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::todo,
        clippy::unimplemented,
        clippy::unreachable
    )
)]

#[cfg(test)]
extern crate std;

// Pure: bytes and values in, values out.
pub mod limits;
pub mod text;

pub mod config;
pub mod probe;
pub mod wire;

// The machine.
pub mod sys;

pub mod log;
pub mod request;
pub mod source;
pub mod watchdog;

pub mod container;
pub mod plan;

pub mod boot;
pub mod supervise;

pub mod role;
