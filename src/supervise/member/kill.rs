//! How a service is asked to end, and made to.

use super::Member;
use crate::config::{Kind, Service};
use crate::sys::process;

impl Member {
    pub(super) fn stop(&self, service: &Service) {
        if let (Kind::Console, Some(pid)) = (service.kind, self.pid) {
            // An interactive shell ignores TERM; that its terminal hangs up is what it ends for.
            let _ = process::kill_group(pid, libc::SIGHUP as u8);
        }
        self.signal(service, service.stop_signal);
    }

    /// Sends `number` to it.
    pub fn signal(&self, service: &Service, number: u8) {
        let Some(pid) = self.pid else { return };
        // A container's PID 1 passes it on; a plain service is its process group, a shell's children included.
        if service.container.is_some() || process::kill_group(pid, number).is_err() {
            let _ = process::kill(pid, number);
        }
        // One that was stopped could not obey.
        let _ = process::kill(pid, libc::SIGCONT as u8);
    }

    /// SIGKILL to all of it.
    pub(super) fn kill(&mut self) {
        if let Some(pid) = self.pid {
            let _ = process::kill_group(pid, libc::SIGKILL as u8);
            let _ = process::kill(pid, libc::SIGKILL as u8);
        }
        self.kill_left();
    }

    /// SIGKILL to what its process left behind.
    pub(super) fn kill_left(&mut self) {
        if let Some(stopper) = &self.stopper {
            let _ = process::kill_group(stopper.pid, libc::SIGKILL as u8);
        }
        match (&self.cgroup, self.group) {
            (Some(cgroup), _) => cgroup.kill(),
            // ESRCH as a rule: nobody is left in it. Its number is not given to another group while somebody is.
            (None, Some(group)) => drop(process::kill_group(group, libc::SIGKILL as u8)),
            (None, None) => {}
        }
    }
}
