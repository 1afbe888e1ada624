//! PID 1: of the machine from the kernel's hand-over on, or of a container.

use core::ffi::CStr;

use super::source::{self, Loaded};
use super::{ending, exit, handover, own, supervisor};
use crate::boot::device::Events;
use crate::boot::find::{self, Known};
use crate::boot::modules::Modules;
use crate::boot::root;
use crate::config::line::{BootLine, Verbosity};
use crate::config::{Config, Kind, Mount, OnExit, OnFailure, Restart, Service, WatchdogStop, line};
use crate::container::shield;
use crate::limits;
use crate::log::{self, Level};
use crate::plan::run;
use crate::plan::{Plan, Step, machine};
use crate::supervise::Phase;
use crate::sys::args::Args;
use crate::sys::error::Error;
use crate::sys::fd::Fd;
use crate::sys::fs::{self, At};
use crate::sys::memory::Static;
use crate::sys::{poll, power, process, signal};
use crate::text::bytes::{self, Path};
use crate::text::duration::Millis;
use crate::text::options;
use crate::{say, watchdog};

pub static CONFIG: Static<Config<'static>> = Static::new(Config::new());

/// What every part of the boot works with.
pub struct Machine {
    pub args: Args,
    pub signals: Fd,
    pub events: Events,
    pub line: BootLine<'static>,
    pub watchdog_stop: WatchdogStop,
    /// Once it may be written to.
    pub seed: Option<&'static CStr>,
    /// What the boot did so far, one after the other.
    pub phases: heapless::Vec<Phase, PHASES>,
    /// See [`supervise::Set::source`].
    pub source: Result<&'static CStr, &'static str>,
}

/// kernel, early mounts, config, modules, root, mounts.
const PHASES: usize = 6;

impl Machine {
    /// A part of the boot ends here; the next begins.
    fn mark(&mut self, name: &'static str) {
        let began = self.phases.last().map_or(Millis(0), |phase| phase.ended);
        // One place for each.
        let _ = self.phases.push(Phase { name, began, ended: poll::now() });
    }
}

/// A boot that cannot go on; why was said.
pub struct Stuck;

/// PID 1 of the machine. From here on nothing may end this process but reboot(2) or another init.
pub fn machine(args: Args) -> ! {
    signal::block_all();
    let signals = must_have(signal::open());
    let (events, line, phases) = (Events::none(), BootLine::default(), heapless::Vec::new());
    let source = Err("the services are the kernel command line's; there is no file to read");
    let watchdog_stop = WatchdogStop::default();
    let mut machine = Machine { args, signals, events, line, watchdog_stop, seed: None, phases, source };
    machine.mark("kernel");
    if let Err(error) = power::set_ctrl_alt_del(false) {
        say!(Warning, "ctrl-alt-del: {}", error.errno());
    }
    take_all(&machine::EARLY);
    signal::ignore_none();
    begin_kernel_log();
    let mut room = source::room();
    // Begun anew behind the shield: this part of the boot has been said.
    log::mute(shield::began_anew(&machine.args));
    machine.line = read_line(&mut room);
    machine.mark("early mounts");
    set_log_limit(&machine.line);
    let Some(config) = CONFIG.take() else { process::exit(exit::SYSTEM) };
    match prepare(&mut machine, room, config) {
        Ok(()) => supervisor::machine(&machine, config, None),
        Err(Stuck) => ending::fail(&machine, config.on_failure),
    }
}

/// Steps of which none is a reason not to go on.
pub fn take_all(steps: &[Step]) {
    for step in steps {
        if let Err(error) = run::take_alone(step) {
            say_failure(step, error);
        }
    }
}

