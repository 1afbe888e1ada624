//! For `scripts/bench.sh boot`: the least that an initramfs can do, and the real root's init, which says when it was reached.

use core::ffi::CStr;

use crate::{measure, sys, text};

/// In the order in which they need one another. Named so that one program loads whatever lies there.
const MODULES: [&CStr; 8] = [c"/m/0", c"/m/1", c"/m/2", c"/m/3", c"/m/4", c"/m/5", c"/m/6", c"/m/7"];

/// What to try next when a node is not there or cannot be mounted yet: the kernel's next event.
struct Events(Option<i32>);

impl Events {
    fn wait(&self) {
        match self.0 {
            Some(socket) => sys::discard(socket),
            None => sys::sleep(sys::MILLISECOND),
        }
    }
}

/// `/floor-boot`, as init: devtmpfs, the kernel's events, the modules one after the other, the node, the mount, the switch.
/// No command line is read, and nothing is probed.
pub fn floor() -> ! {
    sys::mount(c"devtmpfs", c"/dev", c"mode=0755");
    let events = Events(sys::device_events());
    for path in MODULES {
        let Some(file) = sys::open(path) else { break };
        sys::load_module(file);
    }
    while !sys::is_there(c"/dev/vda1") {
        events.wait();
    }
    while !sys::mount_from(c"/dev/vda1", c"ext4", c"/root", sys::READ_ONLY, c"") {
        events.wait();
    }
    sys::mount_from(c"/dev", c"", c"/root/dev", sys::MOVE, c"");
    sys::change_directory(c"/root");
    sys::mount_from(c".", c"", c"/", sys::MOVE, c"");
    sys::change_root(c".");
    sys::become_program(c"/sbin/init");
    sys::end(sys::POWER_OFF)
}

/// `/sbin/init` of the real root: its main was reached, and with that everything is said.
pub fn init() -> ! {
    if !sys::log(c"/dev/kmsg", measure::REACHED) {
        // Whoever handed over brought no /dev along. What this costs comes on top, as it would for any init.
        sys::mount(c"devtmpfs", c"/dev", c"");
        sys::log(c"/dev/kmsg", measure::REACHED);
    }
    let clock = sys::processor_clock();
    measure::start();
    text::print("clock", clock / 1000);
    sys::leave_qemu();
    sys::end(sys::POWER_OFF)
}
