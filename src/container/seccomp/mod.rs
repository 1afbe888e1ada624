//! Which system calls a container may make: docker's default profile, compiled to a filter of seccomp(2).
//!
//! The filter looks a number up by halving, seven comparisons at most. It only loads, compares and returns: of such a
//! filter the kernel (5.11 and later) finds out by itself which calls it always allows, and runs it no more for them. That
//! leaves it for calls whose arguments count and for those that are refused, so that no call needs a faster way.

mod calls;
mod rules;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod twin;

use calls::{BPF, CLONE, CLONE3, Machine, NEVER, NOT_HERE, OPEN, PERFMON, RULE, RUNS, SYS_ADMIN, SYSLOG};
use rules::{AT_LEAST, RULES};

use crate::sys::seccomp::Instruction;

/// The most instructions of a filter: how it begins, a comparison between each two runs of calls, and the rules.
pub const INSTRUCTIONS: usize = 4 + (RUNS - 1) + RULES.len();
// A jump to the rules is at most this far.
const _: () = assert!(INSTRUCTIONS <= u8::MAX as usize);

pub type Filter = heapless::Vec<Instruction, INSTRUCTIONS>;

/// The filter for who keeps the capabilities `set`, on this machine.
pub fn filter(set: u64) -> Filter {
    compile(&calls::NATIVE, set)
}

#[inline(never)]
fn compile(machine: &Machine, mut set: u64) -> Filter {
    // The kernel took these out of SYS_ADMIN, which still has them.
    if has(set, SYS_ADMIN) {
        set |= 1 << SYSLOG | 1 << PERFMON | 1 << BPF;
    }
    let mut runs = heapless::Vec::<u16, RUNS>::new();
    for run in machine.runs {
        let run = run & !0x7f | u16::from(verdict(*run as u8 & 0x7f, set));
        if runs.last().is_none_or(|last| (last ^ run) & 0x7f != 0) {
            // There is room for all of them, and in the filter too: see the constants.
            let _ = runs.push(run);
        }
    }
    let mut filter = Filter::new();
    let _ = filter.extend_from_slice(&rules::start(machine.arch));
    let rules = filter.len() + runs.len() - 1;
    halve(&runs, rules, &mut filter);
    let _ = filter.extend_from_slice(&RULES);
    filter
}

fn has(set: u64, capability: u8) -> bool {
    set & 1 << capability != 0
}

/// Where in [`RULES`] a call of this kind goes.
fn verdict(kind: u8, set: u64) -> u8 {
    let kind = match kind {
        CLONE | CLONE3 if has(set, SYS_ADMIN) => OPEN,
        CLONE3 => NOT_HERE,
        ..RULE if has(set, kind) => OPEN,
        ..RULE => NEVER,
        _ => kind,
    };
    kind - RULE
}

/// Pushes a comparison between each two of `runs`: first the one in the middle, then those before it, then those after it.
fn halve(runs: &[u16], rules: usize, filter: &mut Filter) {
    let (before, after) = runs.split_at(runs.len() / 2);
    let (Some(_), Some(first)) = (before.first(), after.first()) else { return };
    // From the next instruction on; a run alone goes to its verdict.
    let next = filter.len() + 1;
    let jump = |half: &[u16], at: usize| match half {
        [run] => (rules - next) as u8 + (run & 0x7f) as u8,
        _ => at as u8,
    };
    let instruction = Instruction::new(AT_LEAST, jump(after, before.len() - 1), jump(before, 0), u32::from(first >> 7));
    let _ = filter.push(instruction);
    halve(before, rules, filter);
    halve(after, rules, filter);
}
