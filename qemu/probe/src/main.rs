//! The service that measures its own PID 1, from inside a guest of `scripts/bench.sh init`.
//!
//! - `probe first`: notes its own main in the kernel's log, then measures what `probe.mode=` on the kernel command line
//!   says, and powers off. As /init itself it is the floor: no init at all.
//! - `probe victim NAME`: notes when its main began, and ends on SIGTERM; with `probe.mode=stubborn`, v3 ignores it.
//! - `probe call NUMBER...`: makes system calls inside a container (`call.rs`).
//! - `/floor-mounts`, `/floor-all` as init: the least that an init can do before its first service.
//! - `/floor-boot` as init: the least that an initramfs can do to reach the real root; `/sbin/init` there: notes its main
//!   in the kernel's log, says how long it took to come there, and leaves QEMU.
//!
//! What it finds it prints to the console, as lines `@ NAME NUMBER`.
#![no_std]
#![no_main]

mod boot;
mod call;
mod floor;
mod measure;
mod processes;
mod sys;
mod text;

use core::ffi::{CStr, c_char, c_int};

use sys::POWER_OFF;

/// What a boot is for: the kernel's word `probe.mode=`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// How long until the first service.
    Start,
    /// All that can be measured of an init at work.
    Work,
    /// Its end, with services that obey.
    Obey,
    /// Its end, with one that ignores SIGTERM.
    Stubborn,
}

#[unsafe(no_mangle)]
extern "C" fn main(count: c_int, words: *const *const c_char) -> c_int {
    let born = sys::now();
    let word = |at| sys::argument(count, words, at).unwrap_or_default();
    match (word(0).to_bytes(), word(1).to_bytes()) {
        (b"/floor-mounts", _) => floor::start(&floor::MOUNTS, None),
        (b"/floor-all", _) => floor::start(&floor::ALL, Some(c"/sys/fs/cgroup/probe")),
        (b"/floor-boot", _) => boot::floor(),
        (b"/sbin/init", _) => boot::init(),
        (_, b"call") => call::make(count, words),
        (_, b"victim") => victim(word(2), born),
        _ => first(),
    }
}

fn mode() -> Mode {
    let mut buffer = [0; 4096];
    let line = sys::read(c"/proc/cmdline", &mut buffer);
    match text::after(line, b"probe.mode=") {
        Some([b'w', ..]) => Mode::Work,
        Some([b'o', ..]) => Mode::Obey,
        Some([b's', b't', b'u', ..]) => Mode::Stubborn,
        _ => Mode::Start,
    }
}

fn first() -> ! {
    sys::log(c"/dev/kmsg", measure::REACHED);
    if !sys::make_new(c"/first") {
        sys::sleep_for_ever(); // started again: what there was to measure is being measured or was
    }
    sys::mount_proc();
    measure::start();
    match mode() {
        Mode::Start => sys::end(POWER_OFF),
        Mode::Work => {
            measure::at_rest();
            measure::restarts();
            measure::orphans();
            sys::end(POWER_OFF)
        }
        Mode::Obey | Mode::Stubborn => measure::request_end(),
    }
}

/// Longer than the patience of any init, of which systemd's 90 s is the greatest.
const STUBBORN_SECONDS: u64 = 200;

fn victim(name: &CStr, born: u64) -> ! {
    processes::Mark::of(name).set(born);
    if name == c"v3" && mode() == Mode::Stubborn {
        sys::ignore_term();
        sys::sleep(STUBBORN_SECONDS * sys::SECOND);
        text::print("never", 1);
        sys::end(POWER_OFF);
    }
    sys::sleep_for_ever()
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    sys::log(c"/dev/console", b"\n@ bug 1\n");
    sys::end(POWER_OFF)
}
