//! The least that a container launcher can do, and the least command, for `scripts/bench.sh run`.
//!
//! - `floor WHAT ROOT COMMAND...` starts COMMAND in a container and ends as it ends. WHAT is `full`, `host-net` or `rootless`,
//!   and behind commas what it is to do beyond: [`Extra`].
//! - `floor true` ends at once. `floor stay` writes one byte and ends with its standard input. `floor mark` writes the
//!   time (CLOCK_MONOTONIC, nanoseconds, eight bytes of the host's order) and stays until it is killed.
#![no_std]
#![no_main]

mod container;
mod extra;

use core::{
    ffi::{CStr, c_char, c_int},
    mem::MaybeUninit,
};

use container::Floor;
use extra::Extra;

// The `libc` crate leaves linking it to `std`, which is not here.
#[link(name = "c", kind = "static", modifiers = "-bundle")]
unsafe extern "C" {}

fn floor(what: &[u8]) -> Option<Floor> {
    let mut words = what.split(|byte| *byte == b',');
    let (net, user) = match words.next()? {
        b"full" => (true, false),
        b"host-net" => (false, false),
        b"rootless" => (true, true),
        _ => return None,
    };
    let mut extras = 0;
    for word in words {
        extras |= Extra::named(word)?.bit();
    }
    Some(Floor { net, user, extras })
}

#[unsafe(no_mangle)]
extern "C" fn main(count: c_int, words: *const *const c_char) -> c_int {
    // SAFETY: what the C library gave main: `count` C strings, then a null pointer.
    let words = unsafe { core::slice::from_raw_parts(words, count as usize + 1) };
    // SAFETY: as above; the last is the null pointer.
    let what = words[..count as usize].get(1).map(|word| unsafe { CStr::from_ptr(*word) });
    match (what.map_or(&b""[..], CStr::to_bytes), words) {
        (b"true", _) => 0,
        (b"stay", _) => stay(),
        (b"mark", _) => mark(),
        (what, [_, _, root, command @ ..]) if command.len() > 1 => {
            floor(what).map_or(100, |floor| floor.launch(*root, command))
        }
        _ => 100,
    }
}

fn stay() -> c_int {
    let mut byte = b'u';
    // SAFETY: `byte` may be read, and written.
    unsafe {
        libc::write(1, (&raw const byte).cast(), 1);
        while libc::read(0, (&raw mut byte).cast(), 1) > 0 {}
    }
    0
}

fn mark() -> ! {
    let mut time = MaybeUninit::<libc::timespec>::zeroed();
    // SAFETY: `time` may be written, and all zeroes are a timespec.
    let time = unsafe {
        libc::clock_gettime(libc::CLOCK_MONOTONIC, time.as_mut_ptr());
        time.assume_init()
    };
    let nanoseconds = (time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64).to_ne_bytes();
    // SAFETY: `nanoseconds` may be read. A write this short is whole, and lands behind what others append.
    unsafe { libc::write(1, nanoseconds.as_ptr().cast(), nanoseconds.len()) };
    loop {
        // SAFETY: takes nothing.
        unsafe { libc::pause() };
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    // SAFETY: takes a number.
    unsafe { libc::_exit(125) }
}
