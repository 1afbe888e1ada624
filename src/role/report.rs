//! What `status` and `timeline` print: a table, bars, or JSON.

use super::output::Output;
use crate::put;
use crate::sys::fs;
use crate::sys::poll;
use crate::sys::tty;
use crate::text::bytes;
use crate::text::names;
use crate::text::number;
use crate::text::put::Out;
use crate::text::show::Show;
use crate::wire::{self, Record};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Table,
    Timeline,
    Json,
}

/// A row of the timeline: its end is only known when all are there.
struct Row {
    name: heapless::Vec<u8, { crate::limits::NAME_BYTES }>,
    began: u64,
    /// Ready, done, or the end of a part of the boot; 0: not yet.
    ended: u64,
}

pub struct Report {
    format: Format,
    rows: heapless::Vec<Row, { crate::limits::SERVICES + 8 }>,
    first: bool,
    colour: bool,
    now: u64,
}

/// What is after this many columns is as wide as it is.
const NAME: usize = 16;
/// Characters of the longest bar: with the columns before it, a line of a serial terminal.
const BAR: u64 = 40;

impl Report {
    pub fn new(format: Format) -> Self {
        let colour = tty::is_terminal_at(1);
        Report { format, rows: heapless::Vec::new(), first: true, colour, now: poll::now().0 }
    }

    pub fn record(&mut self, out: &mut Output, record: &Record) {
        match self.format {
            Format::Json => self.json(out, record),
            Format::Table => self.line(out, record),
            Format::Timeline => self.row(record),
        }
        self.first = false;
    }

    fn row(&mut self, record: &Record) {
        let (began, ready, ended) =
            (record.number("#began_ms"), record.number("#ready_ms"), record.number("#ended_ms"));
        let ended = if ready != 0 { ready } else { ended };
        // One that never started is no part of it.
        if began.max(ended) != 0 {
            let name = heapless::Vec::from_slice(record.text("name")).unwrap_or_default();
            // There is one place for each service and each part of the boot.
            let _ = self.rows.push(Row { name, began, ended });
        }
    }

    /// After the last record.
    #[inline(never)]
    pub fn end(&self, out: &mut Output) {
        if self.format == Format::Json {
            out.write(if self.first { b"[]\n" } else { b"]\n" });
        }
        let last = self.rows.iter().map(|row| row.ended.max(row.began)).max().unwrap_or(0);
        if last > 0 {
            out.write(b"NAME            BEGAN     TOOK\n");
        }
        // The kernel's own time is a number here, and no bar: it would leave the others no room.
        let origin = self.rows.first().filter(|row| row.began == 0).map_or(0, |row| row.ended);
        for row in &self.rows {
            let took = Some(row.ended.saturating_sub(row.began)).filter(|_| row.ended != 0);
            column(out, &row.name, NAME);
            number_column(out, Some(row.began), &MILLISECONDS, 10);
            number_column(out, took, &MILLISECONDS, 10);
            let scale = |at: u64| at.saturating_sub(origin).saturating_mul(BAR) / last.saturating_sub(origin).max(1);
            let end = if row.began < origin { 0 } else { scale(if row.ended == 0 { last } else { row.ended }) + 1 };
            for at in 0..end {
                out.write(if at < scale(row.began) { b" " } else { b"=" });
            }
            out.write(if row.ended == 0 { b">\n" } else { b"\n" });
        }
    }

    #[inline(never)]
    fn line(&self, out: &mut Output, record: &Record) {
        if self.first {
            out.write(b"NAME            STATE     PID     SINCE  RESTARTS MEMORY  LAST EXIT\n");
        }
        column(out, record.text("name"), NAME);
        let state = record.text("state");
        let colour: [&[u8]; 2] = match names::position("ready done failed backoff stopped", state) {
            _ if !self.colour => [b"", b""],
            Some(0 | 1) => [b"\x1b[32m", PLAIN],
            Some(2 | 3) => [b"\x1b[31m", PLAIN],
            Some(_) => [b"", PLAIN],
            None => [b"\x1b[33m", PLAIN],
        };
        out.write(colour[0]);
        column(out, state, 10);
        out.write(colour[1]);
        number_column(out, Some(record.number("#pid")).filter(|&pid| pid != 0), &COUNT, 8);
        number_column(out, Some(self.now.saturating_sub(record.number("#since_ms"))), &AGE, 7);
        number_column(out, Some(record.number("#restarts")), &COUNT, 9);
        number_column(out, memory(record), &SIZE, 8);
        let exit = record.text("exit");
        out.write(if exit.is_empty() { b"-" } else { exit });
        for &(before, name) in &[("; root ", "root"), ("; ", "status")] {
            let text = record.text(name);
            if !text.is_empty() {
                put!(out, "{}{}", before, Show(text));
            }
        }
        out.write(b"\n");
    }

