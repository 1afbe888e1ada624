//! The tables for people.

use std::collections::BTreeMap;

use anyhow::Result;
use tinyo_qemu::fault;

use super::{
    Restarts, Row,
    figures::{Many, least, median, ratio},
    floor_of,
    launcher::{Kind, ROOTLESS},
    named,
};
use crate::page::{self, first_line};

/// Markdown, with the skipped ones named at the end.
pub fn tables(rows: &[Row], restarts: &[Restarts; 2]) -> String {
    let walls = prices(rows, "floor", Kind::Wall, &[]);
    let options = ["tinyo --network host", "tinyo --privileged --init=false"];
    let options = prices(rows, "tinyo", Kind::Price, &options);
    let mut text = [latency(rows), walls, options, many(rows, restarts), sizes(rows)].join("\n");
    for row in rows {
        if let Some(why) = &row.figures.skipped {
            text += &format!("\nskipped: {}: {why}\n", row.launcher.name());
        }
        let lost = row.figures.hundred.failed + row.figures.thousand.failed;
        if lost > 0 {
            text += &format!("\n{}: {lost} launches of many at once failed\n", row.launcher.name());
        }
        if row.figures.failed() > 0 {
            text +=
                &format!("\n{}: {} launches failed, and are not counted\n", row.launcher.name(), row.figures.failed());
        }
    }
    for (restarts, name) in restarts.iter().zip(NAMES) {
        if let Some(why) = &restarts.skipped {
            text += &format!("\nskipped: {name}: {why}\n");
        }
    }
    text
}

const NAMES: [&str; 2] = ["tinyo, service", "tinyo, service, `init = false`"];

fn table(head: &str, rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let columns = head.matches('|').count();
    let mut text = format!("| {head} |\n|---|{}\n", "--:|".repeat(columns));
    for cells in rows {
        text += &format!("| {} |\n", cells.join(" | "));
    }
    text
}

/// Microseconds of nanoseconds.
fn micro(value: Option<u64>) -> String {
    value.map_or("-".to_owned(), |value| (value / 1000).to_string())
}

fn milli(value: Option<u64>) -> String {
    value.map_or("-".to_owned(), |value| (value / 1_000_000).to_string())
}

fn times(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.2}"))
}

fn number<T: ToString>(value: Option<T>) -> String {
    value.map_or("-".to_owned(), |value| value.to_string())
}

/// Each kind behind the floor that it is compared with.
fn latency(rows: &[Row]) -> String {
    let shown = rows.iter().filter(|row| !row.launcher.is_price());
    let mut cells = Vec::new();
    for group in ["", super::launcher::HOST_NET, ROOTLESS] {
        for row in shown.clone().filter(|row| row.launcher.floor == group) {
            let figures = &row.figures;
            let floor = floor_of(rows, &row.launcher).map(|row| &row.figures);
            let (small, busybox) = (&figures.small, &figures.busybox);
            cells.push(vec![
                row.launcher.name(),
                number(figures.calls()),
                micro(small.least()),
                micro(median(&small.walls)),
                micro(median(&small.cpus)),
                times(floor.and_then(|floor| small.over(&floor.small))),
                micro(busybox.least()),
                micro(median(&busybox.walls)),
                times(floor.and_then(|floor| busybox.over(&floor.busybox))),
                micro(least(&figures.mains)),
            ]);
        }
    }
    let head = "launcher | system calls | `true`, us | median | cpu | x floor | busybox `true`, us | median | x floor | to main, us";
    table(head, cells)
}

/// What the rows of `kind`, and some others, have more than the row `base`.
fn prices(rows: &[Row], base: &str, kind: Kind, others: &[&str]) -> String {
    let Some(whole) = named(rows, base) else { return String::new() };
    let calls = |row: &Row| row.figures.calls().map(|calls| calls as i64);
    let small = |row: &Row| row.figures.small.least().map(|wall| wall as i64 / 1000);
    let busybox = |row: &Row| row.figures.busybox.least().map(|wall| wall as i64 / 1000);
    let more = |value: &dyn Fn(&Row) -> Option<i64>, row| {
        let both = value(row).zip(value(whole));
        both.map_or("-".to_owned(), |(own, whole)| format!("{:+}", own - whole))
    };
    let priced = rows.iter().filter(|row| row.launcher.kind == kind);
    let cells = priced.chain(others.iter().filter_map(|name| named(rows, name))).map(|row| {
        let name = format!("`{}`", row.launcher.how);
        vec![name, more(&calls, row), more(&small, row), more(&busybox, row)]
    });
    table(&format!("against {base} | system calls | `true`, us | busybox `true`, us"), cells)
}

