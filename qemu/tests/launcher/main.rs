//! `tinyo run` and `tinyo init` as they are shipped, on this kernel: what a container sees, how it ends, what it cannot
//! do, and that nothing is left behind, whether it worked or not.

mod asked;
mod attack;
mod clients;
mod confined;
mod devices;
mod ends;
mod endurance;
mod errors;
mod escape;
mod exec;
mod exec_pty;
#[cfg(target_arch = "x86_64")]
mod faults;
mod first;
mod host;
mod house;
mod init;
mod isolation;
mod limits;
mod listen;
mod networks;
mod notify;
mod old;
mod options;
mod pty;
mod reloads;
mod rights;
mod rootless;
mod roots;
mod scene;
mod seccomp;
mod settings;
mod signals;
mod status;
mod terminal;
mod tini;
mod together;
mod told;
mod userns;
mod users;
mod volumes;
