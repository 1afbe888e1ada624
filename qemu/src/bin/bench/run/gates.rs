//! What tinyo holds itself to: the one table of it.

use super::{
    Restarts, Row,
    figures::{Figures, Times, ratio},
    floor_of, named,
};
use crate::verdict::Verdict;

/// In hundredths, for what is a ratio.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Unit {
    Hundredths,
    Number(&'static str),
}

struct Gate {
    what: String,
    unit: Unit,
    value: Option<u64>,
    bound: u64,
}

const BARE: &str = "tinyo --privileged --init=false";
const DEFAULT: &str = "tinyo";

pub fn judge(rows: &[Row], restarts: &[Restarts; 2]) -> Verdict {
    let mut verdict = Verdict::new();
    for gate in gates(rows, restarts) {
        let held = gate.value.is_some_and(|value| value <= gate.bound);
        let value = gate.value.map(|value| shown(value, gate.unit));
        verdict.add(&gate.what, &format!("<= {}", shown(gate.bound, gate.unit)), value, held);
    }
    verdict
}

fn shown(value: u64, unit: Unit) -> String {
    match unit {
        Unit::Hundredths => format!("{}.{:02} x floor", value / 100, value % 100),
        Unit::Number(unit) => format!("{value} {unit}").trim_end().to_owned(),
    }
}

/// A ratio up to the next hundredth, so that a bound that is passed by little is passed.
fn hundredths(ratio: Option<f64>) -> Option<u64> {
    ratio.map(|ratio| (ratio * 100.0 - 1e-9).ceil() as u64)
}

fn gates(rows: &[Row], restarts: &[Restarts; 2]) -> Vec<Gate> {
    let of = |name: &str| named(rows, name).map(|row| &row.figures);
    let over = |name: &str, times: fn(&Figures) -> &Times| {
        let row = named(rows, name)?;
        times(&row.figures).over(times(&floor_of(rows, &row.launcher)?.figures))
    };
    let mut gates = Vec::new();
    let mut gate = |what: String, unit, value, bound| gates.push(Gate { what, unit, value, bound });
    // DESIGN's floors: busybox's true as root, one of a few KB without.
    for (name, bound, calls) in [
        (BARE, 110, Some(60)),
        (DEFAULT, 140, Some(130)),
        ("tinyo --privileged --init=false --network host", 110, None),
        ("tinyo --network host", 140, None),
    ] {
        gate(format!("`{name}`"), Unit::Hundredths, hundredths(over(name, |f| &f.busybox)), bound);
        if let Some(calls) = calls {
            let counted = of(name).and_then(Figures::calls).map(|calls| calls as u64);
            gate(format!("`{name}`: all its processes"), Unit::Number("system calls"), counted, calls);
        }
    }
    gate("rootless".to_owned(), Unit::Hundredths, hundredths(over("tinyo, rootless", |f| &f.small)), 145);
    let thousand = |name| of(name).and_then(|figures| figures.thousand.least());
    let many = hundredths(ratio(thousand(DEFAULT), thousand("floor")));
    gate("1,000 in parallel".to_owned(), Unit::Hundredths, many, 140);
    let down = of(DEFAULT).and_then(|figures| figures.alive).map(|alive| (alive.asked - alive.up) as u64);
    gate("1,000 alive at once".to_owned(), Unit::Number("failed"), down, 0);
    let under = ["under PID 1", "under PID 1, `init = false`"].into_iter().zip(restarts.iter().map(|r| r.kept));
    let run = [("`tinyo run`", of(DEFAULT)), ("`tinyo run --privileged --init=false`", of(BARE))];
    let run = run.into_iter().map(|(name, figures)| (name, figures.and_then(|figures| figures.kept)));
    for ((name, kept), processes) in run.chain(under).zip([2, 1, 1, 0]) {
        let beside = Unit::Number("processes beside the command");
        gate(name.to_owned(), beside, kept.map(|kept| kept.processes as u64), processes);
        gate(format!("{name}: their own memory"), Unit::Number("KiB"), kept.map(|kept| kept.private), 64);
    }
    let cold = of("floor").and_then(|figures| super::figures::least(&figures.mains));
    let restart = hundredths(ratio(restarts[0].least(), cold));
    gate("restart of a container, to its main".to_owned(), Unit::Hundredths, restart, 65);
    gates
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::unmeasured;

    #[test]
    fn what_was_not_measured_is_not_held() {
        let verdict = judge(&unmeasured(), &Default::default());
        assert!(!verdict.held && !verdict.text.contains("| held |"), "{}", verdict.text);
    }

    #[test]
    fn a_ratio_is_to_the_floor_of_its_own_kind() {
        let mut rows = unmeasured();
        let mut set = |name: &str, wall| {
            let row = rows.iter_mut().find(|row| row.launcher.name() == name).expect(name);
            row.figures.busybox.walls = vec![wall + 5, wall];
        };
        set("floor", 1000);
        set("floor, host network", 500);
        set(BARE, 1100);
        set("tinyo --network host", 701);
        let text = judge(&rows, &Default::default()).text;
        assert!(
            text.contains("| `tinyo --privileged --init=false` | <= 1.10 x floor | 1.10 x floor | held |"),
            "{text}"
        );
        assert!(text.contains("| `tinyo --network host` | <= 1.40 x floor | 1.41 x floor | **missed** |"), "{text}");
    }
}
