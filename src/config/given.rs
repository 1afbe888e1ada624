//! What modules are given besides their files: options, and the word that keeps one away.

use core::ffi::CStr;

use crate::limits;
use crate::text::bytes::{cut, has};
use crate::text::cmdline::is_space;
use crate::text::names::same;
use crate::text::put::Out;
use heapless::Vec;

/// Words of the kernel command line, `NAME.OPTION[=VALUE]`, `module_blacklist=NAME,...` and `modprobe.blacklist=NAME,...`, and
/// those of the config that have options, `NAME OPTION[=VALUE]...`.
#[derive(Default)]
pub struct Given<'a>(pub Vec<&'a CStr, { limits::MODULE_WORDS }>);

impl Given<'_> {
    /// Whether a word of the kernel command line is one for modules. (The kernel keeps those with a dot for them too.)
    pub fn is_one(name: &[u8]) -> bool {
        has(name, b'.') && !name.starts_with(b"tinyo.") || same(name, b"module_blacklist")
    }

    /// Adds what module `name` is given to `out`, a space before each, as the kernel takes it apart again.
    pub fn options(&self, name: &[u8], out: &mut dyn Out) {
        for word in &self.0 {
            let text = word.to_bytes();
            let end = text.iter().position(|byte| matches!(byte, b'.' | b' ')).unwrap_or(text.len());
            let (module, rest) = text.split_at_checked(end).unwrap_or_default();
            let ([separator, option @ ..], true) = (rest, same(module, name)) else { continue };
            out.write(b" ");
            match cut(option, b'=') {
                // The kernel took the quotes off.
                (key, Some(value))
                    if *separator == b'.' && value.iter().any(|byte| is_space(*byte)) && !has(value, b'"') =>
                {
                    [key, b"=\"", value, b"\""].iter().for_each(|part| out.write(part));
                }
                _ => out.write(option),
            }
        }
    }

    /// Whether `name` is on a list of modules that shall not be loaded for a device.
    pub fn refuses(&self, name: &[u8]) -> bool {
        self.0.iter().any(|word| match cut(word.to_bytes(), b'=') {
            (key, Some(names)) if same(key, b"module_blacklist") || same(key, b"modprobe.blacklist") => {
                names.split(|byte| *byte == b',').any(|listed| same(listed, name))
            }
            _ => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(words: &[&'static CStr]) -> Given<'static> {
        Given(words.iter().copied().collect())
    }

    fn options(given: &Given, name: &str) -> std::string::String {
        let mut text = std::vec::Vec::new();
        given.options(name.as_bytes(), &mut |piece: &[u8]| text.extend_from_slice(piece));
        std::string::String::from_utf8(text).unwrap()
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
            ("i2c_dev", " a b=1.5"),
            ("x", " s=\"a b\" q=a\"b c\" n="),
            ("nodot", ""),
            ("module_blacklist=x", ""),
            ("", " o=1"),
            ("loo", ""),
        ] {
            assert_eq!(options(&given, name), expected, "{name}");
        }
    }

    #[test]
    fn lists_of_what_is_kept_away() {
        let given =
            given(&[c"module_blacklist=a-b,c", c"modprobe.blacklist=d", c"e.blacklist=f", c"modprobe.blacklist=g,"]);
        for (name, expected) in [
            ("a_b", true),
            ("c", true),
            ("d", true),
            ("g", true),
            ("f", false),
            ("a", false),
            ("e", false),
            ("b", false),
        ] {
            assert_eq!(given.refuses(name.as_bytes()), expected, "{name}");
        }
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
            assert_eq!(Given::is_one(name.as_bytes()), expected, "{name}");
        }
    }
}
