//! What `status` and `timeline` print: a table, bars, or JSON.

use super::output::Output;
use crate::put;
use crate::sys::fs;
use crate::sys::poll;
use crate::sys::tty;
use crate::text::bytes;
use crate::text::number;
use crate::text::put::Out;
use crate::text::show::Show;
use crate::wire::Record;

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

    pub fn service(&mut self, out: &mut Output, record: &Record) {
        match self.format {
            Format::Json => self.json(out, record),
            Format::Table => self.line(out, record),
            Format::Timeline if record.began == 0 => {}
            Format::Timeline => {
                let ended = if record.ready != 0 { record.ready } else { record.ended };
                self.row(record.name, record.began, ended);
            }
        }
        self.first = false;
    }

    pub fn phase(&mut self, out: &mut Output, name: &[u8], began: u64, ended: u64) {
        if self.format == Format::Json {
            self.open(out, name);
            member(out, "began_ms", began);
            member(out, "ended_ms", ended);
            out.write(b"}");
            self.first = false;
        } else {
            self.row(name, began, ended);
        }
    }

    fn row(&mut self, name: &[u8], began: u64, ended: u64) {
        let name = heapless::Vec::from_slice(name).unwrap_or_default();
        // There is one place for each service and each part of the boot.
        let _ = self.rows.push(Row { name, began, ended });
    }

    /// After the last record.
    pub fn end(&self, out: &mut Output) {
        if self.format == Format::Json {
            out.write(if self.first { b"[]\n" } else { b"]\n" });
        }
        let last = self.rows.iter().map(|row| row.ended.max(row.began)).max().unwrap_or(0);
        if last > 0 {
            out.write(b"NAME            BEGAN     TOOK\n");
        }
        for row in &self.rows {
            let ended = if row.ended == 0 { last } else { row.ended };
            column(out, &row.name, NAME);
            time_column(out, row.began);
            match row.ended {
                0 => column(out, b"-", 10),
                ended => time_column(out, ended.saturating_sub(row.began)),
            }
            let scale = |at: u64| at.saturating_mul(BAR) / last.max(1);
            for at in 0..=scale(ended) {
                out.write(if at < scale(row.began) { b" " } else { b"=" });
            }
            out.write(if row.ended == 0 { b">\n" } else { b"\n" });
        }
    }

    fn line(&self, out: &mut Output, record: &Record) {
        if self.first {
            out.write(b"NAME            STATE     PID     SINCE  RESTARTS MEMORY  LAST EXIT\n");
        }
        column(out, record.name, NAME);
        let colour = match record.state {
            b"ready" | b"done" => "\x1b[32m",
            b"failed" | b"backoff" => "\x1b[31m",
            b"stopped" => "",
            _ => "\x1b[33m",
        };
        put!(out, "{}", if self.colour { colour } else { "" });
        column(out, record.state, 10);
        put!(out, "{}", if self.colour { "\x1b[0m" } else { "" });
        number_column(out, Some(record.pid).filter(|&pid| pid != 0), b"", 8);
        let (age, unit) = age(self.now.saturating_sub(record.since));
        number_column(out, Some(age), unit, 7);
        number_column(out, Some(record.restarts), b"", 9);
        let (memory, unit) = memory(record).map(scaled).unzip();
        number_column(out, memory, unit.unwrap_or_default(), 8);
        let exit: &[u8] = if record.exit.is_empty() { b"-" } else { record.exit };
        out.write(exit);
        for (before, text) in [("; root ", record.root), ("; ", record.status)] {
            if !text.is_empty() {
                put!(out, "{}{}", before, Show(text));
            }
        }
        out.write(b"\n");
    }

    fn json(&self, out: &mut Output, record: &Record) {
        self.open(out, record.name);
        text(out, "state", record.state);
        let numbers = [
            ("pid", record.pid),
            ("since_ms", record.since),
            ("restarts", record.restarts),
            ("memory", memory(record).unwrap_or(0)),
            ("began_ms", record.began),
            ("ready_ms", record.ready),
            ("ended_ms", record.ended),
        ];
        for (name, value) in numbers {
            member(out, name, value);
        }
        for (name, value) in [("exit", record.exit), ("root", record.root), ("status", record.status)] {
            text(out, name, value);
        }
        out.write(b"}");
    }

    /// The beginning of an object.
    fn open(&self, out: &mut Output, name: &[u8]) {
        put!(out, "{}", if self.first { "[{\"name\":" } else { ",\n{\"name\":" });
        quote(out, name);
    }
}

/// `text` and as many spaces as `width` has left, at least one.
fn column(out: &mut Output, text: &[u8], width: usize) {
    put!(out, "{}", Show(text));
    for _ in 0..width.saturating_sub(text.len()).max(1) {
        out.write(b" ");
    }
}

fn number_column(out: &mut Output, number: Option<u64>, unit: &[u8], width: usize) {
    let mut text = heapless::Vec::<u8, 24>::new();
    let Some(number) = number else { return column(out, b"-", width) };
    put!(&mut text, "{}", number);
    text.write(unit);
    column(out, &text, width);
}

fn time_column(out: &mut Output, ms: u64) {
    number_column(out, Some(ms), b" ms", 10);
}

/// Milliseconds as a person says them.
fn age(ms: u64) -> (u64, &'static [u8]) {
    match ms / 1000 {
        seconds @ ..120 => (seconds, b"s"),
        seconds @ ..7200 => (seconds / 60, b"m"),
        seconds @ ..172_800 => (seconds / 3600, b"h"),
        seconds => (seconds / 86_400, b"d"),
    }
}

/// Bytes as a person says them.
fn scaled(bytes: u64) -> (u64, &'static [u8]) {
    match bytes >> 10 {
        kibibytes @ ..10_240 => (kibibytes, b"K"),
        kibibytes => (kibibytes >> 10, b"M"),
    }
}

/// What the service's cgroup holds; where the memory controller is not at work, what its main process does (proc(5) statm).
fn memory(record: &Record) -> Option<u64> {
    const PAGE: u64 = 4096;
    let mut text = [0u8; 64];
    let mut path = bytes::Path::new();
    let file = bytes::path(&[b"/sys/fs/cgroup/tinyo/", record.name, b"/memory.current"], &mut path)?;
    if let Ok(bytes) = fs::read_file(file, &mut text) {
        return number::decimal(bytes.strip_suffix(b"\n")?);
    }
    path.clear();
    put!(&mut |piece: &[u8]| drop(path.extend_from_slice(piece)), "/proc/{}/statm\0", record.pid);
    let resident = fs::read_file(bytes::terminated(&path)?, &mut text).ok()?.split(|&byte| byte == b' ').nth(1)?;
    number::decimal(resident)?.checked_mul(PAGE)
}

fn member(out: &mut Output, name: &str, value: u64) {
    put!(out, ",\"{}\":{}", name, value);
}

fn text(out: &mut Output, name: &str, value: &[u8]) {
    put!(out, ",\"{}\":", name);
    quote(out, value);
}

/// A JSON string (RFC 8259). Bytes that are no UTF-8 are question marks.
fn quote(out: &mut Output, text: &[u8]) {
    let is_text = core::str::from_utf8(text).is_ok();
    out.write(b"\"");
    for byte in text {
        match byte {
            b'"' | b'\\' => out.write(&[b'\\', *byte]),
            0..=0x1f => {
                let digit = |half: u8| b"0123456789abcdef".get(usize::from(half)).copied().unwrap_or(b'0');
                out.write(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
            }
            0x80.. if !is_text => out.write(b"?"),
            _ => out.write(core::slice::from_ref(byte)),
        }
    }
    out.write(b"\"");
}
