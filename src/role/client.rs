//! Words for a running supervisor: `status`, `start`, `log` and their like. One request, and what PID 1 answers.

use core::ffi::CStr;

use super::exit;
use super::output::Output;
use super::report::{Format, Report};
use crate::put;
use crate::say;
use crate::sys::args::Args;
use crate::sys::error::Error;
use crate::sys::fd::Fd;
use crate::sys::local;
use crate::sys::process::Pid;
use crate::text::bytes::cut;
use crate::text::put::{Out, Piece, Word as _};
use crate::text::show::{Show, Word};
use crate::text::{lines, names, number};
use crate::wire::{self, Fields, PACKET, Packet, Record, Verb};

/// What the words said.
struct Asked {
    packet: Packet,
    json: bool,
    follow: bool,
    /// `-n`: so many of the last lines.
    last: usize,
    /// More than one service may answer: each line says whose it is.
    several: bool,
}

/// Asks PID 1, and ends with the status that it answers.
#[inline(never)]
pub fn ask(args: Args, verb: Verb, first: usize) -> u8 {
    let Some(asked) = parse(&args, verb, first) else { return exit::USAGE };
    let Some(socket) = connect(verb.name()) else { return exit::SYSTEM };
    match converse(&socket, verb, &asked) {
        Ok(status) => status,
        Err(error) => {
            say!(Failure, "{}: {}", verb.name(), error);
            exit::SYSTEM
        }
    }
}

/// A connection to PID 1, for `asker`. None: what is wrong was said.
fn connect(asker: &str) -> Option<Fd> {
    // From here on it may wait: it is a program for people.
    let connected =
        local::connect(wire::CONTROL, local::CONNECTIONS).and_then(|socket| socket.set_blocking().map(|()| socket));
    connected
        .inspect_err(|error| {
            let hint = if error.is(libc::EACCES) { "this needs root" } else { "is tinyo PID 1 here?" };
            let path = wire::CONTROL.to_bytes();
            say!(Failure, "{}: connect to {}: {}; {}", asker, Show(path), error.errno(), hint);
        })
        .ok()
}

/// The process that PID 1 started for the service `name`, a container's first one. None: what is wrong was said.
#[inline(never)]
pub fn process_of(name: &[u8], asker: &str) -> Option<Pid> {
    let socket = connect(asker)?;
    // Room for all that is shown of a name; a longer one is nobody's.
    let mut request = heapless::Vec::<u8, 1024>::new();
    put!(&mut request, "1\0status\0\0{}\0", Show(name));
    let mut buffer = [0u8; PACKET];
    let packet = local::send(&socket, &request).and_then(|()| local::receive(&socket, &mut buffer));
    let mut fields = packet.ok().and_then(Fields::of).unwrap_or_default();
    let reason = match names::position("service say", fields.next().unwrap_or_default()) {
        // The third field of `wire::SERVICE`.
        Some(0) => match fields.nth(2).and_then(number::decimal).and_then(Pid::of) {
            None => b"this service is not running; try tinyo status",
            pid => return pid,
        },
        Some(_) => fields.next().unwrap_or_default(),
        None => b"PID 1 ended the conversation",
    };
    say!(Failure, "{}: {}", asker, Show(reason));
    None
}