fn many(rows: &[Row], restarts: &[Restarts; 2]) -> String {
    let mut cells = Vec::new();
    for row in rows.iter().filter(|row| row.figures.kept.is_some() || row.figures.hundred.least().is_some()) {
        let (figures, floor) = (&row.figures, floor_of(rows, &row.launcher).map(|row| &row.figures));
        let over = |many: fn(&super::Figures) -> &Many| {
            times(ratio(many(figures).least(), floor.and_then(|floor| many(floor).least())))
        };
        let alive = figures.alive.map_or(("-".to_owned(), "-".to_owned()), |alive| {
            (format!("{} of {} in {} ms", alive.up, alive.asked, alive.wall / 1_000_000), alive.memory.to_string())
        });
        cells.push(vec![
            row.launcher.name(),
            number(figures.kept.map(|kept| kept.processes)),
            number(figures.kept.map(|kept| kept.private)),
            milli(figures.hundred.least()),
            over(|figures| &figures.hundred),
            milli(figures.thousand.least()),
            over(|figures| &figures.thousand),
            alive.0,
            alive.1,
        ]);
    }
    for (restarts, name) in restarts.iter().zip(NAMES) {
        let kept = restarts.kept;
        let mut row = vec![name.to_owned(), number(kept.map(|k| k.processes)), number(kept.map(|k| k.private))];
        row.resize(9, "-".to_owned());
        cells.push(row);
    }
    let head = "launcher | processes beside the command | KiB of their own | 100 at once, ms | x floor | 1,000 at once, ms | x floor \
                | alive at once | KiB each";
    format!("{}\n{}", table(head, cells), restart(rows, restarts))
}

/// Beside every peer's cold start, for none restarts.
fn restart(rows: &[Row], restarts: &[Restarts; 2]) -> String {
    let cold = named(rows, "floor").and_then(|row| least(&row.figures.mains));
    let started = rows.iter().filter(|row| row.launcher.floor.is_empty() && !row.launcher.is_price());
    let starts = started.filter(|row| !row.figures.mains.is_empty()).map(|row| {
        let mains = &row.figures.mains;
        let least = least(mains);
        vec![
            format!("{}: cold start", row.launcher.name()),
            micro(least),
            micro(median(mains)),
            times(ratio(least, cold)),
        ]
    });
    let again = restarts.iter().zip(NAMES).map(|(restarts, name)| {
        let name = format!("{name}: restart ({} of {})", restarts.times.len(), restarts.asked);
        vec![name, micro(restarts.least()), micro(restarts.median()), times(ratio(restarts.least(), cold))]
    });
    table("to the command's main | us | median | x floor", again.chain(starts))
}

fn sizes(rows: &[Row]) -> String {
    let mut seen = BTreeMap::new();
    for row in rows.iter().filter(|row| !row.launcher.is_price()) {
        let Some(program) = &row.program else { continue };
        seen.entry(row.launcher.program).or_insert_with(|| {
            let kib = |bytes: u64| bytes.div_ceil(1024).to_string();
            let (count, libraries) = program.libraries;
            let whole = kib(program.bytes + libraries);
            vec![program.version.clone(), kib(program.bytes), count.to_string(), kib(libraries), whole]
        });
    }
    let cells = seen.into_iter().map(|(name, cells)| [vec![name.to_owned()], cells].concat());
    table("program | version | KiB | libraries | their KiB | together", cells)
}

/// System calls by name: what a launch is made of.
pub fn calls(rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows {
        let Some(calls) = &row.figures.calls else { continue };
        text += &format!("{}: {}\n", row.launcher.name(), number(row.figures.calls()));
        if row.launcher.kind == Kind::Peer {
            continue;
        }
        let mut sorted: Vec<_> = calls.iter().map(|(call, count)| (*count, fault::name(*call as i64))).collect();
        sorted.sort_unstable_by(|one, other| other.cmp(one));
        let words: Vec<_> = sorted.iter().map(|(count, name)| format!("{count} {name}")).collect();
        text += &format!("    {}\n", words.join(", "));
    }
    text
}

/// Into docs/BENCHMARKS.md.
pub fn write(tables: &str, verdict: &str, rounds: u32) -> Result<()> {
    let section = format!(
        "{}, Linux {}, {} processors, `--rounds {rounds}`:\n\n{tables}\n{verdict}",
        first_line("date", &["-u", "+%Y-%m-%d"]),
        first_line("uname", &["-r"]),
        first_line("nproc", &[]),
    );
    page::write("BENCHMARKS.md", "run", &section)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::unmeasured;

    #[test]
    fn every_table_is_as_wide_as_its_head() {
        let mut rows = unmeasured();
        rows[0].figures.kept = Some(Default::default());
        rows[0].figures.mains = vec![1_999, 5_000];
        let text = tables(&rows, &Default::default());
        for table in text.split("\n\n") {
            let widths: Vec<_> =
                table.lines().filter(|line| line.starts_with('|')).map(|line| line.matches('|').count()).collect();
            assert!(widths.iter().all(|width| *width == widths[0]), "{table}");
        }
        assert!(text.contains("| floor: cold start | 1 | 5 | 1.00 |"), "{text}");
        assert!(text.contains("| tinyo | - | - | - | - | - | - | - | - | - |"), "{text}");
    }

    #[test]
    fn a_price_has_a_sign() {
        let mut rows = unmeasured();
        for (name, wall) in [("tinyo", 9_000), ("tinyo --init=false", 4_000), ("tinyo --read-only", 12_000)] {
            rows.iter_mut().find(|row| row.launcher.name() == name).unwrap().figures.small.walls = vec![wall];
        }
        let text = prices(&rows, "tinyo", Kind::Price, &["tinyo --network host"]);
        assert!(
            text.contains("| `--init=false` | - | -5 | - |") && text.contains("| `--read-only` | - | +3 | - |"),
            "{text}"
        );
        assert!(text.contains("| `--network host` | - | - | - |"), "{text}");
    }
}
