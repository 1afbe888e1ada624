//! A new config for a running supervisor.
//!
//! A forked child reads the file, says what is wrong with it, and compares: PID 1 itself neither waits for a disk nor has
//! its memory grow. What is gone or changed is stopped under the old config; once that is down, the loop ends with the
//! text that was checked, and begins anew with it.

use super::control::{Client, Wish, tell};
use super::member::Member;
use super::requests::{NOT_UP, SYSTEM, USAGE};
use super::service::{Event, State, Then};
use super::words::How;
use super::{Loop, Set, order};
use crate::config::{self, Config, Ready, Service, file};
use crate::container::shield;
use crate::plan::Plan;
use crate::plan::build::{self, Command, Parent};
use crate::plan::limit::limits;
use crate::put;
use crate::say;
use crate::source;
use crate::sys::fd::Fd;
use crate::sys::fs;
use crate::sys::poll;
use crate::sys::process::{self, Exit, Forked, Pid};
use crate::text::duration::Millis;
use crate::text::put::Out;
use crate::text::show::Show;

/// A reload at work.
pub struct Reload {
    checker: Pid,
    /// When the checker is given up: its file may be on a dead disk.
    until: Millis,
    /// In memory: the set of services that it removes or changes, and behind it the text.
    file: Fd,
    /// It was found good: only those who leave are waited for.
    checked: bool,
}

const SET_BYTES: usize = 8;
/// A file of 64 KiB is read and parsed in milliseconds; a disk that spins up takes seconds.
const CHECK: Millis = Millis(30_000);

