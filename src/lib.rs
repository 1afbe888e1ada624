//! The parts of tinyo, lowest first; a module uses only those above it in this list (`scripts/test.sh` checks).
#![no_std]
#![deny(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod limits;
pub mod text;

pub mod probe;

pub mod config;

pub mod sys;
