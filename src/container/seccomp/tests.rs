//! Every number that a process can call, on both machines, with every set of capabilities that counts.

use super::calls::{AARCH64, LAST, X86_64};
use super::*;
use crate::text::capability;
use proptest::prelude::*;
use std::vec::Vec;

const DEFAULT: u64 = crate::container::capabilities::DEFAULT;
const NONE: [u64; 6] = [0; 6];

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Allow,
    Errno(i32),
    Kill,
}
use Verdict::{Allow, Errno, Kill};

const EPERM: Verdict = Errno(1);
const ENOSYS: Verdict = Errno(38);

/// `struct seccomp_data`.
struct Data {
    number: u32,
    arch: u32,
    arguments: [u64; 6],
}

impl Data {
    fn word(&self, offset: u32) -> u32 {
        match offset {
            0 => self.number,
            4 => self.arch,
            16..64 if offset.is_multiple_of(8) => self.arguments[(offset as usize - 16) / 8] as u32,
            _ => panic!("a filter reads at {offset}"),
        }
    }
}

/// Runs a filter as the kernel does; also how many instructions that took, and whether it looked at the arguments.
fn run(filter: &[Instruction], data: &Data) -> (Verdict, usize, bool) {
    let (mut accumulator, mut at, mut arguments) = (0u32, 0usize, false);
    for steps in 1.. {
        let Instruction { code, yes, no, operand } = filter[at];
        at += 1;
        let holds = match code {
            0x20 => {
                accumulator = data.word(operand);
                arguments |= operand >= 16;
                continue;
            }
            0x06 => {
                let verdict = match (operand & 0xffff_0000, operand & 0xffff) {
                    (0x7fff_0000, 0) => Allow,
                    (0x0005_0000, errno) => Errno(errno as i32),
                    (0x8000_0000, 0) => Kill,
                    _ => panic!("no verdict: {operand:#x}"),
                };
                return (verdict, steps, arguments);
            }
            0x15 => accumulator == operand,
            0x35 => accumulator >= operand,
            0x45 => accumulator & operand != 0,
            _ => panic!("the kernel finds out nothing about a filter with {code:#x}"),
        };
        at += usize::from(if holds { yes } else { no });
    }
    unreachable!()
}

fn judge(machine: &Machine, set: u64, number: u32, arguments: [u64; 6]) -> Verdict {
    run(&compile(machine, set), &Data { number, arch: machine.arch, arguments }).0
}

/// The words of the twin, each with its number.
fn words(twin: &'static str) -> Vec<(u32, &'static str)> {
    let mut number = 0;
    let mut words = Vec::new();
    for word in twin.split_whitespace() {
        if let Some((from, to)) = word.split_once("..") {
            assert_eq!(from.parse(), Ok(number));
            let to: u32 = to.parse().unwrap();
            words.extend((number..to).map(|number| (number, "")));
            number = to;
        } else {
            words.push((number, word));
            number += 1;
        }
    }
    words
}

fn number(twin: &'static str, name: &str) -> u32 {
    let is_it = |word: &str| word.trim_start_matches('-').split([':', '?']).next() == Some(name);
    words(twin).into_iter().find(|(_, word)| is_it(word)).unwrap_or_else(|| panic!("{name}")).0
}

fn set(names: &str) -> u64 {
    names.split_whitespace().fold(0, |set, name| set | capability::parse(name.as_bytes()).unwrap())
}

/// What docker says of a call without arguments.
fn dockers(word: &str, capabilities: u64) -> Verdict {
    let admin = capabilities & set("SYS_ADMIN") != 0;
    match word {
        "" => ENOSYS,
        "clone3?" if !admin => ENOSYS,
        _ if word.starts_with('-') => EPERM,
        _ => match word.split_once(':') {
            Some(("bpf" | "perf_event_open" | "syslog", _)) if admin => Allow,
            Some((_, name)) if capabilities & set(name) == 0 => EPERM,
            _ => Allow,
        },
    }
}

const MACHINES: [(&Machine, &str); 2] = [(&X86_64, twin::X86_64), (&AARCH64, twin::AARCH64)];

