//! A service as the config has it.

use core::ffi::CStr;

use super::{Container, CrashLimit, Kind, Limits, List, Log, Name, OnExit, OnFailure, Ready, Restart, Set};
use crate::text::duration::Millis;

/// `[service.NAME]`.
#[derive(Clone, Copy, Debug)]
pub struct Service<'a> {
    pub name: Name<'a>,
    pub kind: Kind,
    pub exec: List,
    pub stop: List,
    pub restart: Restart,
    pub after: Set,
    pub requires: Set,
    pub autostart: bool,
    /// Console: wait for Enter first.
    pub ask: bool,
    pub tty: Option<&'a CStr>,
    pub env: List,
    /// Paths of the host's, with `-` before what may be missing.
    pub env_files: List,
    /// `USER[:GROUP]`, names or numbers, looked up in the service's own root.
    pub user: Option<&'a CStr>,
    /// Supplementary groups beside the user's, looked up there too.
    pub groups: List,
    pub umask: u16,
    /// `NAME=SOFT[:HARD]` words.
    pub ulimits: List,
    /// None: as the launcher's.
    pub oom_score: Option<i16>,
    pub limits: Limits,
    pub workdir: Option<&'a CStr>,
    pub log: Log<'a>,
    /// Signal number.
    pub stop_signal: u8,
    pub stop_timeout: Millis,
    /// It is stopped, as failed, unless it is Ready (a oneshot: Done) by then. None: no limit.
    pub start_timeout: Option<Millis>,
    /// The signal that `tinyo reload NAME` sends.
    pub reload_signal: Option<u8>,
    pub crash_limit: Option<CrashLimit>,
    pub on_failure: OnFailure,
    pub on_exit: OnExit,
    /// [`Address`](crate::text::address::Address) words.
    pub listen: List,
    pub ready: Ready,
    /// A sign of life must come within this time, again and again.
    pub watchdog: Option<Millis>,
    pub container: Option<Container<'a>>,
    /// The file had an error in this service: it is named and never started.
    pub broken: bool,
}

impl<'a> Service<'a> {
    /// With every default.
    pub const fn new(name: &'a str) -> Self {
        Service {
            name: Name::of(name.as_bytes()),
            kind: Kind::Daemon,
            exec: List::EMPTY,
            stop: List::EMPTY,
            restart: Restart::Always,
            after: Set::EMPTY,
            requires: Set::EMPTY,
            autostart: true,
            ask: true,
            tty: None,
            env: List::EMPTY,
            env_files: List::EMPTY,
            user: None,
            groups: List::EMPTY,
            umask: 0o022,
            ulimits: List::EMPTY,
            oom_score: None,
            limits: Limits::NONE,
            workdir: None,
            log: Log::Kmsg,
            stop_signal: 15,
            stop_timeout: Millis(5000),
            start_timeout: None,
            reload_signal: None,
            crash_limit: None,
            on_failure: OnFailure::Unset,
            on_exit: OnExit::None,
            listen: List::EMPTY,
            ready: Ready::None,
            watchdog: None,
            container: None,
            broken: false,
        }
    }
}
