//! The words this process was started with.

use core::ffi::{CStr, c_char};

/// What the kernel lays out for a new program: `argv`, `envp` and the auxiliary vector, the first two ended by a null
/// pointer. It lives as long as the process.
#[derive(Clone, Copy)]
pub struct Args {
    argc: usize,
    argv: *const *const c_char,
}

impl Args {
    /// # Safety
    /// `stack` is where the stack pointer was when the kernel started this program: argc, and the rest behind it.
    pub unsafe fn new(stack: *const usize) -> Self {
        unsafe { Args { argc: *stack, argv: stack.add(1).cast() } }
    }

    /// The word at `index`; 0 is the name the program was called by. (argv may be empty: Linux < 5.18.)
    pub fn get(&self, index: usize) -> Option<&'static CStr> {
        self.from(index).next()
    }

    pub fn len(&self) -> usize {
        self.argc
    }

    pub fn is_empty(&self) -> bool {
        self.argc == 0
    }

    /// The words from `start` on.
    pub fn from(&self, start: usize) -> Strings {
        // SAFETY: the null pointer at the end is the last place that this leads to.
        Strings { next: unsafe { self.argv.add(start.min(self.argc)) } }
    }

    /// The `KEY=VALUE` words of the environment.
    pub fn environment(&self) -> Strings {
        // SAFETY: behind the null pointer of argv.
        Strings { next: unsafe { self.argv.add(self.argc + 1) } }
    }

    /// The value of `key` in the environment.
    pub fn variable(&self, key: &[u8]) -> Option<&'static CStr> {
        self.environment().find_map(|word| {
            let value = word.to_bytes_with_nul().strip_prefix(key)?.strip_prefix(b"=")?;
            CStr::from_bytes_with_nul(value).ok()
        })
    }

    /// This process runs with more rights than whoever started it: setuid, setgid or file capabilities (getauxval(3),
    /// AT_SECURE).
    pub fn is_elevated(&self) -> bool {
        let mut environment = self.environment();
        while environment.next().is_some() {}
        // SAFETY: the auxiliary vector is pairs behind the null pointer of envp, the last of kind 0 (AT_NULL).
        unsafe {
            let mut pair: *const [usize; 2] = environment.next.add(1).cast();
            loop {
                match *pair {
                    [0, _] => return false,
                    [kind, value] if kind == libc::AT_SECURE as usize => return value != 0,
                    _ => pair = pair.add(1),
                }
            }
        }
    }
}

/// The strings of an array that ends with a null pointer.
pub struct Strings {
    next: *const *const c_char,
}

impl Iterator for Strings {
    type Item = &'static CStr;

    fn next(&mut self) -> Option<&'static CStr> {
        // SAFETY: the null pointer at the end is never stepped over; the kernel ends each word with a NUL and keeps it
        // until execve.
        unsafe {
            let word = *self.next;
            if word.is_null() {
                return None;
            }
            self.next = self.next.add(1);
            Some(CStr::from_ptr(word))
        }
    }
}