/// The capabilities that docker's profile asks for.
const COUNT: &str = "DAC_READ_SEARCH SYS_ADMIN SYS_BOOT SYS_CHROOT SYS_MODULE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_TIME \
                     SYS_TTY_CONFIG SYS_NICE SYSLOG BPF PERFMON";

#[test]
fn every_number_is_judged_as_docker_does() {
    for (machine, twin) in MACHINES {
        let words = words(twin);
        assert_eq!(words.len(), usize::from(LAST) + 1);
        let mut sets = Vec::from([DEFAULT, 0, u64::MAX, !set("SYS_ADMIN"), set(COUNT)]);
        sets.extend((0..64).map(|number| 1 << number));
        for capabilities in sets {
            let filter = compile(machine, capabilities);
            let judge = |number| run(&filter, &Data { number, arch: machine.arch, arguments: NONE });
            for &(number, word) in &words {
                let (verdict, steps, arguments) = judge(number);
                assert_eq!(verdict, dockers(word, capabilities), "{number} {word} {capabilities:#x}");
                // What it allows without a look at the arguments the kernel finds out by itself.
                assert!(!arguments || word.ends_with('?'), "{number} {word}");
                assert!(steps <= if arguments { 22 } else { 11 }, "{number} {word}: {steps} instructions");
            }
            // What is younger, x32, and what no call can be.
            for number in (u32::from(LAST) + 1..1024).chain([0x4000_0000, 0x4000_0001, 0x7fff_ffff, 1 << 31, u32::MAX])
            {
                assert_eq!(judge(number).0, ENOSYS, "{number:#x}");
            }
        }
    }
}

/// i386, arm, x32 with its own word for it, the other machine, and this one with the other order of bytes.
#[test]
fn calls_of_another_machine_are_the_end() {
    for (machine, other) in [(&X86_64, &AARCH64), (&AARCH64, &X86_64)] {
        let filter = compile(machine, u64::MAX);
        for arch in
            [0x4000_0003, 0x4000_0028, 0x8000_003e, machine.arch & 0xffff, machine.arch ^ 1 << 30, other.arch, 0]
        {
            for number in (0..1024).chain([u32::MAX]) {
                assert_eq!(run(&filter, &Data { number, arch, arguments: NONE }).0, Kill, "{arch:#x} {number}");
            }
        }
    }
}

#[test]
fn arguments_count() {
    const HIGH: u64 = 0xdead_beef_0000_0000;
    let allowed = |call: &str, set: u64, arguments: [u64; 6]| {
        let [a, b] = MACHINES.map(|(machine, twin)| judge(machine, set, number(twin, call), arguments));
        assert_eq!(a, b, "{call} {arguments:x?}");
        assert!(matches!(a, Allow | EPERM), "{call} {arguments:x?}: {a:?}");
        a == Allow
    };
    let first = |call: &str, argument: u64| {
        let result = allowed(call, DEFAULT, [argument, !0, !0, !0, !0, !0]);
        // The kernel does not look at the upper half, so what is there changes nothing.
        assert_eq!(allowed(call, DEFAULT, [argument | HIGH, 0, 0, 0, 0, 0]), result, "{call} {argument:#x}");
        result
    };
    // fork, threads, vfork, and CLONE_NEWTIME's bit, which is a part of clone's exit signal.
    for flags in [17, 0x003d_0f00, 0x4111, 0x80] {
        assert!(first("clone", flags), "{flags:#x}");
    }
    // CLONE_NEWNS, CGROUP, UTS, IPC, USER, PID, NET.
    for flag in [0x0002_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000] {
        assert!(!first("clone", flag) && !first("clone", flag | 17), "{flag:#x}");
        assert!(allowed("clone", set("SYS_ADMIN"), [flag, 0, 0, 0, 0, 0]), "{flag:#x}");
    }
    for value in (0..64).map(|bit| 1 << bit).chain([0, 9, 0x2_0008, 0x2_0009, 0xffff_fffe, 0xffff_ffff]) {
        let low = value & 0xffff_ffff;
        assert_eq!(first("personality", value), [0, 8, 0x2_0000, 0x2_0008, 0xffff_ffff].contains(&low), "{value:#x}");
    }
    for family in (0..1024).chain([0xffff_ffff, 1 << 31]) {
        let given_up = [12, 19, 20, 23, 25, 34, 37].contains(&family);
        assert_eq!(first("socket", family), family < 46 && !given_up && ![38, 40].contains(&family), "{family}");
    }
    for (request, expected) in
        [(0x5412, false), (0x541c, false), (0x5411, true), (0x5413, true), (0x541b, true), (0, true)]
    {
        for set in [DEFAULT, 0, u64::MAX] {
            for high in [0, HIGH, 1 << 32] {
                assert_eq!(allowed("ioctl", set, [0, request | high, 0, 0, 0, 0]), expected, "{request:#x}");
            }
            // It is the second argument that counts.
            assert!(allowed("ioctl", set, [0x5412, 1, 0x5412, 0x5412, 0, 0]));
        }
    }
}

