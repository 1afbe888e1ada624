//! Names of services in other services: looked up when all are known, circles told.

use super::file::Parser;
use super::keys::Field;
use super::wrong::Wrong;
use super::{Container, Network, Set, Userns};
use crate::text::names::Nearest;
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
    Log,
    Network,
}

impl<'a> Parser<'a, '_> {
    pub(super) fn link(&mut self) {
        let mut copies = Set::EMPTY;
        for at in 0..self.links.len() {
            let Some((link, name)) = self.named(at) else { continue };
            let index = usize::from(link.service);
            match (self.config.service(name), self.config.services.get_mut(index)) {
                (Some(target), Some(service)) => match link.kind {
                    // Who reads the lines is there before they come, and goes after them; a network that is shared is there
                    // before who shares it. (Not that whose it is must be up: PID 1 keeps it.)
                    LinkKind::After | LinkKind::Log | LinkKind::Network => service.after.insert(target),
                    LinkKind::Requires => service.requires.insert(target),
                    LinkKind::From => copies.insert(index),
                },
                _ => self.nobody(link, name),
            }
        }
        self.copy(copies);
        self.share();
        self.circles();
    }

    /// The link at `at`, and the name in it.
    fn named(&self, at: usize) -> Option<(Link, &'a [u8])> {
        let link = *self.links.get(at)?;
        let name: &'a core::ffi::CStr = self.config.words.get(usize::from(link.word))?;
        Some((link, name.to_bytes()))
    }

    /// Tells an error at `link`, in the service that it is in.
    fn wrong_link(&mut self, link: Link, what: Wrong, name: &[u8], near: &[u8]) {
        self.here = link.place;
        self.service = Some(usize::from(link.service));
        let key = match link.kind {
            LinkKind::After => "after",
            LinkKind::Requires => "requires",
            LinkKind::From => "from",
            LinkKind::Log => "log",
            LinkKind::Network => "network",
        };
        self.tell(what.text(), [key.as_bytes(), name, near]);
    }

    fn nobody(&mut self, link: Link, name: &[u8]) {
        let mut near = Nearest::to(name);
        for service in &self.config.services {
            near.consider(service.name.as_bytes());
        }
        match near.found() {
            Some(near) => self.wrong_link(link, Wrong::NoServiceNear, name, near),
            None => self.wrong_link(link, Wrong::NoService, name, &[]),
        }
    }

    /// Gives each of `waiting` the container that its `from` names, under its own keys: first those whose model is
    /// complete, then those that this completes; what is left goes in a circle.
    fn copy(&mut self, mut waiting: Set) {
        let mut stuck = false;
        while waiting != Set::EMPTY {
            let before = waiting;
            for at in 0..self.links.len() {
                let Some((link, name)) = self.named(at) else { continue };
                let index = usize::from(link.service);
                if link.kind != LinkKind::From || !waiting.contains(index) {
                    continue;
                }
                let Some(model) = self.config.service(name) else { continue };
                if stuck {
                    self.wrong_link(link, Wrong::FromCircle, name, &[]);
                } else if waiting.contains(model) {
                    continue;
                } else if let Err(what) = self.copy_one(index, model) {
                    self.wrong_link(link, what, name, &[]);
                }
                waiting.remove(index);
            }
            stuck = waiting == before;
        }
    }

    #[inline(never)]
    fn copy_one(&mut self, index: usize, model: usize) -> Result<(), Wrong> {
        let model = self.config.services.get(model).ok_or(Wrong::FromNothing)?;
        if model.broken {
            return Err(Wrong::FromBroken);
        }
        let model = model.container.ok_or(Wrong::FromNothing)?;
        let own = self.config.services.get_mut(index).and_then(|service| service.container.as_mut());
        let (Some(own), Some(seen)) = (own, self.contained.get(index)) else { return Ok(()) };
        let lacks = |field: Field| seen & field.bit() == 0;
        macro_rules! inherit {
            ($($field:ident $name:ident)*) => { $(if lacks(Field::$field) { own.$name = model.$name; })* };
        }
        inherit! {
            ContainerRoot root
            ContainerReadOnly read_only
            Overlay overlay
            Volumes volumes
            Tmpfs tmpfs
            ContainerHostname hostname
            Network network
            Userns userns
            ContainerInit init
            Privileged privileged
            CapAdd cap_add
            CapDrop cap_drop
            CapAmbient cap_ambient
            NoNewPrivileges new_privileges
            Unmask unmask
            Seccomp seccomp
            Devices devices
            ContainerSysctl sysctl
        }
        let owner = self.config.shares(index).and_then(|name| self.config.service(name));
        if let (Some(owner), Some(service)) = (owner, self.config.services.get_mut(index)) {
            service.after.insert(owner);
        }
        Ok(())
    }

    /// Tells services whose network is shared and is not their own, when what is copied is known.
    fn share(&mut self) {
        for at in 0..self.links.len() {
            let Some((link, name)) = self.named(at) else { continue };
            let owner = self.config.service(name).and_then(|owner| self.config.services.get(owner));
            let own = self.config.services.get(usize::from(link.service)).and_then(|own| own.container.as_ref());
            if link.kind == LinkKind::Network && own.is_some_and(|own| own.userns == Userns::Auto) {
                self.wrong_link(link, Wrong::OthersNetwork, name, &[]);
            } else if link.kind == LinkKind::Network
                && owner.is_some_and(|owner| !matches!(owner.container, Some(Container { network: Network::None, .. })))
            {
                self.wrong_link(link, Wrong::NoNetwork, name, &[]);
            }
        }
    }

    /// Tells services that wait for each other, each circle once.
    fn circles(&mut self) {
        let mut left = Set::EMPTY;
        for index in 0..self.config.services.len() {
            left.insert(index);
        }
        loop {
            // Who waits for none of those left, can start; in the end each one left waits for one of them.
            let mut before = Set::EMPTY;
            while left != before {
                before = left;
                for index in 0..self.config.services.len() {
                    if self.first_awaited(index, left).is_none() {
                        left.remove(index);
                    }
                }
            }
            // So this way never ends, and when it has gone as many steps as there are services, it is in a circle.
            let Some(mut index) = left.first() else { return };
            for _ in 0..self.config.services.len() {
                index = self.first_awaited(index, left).unwrap_or(index);
            }
            let mut names: Vec<u8, 200, u8> = Vec::new();
            let mut circle = Set::EMPTY;
            while !circle.contains(index) {
                circle.insert(index);
                let separator: &[u8] = if names.is_empty() { b"" } else { b", " };
                let _ = names.extend_from_slice(separator);
                let _ = names.extend_from_slice(self.config.name(index).as_bytes());
                if let Some(service) = self.config.services.get_mut(index) {
                    service.broken = true;
                }
                index = self.first_awaited(index, left).unwrap_or(index);
            }
            left.0 &= !circle.0;
            self.at_service(index);
            self.wrong(Wrong::Circle, &[], &names);
        }
    }

    /// The first of `among` that the service at `index` waits for.
    fn first_awaited(&self, index: usize, among: Set) -> Option<usize> {
        let service = self.config.services.get(index)?;
        Set((service.after.0 | service.requires.0) & among.0).first()
    }
}
