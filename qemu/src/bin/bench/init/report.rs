//! The table for people.

use anyhow::Result;
use tinyo_qemu::kit::Kit;

use super::{
    Entry,
    figures::{Ending, Figures},
};
use crate::page::{self, first_line};

const HEAD: &str = "\
| init | version | start, ms | anon, kB | Pss, kB | helpers: number, Pss kB | wakeups in 60 s | restart, ms | again, ms \
| orphans/s | shutdown, ms | one ignores TERM, ms |
|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|
";

/// Markdown, with the skipped ones named below it.
pub fn table(entries: &[Entry], figures: &[Figures]) -> String {
    let mut text = HEAD.to_owned();
    let mut skipped = String::new();
    for (entry, figures) in entries.iter().zip(figures) {
        match &entry.skipped {
            None => text += &row(&entry.peer.name, &entry.version, figures),
            Some(why) => {
                let cells = HEAD.lines().next().map_or(0, |head| head.matches('|').count() - 3);
                text += &format!("| {} | skipped |{}\n", entry.peer.name, " - |".repeat(cells));
                skipped += &format!("\nskipped: {}: {why}\n", entry.peer.name);
            }
        }
    }
    text + &skipped
}

fn row(name: &str, version: &str, figures: &Figures) -> String {
    let plain = |value: Option<u64>| value.map_or("-".to_owned(), |value| value.to_string());
    let time = |value: Option<u64>| value.map_or("-".to_owned(), milliseconds);
    let ending = |value: Option<Ending>| match value {
        None => "-".to_owned(),
        Some(Ending::Never) => "never".to_owned(),
        Some(Ending::After(time)) => milliseconds(time),
    };
    let helpers = match (figures.helpers, figures.helpers_pss) {
        (Some(0), _) => "0".to_owned(),
        (Some(number), Some(pss)) => format!("{number}, {pss}"),
        _ => "-".to_owned(),
    };
    let cells = [
        name.to_owned(),
        version.to_owned(),
        time(figures.start()),
        plain(figures.anon),
        plain(figures.pss),
        helpers,
        plain(figures.wakeups),
        time(figures.restart()),
        time(figures.again()),
        plain(figures.orphans()),
        ending(figures.obey),
        ending(figures.stubborn),
    ];
    format!("| {} |\n", cells.join(" | "))
}

/// Three digits that count.
fn milliseconds(microseconds: u64) -> String {
    let places = match microseconds {
        0..10_000 => 2,
        10_000..100_000 => 1,
        _ => 0,
    };
    format!("{:.places$}", microseconds as f64 / 1000.0)
}

/// Into docs/BENCHMARKS.md.
pub fn write(table: &str, verdict: &str, kit: &Kit, rounds: u32) -> Result<()> {
    let kernel = kit.modules.file_name().map_or("unknown".into(), |name| name.to_string_lossy());
    let section = format!(
        "{}, Linux {kernel}, {}, `--rounds {rounds}`:\n\n{table}\n{verdict}",
        first_line("date", &["-u", "+%Y-%m-%d"]),
        first_line(&kit.qemu.to_string_lossy(), &["--version"]),
    );
    page::write("BENCHMARKS.md", "init", &section)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits_that_count() {
        let shown = [0, 999, 9_994, 10_000, 99_940, 1_002_300].map(milliseconds);
        assert_eq!(shown, ["0.00", "1.00", "9.99", "10.0", "99.9", "1002"]);
    }

    #[test]
    fn what_was_not_measured_is_a_dash() {
        let figures =
            Figures { helpers: Some(4), helpers_pss: Some(9), obey: Some(Ending::Never), ..Figures::default() };
        assert_eq!(row("x", "1", &figures), "| x | 1 | - | - | - | 4, 9 | - | - | - | - | never | - |\n");
        assert_eq!(HEAD.lines().next().unwrap().matches('|').count(), row("x", "1", &figures).matches('|').count());
    }
}
