//! What a container is allowed and what it sees, as data, and the read-only clone of our own binary that it starts from.

pub mod capabilities;
mod queue;
pub mod reaper;
pub mod seccomp;
pub mod shield;
pub mod terminal;
