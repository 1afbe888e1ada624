//! The C entry and the panic handler; everything else is in the library.
#![no_std]
#![no_main]

use core::ffi::{c_char, c_int};

use tinyo::role;
use tinyo::sys::args::Args;

#[unsafe(no_mangle)]
extern "C" fn main(argc: c_int, argv: *const *const c_char, envp: *const *const c_char) -> c_int {
    // SAFETY: the C library calls this once, with what the kernel gave it.
    let args = unsafe { Args::new(argc, argv, envp) };
    role::main(args).into()
}

/// A bug of our own is named, and PID 1 follows `panic=` of the kernel: it ends, and the kernel panics with our line
/// above its own.
#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    role::bug(info.location())
}
