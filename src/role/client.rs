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
use crate::text::bytes::cut;
use crate::text::number;
use crate::text::put::Out;
use crate::text::show::{Show, Word};
use crate::wire::{self, Fields, PACKET, Packet, Record, Verb};

/// What the words said.
struct Asked {
    packet: Packet,
    json: bool,
    follow: bool,
    /// `-n`: so many of the last lines. None: all there are.
    last: Option<usize>,
    /// More than one service may answer: each line says whose it is.
    several: bool,
}

/// Asks PID 1, and ends with the status that it answers.
#[inline(never)]
pub fn ask(args: Args, verb: Verb, first: usize) -> u8 {
    let Some(asked) = parse(&args, verb, first) else { return exit::USAGE };
    // From here on it may wait: it is a program for people.
    let connected =
        local::connect(wire::CONTROL, local::CONNECTIONS).and_then(|socket| socket.set_blocking().map(|()| socket));
    let socket = match connected {
        Ok(socket) => socket,
        Err(error) => {
            let hint = if error.is(libc::EACCES) { "this needs root" } else { "is tinyo PID 1 here?" };
            let path = wire::CONTROL.to_bytes();
            say!(Failure, "{}: connect to {}: {}; {}", verb.name(), Show(path), error.errno(), hint);
            return exit::SYSTEM;
        }
    };
    match converse(&socket, verb, &asked) {
        Ok(status) => status,
        Err(error) => {
            say!(Failure, "{}: {}", verb.name(), error);
            exit::SYSTEM
        }
    }
}

/// The options and names behind the verb. None: what is wrong was said.
fn parse(args: &Args, verb: Verb, first: usize) -> Option<Asked> {
    let mut asked = Asked { packet: Packet::new("1"), json: false, follow: false, last: None, several: true };
    let mut names = heapless::Vec::<&CStr, { crate::limits::SERVICES }>::new();
    let mut wait = matches!(verb, Verb::Start | Verb::Stop | Verb::Restart | Verb::Reload);
    let mut index = first;
    while let Some(word) = args.get(index) {
        index += 1;
        match (verb, word.to_bytes()) {
            (Verb::Status | Verb::Timeline, b"--json") => asked.json = true,
            (Verb::Start | Verb::Stop | Verb::Restart, b"--no-block") => wait = false,
            (Verb::Log, b"-f") => asked.follow = true,
            (Verb::Log, option) if option.starts_with(b"-n") => {
                let value = match option.get(2..) {
                    Some([]) | None => args.get(index).map_or(b"".as_slice(), CStr::to_bytes),
                    Some(attached) => attached,
                };
                index += usize::from(option.len() == 2);
                let Some(count) = number::decimal(value) else {
                    say!(Failure, "log: -n {}: a number of lines is wanted", Word(value));
                    return None;
                };
                asked.last = Some(usize::try_from(count).unwrap_or(usize::MAX));
            }
            (_, option) if option.starts_with(b"-") => {
                say!(Failure, "{}: unknown option {}; try tinyo help", verb.name(), Show(option));
                return None;
            }
            (Verb::Poweroff | Verb::Reboot | Verb::Halt | Verb::Timeline, other) => {
                say!(Failure, "{}: no name is wanted: {}", verb.name(), Word(other));
                return None;
            }
            _ if names.push(word).is_ok() => {}
            _ => {
                say!(Failure, "{}: more than {} names", verb.name(), crate::limits::SERVICES);
                return None;
            }
        }
    }
    let flag: &[u8] = if asked.follow { b"follow" } else { b"wait" };
    asked.packet.text(verb.name().as_bytes()).text(if wait || asked.follow { flag } else { b"" });
    for name in &names {
        asked.packet.text(name.to_bytes());
    }
    asked.several = names.len() != 1;
    Some(asked)
}

fn converse(socket: &Fd, verb: Verb, asked: &Asked) -> Result<u8, Error> {
    // Names that are too long for any service fill it sooner than 64 that could be one.
    let Some(request) = asked.packet.bytes() else {
        say!(Failure, "{}: these names are too long", verb.name());
        return Ok(exit::USAGE);
    };
    local::send(socket, request)?;
    let format = match (verb, asked.json) {
        (Verb::Timeline, false) => Format::Timeline,
        (_, true) => Format::Json,
        _ => Format::Table,
    };
    let mut report = Report::new(format);
    let mut out = Output::new();
    let mut buffer = [0u8; PACKET];
    loop {
        let packet = match local::receive(socket, &mut buffer) {
            // It was not heard, and what it was told instead comes next.
            Err(error) if error.is(libc::ECONNRESET) => local::receive(socket, &mut buffer)?.0,
            done => done?.0,
        };
        let mut fields = Fields::of(packet);
        match (fields.as_mut().and_then(Iterator::next), fields) {
            (Some(b"say"), Some(mut fields)) => say!(Failure, "{}", Show(fields.next().unwrap_or_default())),
            (Some(b"log"), Some(mut fields)) => {
                let (name, text) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
                write_lines(&mut out, asked, name, text);
                if asked.follow {
                    out.flush();
                }
            }
            (Some(b"service"), Some(fields)) => {
                if let Some(record) = Record::parse(fields) {
                    report.service(&mut out, &record);
                }
            }
            (Some(b"phase"), Some(fields)) => {
                if let Some((name, began, ended)) = wire::phase(fields) {
                    report.phase(&mut out, name, began, ended);
                }
            }
            (Some(b"end"), Some(mut fields)) => {
                report.end(&mut out);
                let status = fields.next().and_then(number::decimal).and_then(|status| u8::try_from(status).ok());
                return Ok(match out.end() {
                    0 => status.unwrap_or(exit::SYSTEM),
                    failed => failed,
                });
            }
            _ => {
                say!(Failure, "{}: PID 1 ended the conversation", verb.name());
                return Ok(exit::SYSTEM);
            }
        }
    }
}

/// Lines of a service; whose they are is said where there could be a doubt.
fn write_lines(out: &mut Output, asked: &Asked, name: &[u8], text: &[u8]) {
    let count = text.split(|&byte| byte == b'\n').count();
    let skip = asked.last.map_or(0, |last| count.saturating_sub(last));
    let mut rest = Some(text);
    let mut number = 0;
    while let Some((line, more)) = rest.map(|rest| cut(rest, b'\n')) {
        rest = more;
        number += 1;
        if number <= skip {
            continue;
        }
        if asked.several {
            put!(out, "{}: ", Show(name));
        }
        out.write(line);
        out.write(b"\n");
    }
}
