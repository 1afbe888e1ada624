//! tini's words and variables. Pure.

use core::ffi::CStr;

use crate::text::bytes::{after, cut};
use crate::text::message::Message;
use crate::text::packed::{Packed, packed};
use crate::text::{names, number, signal};

/// What they ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Command,
    Help,
    Licence,
    Version,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    pub asked: Asked,
    /// Where the command starts, if there is one.
    pub command: usize,
    /// `-g`: signals go to the process group.
    pub group: bool,
    /// `-w`: orphans that are reaped are named.
    pub warn: bool,
    /// `-v`: failures only (0), warnings (1), what is done (2), each signal (3).
    pub verbosity: u8,
    /// `-p`: the signal that we get when our parent dies.
    pub parent_death: Option<u8>,
    /// `-e`: a bit for each exit code that counts as 0.
    zeroes: [u64; 4],
}

/// Reads the words from `first` on: options, which end with `--` or the first word that is none, as with getopt(3p).
#[inline(never)]
pub fn parse<'w>(word: &dyn Fn(usize) -> Option<&'w CStr>, first: usize) -> Result<Options, Message<'w>> {
    let mut options = Options {
        asked: Asked::Command,
        command: first,
        group: false,
        warn: false,
        verbosity: 1,
        parent_death: None,
        zeroes: [0; 4],
    };
    loop {
        let bytes = word(options.command).map_or(b"".as_slice(), CStr::to_bytes);
        let Some(mut letters) = after(bytes, b"-").filter(|letters| !letters.is_empty()) else { return Ok(options) };
        options.command += 1;
        match names::position("- -help -version", letters) {
            Some(0) => return Ok(options),
            Some(1) => options.asked = Asked::Help,
            Some(_) => options.asked = Asked::Version,
            None => {}
        }
        while let (Asked::Command, [letter, rest @ ..]) = (options.asked, letters) {
            match letter {
                // We adopt orphans in any case.
                b's' => {}
                b'g' => options.group = true,
                b'w' => options.warn = true,
                b'v' => options.verbosity = options.verbosity.saturating_add(1),
                b'h' => options.asked = Asked::Help,
                b'l' => options.asked = Asked::Licence,
                b'p' | b'e' => {
                    let value = if rest.is_empty() {
                        let value = word(options.command).map(CStr::to_bytes);
                        options.command += 1;
                        value.ok_or(wrong(packed!("a value is missing after %1; try tinyo init -h"), bytes))?
                    } else {
                        rest
                    };
                    options.take(*letter, value)?;
                    break;
                }
                b'-' => return Err(wrong(packed!("unknown option %1; try tinyo init -h"), bytes)),
                _ => {
                    let letter = letters.get(..1).unwrap_or_default();
                    return Err(wrong(packed!("unknown option -%1; try tinyo init -h"), letter));
                }
            }
            letters = rest;
        }
        if options.asked != Asked::Command {
            return Ok(options);
        }
    }
}

fn wrong<'w>(what: Packed, word: &'w [u8]) -> Message<'w> {
    Message { what, with: [word, b"", b""] }
}

