//! What a container is allowed and whose its ids are, as data, and the read-only clone of our own binary that it starts from.

pub mod capabilities;
pub mod idmap;
mod queue;
pub mod reaper;
pub mod seccomp;
pub mod shield;
pub mod terminal;
