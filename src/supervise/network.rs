//! The network namespaces of services: made with a first process, kept for the next one, shared by others.
//!
//! PID 1 holds them by descriptors and is never in one. What is held is what nobody else would keep: addresses, routes and
//! interfaces, over a restart of whoever runs there.

use super::Loop;
use super::service::State;
use crate::config::Set;
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
                say!(
                    Failure,
                    "{}: join the network of service {}: it has none now; is it running?",
                    config.name(index),
                    Show(name)
                );
                Err(None)
            }
        }
    }

    /// A service that was stopped, or failed, gets a new network with its next start: unless one that shares it is up, which
    /// would be left alone in the old one. (One that is done has done its work: making the network, it may be.)
    #[inline(never)]
    pub(super) fn drop_networks(&mut self) {
        let config = self.set.config;
        let mut shared = Set::EMPTY;
        for index in 0..self.members.len() {
            if let Some(owner) = config.shares(index).and_then(|name| config.service(name))
                && !self.state(index).is_at_rest()
            {
                shared.insert(owner);
            }
        }
        for (index, member) in self.members.iter_mut().enumerate() {
            if matches!(member.state, State::Stopped | State::Failed) && !shared.contains(index) {
                member.network = None;
            }
        }
    }
}
