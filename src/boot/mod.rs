//! From the initramfs to the real root: modules, the device, the mount, the hand-over.

pub mod device;
pub mod find;
pub mod modules;
pub mod root;
pub mod switch;
