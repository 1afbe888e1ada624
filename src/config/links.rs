//! Names of services in other services: looked up when all are known, circles told.

use super::file::Parser;
use super::keys::Field;
use super::{Set, wrong};
use crate::limits;
use crate::text::names;
use crate::text::toml::Place;
use heapless::Vec;

/// One service named in another.
#[derive(Clone, Copy)]
pub struct Link {
    pub kind: LinkKind,
    /// The name, among the words of the config.
    pub word: u16,
    /// Who names it.
    pub service: u8,
    pub place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum LinkKind {
    After,
    Requires,
    From,
}

impl<'a> Parser<'a, '_> {
    pub(super) fn link(&mut self) {
        let mut copies = Set::EMPTY;
        for at in 0..self.links.len() {
            let Some((link, name)) = self.named(at) else { continue };
            let index = usize::from(link.service);
            match (self.config.service(name), self.config.services.get_mut(index)) {
                (Some(target), Some(service)) => match link.kind {
                    LinkKind::After => service.after.insert(target),
                    LinkKind::Requires => service.requires.insert(target),
                    LinkKind::From => copies.insert(index),
                },
                _ => self.nobody(link, name),
            }
        }
        self.copy(copies);
        self.circles();
    }

    /// The link at `at`, and the name in it.
    fn named(&self, at: usize) -> Option<(Link, &'a [u8])> {
        let link = *self.links.get(at)?;
        let name: &'a core::ffi::CStr = self.config.words.get(usize::from(link.word))?;
        Some((link, name.to_bytes()))
    }

    /// Tells an error at `link`, in the service that it is in.
    fn wrong_link(&mut self, link: Link, what: &'static str, name: &[u8], near: &[u8]) {
        self.here = link.place;
        self.service = Some(usize::from(link.service));
        let key = match link.kind {
            LinkKind::After => "after",
            LinkKind::Requires => "requires",
            LinkKind::From => "from",
        };
        self.wrong(what, [key.as_bytes(), name, near]);
    }

    fn nobody(&mut self, link: Link, name: &[u8]) {
        let near = names::nearest(name, &mut self.config.services.iter().map(|service| service.name));
        match near {
            Some(near) => self.wrong_link(link, wrong::NO_SERVICE_NEAR, name, near.as_bytes()),
            None => self.wrong_link(link, wrong::NO_SERVICE, name, &[]),
        }
    }

    /// Gives each of `waiting` the container that its `from` names, under its own keys: first those whose model is
    /// complete, then those that this completes; what is left goes in a circle.
    fn copy(&mut self, mut waiting: Set) {
        let mut before = Set::EMPTY;
        while waiting != before {
            before = waiting;
            for at in 0..self.links.len() {
                let Some((link, name)) = self.named(at).filter(|(link, _)| link.kind == LinkKind::From) else {
                    continue;
                };
                let index = usize::from(link.service);
                let Some(model) = self.config.service(name).filter(|&model| !waiting.contains(model)) else { continue };
                if waiting.contains(index) {
                    waiting.remove(index);
                    self.copy_one(link, name, index, model);
                }
            }
        }
        for at in 0..self.links.len() {
            if let Some((link, name)) = self.named(at)
                && link.kind == LinkKind::From
                && waiting.contains(usize::from(link.service))
            {
                self.wrong_link(link, wrong::FROM_CIRCLE, name, &[]);
            }
        }
    }

    fn copy_one(&mut self, link: Link, name: &[u8], index: usize, model: usize) {
        let seen = self.contained.get(index).copied().unwrap_or_default();
        let (container, broken) = match self.config.services.get(model) {
            Some(model) => (model.container, model.broken),
            None => (None, true),
        };
        let Some(model) = container.filter(|_| !broken) else {
            let what = if broken { wrong::FROM_BROKEN } else { wrong::FROM_NOTHING };
            return self.wrong_link(link, what, name, &[]);
        };
        let Some(own) = self.config.services.get_mut(index).and_then(|service| service.container.as_mut()) else {
            return;
        };
        let mut all = model;
        let has = |field: Field| seen & field.bit() != 0;
        if has(Field::ContainerRoot) {
            all.root = own.root;
        }
        if has(Field::ContainerReadOnly) {
            all.read_only = own.read_only;
        }
        if has(Field::Volumes) {
            all.volumes = own.volumes;
        }
        if has(Field::Tmpfs) {
            all.tmpfs = own.tmpfs;
        }
        if has(Field::ContainerHostname) {
            all.hostname = own.hostname;
        }
        if has(Field::Network) {
            all.network = own.network;
        }
        if has(Field::ContainerInit) {
            all.init = own.init;
        }
        if has(Field::Privileged) {
            all.privileged = own.privileged;
        }
        if has(Field::CapAdd) {
            all.cap_add = own.cap_add;
        }
        if has(Field::CapDrop) {
            all.cap_drop = own.cap_drop;
        }
        *own = all;
    }

    /// Tells services that wait for each other, each circle once.
    fn circles(&mut self) {
        let mut reach = [Set::EMPTY; limits::SERVICES];
        for (reach, service) in reach.iter_mut().zip(&self.config.services) {
            *reach = Set(service.after.0 | service.requires.0);
        }
        // Warshall's closure: after step `through`, every way that leads over services up to it is known.
        for through in 0..self.config.services.len() {
            let further = reach.get(through).copied().unwrap_or_default();
            for reach in reach.iter_mut().filter(|reach| reach.contains(through)) {
                reach.0 |= further.0;
            }
        }
        let mut told = Set::EMPTY;
        for (index, own) in reach.iter().enumerate().filter(|(index, own)| own.contains(*index)) {
            if told.contains(index) {
                continue;
            }
            let mut names: Vec<u8, 200, u8> = Vec::new();
            let mut members = 0u8;
            for (other, others) in reach.iter().enumerate() {
                if !own.contains(other) || !others.contains(index) {
                    continue;
                }
                told.insert(other);
                members = members.saturating_add(1);
                if members > 1 {
                    let _ = names.extend_from_slice(b", ");
                }
                let _ = names.extend_from_slice(self.config.name(other).as_bytes());
                if let Some(service) = self.config.services.get_mut(other) {
                    service.broken = true;
                }
            }
            self.service = Some(index);
            self.here = self.heads.get(index).copied().unwrap_or_default();
            self.wrong(if members == 1 { wrong::SELF } else { wrong::CIRCLE }, [&[], &names, &[]]);
        }
    }
}
