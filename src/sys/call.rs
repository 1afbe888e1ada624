//! System calls by their numbers, without a C library in between: it would bring thread-local storage for errno, cancellation
//! points and a start-up of its own, 5 KB that one thread without a heap has no use for.

use core::arch::asm;
use core::ffi::c_long;

/// A word of a call. What is narrower is widened with zeros: the kernel reads an int from the low half.
pub trait Argument {
    fn word(self) -> usize;
}

impl Argument for i32 {
    #[inline(always)]
    fn word(self) -> usize {
        self as u32 as usize
    }
}

impl Argument for u32 {
    #[inline(always)]
    fn word(self) -> usize {
        self as usize
    }
}

impl Argument for u64 {
    #[inline(always)]
    fn word(self) -> usize {
        self as usize
    }
}

impl Argument for usize {
    #[inline(always)]
    fn word(self) -> usize {
        self
    }
}

impl<T> Argument for *const T {
    #[inline(always)]
    fn word(self) -> usize {
        self as usize
    }
}

impl<T> Argument for *mut T {
    #[inline(always)]
    fn word(self) -> usize {
        self as usize
    }
}

/// Nothing there.
pub const NULL: usize = 0;

/// Defines a call with so many words. Its value is what the kernel answers: minus an errno(3) when it failed.
///
/// # Safety
/// That of the call: pointers are valid for what the kernel reads and writes there.
macro_rules! define {
    ($name:ident, $first:ident, $($word:ident $x86:tt $arm:tt),*) => {
        #[cfg(target_arch = "x86_64")]
        #[inline(always)]
        pub unsafe fn $name(number: c_long, $first: impl Argument, $($word: impl Argument),*) -> isize {
            let value;
            // SAFETY: the caller's; the kernel spoils no more than these two registers.
            unsafe {
                asm!("syscall", inlateout("rax") number as isize => value, in("rdi") $first.word(),
                     $(in($x86) $word.word(),)* lateout("rcx") _, lateout("r11") _, options(nostack));
            }
            value
        }

        #[cfg(target_arch = "aarch64")]
        #[inline(always)]
        pub unsafe fn $name(number: c_long, $first: impl Argument, $($word: impl Argument),*) -> isize {
            let value;
            // SAFETY: the caller's; the kernel spoils no register but the first.
            unsafe {
                asm!("svc 0", in("x8") number, inlateout("x0") $first.word() => value,
                     $(in($arm) $word.word(),)* options(nostack));
            }
            value
        }
    };
}

define!(one, a,);
define!(two, a, b "rsi" "x1");
define!(three, a, b "rsi" "x1", c "rdx" "x2");
define!(four, a, b "rsi" "x1", c "rdx" "x2", d "r10" "x3");
define!(five, a, b "rsi" "x1", c "rdx" "x2", d "r10" "x3", e "r8" "x4");
