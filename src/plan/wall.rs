//! Which walls of a container its config takes down, one at a time: what `tinyo plan` says before the steps. Pure.

use crate::config::{Config, Container, Network};
use crate::container::capabilities::{self, Names};
use crate::text::packed::packed;
use crate::text::put::Word;

/// Gives `each` the key that removes a wall, and what is open then.
pub fn removed(config: &Config, container: &Container, each: &mut dyn FnMut(&str, &dyn Word)) {
    if container.privileged {
        each(
            "privileged",
            &packed!(
                "all capabilities, device nodes open, nothing masked or read-only in /proc and /sys, setuid files work, the \
                launcher's keyring and executable in reach"
            ),
        );
    } else {
        let added = capabilities::set(config.list(container.cap_add), config.list(container.cap_drop));
        match added & !capabilities::DEFAULT {
            0 => {}
            added => each("cap-add", &Names(added)),
        }
    }
    if container.preserved > 0 {
        each("preserve-fds", &packed!("whatever the launcher's open files lead to"));
    }
    if container.network == Network::Host {
        each("network", &packed!("the host's interfaces, ports and abstract sockets"));
    }
}