/// All that comes before the services.
#[inline(never)]
fn prepare(machine: &mut Machine, room: &'static mut [u8], config: &mut Config<'static>) -> Result<(), Stuck> {
    let line = &machine.line;
    let in_initramfs = is_initramfs();
    let loaded = source::load(line.config, room, config);
    log::mute(false);
    if line.rescue {
        say!(Failure, "tinyo.rescue on the kernel command line: not going on");
        config.on_failure = OnFailure::Rescue;
        return Err(Stuck);
    }
    let (loaded, verdict) = loaded?;
    if !verdict.usable {
        return Err(Stuck);
    }
    if !in_initramfs && (!config.roots.is_empty() || !config.modules.is_empty()) {
        say!(Failure, "{}: [root] and modules are for an initramfs, and this is the real root", loaded.name());
        return Err(Stuck);
    }
    let replaced = if in_initramfs { line::apply(line, config) } else { apply_here(line, config) };
    if replaced.roots {
        say!(Info, "root= replaces the roots of {}, all but init, fsck and overlay of the first", loaded.name());
    }
    if loaded == Loaded::Default && !config.roots.is_empty() {
        // The shell is for who has nothing else.
        config.services.clear();
    }
    if machine.line.command.is_empty() {
        machine.source = supervisor::source_of(loaded);
    }
    take_command(machine, config, loaded)?;
    shield_containers(&machine.args, config)?;
    // Before the first module: a disk that comes between would be lost. Nobody else has anything to wait for.
    let disks = !config.roots.is_empty() || !config.mounts.is_empty();
    let listen = disks || config.ip.is_some();
    machine.events = Events::open(listen, Modules::of(config, &machine.line.given));
    machine.mark("config");
    machine.watchdog_stop = config.watchdog_stop;
    set_up(machine, config)?;
    own::advance_clock();
    machine.mark("modules");
    if !config.roots.is_empty() {
        handover::find_and_enter(machine, config)?;
        machine.mark("root");
    }
    take_all(&machine::FOR_SERVICES);
    mount_all(Some(machine), config)?;
    // Its file may be on any of them.
    machine.seed = config.random_seed.inspect(|path| own::take_seed(path));
    machine.mark("mounts");
    link_binary();
    let mut follows = false;
    machine.events.modules(&mut |modules| follows = modules.is_auto());
    // What a driver finds has its own: a bus, its devices, what is on them. No machine is as deep.
    let _ = follows && (0..16).all(|_| machine.events.drain());
    machine.events.modules(&mut |modules| follows = follows && modules.go_apart());
    if !follows {
        // Nobody reads them any more; the kernel would keep them for us.
        machine.events = Events::none();
    }
    Ok(())
}

/// On the real root the words about a root are somebody else's: the kernel has acted on them.
fn apply_here(line: &BootLine<'static>, config: &mut Config<'static>) -> line::Replaced {
    config.hostname = line.hostname.or(config.hostname);
    config.ip = line.ip.or(config.ip);
    line::Replaced::default()
}

/// Host name, sysctls, modules, network. A machine can do without some of that: what is missing shows by what needs it.
#[inline(never)]
fn set_up(machine: &Machine, config: &Config) -> Result<(), Stuck> {
    let mut plan = Plan::default();
    machine::set_up(&mut plan, config);
    if plan.full {
        say!(Failure, "config: more than {} steps; write fewer modules or sysctls", limits::STEPS);
        return Err(Stuck);
    }
    let mut unopened = None;
    for step in &plan.steps {
        let done = match step {
            Step::Module(item) => {
                machine.events.modules(&mut |modules| modules.take(item));
                Ok(())
            }
            Step::Ip(word) => {
                own::configure(machine, step, word);
                Ok(())
            }
            Step::Watchdog(timeout) => {
                // Its driver may be one of the modules.
                unopened = watchdog::open(*timeout).is_err().then_some((step, *timeout));
                Ok(())
            }
            _ => run::take_alone(step),
        };
        if let Err(error) = done {
            say_failure(step, error);
        }
        watchdog::feed();
    }
    if let Some((step, timeout)) = unopened
        && let Err(error) = watchdog::open(timeout)
    {
        run::say_failure(b"watchdog", step, error.errno());
    }
    Ok(())
}

/// The `[[mount]]` tables.
///
/// On the machine a disk that the boot cannot do without is waited for, as the root is.
pub fn mount_all(machine: Option<&Machine>, config: &Config) -> Result<(), Stuck> {
    let nobody = Events::none();
    let events = machine.map_or(&nobody, |machine| &machine.events);
    for step in machine::mounts(config) {
        let Step::Mount(table, need) = step else { continue };
        let optional = options::has(table.options.unwrap_or_default().to_bytes(), b"nofail");
        let mut place = Path::new();
        let device = find::is_device(table.source, table.fstype);
        let Known { fstype: known, .. } = match machine.filter(|_| !optional) {
            _ if !device => Known::default(),
            Some(machine) => handover::wait_for_device(machine, table.source, table.fstype, &mut place),
            None => find::device(table.source, table.fstype, &mut place).unwrap_or_default(),
        };
        watchdog::feed();
        let found = Mount { source: bytes::terminated(&place).unwrap_or(table.source), ..*table };
        let source = device.then_some(found.source);
        let done = root::mount_by_type(table.fstype, known, source, events, &mut |fstype| {
            run::take_alone(&Step::Mount(&Mount { fstype, ..found }, need))
        });
        let Err(error) = done else { continue };
        // Which one the kernel lacks, it does not say itself.
        let fstype = table.fstype.or_else(|| device.then(|| find::look_at(found.source))?.map(|it| it.type_name()));
        say_failure(&Step::Mount(&Mount { fstype, ..*table }, need), error);
        if !optional {
            return Err(Stuck);
        }
    }
    Ok(())
}