impl Loop<'_> {
    /// Forks the checker. The exit status, unless `client` waits for it.
    pub(super) fn begin_reload(&mut self, client: &mut Client) -> Option<u8> {
        if self.reload.is_some() {
            tell!(client, "another reload is at work; try again");
            return Some(SYSTEM);
        }
        match self.set.source {
            Err(problem) => {
                tell!(client, "{}", problem);
                Some(USAGE)
            }
            Ok(path) => match self.fork_checker(path, client) {
                Ok(reload) => {
                    self.reload = Some(reload);
                    client.wish = Wish::Reload;
                    None
                }
                Err(error) => {
                    tell!(client, "reload: {}", error);
                    Some(SYSTEM)
                }
            },
        }
    }

    fn fork_checker(&self, path: &'static core::ffi::CStr, client: &Client) -> crate::sys::Result<Reload> {
        let file = fs::memory_file()?;
        match process::fork(process::Namespaces::default(), None)? {
            Forked::Parent(checker) => {
                let until = Millis(poll::now().0.saturating_add(CHECK.0));
                Ok(Reload { checker, until, file, checked: false })
            }
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
            None => {
                let status = match exit {
                    // It has said why.
                    Exit::Code(status @ (USAGE | SYSTEM)) => status,
                    _ => {
                        tell!(
                            self.control,
                            "reload: the check of the config: {}; nothing was changed",
                            How(exit, None)
                        );
                        SYSTEM
                    }
                };
                self.control.end_reload(status);
            }
        }
        true
    }

    /// When the check of a reload is given up.
    pub(super) fn reload_deadline(&self) -> Option<Millis> {
        self.reload.as_ref().filter(|reload| !reload.checked).map(|reload| reload.until)
    }

    pub(super) fn give_up_check(&mut self) {
        if let Some(reload) = self.reload.take() {
            let _ = process::kill(reload.checker, libc::SIGKILL as u8);
            tell!(self.control, "reload: the config could not be read in 30 s; is its disk alive? nothing was changed");
            self.control.end_reload(SYSTEM);
        }
    }

    /// The service at `index` is gone, or not what it was. One that is at rest well, or that somebody wants to be, stays so.
    fn outdate(&mut self, index: usize) {
        let Some(member) = self.members.get_mut(index) else { return };
        let rests = match member.state {
            State::Stopped | State::Done => true,
            State::Stopping { then, .. } => then == Then::Stay,
            _ => member.leaving,
        };
        member.outdated = true;
        member.comes_again = !rests;
        member.leaving |= !member.state.is_at_rest();
    }

    pub(super) fn cancel_reload(&mut self) {
        if self.reload.take().is_some() {
            self.control.end_reload(NOT_UP);
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
                self.remove_cgroup(&member.name);
                self.control.forget(usize::from(member.slot), &member.name);
                let last = self.members.len().saturating_sub(1);
                swap(self.members, index, last);
                self.members.truncate(last);
            }
        }
        let mut fresh = config::Set::EMPTY;
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
                    let state = match member.state {
                        _ if member.comes_again => State::Waiting,
                        rest => rest,
                    };
                    member.renew(service, state);
                    self.remove_cgroup(service.name.as_bytes());
                    "changed"
                }
                Some(_) => "",
            };
            if !word.is_empty() {
                fresh.insert(index);
                tell!(self.control, "{}: {}", service.name, word);
            }
            // Those before `index` are in their places already, so it comes from there or behind.
            let last = self.members.len().saturating_sub(1);
            swap(self.members, index, at.unwrap_or(last));
        }
        fresh.0 &= self.waiting().0;
        // As at a boot: who comes brings what it requires, and who failed for want of it has another try.
        for index in order::members(order::with_required(fresh, &config.services)) {
            if self.state(index) == State::Stopped {
                self.handle(index, Event::Want);
            }
        }
        for index in order::members(order::with_dependents(fresh, &config.services)) {
            if self.state(index) == State::Failed {
                self.handle(index, Event::Want);
            }
        }
        self.control.end_reload(0);
        if self.members.iter().all(|member| member.state.is_at_rest()) {
            say!(Failure, "no service to run; waiting for a signal to end");
        }
    }

    fn waiting(&self) -> config::Set {
        let mut waiting = config::Set::EMPTY;
        for (index, _) in self.members.iter().enumerate().filter(|(_, member)| member.state == State::Waiting) {
            waiting.insert(index);
        }
        waiting
    }

    /// Takes the cgroup of `name` away, and with it the limits of a config that is no more.
    fn remove_cgroup(&self, name: &[u8]) {
        if let Some(Err(error)) = self.cgroups.as_ref().map(|cgroups| cgroups.remove(name)) {
            say!(
                Warning,
                "{}: its cgroup stays, and with it limits that the new config has not: {}",
                Show(name),
                error
            );
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

/// Two members that change places; they may be one.
#[inline(never)]
fn swap(members: &mut [Member], one: usize, other: usize) {
    if let Ok([one, other]) = members.get_disjoint_mut([one, other]) {
        core::mem::swap(one, other);
    }
}

/// The set at the beginning of a checked file, which is read from behind it from then on.
fn changed_set(file: &Fd) -> Option<config::Set> {
    let mut set = [0; SET_BYTES];
    fs::rewind(file).ok()?;
    (file.read(&mut set) == Ok(SET_BYTES)).then(|| config::Set(u64::from_ne_bytes(set)))
}

/// The text of a checked file, in `text`: its length.
pub fn text_of(file: &Fd, text: &mut source::Text) -> usize {
    changed_set(file).and_then(|_| file.read_to_end(text).ok()).unwrap_or(0)
}

/// The checker's work: 0, or the exit status of `tinyo reload`.
#[inline(never)]
fn check(set: &Set, path: &'static core::ffi::CStr, client: &Client, out: &Fd) -> u8 {
    let name = Show::from(path);
    let mut text: source::Text = [0; _];
    let text = match source::read(path, &mut text) {
        Ok(length) => text.get_mut(..length).unwrap_or_default(),
        Err(refused) => {
            tell!(client, "{}: {}", name, refused);
            return USAGE;
        }
    };
    // Before the parser takes it apart.
    let place = [0; SET_BYTES];
    let written = out.write(&place) == Ok(SET_BYTES) && out.write(text) == Ok(text.len()) && fs::rewind(out).is_ok();
    let mut new = Config::new();
    let verdict = file::parse(text, &mut new, &mut |problem| {
        tell!(client, "{}:{}:{}: {}", name, problem.place.line, problem.place.column, problem.message);
    });
    if verdict.problems > 0 {
        tell!(client, "nothing was changed");
        return USAGE;
    }
    let contains = |service: &Service| service.container.as_ref().is_some_and(|container| !container.privileged);
    if !shield::is_clone() && new.services.iter().any(contains) {
        tell!(client, "the first container needs PID 1 to start anew: it shields its executable as it starts");
        return USAGE;
    }
    if !set.machine && (!new.roots.is_empty() || !new.modules.is_empty()) {
        tell!(client, "{}: [root] and modules are for the machine, and this is a container", name);
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
    if written { 0 } else { SYSTEM }
}

/// FNV-1a over all that makes a service's process what it is: its steps in words, and its words to the letter.
struct Fingerprint(u64);

impl Fingerprint {
    fn add(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.push(*byte));
        // Behind each one that is in no text.
        self.push(0xff);
    }

    fn push(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
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
    let lists = [service.exec, service.env, service.stop, service.env_files, service.listen, inside[0], inside[1]];
    // What it waits for to be ready is no step.
    hash.add(&[service.kind as u8, u8::from(service.ready != Ready::None)]);
    limits(config, service, &mut |limit| put!(&mut hash, "{}", limit));
    for word in lists.iter().flat_map(|list| config.list(*list)) {
        hash.add(word.to_bytes());
    }
    hash.0
}
