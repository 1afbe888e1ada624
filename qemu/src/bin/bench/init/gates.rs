//! What tinyo holds itself to: the one table of it.

use super::figures::{Ending, Figures};
use crate::verdict::Verdict;

type Value = fn(&Figures) -> Option<u64>;

struct Gate {
    what: &'static str,
    unit: &'static str,
    value: Value,
    bound: Bound,
}

enum Bound {
    AtMost(u64),
    AtLeast(u64),
}

fn ended(ending: Option<Ending>) -> Option<u64> {
    match ending {
        Some(Ending::After(time)) => Some(time),
        _ => None,
    }
}

const GATES: &[Gate] = &[
    Gate {
        what: "\"Run /init\" to the first service's main",
        unit: "us",
        value: Figures::start,
        bound: Bound::AtMost(1600),
    },
    Gate { what: "anonymous memory, 4 services", unit: "kB", value: |f| f.anon, bound: Bound::AtMost(32) },
    Gate { what: "Pss, 4 services", unit: "kB", value: |f| f.pss, bound: Bound::AtMost(80) },
    Gate { what: "helper processes", unit: "", value: |f| f.helpers, bound: Bound::AtMost(0) },
    Gate { what: "wakeups in 60 idle seconds", unit: "", value: |f| f.wakeups, bound: Bound::AtMost(0) },
    Gate {
        what: "death of a healthy service to its successor's main",
        unit: "us",
        value: Figures::restart,
        bound: Bound::AtMost(900),
    },
    Gate { what: "orphans reaped", unit: "/s", value: Figures::orphans, bound: Bound::AtLeast(165_000) },
    Gate { what: "shutdown, all obey", unit: "us", value: |f| ended(f.obey), bound: Bound::AtMost(5700) },
    // Its stop-timeout is the default, 5 s.
    Gate {
        what: "shutdown, one ignores SIGTERM",
        unit: "us",
        value: |f| ended(f.stubborn),
        bound: Bound::AtMost(5_006_000),
    },
];

pub fn judge(figures: &Figures) -> Verdict {
    let mut verdict = Verdict::new();
    for gate in GATES {
        let value = (gate.value)(figures);
        let (sign, bound) = match gate.bound {
            Bound::AtMost(bound) => ("<=", bound),
            Bound::AtLeast(bound) => (">=", bound),
        };
        let held = value.is_some_and(|value| match gate.bound {
            Bound::AtMost(bound) => value <= bound,
            Bound::AtLeast(bound) => value >= bound,
        });
        let shown = value.map(|value| format!("{value} {}", gate.unit).trim_end().to_owned());
        verdict.add(gate.what, &format!("{sign} {bound} {}", gate.unit), shown, held);
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_measured_is_not_held() {
        let verdict = judge(&Figures::default());
        assert!(!verdict.held);
        assert_eq!(verdict.text.matches("**missed**").count(), GATES.len());
    }

    #[test]
    fn a_bound_is_on_the_good_side() {
        let figures = Figures { anon: Some(32), pss: Some(81), obey: Some(Ending::After(1)), ..Figures::default() };
        let text = judge(&figures).text;
        assert!(text.contains("| <= 32 kB | 32 kB | held |"), "{text}");
        assert!(text.contains("| <= 80 kB | 81 kB | **missed** |"), "{text}");
        assert!(text.contains("| <= 5700 us | 1 us | held |"), "{text}");
    }
}
