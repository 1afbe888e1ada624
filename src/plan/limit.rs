//! What the cgroup of a service may use, one limit at a time: printed, and as the kernel's file of it. Pure.

use core::ffi::CStr;

use crate::config::{Config, Limits, Service};
use crate::put;
use crate::text::bytes::Path;
use crate::text::names;
use crate::text::put::{Out, Word};
use crate::text::show::Show;
use crate::text::size::Size;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit<'a> {
    /// One that has a key of its own, by its place in [`KEYS`].
    Own(usize, u64),
    /// `NAME=VALUE`.
    File(&'a CStr),
}

/// The keys, and the files that they become. Swap is what a service with `memory` may use beside it: as much again, as
/// docker has it.
const KEYS: &str = "memory swap cpus pids-limit";
const FILES: &str = "memory.max memory.swap.max cpu.max pids.max";
const SWAP: usize = 1;
const CPUS: usize = 2;
const PIDS: usize = 3;

/// Gives `each` the limits of a service in the order in which they are set: what `cgroup` says replaces what follows from
/// the others.
pub fn limits(config: &Config, service: &Service, each: &mut dyn FnMut(Limit)) {
    let Limits { memory, cpus, pids, cgroup } = service.limits;
    for key in 0..4 {
        let number = match key {
            CPUS => u64::from(cpus),
            PIDS => u64::from(pids),
            _ => memory,
        };
        if number > 0 {
            each(Limit::Own(key, number));
        }
    }
    for word in config.list(cgroup) {
        each(Limit::File(word));
    }
}

impl Limit<'_> {
    /// `+FILE`, a NUL, and what that file of the cgroup shall say. Up to the first dot it is what `cgroup.subtree_control`
    /// takes: the name of the file's controller.
    pub fn setting(self, text: &mut Path) {
        text.clear();
        // A word of the config fits, and so do two numbers.
        match self {
            Limit::Own(key, number) => {
                let period = if key == CPUS { " 100000" } else { "" };
                put!(text, "+{}={}{}", names::at(FILES, b' ', key), number, period);
            }
            Limit::File(word) => {
                text.write(b"+");
                text.write(word.to_bytes());
            }
        }
        if let Some(equals) = text.iter_mut().find(|byte| **byte == b'=') {
            *equals = 0;
        }
    }

    /// A kernel may have no swap, or not count it; then there is none to be used.
    pub fn may_be_missing(self) -> bool {
        matches!(self, Limit::Own(SWAP, _))
    }
}

const _: () = assert!(Limits::CPU == 100_000);

impl Word for Limit<'_> {
    fn write(&self, out: &mut dyn Out) {
        match *self {
            Limit::Own(key, number) => {
                put!(out, "{} ", names::at(KEYS, b' ', key));
                match key {
                    CPUS => write_decimal(number as u32, out),
                    PIDS => number.write(out),
                    _ => Size(number).write(out),
                }
            }
            Limit::File(word) => put!(out, "cgroup {}", Show::from(word)),
        }
    }
}

/// Microseconds of [`Limits::CPU`] as the decimal that they were.
fn write_decimal(mut number: u32, out: &mut dyn Out) {
    let mut point: &[u8] = b".";
    (number / Limits::CPU).write(out);
    loop {
        number = number % Limits::CPU * 10;
        if number == 0 {
            return;
        }
        out.write(core::mem::take(&mut point));
        (number / Limits::CPU).write(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::file;
    use std::string::String;
    use std::vec::Vec;

    /// Each limit of the one service: how it reads, its file and what that shall say.
    fn all(keys: &str) -> Vec<String> {
        let mut text = std::format!("[service.web]\nexec = ['/web']\n{keys}\n").into_bytes();
        let mut config = Config::new();
        let verdict = file::parse(&mut text, &mut config, &mut |problem| panic!("{}", problem.place.line));
        assert_eq!(verdict.problems, 0);
        let shown = |limit: Limit| {
            let line = crate::text::put::shown(&limit);
            let mut setting = Path::new();
            limit.setting(&mut setting);
            std::format!("{line}|{}", core::str::from_utf8(&setting).unwrap().replace('\0', "|"))
        };
        let mut all = Vec::new();
        limits(&config, &config.services[0], &mut |limit| all.push(shown(limit)));
        all
    }

    #[test]
    fn each_is_a_file_of_the_kernels() {
        assert_eq!(all(""), [] as [&str; 0]);
        assert_eq!(
            all(
                "cgroup = ['memory.high=24M', 'io.max=8:0 rbps=5', 'cgroup.max.depth=1']\npids-limit = 100\nmemory = '64m'\ncpus = 0.5"
            ),
            [
                "memory 64M|+memory.max|67108864",
                "swap 64M|+memory.swap.max|67108864",
                "cpus 0.5|+cpu.max|50000 100000",
                "pids-limit 100|+pids.max|100",
                "cgroup memory.high=24M|+memory.high|24M",
                "cgroup io.max=8:0 rbps=5|+io.max|8:0 rbps=5",
                "cgroup cgroup.max.depth=1|+cgroup.max.depth|1",
            ]
        );
    }

    #[test]
    fn cpus_are_decimals() {
        for (written, shown, value) in [
            ("2", "2", 200_000),
            ("1.25", "1.25", 125_000),
            ("0.01", "0.01", 1_000),
            ("10.00001", "10.00001", 1_000_001),
            ("42949.67295", "42949.67295", u32::MAX),
        ] {
            assert_eq!(all(&std::format!("cpus = {written}")), [std::format!("cpus {shown}|+cpu.max|{value} 100000")]);
        }
    }

    #[test]
    fn the_largest_has_room() {
        let word = std::format!("a.b={}\0", "c".repeat(crate::limits::PATH_BYTES - 5));
        let word = CStr::from_bytes_with_nul(word.as_bytes()).unwrap();
        let mut setting = Path::new();
        Limit::File(word).setting(&mut setting);
        assert_eq!(setting.len(), word.count_bytes() + 1);
    }
}
