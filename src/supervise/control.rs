//! The control socket, and who is connected to it. Nobody there can make PID 1 wait: every packet is taken or left at once,
//! and there are never more than [`CLIENTS`] connections.

use super::requests::{NOT_UP, SYSTEM};
use super::turn::Files;
use crate::config;
use crate::limits::CLIENTS;
use crate::say;
use crate::sys::error::Result;
use crate::sys::fd::Fd;
use crate::sys::fs::{self, At};
use crate::sys::local;
use crate::sys::poll;
use crate::sys::user;
use crate::text::duration::Millis;
use crate::text::packed::Packed;
use crate::text::put::{Out, Piece, Word, put};
use crate::text::show::Show;
use crate::wire::{self, Packet};

/// Where services say how they are (sd_notify(3)).
pub const NOTIFY: &core::ffi::CStr = c"/run/tinyo/notify";

/// What could not be made is tried again so many milliseconds later, then after twice that, and so on.
const FIRST_DELAY: u64 = 100;

/// What a client still waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// It has asked for nothing yet.
    Unsaid,
    /// These are up, or will not come up by themselves. Here and below services are their slots, which a reload does not
    /// move.
    Up(config::Set),
    /// These are down.
    Down(config::Set),
    /// The lines of these.
    Lines(config::Set),
    Reload,
}

pub struct Client {
    pub socket: Fd,
    pub wish: Wish,
}

impl Client {
    /// Sends a packet with these fields. False: it does not read, or is gone.
    #[inline(never)]
    pub fn send(&self, fields: &[Piece]) -> bool {
        Packet::of(fields).bytes().is_some_and(|bytes| local::send(&self.socket, bytes).is_ok())
    }

    /// For the person who waits: see [`tell!`].
    pub fn tell(&self, text: Packed, words: &[Piece]) {
        self.send(&[Piece::Text(b"say"), Piece::Other(&Sentence(text, words))]);
    }

    /// The last packet.
    pub fn end(&self, status: u8) {
        self.send(&[Piece::Text(b"end"), Piece::Number(status.into())]);
    }
}

/// What [`put!`](crate::put) would add to a text.
struct Sentence<'s>(Packed, &'s [Piece<'s>]);

impl Word for Sentence<'_> {
    fn write(&self, out: &mut dyn Out) {
        put(out, self.0, self.1);
    }
}

/// Tells somebody: `tell!(client, "{}: not running", name)`.
macro_rules! tell {
    ($whom:expr, $text:expr $(, $word:expr)* $(,)?) => {
        $whom.tell($crate::text::packed::packed!($text), &[$($crate::text::put::Word::piece(&$word)),*])
    };
}

pub(super) use tell;

/// The two sockets under /run/tinyo, and the connections to the first.
pub struct Control {
    listener: Option<Fd>,
    pub notices: Option<Fd>,
    /// Says when something is removed from /run/tinyo (inotify(7)).
    removals: Option<Fd>,
    pub clients: heapless::Vec<Client, CLIENTS>,
    /// Somebody wants to be one of them.
    called: bool,
    /// When what could not be made is tried again, and how long after the last time that is.
    pub again: Option<Millis>,
    delay: Millis,
}

impl Control {
    pub const fn new() -> Self {
        Control {
            listener: None,
            notices: None,
            removals: None,
            clients: heapless::Vec::new(),
            called: false,
            again: None,
            delay: Millis(0),
        }
    }

    /// Makes what is missing. It can be done without: services run all the same, and signals end the machine. It is tried
    /// again once as long as it has been missing already, so that a machine that never has it is not told every minute.
    pub fn open(&mut self) {
        if self.removals.is_none() {
            self.removals = fs::make_directory(At::Cwd, c"/run/tinyo", 0o755)
                .and_then(|()| fs::watch_removals(c"/run/tinyo"))
                .inspect_err(|error| say!(Warning, "control socket: /run/tinyo: {}", *error))
                .ok();
        }
        if self.listener.is_none() {
            self.listener = open(wire::CONTROL, local::CONNECTIONS, 0o600);
        }
        if self.notices.is_none() {
            // Any user's service may speak; who it was is the kernel's word.
            self.notices = open(NOTIFY, local::PACKETS, 0o666);
        }
        let missing = self.removals.is_none() || self.listener.is_none() || self.notices.is_none();
        self.delay = if missing { Millis(self.delay.0.saturating_mul(2).max(FIRST_DELAY)) } else { Millis(0) };
        self.again = missing.then(|| Millis(poll::now().0.saturating_add(self.delay.0)));
    }

