//! A new config for a running supervisor.
//!
//! A forked child reads the file, says what is wrong with it, and compares: PID 1 itself neither waits for a disk nor has
//! its memory grow. What is gone or changed is stopped under the old config; once that is down, the loop ends with the
//! text that was checked, and begins anew with it.

use super::control::{Client, Wish, tell};
use super::member::Member;
use super::service::State;
use super::{Loop, Set, order};
use crate::config::{self, Config, Service, file};
use crate::container::shield;
use crate::plan::Plan;
use crate::plan::build::{self, Command, Parent};
use crate::plan::limit::limits;
use crate::put;
use crate::say;
use crate::source;
use crate::sys::fd::Fd;
use crate::sys::fs::{self, Seek};
use crate::sys::process::{self, Exit, Forked, Pid};
use crate::text::put::Out;
use crate::text::show::Show;

/// A reload at work.
pub struct Reload {
    checker: Pid,
    /// In memory: the text, and behind it the set of services that it removes or changes.
    file: Fd,
    /// It was found good: only those who leave are waited for.
    checked: bool,
}

const USAGE: u8 = 100;
const SET_BYTES: usize = 8;

impl Loop<'_> {
    /// Forks the checker. The exit status, unless `client` waits for it.
    pub(super) fn begin_reload(&mut self, client: &mut Client) -> Option<u8> {
        let problem = match self.set.source {
            _ if self.reload.is_some() => "another reload is at work; try again",
            Err(problem) => problem,
            Ok(path) => match self.fork_checker(path, client) {
                Ok(reload) => {
                    self.reload = Some(reload);
                    client.wish = Wish::Reload;
                    return None;
                }
                Err(error) => {
                    tell!(client, "reload: {}", error);
                    return Some(111);
                }
            },
        };
        tell!(client, "{}", problem);
        Some(USAGE)
    }

    fn fork_checker(&self, path: &'static core::ffi::CStr, client: &Client) -> crate::sys::Result<Reload> {
        let file = fs::memory_file()?;
        match process::fork(process::Namespaces::default(), None)? {
            Forked::Parent(checker) => Ok(Reload { checker, file, checked: false }),
            Forked::Child => process::exit(check(self.set, path, client, &file)),
        }
    }

    /// Whether `pid` was the checker, which has ended.
    pub(super) fn check_ended(&mut self, pid: Pid, exit: Exit) -> bool {
        let Some(reload) = self.reload.take_if(|reload| reload.checker == pid && !reload.checked) else { return false };
        match exit.is_success().then(|| changed_set(&reload.file)).flatten() {
            Some(changed) => {
                for index in order::members(changed) {
                    self.outdate(index);
                }
                self.reload = Some(Reload { checked: true, ..reload });
            }
            None => self.control.end_reload(USAGE),
        }
        true
    }

    /// The service at `index` is gone, or not what it was. One that is at rest well stays so.
    fn outdate(&mut self, index: usize) {
        let Some(member) = self.members.get_mut(index) else { return };
        if matches!(member.state, State::Stopped | State::Done) {
            return;
        }
        member.outdated = true;
        if member.state != State::Failed {
            self.leaving.insert(index);
        }
    }

    pub(super) fn cancel_reload(&mut self) {
        if self.reload.take().is_some() {
            self.control.end_reload(super::requests::NOT_UP);
        }
    }

    /// The text of a config that can be taken now: everything that it changes is down.
    pub(super) fn reloaded(&mut self) -> Option<Fd> {
        let is_down = |member: &Member| !member.outdated || member.state.is_at_rest();
        self.reload.take_if(|reload| reload.checked && self.members.iter().all(is_down)).map(|reload| reload.file)
    }

    /// Makes the members be those of the config: what is there stays, what is outdated is made anew, what is gone goes.
    #[inline(never)]
    pub(super) fn adopt(&mut self) {
        let config = self.set.config;
        let wanted = order::wanted(&config.services);
        for index in (0..self.members.len()).rev() {
            let Some(member) = self.members.get(index) else { continue };
            if config.service(&member.name).is_none() {
                say!(Info, "{}: gone from the config", Show(&member.name));
                tell!(self.control, "{}: gone", Show(&member.name));
                let member = self.members.swap_remove(index);
                self.control.forget(usize::from(member.slot), &member.name);
            }
        }
        for (index, service) in config.services.iter().enumerate() {
            let state = match service.broken {
                true => State::Failed,
                false if wanted.contains(index) => State::Waiting,
                false => State::Stopped,
            };
            if service.broken {
                say!(Failure, "{}: failed: its part of the config has errors", service.name);
            }
            let at = self.members.iter().position(|member| member.name == service.name.as_bytes());
            let word = match at.and_then(|at| self.members.get_mut(at)) {
                None => {
                    let slot = self.free_slot();
                    if let Some(ring) = self.rings.get_mut(usize::from(slot)) {
                        ring.clear();
                    }
                    // As many as the config can hold.
                    let _ = self.members.push(Member::new(service, slot, state));
                    "new"
                }
                Some(member) if member.outdated => {
                    *member = Member::new(service, member.slot, State::Waiting);
                    "changed"
                }
                Some(_) => "",
            };
            if !word.is_empty() {
                tell!(self.control, "{}: {}", service.name, word);
            }
            // Those before `index` are in their places already, so it comes from there or behind.
            let last = self.members.len() - 1;
            self.members.swap(index, at.unwrap_or(last));
        }
        self.control.end_reload(0);
        if config.services.is_empty() || wanted == config::Set::EMPTY {
            say!(Failure, "no service to run; waiting for a signal to end");
        }
    }

    fn free_slot(&self) -> u8 {
        let mut taken = config::Set::EMPTY;
        for member in self.members.iter() {
            taken.insert(usize::from(member.slot));
        }
        (!taken.0).trailing_zeros() as u8
    }
}

