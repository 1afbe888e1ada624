//! The tables for people.

use anyhow::Result;
use tinyo_qemu::kit::Kit;

use super::{Image, gates::Measured, init::Init, setup::Board, sizes::Sizes};
use crate::page::{self, first_line};

const TIMES: &str = "\
| init | root= | machine | virtual, ms | x floor | wall, ms | whole boot, virtual ms | wall, s |
|---|---|---|--:|--:|--:|--:|--:|
";

/// Markdown, with those that did not arrive named below it.
pub fn times(measured: &Measured) -> String {
    let mut text = TIMES.to_owned();
    let mut failed = String::new();
    for (row, figures) in measured.rows.iter().zip(measured.figures) {
        let machine = format!("{}{}", row.board.name(), if row.stripped { ", no signatures" } else { "" });
        let ratio = measured.ratio(figures.time(), row.board).map_or("-".to_owned(), |ratio| format!("{ratio:.3}"));
        let cells = [
            row.init.name(),
            row.root.name().to_owned(),
            machine,
            thousandth(figures.time(), 2),
            ratio,
            thousandth(figures.wall_time(), 0),
            thousandth(figures.total(), 0),
            thousandth(figures.wall(), 2),
        ];
        text += &format!("| {} |\n", cells.join(" | "));
        if let Some(why) = &figures.failure {
            failed += &format!("\nnot reached: {}, {}: {why}\n", row.init.name(), row.root.name());
        }
    }
    text + &failed
}

/// A thousandth of a figure.
pub fn thousandth(value: Option<u64>, places: usize) -> String {
    value.map_or("-".to_owned(), |value| format!("{:.places$}", value as f64 / 1000.0))
}

const SIZES: &str = "\
| init | version | machine | as booted, bytes | cpio | gzip -9 | zstd -19 | least -m, MiB | over the floor |
|---|---|---|--:|--:|--:|--:|--:|--:|
";

pub fn sizes(images: &[Image], sizes: &[Sizes], version: &dyn Fn(&Init) -> String) -> String {
    let mut text = SIZES.to_owned();
    let floor = |board: Board| {
        let is_it = |image: &Image| image.init == Init::Floor && image.board == board && !image.stripped;
        sizes[images.iter().position(is_it)?].memory
    };
    for (image, own) in images.iter().zip(sizes) {
        let machine = format!("{}{}", image.board.name(), if image.stripped { ", no signatures" } else { "" });
        let over = own.memory.zip(floor(image.board)).map(|(own, floor)| i64::from(own) - i64::from(floor));
        let cells = [
            image.init.name(),
            version(&image.init),
            machine,
            own.booted.to_string(),
            own.cpio.to_string(),
            own.gzip.to_string(),
            own.zstd.to_string(),
            own.memory.map_or("-".to_owned(), |memory| memory.to_string()),
            over.map_or("-".to_owned(), |over| format!("{over:+}")),
        ];
        text += &format!("| {} |\n", cells.join(" | "));
    }
    text
}

/// Into docs/BENCHMARKS.md.
pub fn write(text: &str, kit: &Kit, rounds: u32) -> Result<()> {
    page::write("BENCHMARKS.md", "boot", &format!("{}, `--rounds {rounds}`:\n\n{text}", conditions(kit)))
}

pub fn conditions(kit: &Kit) -> String {
    let kernel = kit.modules.file_name().map_or("unknown".into(), |name| name.to_string_lossy());
    let today = first_line("date", &["-u", "+%Y-%m-%d"]);
    format!("{today}, Linux {kernel}, {}", first_line(&kit.qemu.to_string_lossy(), &["--version"]))
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            Row,
            figures::{Figures, tests::outcome},
            init::Root,
            setup::Clock,
        },
        *,
    };

    #[test]
    fn a_row_has_a_cell_for_each_head() {
        let row = Row { init: Init::Floor, root: Root::Node, board: Board::Q35, stripped: false };
        let mut figures = Figures::default();
        figures.add(Clock::Virtual, &outcome("\n@ start 66123\n"));
        let (rows, figures) = ([row.clone()], [figures]);
        let text = times(&Measured { rows: &rows, figures: &figures });
        assert!(text.ends_with("| floor | /dev/vda1 | q35 | 66.12 | 1.000 | - | - | - |\n"), "{text}");
        let own = Sizes { booted: 3, cpio: 4, gzip: 2, zstd: 1, memory: Some(72) };
        let text = sizes(&[row.image()], &[own], &|_| "-".to_owned());
        assert!(text.ends_with("| floor | - | q35 | 3 | 4 | 2 | 1 | 72 | +0 |\n"), "{text}");
        for text in [TIMES, SIZES, &text] {
            let counts: Vec<_> = text.lines().map(|line| line.matches('|').count()).collect();
            assert!(counts.windows(2).all(|pair| pair[0] == pair[1]), "{text}");
        }
    }
}
