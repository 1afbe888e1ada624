//! Where each key of the file goes in the [`Config`].

use core::ffi::CStr;

use super::keys::Field;
use super::{
    Config, Kind, List, Log, Network, OnExit, OnFailure, Ready, Restart, Seccomp, Userns, Wait, WatchdogStop, value,
};
use crate::text::duration::Millis;

impl<'a> Config<'a> {
    /// Sets `field` of the top, of the root or mount that came last, or of `service`, to a value that was checked: a
    /// number (of a word its place among [`super::keys::words`]), a text or a list, whichever it has.
    pub fn set(&mut self, service: Option<usize>, field: Field, number: u64, text: &'a CStr, list: List) {
        let yes = number != 0;
        match field {
            Field::Hostname => return self.hostname = Some(text),
            Field::Modules => return self.modules = list,
            Field::Sysctl => return self.sysctl = list,
            Field::OnFailure => return self.on_failure = on_failure(number),
            Field::Ip => return self.ip = Some(text),
            Field::RandomSeed => return self.random_seed = Some(text),
            Field::Watchdog => return self.watchdog = Millis(number),
            Field::WatchdogStop => {
                self.watchdog_stop = match number {
                    0 => WatchdogStop::Poweroff,
                    1 => WatchdogStop::Always,
                    _ => WatchdogStop::Never,
                };
                return;
            }
            _ => {}
        }
        if let Some(root) = self.roots.last_mut() {
            match field {
                Field::RootSource => return root.source = text,
                Field::RootType => return root.fstype = value::file_system(text),
                Field::RootOptions => return root.options = Some(text),
                Field::RootReadOnly => return root.read_only = yes,
                Field::RootWait if number == u64::MAX => return root.wait = Wait::Forever,
                Field::RootWait => return root.wait = Wait::For(Millis(number)),
                Field::RootInit => return root.init = Some(text),
                Field::RootImage => return root.image = Some(text),
                Field::RootFsck => return root.fsck = yes,
                Field::RootOverlay => return root.overlay = Some(text),
                _ => {}
            }
        }
        if let Some(mount) = self.mounts.last_mut() {
            match field {
                Field::MountSource => return mount.source = text,
                Field::MountTarget => return mount.target = text,
                Field::MountType => return mount.fstype = value::file_system(text),
                Field::MountOptions => return mount.options = Some(text),
                _ => {}
            }
        }
        let Some(service) = service.and_then(|index| self.services.get_mut(index)) else { return };
        match field {
            Field::Exec => return service.exec = list,
            Field::Stop => return service.stop = list,
            Field::Type => {
                service.kind = match number {
                    0 => Kind::Daemon,
                    1 => Kind::Oneshot,
                    _ => Kind::Console,
                };
                return;
            }
            Field::OwnTty => {
                // A launcher's console is the container's own.
                service.kind = if yes { Kind::Console } else { Kind::Daemon };
                return;
            }
            Field::Tty => return service.tty = Some(text),
            Field::Ask => return service.ask = yes,
            Field::Restart => {
                service.restart = match number {
                    0 => Restart::Always,
                    1 => Restart::OnFailure,
                    _ => Restart::Never,
                };
                return;
            }
            Field::Autostart => return service.autostart = yes,
            Field::Env => return service.env = list,
            Field::EnvFile => return service.env_files = list,
            Field::User => return service.user = Some(text),
            Field::GroupAdd => return service.groups = list,
            Field::Umask => return service.umask = number as u16,
            Field::Ulimit => return service.ulimits = list,
            Field::OomScore => return service.oom_score = Some(number as i16),
            Field::Memory => return service.limits.memory = number,
            Field::Cpus => return service.limits.cpus = number as u32,
            Field::PidsLimit => return service.limits.pids = number as u32,
            Field::Cgroup => return service.limits.cgroup = list,
            Field::Workdir => return service.workdir = Some(text),
            Field::Log => {
                service.log = match number {
                    0 => Log::Kmsg,
                    1 => Log::Console,
                    2 => Log::Null,
                    value::TO_SERVICE => Log::Service(value::after_colon(text)),
                    _ => Log::Path(text),
                };
                return;
            }
            Field::StopSignal => return service.stop_signal = number as u8,
            Field::StopTimeout => return service.stop_timeout = Millis(number),
            Field::StartTimeout => return service.start_timeout = Some(Millis(number)),
            Field::ReloadSignal => return service.reload_signal = Some(number as u8),
            Field::CrashLimit => return service.crash_limit = value::crash_limit(text.to_bytes()),
            Field::ServiceOnFailure => return service.on_failure = on_failure(number),
            Field::OnExit => {
                service.on_exit = match number {
                    0 => OnExit::None,
                    1 => OnExit::Poweroff,
                    2 => OnExit::Reboot,
                    _ => OnExit::Halt,
                };
                return;
            }
            Field::Listen => return service.listen = list,
            Field::Ready => {
                service.ready = match number {
                    0 => Ready::None,
                    1 => Ready::Notify,
                    _ => Ready::Fd(number as u8),
                };
                return;
            }
            Field::ServiceWatchdog => return service.watchdog = Some(Millis(number)).filter(|time| time.0 > 0),
            _ => {}
        }
        let Some(container) = &mut service.container else { return };
        match field {
            Field::ContainerRoot => container.root = text,
            Field::ContainerReadOnly => container.read_only = yes,
            Field::Overlay => container.overlay = Some(text),
            Field::Volumes => container.volumes = list,
            Field::Tmpfs => container.tmpfs = list,
            Field::Devices => container.devices = list,
            Field::ContainerHostname => container.hostname = Some(text),
            Field::Network => {
                let word = value::after_colon(text);
                container.network = match number {
                    0 => Network::None,
                    1 => Network::Host,
                    value::TO_SERVICE => Network::Service(word),
                    _ => Network::Netns(word),
                };
            }
            Field::Userns => container.userns = if yes { Userns::Auto } else { Userns::Host },
            Field::ContainerInit => container.init = yes,
            Field::Privileged => container.privileged = yes,
            Field::CapAdd => container.cap_add = list,
            Field::CapDrop => container.cap_drop = list,
            Field::CapAmbient => container.cap_ambient = list,
            Field::NoNewPrivileges => container.new_privileges = !yes,
            Field::Unmask => container.unmask = yes,
            Field::PreserveFds => container.preserved = number as u8,
            Field::ContainerSysctl => container.sysctl = list,
            Field::Seccomp => container.seccomp = if yes { Seccomp::None } else { Seccomp::Default },
            _ => {}
        }
    }
}

fn on_failure(number: u64) -> OnFailure {
    match number {
        0 => OnFailure::None,
        1 => OnFailure::Rescue,
        2 => OnFailure::Reboot,
        3 => OnFailure::Poweroff,
        4 => OnFailure::Halt,
        _ => OnFailure::Panic,
    }
}
