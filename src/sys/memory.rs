//! Large values that live as long as the process: in `.bss`, so that they cost pages only where they are touched.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

/// A value that can be borrowed for ever, once.
pub struct Static<T> {
    taken: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: `take` hands the only reference out once, whoever asks first.
unsafe impl<T: Send> Sync for Static<T> {}

impl<T> Static<T> {
    pub const fn new(value: T) -> Self {
        Static { taken: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    /// The value, the first time; None after that.
    #[allow(clippy::mut_from_ref)]
    pub fn take(&'static self) -> Option<&'static mut T> {
        if self.taken.swap(true, Ordering::AcqRel) {
            return None;
        }
        // SAFETY: the flag was clear, so no other reference exists, and it is never cleared.
        Some(unsafe { &mut *self.value.get() })
    }
}
