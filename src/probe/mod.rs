//! What the kernel and its tools write about the machine, read. Pure: bytes in, values out.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable
    )
)]

pub mod alias;
pub mod cgroup;
pub mod credentials;
pub mod disk;
pub mod executable;
pub mod fstab;
pub mod keyed;
mod label;
pub mod magic;
pub mod modules;
pub mod mountinfo;
pub mod softdep;
pub mod superblock;
pub mod table;
pub mod volume;