/// The set at the end of a checked file.
fn changed_set(file: &Fd) -> Option<config::Set> {
    let mut set = [0; SET_BYTES];
    fs::seek(file, Seek::BeforeEnd(SET_BYTES as u32)).ok()?;
    (file.read_to_end(&mut set) == Ok(SET_BYTES)).then(|| config::Set(u64::from_ne_bytes(set)))
}

/// The text of a checked file, in `text`: its length.
pub fn text_of(file: &Fd, text: &mut source::Text) -> usize {
    let length = fs::seek(file, Seek::Start).and_then(|()| file.read_to_end(text)).unwrap_or(0);
    length.saturating_sub(SET_BYTES)
}

/// The checker's work: 0, or the exit status of `tinyo reload`.
#[inline(never)]
fn check(set: &Set, path: &'static core::ffi::CStr, client: &Client, out: &Fd) -> u8 {
    let name = Show::from(path);
    let mut text: source::Text = [0; _];
    let text = match source::read(path, &mut text) {
        // The set goes behind the text, into the place that is one more than the largest file has.
        Ok(length) => text.get_mut(..length).unwrap_or_default(),
        Err(refused) => {
            tell!(client, "{}: {}", name, refused);
            return USAGE;
        }
    };
    // Before the parser takes it apart.
    let written = out.write(text) == Ok(text.len());
    let mut new = Config::new();
    let verdict = file::parse(text, &mut new, &mut |problem| {
        tell!(client, "{}:{}:{}: {}", name, problem.place.line, problem.place.column, problem.message);
    });
    if verdict.problems > 0 {
        tell!(client, "nothing was changed");
        return USAGE;
    }
    let contains = |service: &Service| service.container.as_ref().is_some_and(|container| !container.privileged);
    if set.machine && !shield::is_clone() && new.services.iter().any(contains) {
        tell!(client, "the first container of a machine needs a reboot: PID 1 shields its executable as it starts");
        return USAGE;
    }
    let mut changed = config::Set::EMPTY;
    for (index, service) in set.config.services.iter().enumerate() {
        let after = new.service(service.name.as_bytes()).and_then(|at| new.services.get(at));
        if after.is_none_or(|after| fingerprint(set.config, service) != fingerprint(&new, after)) {
            changed.insert(index);
        }
    }
    let written = written && out.write(&changed.0.to_ne_bytes()) == Ok(SET_BYTES);
    if written { 0 } else { 111 }
}

/// FNV-1a over all that makes a service's process what it is: its steps in words, and its words to the letter.
struct Fingerprint(u64);

impl Fingerprint {
    fn add(&mut self, bytes: &[u8]) {
        // A byte behind each, that is in no text.
        for &byte in bytes.iter().chain(&[0xff]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
}

impl Out for Fingerprint {
    fn write(&mut self, text: &[u8]) {
        self.add(text);
    }
}

#[inline(never)]
fn fingerprint(config: &Config, service: &Service) -> u64 {
    let mut hash = Fingerprint(0xcbf2_9ce4_8422_2325);
    let mut plan = Plan::default();
    build::service(&mut plan, config, service, Command::Exec, Parent::Init, None);
    for step in &plan.steps {
        put!(&mut hash, "{}", *step);
    }
    // Steps show at most 200 bytes of a word.
    let inside = service.container.as_ref().map(|container| [container.volumes, container.tmpfs]).unwrap_or_default();
    let lists = [service.exec, service.env, service.stop, service.env_files, inside[0], inside[1]];
    limits(config, service, &mut |limit| put!(&mut hash, "{}", limit));
    for word in lists.iter().flat_map(|list| config.list(*list)) {
        hash.add(word.to_bytes());
    }
    hash.0
}
