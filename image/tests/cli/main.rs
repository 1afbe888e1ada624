//! The tool as it is called: its words, what it says, its exit codes, and what is on the disk afterwards.

mod desk;
mod same;
mod words;
