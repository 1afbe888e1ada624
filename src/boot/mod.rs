//! From the initramfs to the real root: modules, the device, the mount, the hand-over; and the machine's address and seed.

pub mod apart;
pub mod device;
pub mod find;
pub mod image;
pub mod modules;
pub mod network;
pub mod overlay;
pub mod root;
pub mod seed;
pub mod switch;