/// All 16,384 sets of capabilities that count, on both machines: the filter has room, and every jump ends inside it, where
/// an instruction is that can be got to.
#[test]
fn a_filter_is_whole_whatever_the_capabilities() {
    let bits: Vec<u64> = COUNT.split(' ').map(set).collect();
    for (machine, _) in MACHINES {
        for choice in 0..1u64 << bits.len() {
            let chosen =
                bits.iter().enumerate().filter(|(at, _)| choice >> at & 1 != 0).fold(0, |set, (_, bit)| set | bit);
            let filter = compile(machine, chosen);
            assert!(filter.len() < INSTRUCTIONS && filter.ends_with(&RULES), "{chosen:#x}: {}", filter.len());
            let end = filter.len() - RULES.len();
            for (at, instruction) in filter[4..end].iter().enumerate() {
                let next = 4 + at + 1;
                assert_eq!(instruction.code, AT_LEAST);
                for jump in [instruction.yes, instruction.no] {
                    assert!(next + usize::from(jump) < filter.len(), "{chosen:#x} at {next}");
                }
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn numbers_are_the_c_librarys() {
    let known = [
        ("read", libc::SYS_read),
        ("ioctl", libc::SYS_ioctl),
        ("clone", libc::SYS_clone),
        ("execve", libc::SYS_execve),
        ("ptrace", libc::SYS_ptrace),
        ("personality", libc::SYS_personality),
        ("pivot_root", libc::SYS_pivot_root),
        ("mount", libc::SYS_mount),
        ("reboot", libc::SYS_reboot),
        ("gettid", libc::SYS_gettid),
        ("kexec_load", libc::SYS_kexec_load),
        ("keyctl", libc::SYS_keyctl),
        ("unshare", libc::SYS_unshare),
        ("perf_event_open", libc::SYS_perf_event_open),
        ("setns", libc::SYS_setns),
        ("seccomp", libc::SYS_seccomp),
        ("kexec_file_load", libc::SYS_kexec_file_load),
        ("bpf", libc::SYS_bpf),
        ("userfaultfd", libc::SYS_userfaultfd),
        ("rseq", libc::SYS_rseq),
        ("pidfd_send_signal", libc::SYS_pidfd_send_signal),
        ("io_uring_setup", libc::SYS_io_uring_setup),
        ("clone3", libc::SYS_clone3),
        ("pidfd_getfd", libc::SYS_pidfd_getfd),
        ("set_mempolicy_home_node", libc::SYS_set_mempolicy_home_node),
        ("mseal", libc::SYS_mseal),
    ];
    for (name, value) in known {
        assert_eq!(i64::from(number(twin::X86_64, name)), value, "{name}");
    }
}

proptest! {
    /// Against the twin, for any capabilities, number and arguments.
    #[test]
    fn any_call_is_judged_alike(
        capabilities in any::<u64>(),
        number in prop_oneof![0u32..480, any::<u32>()],
        arguments in any::<[u64; 6]>(),
        machine in 0usize..2,
    ) {
        let (machine, twin) = MACHINES[machine];
        let word = words(twin).get(number as usize).map_or("", |(_, word)| word);
        let verdict = judge(machine, capabilities, number, arguments);
        if word.ends_with('?') && word != "clone3?" {
            prop_assert!(matches!(verdict, Allow | EPERM));
        } else {
            prop_assert_eq!(verdict, dockers(word, capabilities), "{} {}", number, word);
        }
    }
}
