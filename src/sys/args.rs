//! The words this process was started with.

use crate::text::bytes::cut;
use core::ffi::{CStr, c_char, c_int};
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// `argv` and `envp` as the kernel laid them out; they live as long as the process.
#[derive(Clone, Copy)]
pub struct Args {
    words: &'static [*const c_char],
    envp: *const *const c_char,
}

impl Args {
    /// # Safety
    /// `argc`, `argv` and `envp` are those of the C `main`.
    pub unsafe fn new(argc: c_int, argv: *const *const c_char, envp: *const *const c_char) -> Self {
        let len = if argv.is_null() { 0 } else { usize::try_from(argc).unwrap_or(0) };
        let words = if len == 0 { &[] } else { unsafe { core::slice::from_raw_parts(argv, len) } };
        FIRST.store(argv.cast_mut(), Ordering::Relaxed);
        COUNT.store(len, Ordering::Relaxed);
        ENVIRONMENT.store(envp.cast_mut(), Ordering::Relaxed);
        Args { words, envp }
    }

    /// The word at `index`; 0 is the name the program was called by. (argv may be empty: Linux < 5.18.)
    pub fn get(&self, index: usize) -> Option<&'static CStr> {
        // SAFETY: the kernel ends each word with a NUL and keeps it until execve.
        self.words.get(index).map(|&word| unsafe { CStr::from_ptr(word) })
    }

    pub fn len(&self) -> usize {
        self.words.len()
    }

    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// What was executed, as execve(2) was given it: of a script its own path, which the kernel also gives to the interpreter
    /// (getauxval(3) AT_EXECFN).
    pub fn executed(&self) -> Option<&'static CStr> {
        // SAFETY: where there is one, the kernel ends it with a NUL and keeps it until execve.
        unsafe {
            let path = libc::getauxval(libc::AT_EXECFN) as *const c_char;
            if path.is_null() { None } else { Some(CStr::from_ptr(path)) }
        }
    }

    /// The words from `start` on.
    pub fn from(&self, start: usize) -> impl Iterator<Item = &'static CStr> + use<'_> {
        (start..self.len()).filter_map(|index| self.get(index))
    }

    /// `argv` and `envp` as execve(2) takes them.
    pub(super) fn raw(&self) -> (*const *const c_char, *const *const c_char) {
        (self.words.as_ptr(), self.envp)
    }

    /// The `KEY=VALUE` words of the environment.
    pub fn environment(&self) -> Environment {
        Environment { next: self.envp }
    }
}

/// Where the words lie, for [`forget`] and [`given`].
static FIRST: AtomicPtr<*const c_char> = AtomicPtr::new(core::ptr::null_mut());
static COUNT: AtomicUsize = AtomicUsize::new(0);
static ENVIRONMENT: AtomicPtr<*const c_char> = AtomicPtr::new(core::ptr::null_mut());

/// `argv` behind its first `skip` words, and `envp`, as execve(2) takes them.
pub(super) fn given(skip: usize) -> (*const *const c_char, *const *const c_char) {
    let skip = skip.min(COUNT.load(Ordering::Relaxed));
    // `argv` has COUNT words and a NULL behind them.
    (FIRST.load(Ordering::Relaxed).wrapping_add(skip).cast_const(), environment())
}

fn environment() -> *const *const c_char {
    ENVIRONMENT.load(Ordering::Relaxed).cast_const()
}

/// The value of the variable `name`, as this process was given it.
pub fn variable(name: &[u8]) -> Option<&'static [u8]> {
    Environment { next: environment() }.find_map(|word| match cut(word.to_bytes(), b'=') {
        (found, Some(value)) if found == name => Some(value),
        _ => None,
    })
}

/// Overwrites all words but the first where the kernel keeps them: /proc/PID/cmdline, which everyone may read, then shows
/// only the name. For a process that never looks at its words again.
pub fn forget() {
    let (first, count) = (FIRST.load(Ordering::Relaxed), COUNT.load(Ordering::Relaxed));
    for index in 1..count {
        // SAFETY: the words of `main`, in memory that is this process's own to write (execve(2)); each ends with a NUL.
        unsafe {
            let word = (*first.add(index)).cast_mut();
            core::ptr::write_bytes(word, 0, CStr::from_ptr(word).to_bytes().len());
        }
    }
}

pub struct Environment {
    next: *const *const c_char,
}

impl Iterator for Environment {
    type Item = &'static CStr;

    fn next(&mut self) -> Option<&'static CStr> {
        if self.next.is_null() {
            return None;
        }
        // SAFETY: the array ends with a null pointer, which is never stepped over.
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