/// The options and names behind the verb. None: what is wrong was said.
#[inline(never)]
fn parse(args: &Args, verb: Verb, first: usize) -> Option<Asked> {
    let (mut json, mut follow, mut last) = (false, false, usize::MAX);
    let mut wait = matches!(verb, Verb::Start | Verb::Stop | Verb::Restart | Verb::Reload);
    let mut names = heapless::Vec::<&CStr, { crate::limits::SERVICES }>::new();
    let mut index = first;
    while let Some(word) = args.get(index) {
        index += 1;
        let bytes = word.to_bytes();
        let (what, shown, hint) = match (names::position("--json --no-block -f", bytes), verb) {
            (Some(0), Verb::Status | Verb::Timeline) => {
                json = true;
                continue;
            }
            (Some(1), Verb::Start | Verb::Stop | Verb::Restart) => {
                wait = false;
                continue;
            }
            (Some(2), Verb::Log) => {
                follow = true;
                continue;
            }
            (_, Verb::Log) if bytes.starts_with(b"-n") => {
                let mut value = bytes.get(2..).unwrap_or_default();
                if value.is_empty() {
                    value = args.get(index).map_or(value, CStr::to_bytes);
                    index += 1;
                }
                if let Some(count) = number::decimal(value) {
                    last = usize::try_from(count).unwrap_or(usize::MAX);
                    continue;
                }
                ("-n ", value, ": a number of lines is wanted")
            }
            _ if bytes.starts_with(b"-") => ("unknown option ", bytes, "; try tinyo help"),
            (_, Verb::Poweroff | Verb::Reboot | Verb::Halt | Verb::Timeline) => ("no name is wanted: ", bytes, ""),
            _ if names.push(word).is_ok() => continue,
            _ => ("more than ", MOST, " names"),
        };
        say!(Failure, "{}: {}{}{}", verb.name(), what, Word(shown), hint);
        return None;
    }
    let flag = match (follow, wait) {
        (true, _) => "follow",
        (_, true) => "wait",
        _ => "",
    };
    let mut packet = Packet::of(&["1".piece(), verb.name().piece(), flag.piece()]);
    for name in &names {
        packet.add(&Piece::Text(name.to_bytes()));
    }
    Some(Asked { packet, json, follow, last, several: names.len() != 1 })
}

/// In words.
const MOST: &[u8] = b"64";
const _: () = assert!(crate::limits::SERVICES == 64);

#[inline(never)]
fn converse(socket: &Fd, verb: Verb, asked: &Asked) -> Result<u8, Error> {
    // Names that are too long for any service fill it sooner than 64 that could be one.
    let Some(request) = asked.packet.bytes() else {
        say!(Failure, "{}: these names are too long", verb.name());
        return Ok(exit::USAGE);
    };
    local::send(socket, request)?;
    let format = match (verb, asked.json) {
        (_, true) => Format::Json,
        (Verb::Timeline, _) => Format::Timeline,
        _ => Format::Table,
    };
    let mut report = Report::new(format);
    let mut out = Output::new();
    let mut buffer = [0u8; PACKET];
    loop {
        let packet = match local::receive(socket, &mut buffer) {
            // It was not heard, and what it was told instead comes next.
            Err(error) if error.is(libc::ECONNRESET) => local::receive(socket, &mut buffer)?,
            done => done?,
        };
        let mut fields = Fields::of(packet).unwrap_or_default();
        let kind = names::position("say log line service phase end", fields.next().unwrap_or_default());
        let names = match kind {
            Some(3) => wire::SERVICE,
            Some(4) => wire::PHASE,
            Some(kind) => {
                let field = fields.next().unwrap_or_default();
                match kind {
                    0 => say!(Failure, "{}", Show(field)),
                    1 | 2 => {
                        let text = fields.next().unwrap_or_default();
                        // Of the past as many as are asked for; of what is written from now on, all.
                        let text = if kind == 1 { lines::last(text, asked.last) } else { Some(text) };
                        write_lines(&mut out, asked, field, text);
                        if asked.follow {
                            out.flush();
                        }
                    }
                    _ => {
                        report.end(&mut out);
                        let status = number::decimal(field).and_then(|status| u8::try_from(status).ok());
                        return Ok(match out.end() {
                            0 => status.unwrap_or(exit::SYSTEM),
                            failed => failed,
                        });
                    }
                }
                continue;
            }
            None => {
                say!(Failure, "{}: PID 1 ended the conversation", verb.name());
                return Ok(exit::SYSTEM);
            }
        };
        if let Some(record) = Record::parse(names, fields) {
            report.record(&mut out, &record);
        }
    }
}

/// Lines of a service; whose they are is said where there could be a doubt.
fn write_lines(out: &mut Output, asked: &Asked, name: &[u8], mut rest: Option<&[u8]>) {
    while let Some((line, more)) = rest.map(|rest| cut(rest, b'\n')) {
        rest = more;
        if asked.several {
            put!(out, "{}: ", Show(name));
        }
        out.write(line);
        out.write(b"\n");
    }
}
