//! The tables for people.

use std::fs;

use anyhow::Result;
use tinyo_qemu::kit::Kit;

use super::{
    bench::Bench,
    figures::Figures,
    gates::Measured,
    init::{Init, Root},
    rows::{Image, Row},
    setup::Board,
    sizes::Sizes,
};
use crate::page::{self, first_line};

const TIMES: &str = "\
| init | root= | machine | virtual, ms | x floor | whole boot, virtual ms |
|---|---|---|--:|--:|--:|
";

/// How the reason begins that an image was not made.
pub const SKIPPED: &str = "skipped: ";

/// In virtual time, with those that did not arrive named below it.
pub fn times(measured: &Measured) -> String {
    let rows = measured.rows.iter().zip(measured.figures);
    let cells = rows.clone().map(|(row, figures)| {
        let ratio = measured.ratio(figures.time(), row.board);
        vec![
            row.init.name(),
            row.root.name().to_owned(),
            row.machine(),
            thousandth(figures.time(), 2),
            ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.3}")),
            thousandth(figures.total(), 0),
        ]
    });
    table(TIMES, cells) + &failures(rows.map(|(row, figures)| (row.init.name(), row.root.name(), &figures.failure)))
}

const WALLS: &str = "\
| init | machine | wall, ms | x floor | whole boot, wall s |
|---|---|--:|--:|--:|
";

/// By this host's clock: of `rows`, those that have such a time.
pub fn walls(rows: &[Row], figures: &[Figures]) -> String {
    let floor = rows.iter().position(|row| row.init == Init::Floor && row.is_usual());
    let floor = floor.and_then(|floor| figures[floor].wall_time());
    let rows = rows.iter().zip(figures).filter(|(row, _)| row.has_wall_time());
    let cells = rows.clone().map(|(row, figures)| {
        let ratio = figures.wall_time().zip(floor).map(|(own, floor)| own as f64 / floor as f64);
        vec![
            row.init.name(),
            row.machine(),
            thousandth(figures.wall_time(), 0),
            ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.2}")),
            thousandth(figures.wall(), 2),
        ]
    });
    table(WALLS, cells) + &failures(rows.map(|(row, figures)| (row.init.name(), Root::Node.name(), &figures.failure)))
}

const SIZES: &str = "\
| init | version | machine | as booted, bytes | cpio | gzip -9 | zstd -19 |
|---|---|---|--:|--:|--:|--:|
";

/// Of each image.
pub fn sizes(bench: &Bench, sizes: &[Option<Sizes>], version: &dyn Fn(&Init) -> String) -> String {
    table(SIZES, bench.images.iter().zip(sizes).map(|(image, own)| size_cells(image, *own, version(&image.init))))
        + &skipped(bench)
}

fn size_cells(image: &Image, own: Option<Sizes>, version: String) -> Vec<String> {
    let own = own.map(|own| [own.booted, own.cpio, own.gzip, own.zstd]);
    let own = own.map_or_else(|| vec!["-".to_owned(); 4], |own| own.iter().map(ToString::to_string).collect());
    [vec![image.init.name(), version, image.machine()], own].concat()
}

const MEMORY: &str = "\
| init | machine | least -m, MiB | over the floor |
|---|---|--:|--:|
";

/// What each image needs.
pub fn memory(bench: &Bench, memory: &[Option<u32>]) -> String {
    table(MEMORY, memory_cells(&bench.images, memory)) + &skipped(bench)
}

fn memory_cells(images: &[Image], memory: &[Option<u32>]) -> impl Iterator<Item = Vec<String>> {
    let floor = |board: Board| {
        let is_it = |image: &Image| image.init == Init::Floor && image.board == board && !image.stripped;
        memory[images.iter().position(is_it)?]
    };
    images.iter().zip(memory).map(move |(image, own)| {
        let over = own.zip(floor(image.board)).map(|(own, floor)| i64::from(own) - i64::from(floor));
        vec![
            image.init.name(),
            image.machine(),
            own.map_or("-".to_owned(), |memory| memory.to_string()),
            over.map_or("-".to_owned(), |over| format!("{over:+}")),
        ]
    })
}

fn table(head: &str, rows: impl Iterator<Item = Vec<String>>) -> String {
    rows.fold(head.to_owned(), |text, cells| format!("{text}| {} |\n", cells.join(" | ")))
}

/// Why there is no figure: of an image that there is not, once.
fn failures<'a>(rows: impl Iterator<Item = (String, &'static str, &'a Option<String>)>) -> String {
    let mut lines = Vec::new();
    for (init, root, why) in rows.filter_map(|(init, root, failure)| Some((init, root, failure.as_ref()?))) {
        let line = match why.strip_prefix(SKIPPED) {
            Some(why) => format!("\n{SKIPPED}{init}: {why}\n"),
            None => format!("\nnot reached: {init}, {root}: {why}\n"),
        };
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines.concat()
}

fn skipped(bench: &Bench) -> String {
    let missing = bench.images.iter().zip(&bench.missing).filter_map(|(image, why)| Some((image, why.as_ref()?)));
    missing.map(|(image, why)| format!("\n{SKIPPED}{}: {why}\n", image.init.name())).collect()
}

/// A thousandth of a figure.
pub fn thousandth(value: Option<u64>, places: usize) -> String {
    value.map_or("-".to_owned(), |value| format!("{:.places$}", value as f64 / 1000.0))
}

/// Processes that run or wait for a processor or a disk, over the last one, five and fifteen minutes.
pub fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// Into docs/BENCHMARKS.md; `load` was this host's when it began.
pub fn write(part: &str, text: &str, kit: &Kit, rounds: u32, load: String) -> Result<()> {
    let rounds = if matches!(part, "virtual" | "wall") { format!(", `--rounds {rounds}`") } else { String::new() };
    let load = if part == "wall" {
        format!(", load of this host {load} before, {} after", self::load())
    } else {
        String::new()
    };
    page::write(
        "BENCHMARKS.md",
        &format!("boot --part {part}"),
        &format!("{}{rounds}{load}:\n\n{text}", conditions(kit)),
    )
}

pub fn conditions(kit: &Kit) -> String {
    let kernel = kit.modules.file_name().map_or("unknown".into(), |name| name.to_string_lossy());
    let today = first_line("date", &["-u", "+%Y-%m-%d"]);
    format!("{today}, Linux {kernel}, {}", first_line(&kit.qemu.to_string_lossy(), &["--version"]))
}

#[cfg(test)]
mod tests {
    use super::{
        super::{figures::tests::outcome, setup::Clock},
        *,
    };

    fn is_whole(text: &str) -> bool {
        let counts: Vec<_> = text.lines().map(|line| line.matches('|').count()).collect();
        counts.windows(2).all(|pair| pair[0] == pair[1])
    }

    fn row(init: Init, root: Root) -> Row {
        Row { init, root, board: Board::Q35, stripped: false }
    }

    #[test]
    fn a_row_has_a_cell_for_each_head() {
        let rows =
            [row(Init::Floor, Root::Node), row(Init::Tinyo(None), Root::Node), row(Init::Tinyo(None), Root::Uuid)];
        let mut figures = vec![Figures::default(); 3];
        figures[0].add(Clock::Virtual, &outcome("\n@ start 66123\n"));
        figures[0].add(Clock::Wall, &outcome("\n@ start 100000\n"));
        figures[1].add(Clock::Wall, &outcome("\n@ start 150000\n"));
        let text = times(&Measured { rows: &rows, figures: &figures });
        assert!(text.contains("| floor | /dev/vda1 | q35 | 66.12 | 1.000 | - |\n") && is_whole(&text), "{text}");
        let text = walls(&rows, &figures);
        assert!(text.ends_with("| tinyo | q35 | 150 | 1.50 | 1.50 |\n") && is_whole(&text), "{text}");
    }

    #[test]
    fn an_image_has_a_cell_for_each_head() {
        let images = [row(Init::Floor, Root::Node).image(), row(Init::Dracut, Root::Node).image()];
        let own = Sizes { booted: 3, cpio: 4, gzip: 2, zstd: 1 };
        let sizes = [size_cells(&images[0], Some(own), "1.0".to_owned()), size_cells(&images[1], None, "-".to_owned())];
        let text = table(SIZES, sizes.into_iter());
        assert!(
            text.ends_with("| floor | 1.0 | q35 | 3 | 4 | 2 | 1 |\n| dracut | - | q35 | - | - | - | - |\n"),
            "{text}"
        );
        assert!(is_whole(&text), "{text}");
        let text = table(MEMORY, memory_cells(&images, &[Some(72), Some(160)]));
        assert!(
            text.ends_with("| floor | q35 | 72 | +0 |\n| dracut | q35 | 160 | +88 |\n") && is_whole(&text),
            "{text}"
        );
    }

    #[test]
    fn what_has_no_figure_says_why() {
        let rows = [row(Init::Dracut, Root::Node), row(Init::Dracut, Root::Label), row(Init::Busybox, Root::Uuid)];
        let mut figures = vec![Figures::without(Some("skipped: no root".to_owned())); 3];
        figures[2].failure = Some("it halted".to_owned());
        let text = times(&Measured { rows: &rows, figures: &figures });
        let end = "\nskipped: dracut: no root\n\nnot reached: busybox, UUID=: it halted\n";
        assert!(text.ends_with(end) && text.matches("no root").count() == 1, "{text}");
    }
}