    /// Says what the loop waits for.
    pub fn add_files(&self, files: &mut Files) {
        for file in [&self.removals, &self.listener, &self.notices] {
            files.add(file.as_ref());
        }
        for client in &self.clients {
            files.add(Some(&client.socket));
        }
    }

    /// Looks after the sockets themselves. Whether there are notices to read.
    pub fn attend(&mut self, files: &Files) -> bool {
        self.called = files.has(self.listener.as_ref());
        let noticed = files.has(self.notices.as_ref());
        if files.has(self.removals.as_ref()) {
            self.restore();
        }
        noticed
    }

    /// Something was removed from /run/tinyo: what is not there any more is made anew.
    fn restore(&mut self) {
        let mut events = [0u8; 512];
        while self.removals.as_ref().is_some_and(|file| file.read(&mut events).is_ok_and(|n| n > 0)) {}
        if !fs::exists(c"/run/tinyo") {
            self.removals = None;
        }
        if !fs::exists(wire::CONTROL) {
            self.listener = None;
        }
        if !fs::exists(NOTIFY) {
            self.notices = None;
        }
        self.open();
    }

    /// Takes a connection. With all places taken, whoever has said nothing yet gives way.
    #[inline(never)]
    pub fn accept(&mut self) {
        if !core::mem::take(&mut self.called) {
            return;
        }
        let (socket, user) = match self.listener.as_ref().map(local::accept) {
            Some(Ok(accepted)) => accepted,
            // It waits on, and would wake us at once.
            Some(Err(error)) if !error.is(libc::EAGAIN) => return poll::pause(),
            _ => return,
        };
        // Root, or whoever runs this supervisor.
        if user != 0 && user != user::effective() {
            return;
        }
        let client = Client { socket, wish: Wish::Unsaid };
        if self.clients.is_full() {
            match self.clients.iter().position(|client| client.wish == Wish::Unsaid) {
                Some(silent) => drop(self.take_out(silent)),
                None => {
                    tell!(client, "too many clients at once; try again");
                    return client.end(SYSTEM);
                }
            }
        }
        // There is a place now.
        let _ = self.clients.push(client);
    }

    /// Takes out the client at `index`; the last one comes into its place.
    #[inline(never)]
    pub fn take_out(&mut self, index: usize) -> Option<Client> {
        let last = self.clients.pop()?;
        Some(match self.clients.get_mut(index) {
            Some(place) => core::mem::replace(place, last),
            None => last,
        })
    }

    /// Ends the conversation with the client at `index`.
    pub fn end(&mut self, index: usize, status: u8) {
        if let Some(client) = self.take_out(index) {
            client.end(status);
        }
    }

    /// The service in `slot` is gone: who waited for it to come up is told, everybody else waits for the others only.
    pub fn forget(&mut self, slot: usize, name: &[u8]) {
        for index in (0..self.clients.len()).rev() {
            match self.clients.get_mut(index).map(|client| &mut client.wish) {
                Some(Wish::Up(set)) if set.contains(slot) => {
                    if let Some(client) = self.clients.get(index) {
                        tell!(client, "{}: gone from the config", Show(name));
                    }
                    self.end(index, NOT_UP);
                }
                Some(Wish::Down(set) | Wish::Lines(set)) => set.remove(slot),
                _ => {}
            }
        }
    }

    /// Passes lines of the service in `slot` on to those who follow it. Who does not read them misses them.
    pub fn hear(&self, slot: usize, name: &[u8], line: &[u8]) {
        for client in &self.clients {
            if matches!(client.wish, Wish::Lines(set) if set.contains(slot)) {
                client.send(&[Piece::Text(b"line"), Piece::Text(name), Piece::Text(line)]);
            }
        }
    }

    /// Tells whoever asked for a reload.
    pub fn tell(&self, text: Packed, words: &[Piece]) {
        for client in &self.clients {
            if client.wish == Wish::Reload {
                client.tell(text, words);
            }
        }
    }

    /// The reload is over.
    pub fn end_reload(&mut self, status: u8) {
        for index in (0..self.clients.len()).rev() {
            if self.clients.get(index).is_some_and(|client| client.wish == Wish::Reload) {
                self.end(index, status);
            }
        }
    }
}

fn open(path: &core::ffi::CStr, kind: i32, mode: u32) -> Option<Fd> {
    let socket: Result<Fd> = local::bind(path, kind, mode);
    match socket {
        Ok(socket) => Some(socket),
        Err(error) => {
            say!(Warning, "{}: {}", Show::from(path), error);
            None
        }
    }
}
