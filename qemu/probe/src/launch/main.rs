//! The least that a container launcher can do, and the least command, for `scripts/bench.sh run`.
//!
//! - `floor WHAT ROOT COMMAND...` starts COMMAND in a container and ends as it ends; [`WHATS`] has the WHATs.
//! - `floor true` ends at once. `floor stay` writes one byte and ends with its standard input. `floor mark` writes the
//!   time (CLOCK_MONOTONIC, nanoseconds, eight bytes of the host's order) and stays until it is killed.
#![no_std]
#![no_main]

mod container;

use core::{
    ffi::{CStr, c_char, c_int},
    mem::MaybeUninit,
};

use container::{Floor, Nodes};

// The `libc` crate leaves linking it to `std`, which is not here.
#[link(name = "c", kind = "static", modifiers = "-bundle")]
unsafe extern "C" {}

const FULL: Floor = Floor { net: true, user: false, nodes: Nodes::Made, more: false };

/// DESIGN's floor, without a network namespace, in a user namespace; and what more of tinyo's own work makes of it.
const WHATS: [(&[u8], Floor); 7] = [
    (b"full", FULL),
    (b"host-net", Floor { net: false, ..FULL }),
    // The mounts, links and the interface that `tinyo run --privileged --init=false` makes beyond.
    (b"more", Floor { more: true, ..FULL }),
    (b"more-host-net", Floor { more: true, net: false, ..FULL }),
    // mknod(2) is not for those in a user namespace.
    (b"rootless", Floor { user: true, nodes: Nodes::None, ..FULL }),
    (b"rootless-nodes", Floor { user: true, nodes: Nodes::Bound, ..FULL }),
    (b"rootless-more", Floor { user: true, nodes: Nodes::Bound, more: true, ..FULL }),
];

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
            let Some((_, floor)) = WHATS.iter().find(|(name, _)| *name == what) else { return 100 };
            floor.launch(*root, command)
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