/// A step of the machine itself.
pub fn say_failure(step: &Step, error: Error) {
    run::say_failure(b"", step, error.errno());
}

pub fn must_have<T>(done: Result<T, Error>) -> T {
    match done {
        Ok(value) => value,
        Err(error) => {
            say!(Failure, "{}", error);
            process::exit(exit::SYSTEM)
        }
    }
}

/// `/` is in memory: where the kernel unpacked its initramfs.
fn is_initramfs() -> bool {
    fs::open(c"/", fs::PLACE).and_then(|root| fs::file_system(&root)).is_ok_and(|system| system.is_memory())
}

/// Messages go to the kernel's log, and no terminal stays open: SysRq-K (SAK) kills whoever holds the console.
#[inline(never)]
fn begin_kernel_log() {
    match fs::open(c"/dev/kmsg", fs::WRITE) {
        Ok(kmsg) => {
            log::to_kmsg(kmsg);
            if let Ok(null) = fs::open(c"/dev/null", fs::READ_WRITE) {
                let _ = null.onto_standard();
            }
        }
        Err(error) => {
            // Whatever was open at the start (perhaps only a filler) becomes the console, now that /dev is there.
            // Never waiting for a reader: ^S on the line must not stop PID 1.
            if let Ok(console) = fs::open(c"/dev/console", fs::READ_WRITE | fs::NON_BLOCK) {
                let _ = console.onto_standard();
            }
            say!(Warning, "open /dev/kmsg: {}; messages go to the console", error.errno());
        }
    }
}

/// Takes of `room` what the line needs.
#[inline(never)]
fn read_line(room: &mut &'static mut [u8]) -> BootLine<'static> {
    let most = room.get_mut(..limits::CMDLINE_BYTES).unwrap_or_default();
    let length = match fs::read_file(c"/proc/cmdline", most) {
        Ok(text) => text.len(),
        Err(error) => {
            say!(Failure, "read /proc/cmdline: {}; going on without it", error.errno());
            0
        }
    };
    let (text, rest) = core::mem::take(room).split_at_mut_checked(length).unwrap_or_default();
    *room = rest;
    line::parse(text, &mut |message| say!(Warning, "{}", *message))
}

fn set_log_limit(line: &BootLine) {
    log::set_limit(match line.log {
        Some(Verbosity::Quiet) => Level::Failure,
        Some(Verbosity::Info) | None => Level::Info,
        Some(Verbosity::Debug) => Level::Debug,
    });
}

/// A command after `--` is the one service: on the console, in our environment, and its end is the machine's.
fn take_command(machine: &Machine, config: &mut Config<'static>, loaded: Loaded) -> Result<(), Stuck> {
    if machine.line.command.is_empty() {
        return Ok(());
    }
    if !config.services.is_empty() && loaded != Loaded::Default {
        say!(Info, "the command on the kernel command line replaces the services of {}", loaded.name());
    }
    config.services.clear();
    let exec = config.add_list(&mut machine.line.command.iter().copied());
    let env = config.add_list(&mut machine.args.environment());
    let (Some(exec), Some(env)) = (exec, env) else {
        say!(Failure, "kernel command line: too many words for a command; write at most {}", limits::COMMAND_WORDS);
        return Err(Stuck);
    };
    // The list was emptied above.
    let command = config.add_service(b"command").ok_or(Stuck)?;
    command.kind = Kind::Console;
    command.ask = false;
    command.restart = Restart::Never;
    command.on_exit = machine.line.on_exit.unwrap_or(OnExit::Poweroff);
    (command.exec, command.env) = (exec, env);
    Ok(())
}

/// `/run/tinyo/bin/tinyo`, wherever our own file is by now: /proc/1/exe leads to it even when it was removed.
fn link_binary() {
    for path in &[c"/run/tinyo", c"/run/tinyo/bin"] {
        let _ = fs::make_directory(At::Cwd, path, 0o755);
    }
    let _ = fs::make_link(c"/proc/1/exe", At::Cwd, c"/run/tinyo/bin/tinyo");
}

/// PID 1 runs from a read-only clone of its own file when containers will be born from it. It begins anew for that, so
/// this comes before anything that could not be done twice.
pub fn shield_containers(args: &Args, config: &Config) -> Result<(), Stuck> {
    let hardened = |service: &Service| service.container.as_ref().is_some_and(|container| !container.privileged);
    if !config.services.iter().any(hardened) {
        return Ok(());
    }
    if let Err(error) = shield::raise(args) {
        say!(Failure, "shielding the executable: {}; without it no container is safe to start", error);
        return Err(Stuck);
    }
    Ok(())
}

/// TERM, as whoever started us gave it.
pub fn term(args: &Args) -> Option<&'static CStr> {
    args.environment().find(|word| word.to_bytes().starts_with(b"TERM="))
}
