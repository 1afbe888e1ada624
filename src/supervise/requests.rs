//! What clients of the control socket ask for, and when they are answered.

use super::control::{Client, Wish, tell};
use super::order;
use super::service::{Event, State, Then};
use super::turn::Files;
use super::{End, Loop};
use crate::config;
use crate::limits::RING_BYTES;
use crate::request::Ending;
use crate::sys::local;
use crate::text::names::Nearest;
use crate::text::put::Piece;
use crate::text::show::Show;
use crate::wire::{PACKET, Request, Verb};

/// Exit statuses of the words that ask.
pub const USAGE: u8 = 100;
pub const NOT_UP: u8 = 3;
pub const SYSTEM: u8 = 111;

impl Loop<'_> {
    /// Looks after the control socket and its clients.
    pub(super) fn serve(&mut self, files: &Files) {
        if self.control.attend(files) {
            self.read_notices();
        }
        // From the last on: one that goes, or is put back behind, does not move those before it.
        for index in (0..self.control.clients.len()).rev() {
            if files.has(self.control.clients.get(index).map(|client| &client.socket)) {
                self.hear_client(index);
            }
        }
        self.control.accept();
    }

    /// Reads one packet of a client; one that is gone, or speaks another language, loses its place.
    #[inline(never)]
    fn hear_client(&mut self, index: usize) {
        let mut buffer = [0u8; PACKET];
        let Some(client) = self.control.clients.get(index) else { return };
        let request = match local::receive(&client.socket, &mut buffer) {
            Ok(packet) if !packet.is_empty() => Request::parse(packet),
            Err(error) if error.is(libc::EAGAIN) => return,
            _ => return drop(self.control.take_out(index)),
        };
        // Taken out, so that the loop is free to act; put back if it has to wait.
        let Some(mut client) = self.control.take_out(index) else { return };
        let Some(request) = request else {
            tell!(client, "this is no request of this version of tinyo; use the tinyo that PID 1 runs");
            return client.end(USAGE);
        };
        if client.wish != Wish::Unsaid {
            return;
        }
        match self.ask(&mut client, &request) {
            Some(status) => client.end(status),
            None => drop(self.control.clients.push(client)),
        }
    }

    /// Does what is asked for. The exit status, unless `client` waits.
    #[inline(never)]
    fn ask(&mut self, client: &mut Client, request: &Request) -> Option<u8> {
        let Some(named) = self.named(client, request) else { return Some(USAGE) };
        let all = config::Set(u64::MAX);
        match request.verb {
            Verb::Status | Verb::Timeline => return Some(self.tell_status(client, request.verb, named)),
            Verb::Log => {
                let set = if named == config::Set::EMPTY { all } else { named };
                if !self.tell_lines(client, set) {
                    tell!(client, "log: too much at once; try tinyo log NAME");
                    return Some(SYSTEM);
                }
                client.wish = Wish::Lines(if set == all { all } else { self.slots(set) });
                return if request.follow { None } else { Some(0) };
            }
            Verb::Poweroff | Verb::Reboot | Verb::Halt => {
                let ending = match request.verb {
                    Verb::Poweroff => Ending::Poweroff,
                    Verb::Reboot => Ending::Reboot,
                    _ => Ending::Halt,
                };
                self.finish(End { ending, status: None });
                return Some(0);
            }
            _ if self.end.is_some() => {
                tell!(client, "the machine is ending");
                return Some(NOT_UP);
            }
            Verb::Reload if named == config::Set::EMPTY => return self.begin_reload(client),
            Verb::Reload => return Some(self.signal_reload(client, named)),
            Verb::Start | Verb::Restart if self.is_busy(client, named) => return Some(NOT_UP),
            Verb::Start => {
                for index in order::members(order::with_required(named, &self.set.config.services)) {
                    // What is up, or done, is what it is wanted to be; but for those who were named.
                    let again = named.contains(index) && self.state(index) == State::Done;
                    if again || self.is_leaving(index) || !self.is_fine(index) {
                        self.set_leaving(index, false);
                        self.handle(index, Event::Want);
                    }
                }
                client.wish = Wish::Up(self.slots(named));
            }
            Verb::Restart => {
                for index in order::members(named) {
                    self.set_leaving(index, false);
                    self.handle(index, Event::Restart);
                }
                client.wish = Wish::Up(self.slots(named));
            }
            Verb::Stop => {
                let all = order::with_dependents(named, &self.set.config.services);
                for index in order::members(all).filter(|&index| !named.contains(index) && self.is_alive(index)) {
                    tell!(client, "{}: stopping too: it requires what stops", self.set.config.name(index));
                }
                for index in order::members(all) {
                    if let Some(member) = self.members.get_mut(index) {
                        member.leaving = !member.state.is_at_rest();
                        member.comes_again = false;
                    }
                }
                client.wish = Wish::Down(self.slots(all));
            }
        }
        if request.wait { None } else { Some(0) }
    }

    /// The slots of the services at these indices, and the other way round.
    fn slots(&self, indices: config::Set) -> config::Set {
        let mut slots = config::Set::EMPTY;
        for member in order::members(indices).filter_map(|index| self.members.get(index)) {
            slots.insert(usize::from(member.slot));
        }
        slots
    }

    fn indices(&self, slots: config::Set) -> impl Iterator<Item = usize> {
        let members = self.members.iter().enumerate();
        members.filter(move |(_, member)| slots.contains(usize::from(member.slot))).map(|(index, _)| index)
    }

    /// It runs, or will by itself.
    fn is_alive(&self, index: usize) -> bool {
        !self.state(index).is_at_rest()
    }

    fn is_fine(&self, index: usize) -> bool {
        matches!(self.state(index), State::Ready { .. } | State::Done)
    }

    /// The services that a request names. None: one of them is unknown, and `client` was told.
    #[inline(never)]
    fn named(&self, client: &Client, request: &Request) -> Option<config::Set> {
        let mut set = config::Set::EMPTY;
        for name in request.names {
            let Some(index) = self.set.config.service(name) else {
                let mut near = Nearest::to(name);
                for service in &self.set.config.services {
                    near.consider(service.name.as_bytes());
                }
                let (hint, near) = match near.found() {
                    Some(near) => ("did you mean ", near),
                    None => ("try tinyo status", &b""[..]),
                };
                tell!(client, "{}: no such service; {}{}", Show(name), hint, Show(near));
                return None;
            };
            set.insert(index);
        }
        let needs_names = matches!(request.verb, Verb::Start | Verb::Stop | Verb::Restart);
        if needs_names && set == config::Set::EMPTY {
            tell!(client, "{}: which service? write tinyo {} NAME", request.verb.name(), request.verb.name());
            return None;
        }
        Some(set)
    }

    /// One record for each of `named`, or for all.
    #[inline(never)]
    fn tell_status(&self, client: &Client, verb: Verb, named: config::Set) -> u8 {
        if verb == Verb::Timeline {
            for phase in self.set.phases {
                let name = Piece::Text(phase.name.as_bytes());
                client.send(&[Piece::Text(b"phase"), name, Piece::Number(phase.began.0), Piece::Number(phase.ended.0)]);
            }
        }
        let mut status = 0;
        for (index, (member, service)) in self.members.iter().zip(&self.set.config.services).enumerate() {
            if named != config::Set::EMPTY && !named.contains(index) {
                continue;
            }
            let root = service.container.as_ref().map_or(b"".as_slice(), |container| container.root.to_bytes());
            if !member.send_record(client, root, service) {
                // It does not read: what is missing would look like something that is not there.
                return SYSTEM;
            }
            if named.contains(index) && !self.is_fine(index) {
                status = NOT_UP;
            }
        }
        status
    }

    /// False: it does not read, and lines that are missing would look like lines that were never written.
    fn tell_lines(&self, client: &Client, set: config::Set) -> bool {
        for (_, member) in self.members.iter().enumerate().filter(|(index, _)| set.contains(*index)) {
            let Some(ring) = self.rings.get(usize::from(member.slot)) else { continue };
            let mut buffer = [0; RING_BYTES];
            let text = ring.text(&mut buffer);
            if !text.is_empty() && !client.send(&[Piece::Text(b"log"), Piece::Text(&member.name), Piece::Text(text)]) {
                return false;
            }
        }
        true
    }

    /// A reload waits for one of `named`, or for what they require, to be down: started now, it would wait for ever.
    fn is_busy(&self, client: &Client, named: config::Set) -> bool {
        let all = order::with_required(named, &self.set.config.services);
        let Some(member) = order::members(all).filter_map(|i| self.members.get(i)).find(|member| member.outdated)
        else {
            return false;
        };
        tell!(client, "{}: a reload is at work on it; try again", Show(&member.name));
        true
    }

    /// `tinyo reload NAME`: the service's own `reload-signal`.
    fn signal_reload(&self, client: &Client, named: config::Set) -> u8 {
        let mut status = 0;
        for (member, service) in order::members(named).filter_map(|i| Some((self.members.get(i)?, self.service(i)?))) {
            let problem = match (service.reload_signal, member.pid) {
                (Some(number), Some(_)) => {
                    member.signal(service, number);
                    continue;
                }
                (None, _) => "no reload-signal in its config; try tinyo restart",
                (_, None) => "not running",
            };
            tell!(client, "{}: {}", service.name, problem);
            status = NOT_UP;
        }
        status
    }

    /// Answers those whose wish has come true, or cannot.
    pub(super) fn answer(&mut self) {
        for index in (0..self.control.clients.len()).rev() {
            let Some(client) = self.control.clients.get(index) else { continue };
            let status = match client.wish {
                Wish::Up(set) => self.are_up(client, set),
                Wish::Down(set) => self.are_down(client, set),
                _ => None,
            };
            if let Some(status) = status {
                self.control.end(index, status);
            }
        }
    }

    /// Whether all of `set` are down: 0, or what it tells `client` when somebody else wants one of them up again.
    fn are_down(&self, client: &Client, set: config::Set) -> Option<u8> {
        let mut down = true;
        for index in self.indices(set).filter(|&index| self.is_alive(index)) {
            down = false;
            let stops = matches!(self.state(index), State::Stopping { then: Then::Stay, .. });
            if !stops && !self.is_leaving(index) {
                tell!(
                    client,
                    "{}: {}: somebody else started it",
                    self.set.config.name(index),
                    self.state(index).name()
                );
                return Some(NOT_UP);
            }
        }
        down.then_some(0)
    }

    /// Whether all of `set` are up or have failed to be: 0, or what it tells `client` then.
    #[inline(never)]
    fn are_up(&self, client: &Client, set: config::Set) -> Option<u8> {
        let settled = |index| {
            let state = self.state(index);
            self.is_fine(index) || matches!(state, State::Stopped | State::Failed | State::Backoff { .. })
        };
        if !self.indices(set).all(settled) {
            return None;
        }
        let mut status = 0;
        for index in self.indices(set).filter(|&index| !self.is_fine(index)) {
            let (Some(member), Some(service)) = (self.members.get(index), self.service(index)) else { continue };
            let (name, state) = (service.name, member.state.name());
            match member.exit {
                Some(exit) => {
                    tell!(client, "{}: {}: {}; try tinyo log {}", name, state, member.how(exit, service), name);
                }
                None => tell!(client, "{}: {}", name, state),
            }
            status = NOT_UP;
        }
        Some(status)
    }
}
