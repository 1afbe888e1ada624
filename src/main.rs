//! The entry and the panic handler; everything else is in the library.
#![no_std]
#![no_main]

use core::arch::global_asm;

use tinyo::role;
use tinyo::sys::args::Args;
use tinyo::sys::process;

// The kernel starts a program with nothing but a stack; the C library would set up threads, locales and exit handlers.
#[cfg(target_arch = "x86_64")]
global_asm!(".globl tinyo_start", "tinyo_start:", "mov rdi, rsp", "and rsp, -16", "call {main}", main = sym main);
#[cfg(target_arch = "aarch64")]
global_asm!(".globl tinyo_start", "tinyo_start:", "mov x0, sp", "bl {main}", main = sym main);

/// Where `link.ld` begins the program.
extern "C" fn main(stack: *const usize) -> ! {
    // SAFETY: the first instructions of this process gave us the stack pointer that the kernel gave them.
    let args = unsafe { Args::new(stack) };
    process::exit(role::main(args))
}

/// A bug of our own is named, and PID 1 follows `panic=` of the kernel: it ends, and the kernel panics with our line
/// above its own.
#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    role::bug(info.location())
}