impl Options {
    /// The value of `-p` or `-e`.
    fn take<'w>(&mut self, letter: u8, value: &'w [u8]) -> Result<(), Message<'w>> {
        if letter == b'p' {
            self.parent_death = signal::parse(value);
            return self
                .parent_death
                .map(drop)
                .ok_or(wrong(packed!("-p: %1 is no signal; write a name like SIGTERM"), value));
        }
        let code = number::decimal(value).filter(|&code| code < 256);
        let code = code.ok_or(wrong(packed!("-e: %1 is no exit code; write a number from 0 to 255"), value))? as u8;
        if let Some(set) = self.zeroes.get_mut(usize::from(code / 64)) {
            *set |= 1 << (code % 64);
        }
        Ok(())
    }

    /// The exit code to end with when the command's is `code`.
    pub fn status(&self, code: u8) -> u8 {
        let set = self.zeroes.get(usize::from(code / 64)).copied().unwrap_or(0);
        if set & 1 << (code % 64) != 0 { 0 } else { code }
    }

    /// Takes a `NAME=VALUE` of the environment if it is one of tini's. As there, the verbosity replaces that of the words, and of
    /// the others it counts that they are set, whatever to: what looks as if it should mean no is worth a warning.
    pub fn take_variable<'w>(&mut self, variable: &'w [u8]) -> Result<(), Message<'w>> {
        let (name, value) = cut(variable, b'=');
        let value = value.unwrap_or_default();
        match names::position("TINI_VERBOSITY TINI_KILL_PROCESS_GROUP TINI_SUBREAPER", name) {
            Some(0) => match number::decimal(value) {
                Some(level) => self.verbosity = level.min(255) as u8,
                None => return Err(wrong(packed!("%1: not a number, and passed over; write 0 to 3"), variable)),
            },
            Some(place) => {
                self.group |= place == 1;
                if names::position("1 true yes on", value).is_none() {
                    return Err(wrong(
                        packed!("%1: being set turns it on, whatever the value; unset it, or write 1"),
                        variable,
                    ));
                }
            }
            None => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CString;
    use std::format;
    use std::string::{String, ToString};
    use std::vec::Vec;

    fn text(message: Message) -> String {
        crate::text::put::shown(&message)
    }

    /// The words after `init`, and what they mean.
    fn read(words: &str) -> Result<Options, String> {
        let words: Vec<_> = words.split_terminator(' ').map(|word| CString::new(word).unwrap()).collect();
        parse(&|index| words.get(index).map(|word| word.as_c_str()), 0).map_err(text)
    }

    /// In short: letters of what is set, the verbosity, the signal, the codes that become 0, where the command starts.
    fn show(options: &Options) -> String {
        let codes: Vec<_> = (1..=255).filter(|&code| options.status(code) == 0).map(|code| code.to_string()).collect();
        format!(
            "{}{}{} {} {} {}",
            if options.group { "g" } else { "" },
            if options.warn { "w" } else { "" },
            options.verbosity,
            options.parent_death.unwrap_or(0),
            codes.join(","),
            options.command
        )
    }

    #[test]
    fn options_are_getopts() {
        let cases = [
            ("", "1 0  0"),
            ("true", "1 0  0"),
            ("--", "1 0  1"),
            ("-- -g", "1 0  1"),
            ("true -g", "1 0  0"),
            ("-", "1 0  0"),
            ("-s -- true", "1 0  2"),
            ("-s true", "1 0  1"),
            ("-gw true", "gw1 0  1"),
            ("-swgv -vv -- true", "gw4 0  3"),
            ("-p SIGTERM true", "1 15  2"),
            ("-pKILL true", "1 9  1"),
            ("-gp hup -v -- true", "g2 1  4"),
            ("-p RTMIN+3 true", "1 37  2"),
            ("-e 143 -e1 -ge 255 -e 64 true", "g1 0 1,64,143,255 7"),
            ("-e 0 true", "1 0  2"),
            // A value is the next word, whatever it looks like.
            ("-e 3 -- -- x", "1 0 3 3"),
        ];
        for (words, expected) in cases {
            let options = read(words).unwrap_or_else(|wrong| panic!("{words}: {wrong}"));
            assert_eq!((options.asked, show(&options)), (Asked::Command, expected.to_string()), "{words}");
        }
        let many = "-v ".repeat(300);
        assert_eq!(read(&many).unwrap().verbosity, 255);
    }

    #[test]
    fn words_instead_of_a_command() {
        let cases = [
            ("-h", Asked::Help),
            ("--help", Asked::Help),
            ("-gh true", Asked::Help),
            ("-hx", Asked::Help),
            ("-l", Asked::Licence),
            ("-s -l -z", Asked::Licence),
            ("--version", Asked::Version),
            ("-- --version", Asked::Command),
            ("true --version", Asked::Command),
        ];
        for (words, asked) in cases {
            assert_eq!(read(words).map(|options| options.asked), Ok(asked), "{words}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let cases = [
            ("-x true", "unknown option -x; try tinyo init -h"),
            ("-gx true", "unknown option -x; try tinyo init -h"),
            ("-\u{e9}", "unknown option -\\xc3; try tinyo init -h"),
            ("--group true", "unknown option --group; try tinyo init -h"),
            ("---", "unknown option ---; try tinyo init -h"),
            ("-g- true", "unknown option -g-; try tinyo init -h"),
            ("-p", "a value is missing after -p; try tinyo init -h"),
            ("-ge", "a value is missing after -ge; try tinyo init -h"),
            ("-p 15 true", "-p: 15 is no signal; write a name like SIGTERM"),
            ("-p SIG true", "-p: SIG is no signal; write a name like SIGTERM"),
            ("-p -- true", "-p: -- is no signal; write a name like SIGTERM"),
            ("-e 256 true", "-e: 256 is no exit code; write a number from 0 to 255"),
            ("-e -1 true", "-e: -1 is no exit code; write a number from 0 to 255"),
            ("-e true", "-e: true is no exit code; write a number from 0 to 255"),
        ];
        for (words, expected) in cases {
            assert_eq!(read(words).err().as_deref(), Some(expected), "{words}");
        }
    }

    #[test]
    fn variables() {
        let set = "being set turns it on, whatever the value; unset it, or write 1";
        let cases = [
            ("TINI_VERBOSITY=3", "3", ""),
            ("TINI_VERBOSITY=0", "0", ""),
            ("TINI_VERBOSITY=99999", "255", ""),
            ("TINI_VERBOSITY=", "2", "TINI_VERBOSITY=: not a number, and passed over; write 0 to 3"),
            ("TINI_VERBOSITY=loud", "2", "TINI_VERBOSITY=loud: not a number, and passed over; write 0 to 3"),
            ("TINI_VERBOSITY=-1", "2", "TINI_VERBOSITY=-1: not a number, and passed over; write 0 to 3"),
            ("TINI_SUBREAPER=1", "2", ""),
            ("TINI_SUBREAPER=", "2", &format!("TINI_SUBREAPER=: {set}")),
            ("TINI_KILL_PROCESS_GROUP=true", "g2", ""),
            ("TINI_KILL_PROCESS_GROUP=0", "g2", &format!("TINI_KILL_PROCESS_GROUP=0: {set}")),
            ("TINI_KILL_PROCESS_GROUPS=1", "2", ""),
            ("TINI=1", "2", ""),
        ];
        for (variable, expected, warning) in cases {
            let mut options = read("-v").unwrap();
            let said = options.take_variable(variable.as_bytes()).err().map(text).unwrap_or_default();
            assert_eq!((show(&options), said.as_str()), (format!("{expected} 0  1"), warning), "{variable}");
        }
    }
}
