//! What tinyo holds itself to: the one table of it.

use super::{
    figures::Figures,
    init::{Init, Root},
    rows::Row,
    setup::Board,
};
use crate::verdict::Verdict;

/// The figures of all rows.
pub struct Measured<'a> {
    pub rows: &'a [Row],
    pub figures: &'a [Figures],
}

impl Measured<'_> {
    /// Microseconds.
    pub fn time(&self, init: &Init, root: Root, board: Board, stripped: bool) -> Option<u64> {
        let is_it = |row: &Row| (&row.init, row.root, row.board, row.stripped) == (init, root, board, stripped);
        self.figures[self.rows.iter().position(is_it)?].time()
    }

    /// Against the floor with signatures, of the same machine.
    pub fn ratio(&self, time: Option<u64>, board: Board) -> Option<f64> {
        Some(time? as f64 / self.time(&Init::Floor, Root::Node, board, false)? as f64)
    }

    fn own(&self, root: Root) -> Option<u64> {
        self.time(&Init::Tinyo(None), root, Board::Q35, false)
    }
}

struct Gate {
    what: &'static str,
    value: fn(&Measured) -> Option<f64>,
    most: f64,
    unit: &'static str,
}

/// Milliseconds on top of /dev/vda1.
fn added(measured: &Measured, root: Root) -> Option<f64> {
    Some((measured.own(root)? as f64 - measured.own(Root::Node)? as f64) / 1000.0)
}

fn ratio(measured: &Measured, board: Board, stripped: bool) -> Option<f64> {
    measured.ratio(measured.time(&Init::Tinyo(None), Root::Node, board, stripped), board)
}

const GATES: &[Gate] = &[
    Gate {
        what: "\"Run /init\" to the real init's main, q35",
        value: |m| ratio(m, Board::Q35, false),
        most: 1.01,
        unit: "x floor",
    },
    Gate { what: "the same, microvm", value: |m| ratio(m, Board::Microvm, false), most: 1.01, unit: "x floor" },
    Gate { what: "UUID= beyond /dev/vda1", value: |m| added(m, Root::Uuid), most: 0.5, unit: "ms" },
    Gate { what: "LABEL= beyond /dev/vda1", value: |m| added(m, Root::Label), most: 0.5, unit: "ms" },
    Gate { what: "PARTUUID= beyond /dev/vda1", value: |m| added(m, Root::PartUuid), most: 0.5, unit: "ms" },
    Gate {
        what: "modules without signatures, q35",
        value: |m| ratio(m, Board::Q35, true),
        most: 0.16,
        unit: "x floor with signatures",
    },
];

pub fn judge(measured: &Measured) -> Verdict {
    let mut verdict = Verdict::new();
    for gate in GATES {
        let value = (gate.value)(measured);
        let held = value.is_some_and(|value| value <= gate.most);
        let bound = format!("<= {} {}", gate.most, gate.unit);
        verdict.add(gate.what, &bound, value.map(|value| format!("{value:.3}")), held);
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::{super::figures::tests::outcome, super::setup::Clock, *};

    fn row(init: Init, root: Root, time: u64) -> (Row, Figures) {
        let mut figures = Figures::default();
        figures.add(Clock::Virtual, &outcome(&format!("\n@ start {time}\n")));
        (Row { init, root, board: Board::Q35, stripped: false }, figures)
    }

    #[test]
    fn what_was_not_measured_is_not_held() {
        let verdict = judge(&Measured { rows: &[], figures: &[] });
        assert!(!verdict.held);
        assert_eq!(verdict.text.matches("**missed**").count(), GATES.len());
    }

    #[test]
    fn a_bound_is_on_the_good_side() {
        let (rows, figures): (Vec<_>, Vec<_>) = [
            row(Init::Floor, Root::Node, 60_000),
            row(Init::Tinyo(None), Root::Node, 60_600),
            row(Init::Tinyo(None), Root::Uuid, 61_101),
            row(Init::Tinyo(None), Root::Label, 61_100),
        ]
        .into_iter()
        .unzip();
        let text = judge(&Measured { rows: &rows, figures: &figures }).text;
        assert!(text.contains("q35 | <= 1.01 x floor | 1.010 | held |"), "{text}");
        assert!(text.contains("UUID= beyond /dev/vda1 | <= 0.5 ms | 0.501 | **missed** |"), "{text}");
        assert!(text.contains("LABEL= beyond /dev/vda1 | <= 0.5 ms | 0.500 | held |"), "{text}");
    }
}
