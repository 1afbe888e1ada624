//! Bytes in, values out: the grammars that tinyo reads. Pure, bounded, and never panicking on any input.
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

pub mod address;
pub mod bytes;
pub mod capability;
pub mod cmdline;
pub mod duration;
pub mod ip;
pub mod lines;
pub mod message;
pub mod names;
pub mod notify;
pub mod number;
pub mod options;
pub mod packed;
pub mod passwd;
pub mod put;
pub mod show;
pub mod signal;
pub mod size;
pub mod source;
pub mod toml;
pub mod ulimit;
pub mod variables;
