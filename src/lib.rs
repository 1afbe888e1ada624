#![no_std]
#[cfg(test)]
extern crate std;
pub mod config;
pub mod limits;
pub mod text;
