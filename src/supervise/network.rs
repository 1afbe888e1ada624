//! The network namespaces of services: made with a first process, kept for the next one, shared by others.
//!
//! PID 1 holds them by descriptors and is never in one. What is held is what nobody else would keep: addresses, routes and
//! interfaces, over a restart of whoever runs there.

use super::Loop;
use super::service::State;
use crate::say;
use crate::sys::error::Error;
use crate::sys::fd::{self, Fd};
use crate::text::show::Show;

impl Loop<'_> {
    /// The network that the service at `index` shares, for its next process. Else why not, unless that was said.
    pub(super) fn shared_network(&self, index: usize) -> Result<Option<Fd>, Option<Error>> {
        let config = self.set.config;
        let Some(name) = config.shares(index) else { return Ok(None) };
        let owner = config.service(name).and_then(|owner| self.members.get(owner));
        match owner.and_then(|owner| owner.network.as_ref()) {
            Some(network) => Ok(Some(fd::duplicate(network.number())?)),
            None => {
                let (name, own) = (Show(name), config.name(index));
                say!(
                    Failure,
                    "{}: join the network of service {}: it has none now; try tinyo start {}",
                    own,
                    name,
                    name
                );
                Err(None)
            }
        }
    }

    /// A service that was stopped, or failed, gets a new network with its next start: unless one that shares it is up, which
    /// would be left alone in the old one. (One that is done has done its work: making the network, it may be.)
    pub(super) fn drop_networks(&mut self) {
        for index in 0..self.members.len() {
            let is_sharer =
                |other: &usize| self.set.config.shares(*other) == Some(self.set.config.name(index).as_bytes());
            let is_shared = (0..self.members.len()).filter(is_sharer).any(|other| !self.state(other).is_at_rest());
            if let Some(member) = self.members.get_mut(index)
                && matches!(member.state, State::Stopped | State::Failed)
                && !is_shared
            {
                member.network = None;
            }
        }
    }
}
