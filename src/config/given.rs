//! What modules are given besides their files: options, and the word that keeps one away.

use core::ffi::CStr;

use crate::limits;
use crate::text::bytes::{Path, cut, has};
use crate::text::names::same;
use heapless::Vec;

/// Words of the kernel command line, `NAME.OPTION[=VALUE]`, `module_blacklist=NAME,...` and `modprobe.blacklist=NAME,...`, and
/// items of `modules`, `NAME[ OPTION[=VALUE]...]`.
pub struct Given<'a>(pub Vec<&'a CStr, { limits::LIST + limits::MODULE_WORDS }>);

/// Whether a word of the kernel command line is one for modules. (The kernel keeps those with a dot for them too.)
pub fn is_for_modules(name: &[u8]) -> bool {
    has(name, b'.') && !name.starts_with(b"tinyo.") || same(name, b"module_blacklist")
}

impl Given<'_> {
    /// Adds what module `name` is given to `out`, a space before each, as the kernel takes it apart again. False: it does not
    /// fit.
    pub fn options(&self, name: &[u8], out: &mut Path) -> bool {
        self.0.iter().all(|word| {
            let text = word.to_bytes();
            let (module, rest) = text.split_at_checked(name.len()).unwrap_or_default();
            let [separator @ (b'.' | b' '), option @ ..] = rest else { return true };
            if !same(module, name) {
                return true;
            }
            // The kernel took its own quotes off; it takes them around the whole, too.
            let quote: &[u8] = if *separator == b'.' && !has(option, b'"') { b"\"" } else { b"" };
            [b" ", quote, option, quote].iter().all(|part| out.extend_from_slice(part).is_ok())
        })
    }

    /// Gives `each` the modules that shall not be loaded for a device.
    pub fn refused(&self, each: &mut dyn FnMut(&[u8])) {
        for word in &self.0 {
            let (key, mut names) = cut(word.to_bytes(), b'=');
            if same(key, b"module_blacklist") || same(key, b"modprobe.blacklist") {
                while let Some(list) = names {
                    let (name, rest) = cut(list, b',');
                    each(name);
                    names = rest;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(words: &[&'static CStr]) -> Given<'static> {
        Given(words.iter().copied().collect())
    }

    fn options(given: &Given, name: &str) -> std::string::String {
        let mut text = Path::new();
        assert!(given.options(name.as_bytes(), &mut text));
        std::string::String::from_utf8(text.to_vec()).unwrap()
    }

    #[test]
    fn options_are_those_of_the_module() {
        let given = given(&[
            c"loop max_loop=8 max_part=1",
            c"i2c-dev.a",
            c"i2c_dev.b=1.5",
            c"x.s=a b",
            c"x.q=a\"b c\"",
            c"x.n=",
            c"nodot",
            c"module_blacklist=x",
            c".o=1",
        ]);
        for (name, expected) in [
            ("loop", " max_loop=8 max_part=1"),
            ("i2c_dev", " \"a\" \"b=1.5\""),
            ("x", " \"s=a b\" q=a\"b c\" \"n=\""),
            ("nodot", ""),
            ("module_blacklist=x", ""),
            ("", " \"o=1\""),
            ("loo", ""),
        ] {
            assert_eq!(options(&given, name), expected, "{name}");
        }
    }

    #[test]
    fn lists_of_what_is_kept_away() {
        let given =
            given(&[c"module_blacklist=a-b,c", c"modprobe.blacklist=d", c"e.blacklist=f", c"modprobe.blacklist=g,"]);
        let mut refused = std::vec::Vec::new();
        given.refused(&mut |name| refused.push(std::string::String::from_utf8_lossy(name).into_owned()));
        assert_eq!(refused, ["a-b", "c", "d", "g", ""]);
    }

    #[test]
    fn which_words_are_for_modules() {
        for (name, expected) in [
            ("loop.max_loop", true),
            ("modprobe.blacklist", true),
            ("module_blacklist", true),
            ("tinyo.log", false),
            ("root", false),
            ("", false),
        ] {
            assert_eq!(is_for_modules(name.as_bytes()), expected, "{name}");
        }
    }
}
