#![no_std]
#![no_main]
#[link(name = "c", kind = "static", modifiers = "-bundle")]
unsafe extern "C" {}
use ufmt as _;
use heapless as _;
#[unsafe(no_mangle)]
pub extern "C" fn main(_argc: i32, _argv: *const *const u8) -> i32 { unsafe { libc::getpid() & 0 | 7 } }
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }
