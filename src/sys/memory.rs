//! Large values that live as long as the process: in `.bss`, so that they cost pages only where they are touched.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

/// A value that can be borrowed for ever, once.
///
/// In this order: the flag is touched, and beside the value's beginning it costs no page of its own.
#[repr(C, align(4096))]
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

/// Gives back the stack that earlier calls have used below this one: a boot goes deep once, and its pages would stay for
/// as long as PID 1 lives (madvise(2) MADV_DONTNEED).
#[inline(never)]
pub fn release_stack() {
    const PAGE: usize = 4096;
    /// No boot goes deeper.
    const DEEPEST: usize = 256 * 1024;
    let here = 0u8;
    // This page and the one below hold this call and the one it makes.
    let end = ((&raw const here as usize) & !(PAGE - 1)).saturating_sub(PAGE);
    // SAFETY: nothing lives below the frames of this call; what is not mapped there is an error that changes nothing.
    unsafe { libc::madvise(end.saturating_sub(DEEPEST) as *mut libc::c_void, DEEPEST, libc::MADV_DONTNEED) };
}
