//! The supervisor as PID 1: of the machine once it is up, or of a pid namespace from the start.

use core::ffi::CStr;

use super::boot::{self, CONFIG, Machine, must_have};
use super::ending::farewell_and_end;
use super::exit;
use super::source::{self, Loaded};
use crate::boot::device::Events;
use crate::config::{Config, file};
use crate::source::Text;
use crate::supervise::{self, End, Outcome, Supervisor};
use crate::sys::args::Args;
use crate::sys::fd::Fd;
use crate::sys::memory::{self, Static};
use crate::sys::{process, signal};
use crate::text::duration::Millis;
use crate::{limits, log, say};

static SUPERVISOR: Static<Supervisor> = Static::new(Supervisor::new());

/// The config of a reload, and of the next one once that is over.
static RELOADED: Static<Text> = Static::new([0; limits::CONFIG_BYTES + 1]);

/// Runs the services of the machine until it ends.
pub fn machine(machine: &Machine, config: &Config, give_up_at: Option<Millis>) -> ! {
    let end = run(&supervise::Set {
        config,
        signals: &machine.signals,
        machine: true,
        alone: process::has_one_processor(),
        term: boot::term(&machine.args),
        give_up_at,
        phases: &machine.phases,
        events: &machine.events,
        source: machine.source,
    });
    farewell_and_end(machine, end)
}

/// Runs services until something ends them, with a new config after each reload.
#[inline(never)]
fn run(set: &supervise::Set) -> End {
    let Some(supervisor) = SUPERVISOR.take() else { process::exit(exit::SYSTEM) };
    memory::release_stack();
    log::never_wait();
    let mut outcome = supervise::run(supervisor, set);
    let mut text = None;
    loop {
        outcome = match outcome {
            Outcome::End(end) => return end,
            Outcome::Reload(file) => match text.take().or_else(|| RELOADED.take()) {
                Some(buffer) => run_reloaded(supervisor, set, file, text.insert(buffer)),
                None => process::exit(exit::SYSTEM),
            },
        };
    }
}

/// Apart, for the config: 40 kB of stack that a machine without a reload never touches.
#[inline(never)]
fn run_reloaded(supervisor: &mut Supervisor, set: &supervise::Set, file: Fd, text: &mut Text) -> Outcome {
    let length = supervise::text_of(&file, text);
    drop(file);
    let mut config = Config::new();
    // It was found without a fault already, and it is the same text.
    file::parse(text.get_mut(..length).unwrap_or_default(), &mut config, &mut |_| {});
    supervise::run(supervisor, &supervise::Set { config: &config, ..*set })
}

/// What a reload reads.
pub fn source_of(loaded: Loaded) -> Result<&'static CStr, &'static str> {
    match loaded {
        Loaded::File(path) => Ok(path),
        Loaded::Baked => Err("the config is built in; there is no file to read"),
        Loaded::Default => Ok(source::USUAL),
    }
}

/// PID 1 of a pid namespace that is not the machine's: keeps the mounts it finds, and exits when its services end it.
#[inline(never)]
pub fn namespace(args: Args) -> ! {
    signal::block_all();
    signal::ignore_none();
    let signals = must_have(signal::open());
    let Some(config) = CONFIG.take() else { process::exit(exit::SYSTEM) };
    let Ok((loaded, verdict)) = source::load(None, source::room(), config) else { process::exit(exit::USAGE) };
    if !verdict.usable {
        process::exit(exit::USAGE);
    }
    if !config.roots.is_empty() || !config.modules.is_empty() {
        say!(Failure, "{}: [root] and modules are for the machine, and this is a container", loaded.name());
        process::exit(exit::USAGE);
    }
    let others = config.ip.is_some() || config.random_seed.is_some();
    if others || config.hostname.is_some() || !config.sysctl.is_empty() || config.watchdog != Millis(0) {
        say!(
            Warning,
            "{}: hostname, ip, random-seed, sysctl and watchdog are for the machine; whoever made this container sets them",
            loaded.name()
        );
    }
    if boot::shield_containers(&args, config).is_err() || boot::mount_all(None, config).is_err() {
        process::exit(exit::SYSTEM);
    }
    let end = run(&supervise::Set {
        config,
        signals: &signals,
        machine: false,
        alone: process::has_one_processor(),
        term: boot::term(&args),
        give_up_at: None,
        phases: &[],
        events: &Events::none(),
        source: source_of(loaded),
    });
    supervise::end(end, false, &signals, None, &|| {})
}