    #[inline(never)]
    fn json(&self, out: &mut Output, record: &Record) {
        let mut before = if self.first { "[{" } else { ",\n{" };
        for (index, field) in record.fields().iter().enumerate() {
            let name = names::name(record.names, index).unwrap_or_default().as_bytes();
            let number = bytes::after(name, b"#");
            put!(out, "{}\"{}\":", before, Show(number.unwrap_or(name)));
            match number {
                Some(_) => out.write(field),
                None => quote(out, field),
            }
            before = ",";
        }
        if record.names == wire::SERVICE {
            put!(out, ",\"memory\":{}", memory(record).unwrap_or(0));
        }
        out.write(b"}");
    }
}

const PLAIN: &[u8] = b"\x1b[0m";

/// How a person says a number: up to which it is said in which unit, and how much that is.
type Units = [(u64, u64, &'static str)];

const COUNT: [(u64, u64, &str); 1] = [(u64::MAX, 1, "")];
const MILLISECONDS: [(u64, u64, &str); 1] = [(u64::MAX, 1, " ms")];
const AGE: [(u64, u64, &str); 4] =
    [(119_999, 1000, "s"), (7_199_999, 60_000, "m"), (172_799_999, 3_600_000, "h"), (u64::MAX, 86_400_000, "d")];
const SIZE: [(u64, u64, &str); 2] = [((10 << 20) - 1, 1 << 10, "K"), (u64::MAX, 1 << 20, "M")];

/// `text` and as many spaces as `width` has left, at least one.
fn column(out: &mut Output, text: &[u8], width: usize) {
    put!(out, "{}", Show(text));
    for _ in 0..width.saturating_sub(text.len()).max(1) {
        out.write(b" ");
    }
}

fn number_column(out: &mut Output, number: Option<u64>, units: &Units, width: usize) {
    let mut text = heapless::Vec::<u8, 24>::new();
    match number.and_then(|number| Some((number, units.iter().find(|(most, ..)| number <= *most)?))) {
        // No unit is 0; divided so, none needs a panic.
        Some((number, (_, one, unit))) => put!(&mut text, "{}{}", number.checked_div(*one).unwrap_or(number), *unit),
        None => put!(&mut text, "-"),
    }
    column(out, &text, width);
}

/// What the service's cgroup holds; where the memory controller is not at work, what its main process does (proc(5) statm).
#[inline(never)]
fn memory(record: &Record) -> Option<u64> {
    const PAGE: u64 = 4096;
    let mut text = [0u8; 64];
    let mut path = bytes::Path::new();
    let file = bytes::path(&[b"/sys/fs/cgroup/tinyo/", record.text("name"), b"/memory.current"], &mut path)?;
    if let Ok(bytes) = fs::read_file(file, &mut text) {
        return number::decimal(bytes.strip_suffix(b"\n")?);
    }
    path.clear();
    put!(&mut |piece: &[u8]| drop(path.extend_from_slice(piece)), "/proc/{}/statm\0", record.number("#pid"));
    let resident = fs::read_file(bytes::terminated(&path)?, &mut text).ok()?.split(|&byte| byte == b' ').nth(1)?;
    number::decimal(resident)?.checked_mul(PAGE)
}

/// A JSON string (RFC 8259). Bytes that are no UTF-8 are question marks.
fn quote(out: &mut Output, text: &[u8]) {
    out.write(b"\"");
    let mut rest = text;
    while let [first, ..] = rest {
        let length = bytes::character(rest);
        let (character, tail) = rest.split_at_checked(length.max(1)).unwrap_or_default();
        rest = tail;
        match first {
            b'"' | b'\\' => out.write(&[b'\\', *first]),
            0..=0x1f => {
                let digit = |half: u8| b"0123456789abcdef".get(usize::from(half)).copied().unwrap_or(b'0');
                out.write(&[b'\\', b'u', b'0', b'0', digit(first >> 4), digit(first & 15)]);
            }
            _ => out.write(if length == 0 { b"?" } else { character }),
        }
    }
    out.write(b"\"");
}
