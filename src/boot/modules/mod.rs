//! Loading kernel modules: those that the config names and, with `auto`, those of the devices that are there and that come.
//!
//! A module costs the kernel some ten million instructions, its signature above all, and as many when it is there already:
//! so none is loaded twice, and what is read to find out which is small beside it.

mod devices;
mod folder;

use core::ffi::CStr;

use crate::config::given::Given;
use crate::config::{AUTO, Config};
use crate::limits;
use crate::log::{self, Level, Line};
use crate::probe::alias::{self, Asked};
use crate::probe::modules::{self, Index};
use crate::probe::softdep;
use crate::sys::error::{Call, Error, Result};
use crate::sys::fs::{self, At};
use crate::sys::memory::Static;
use crate::sys::power;
use crate::text::bytes::{self, Path, before, has};
use crate::text::lines;
use crate::text::names::same;
use crate::text::packed::{Packed, packed};
use crate::text::show::Show;
use crate::{put, say, watchdog};
use folder::Folder;
use heapless::Vec;

/// The longest line of a table that is read. The longest of a Debian 12 distribution kernel is 1,600 bytes.
const LONGEST: usize = 8192;

/// Modules looked for at once, what they want before them too: a machine with everything has a hundred.
const ORDER: usize = 512;

/// What wants something before itself, which wants something... Debian's longest such chain has three, and a loop none.
const DEPTH: usize = 6;

type Order = Vec<u16, ORDER>;

/// All that loading needs. Large, and touched as far as it is used.
#[repr(C)]
pub struct Modules {
    given: Given<'static>,
    folder: Option<Folder>,
    /// There are no modules to be had; that was said.
    nothing: bool,
    /// Devices are listened to.
    auto: bool,
    /// PID 1 has others to care for: a module that hangs must hang somebody else.
    apart: bool,
    /// What is to be loaded, in generations: each wants the next before itself.
    order: Order,
    /// What no module is called, so that it can only be another name of one.
    asked: Asked,
    /// What is wanted afterwards.
    later: Asked,
    seen: devices::Seen,
    line: [u8; LONGEST],
    index: Index,
}

static MODULES: Static<Modules> = Static::new(Modules {
    given: Given(Vec::new()),
    folder: None,
    nothing: false,
    auto: false,
    apart: false,
    order: Vec::new(),
    asked: Asked::new(),
    later: Asked::new(),
    seen: devices::Seen::new(),
    line: [0; LONGEST],
    index: Index::new(),
});

impl Modules {
    /// For what `config` asks for; `given` is the kernel command line's. None when it asks for nothing, or the second time.
    pub fn of(config: &Config<'static>, given: &Given<'static>) -> Option<&'static mut Modules> {
        if config.modules.is_empty() {
            return None;
        }
        let this = MODULES.take()?;
        this.auto = config.loads_for_devices();
        // The line's come last: the last one counts.
        let own = config.list(config.modules).iter().filter(|item| has(item.to_bytes(), b' '));
        for word in own.chain(&given.0) {
            if this.given.0.push(word).is_err() {
                say!(
                    Failure,
                    "modules: options {} and all after them: too many; at most {}",
                    Show(word.to_bytes()),
                    limits::MODULE_WORDS
                );
                break;
            }
        }
        Some(this)
    }

    /// Takes an item of `modules`. What goes wrong is said: a machine can do without, and shows by what.
    #[inline(never)]
    pub fn take(&mut self, item: &CStr) {
        if item == AUTO {
            return self.coldplug();
        }
        let name = before(item.to_bytes(), b' ');
        if !self.demand(name) && self.is_open() && !self.folder.as_ref().is_some_and(|folder| folder.has_built_in(name))
        {
            say!(
                Failure,
                "load module {}: not in modules.dep, nor another name in modules.alias; is it in the image?",
                Show(name)
            );
        }
    }

    /// Loads what is called `name`, or has it as an alias (`fs-xfs`, `crypto-crc32c`). False: there is no such module.
    pub fn demand(&mut self, name: &[u8]) -> bool {
        if !self.is_open() {
            return false;
        }
        want(&self.index, &mut self.order, &mut self.asked, 0, name);
        self.resolve(0);
        let found = !self.order.is_empty();
        self.load_wanted(Level::Failure);
        found
    }

    /// The root is another one now, and so are its modules.
    pub fn forget(&mut self) {
        self.folder = None;
        self.nothing = false;
    }

    /// Whether the folder of modules is there; why not is said once.
    fn is_open(&mut self) -> bool {
        if self.folder.is_none() && !self.nothing {
            self.folder = Folder::open(&mut self.index, &mut self.line);
            self.nothing = self.folder.is_none();
        }
        !self.nothing
    }

    /// Puts the modules that have one of the `asked` names as an alias in order, from `since` on: in one pass, for the table
    /// of a distribution has a megabyte.
    #[inline(never)]
    fn resolve(&mut self, since: usize) {
        let Some(folder) = self.folder.as_ref().filter(|_| !self.asked.is_empty()) else { return };
        let Modules { asked, index, order, given, .. } = self;
        folder.each(c"modules.alias", &mut self.line, &mut |line| {
            if let Some(alias) = alias::parse(line)
                && asked.fits(alias.pattern)
                && !given.refuses(alias.module)
                && let Some(module) = index.find(alias.module)
            {
                push(order, since, module);
            }
        });
        asked.clear();
    }

    /// Loads what is in order, after what it wants before itself, and then what it wants afterwards.
    #[inline(never)]
    fn load_wanted(&mut self, mut level: Level) {
        for _ in 0..DEPTH {
            let mut ends = Vec::<usize, DEPTH>::new();
            let mut start = 0;
            while start < self.order.len() && ends.push(self.order.len()).is_ok() {
                let end = self.order.len();
                self.add_soft(start, end);
                self.resolve(end);
                start = end;
            }
            while let Some(end) = ends.pop() {
                let start = ends.last().copied().unwrap_or(0);
                // What is only wanted need not be there.
                let level = if start > 0 { Level::Warning } else { level };
                (start..end).for_each(|at| self.load(at, level));
            }
            level = Level::Warning;
            if self.order.is_full() {
                say!(Failure, "modules: more than {} wanted at once; the rest is not loaded", ORDER);
            }
            self.order.clear();
            for word in self.later.words() {
                want(&self.index, &mut self.order, &mut self.asked, 0, word);
            }
            self.later.clear();
            self.resolve(0);
            if self.order.is_empty() {
                return;
            }
        }
    }

    /// Puts in order what modules.softdep says that those from `start` to `end` want, and those that they need.
    fn add_soft(&mut self, start: usize, end: usize) {
        let Some(table) = self.folder.as_ref().and_then(|folder| folder.soft.as_ref()) else { return };
        for at in start..end {
            let Modules { index, order, asked, later, line, .. } = self;
            let Some(folder) = &self.folder else { return };
            let Some(module) =
                order.get(at).and_then(|number| index.at(*number)).and_then(|at| folder.module(at, line))
            else {
                continue;
            };
            let mut buffer = [0; 1024];
            let mut offset = 0;
            let mut read = |buffer: &mut [u8]| {
                let count = table.read_from(offset, buffer)?;
                offset += count;
                Ok::<_, Error>(count)
            };
            let _ = lines::each(&mut buffer, &mut read, &mut |line| {
                let Some((name, wanted)) = softdep::parse(line) else { return true };
                if module.files().any(|file| same(modules::module_name(file), name)) {
                    for (before, word) in wanted {
                        if before {
                            want(index, order, asked, end, word);
                        } else {
                            later.add(word);
                        }
                    }
                }
                true
            });
        }
    }

    /// Loads the module at this place of the order after those that it needs.
    fn load(&mut self, at: usize, level: Level) {
        let Modules { index, order, line, given, nothing, .. } = self;
        let Some(folder) = &self.folder else { return };
        let Some(module) = order.get(at).and_then(|number| index.at(*number)).and_then(|at| folder.module(at, line))
        else {
            return;
        };
        for file in module.files() {
            if *nothing {
                return;
            }
            if let Err(error) = load_file(folder, file, given) {
                // All of them will.
                *nothing = error.is(libc::ENOSYS);
                return say_failure(modules::module_name(module.path), file, error, level);
            }
        }
    }
}

/// Puts the module called `word` in order, or asks for who has it as an alias.
fn want(index: &Index, order: &mut Order, asked: &mut Asked, since: usize, word: &[u8]) {
    match index.find(word) {
        Some(module) => push(order, since, module),
        None => drop(asked.add(word)),
    }
}

/// Once in each generation: in an older one it would come too late for who wants it in this one.
fn push(order: &mut Order, since: usize, module: u16) {
    if !order.get(since..).unwrap_or_default().contains(&module) {
        let _ = order.push(module);
    }
}

/// Loads `file`, unless it is there.
#[inline(never)]
fn load_file(folder: &Folder, file: &[u8], given: &Given) -> Result<()> {
    let name = modules::module_name(file);
    let mut text = Path::new();
    let place = folder::path(&[b"/sys/module/", name], &mut text)?.count_bytes();
    for byte in text.iter_mut().take(place).skip(b"/sys/module/".len()).filter(|byte| **byte == b'-') {
        *byte = b'_';
    }
    if bytes::terminated(&text).is_some_and(fs::exists) {
        return Ok(());
    }
    // Without waiting: a fifo of that name has nobody at its other end.
    let flags = fs::READ | fs::NON_BLOCK;
    let opened = fs::open_at(At::Dir(&folder.place), folder::path(&[file], &mut text)?, flags)?;
    text.clear();
    let mut whole = true;
    given.options(name, &mut |part: &[u8]| whole &= text.extend_from_slice(part).is_ok());
    whole &= text.push(0).is_ok();
    let options = bytes::terminated(&text).filter(|_| whole).ok_or(Error::new(Call::FinitModule, libc::E2BIG))?;
    watchdog::feed();
    power::load_module(&opened, options, is_packed(file))?;
    if log::shows(Level::Debug) {
        say!(Debug, "module {}: loaded", Show(name));
    }
    Ok(())
}

fn is_packed(file: &[u8]) -> bool {
    !file.ends_with(b".ko")
}

/// `level`: that of what the config names. A driver for a device that was only guessed at may be missing, and may not want it.
#[inline(never)]
fn say_failure(module: &[u8], file: &[u8], error: Error, level: Level) {
    let level = match i32::from(error.errno().0) {
        libc::ENODEV if level != Level::Failure => Level::Debug,
        libc::ENOENT if level != Level::Failure && error.is_of(Call::Open) => Level::Info,
        // Somebody wanted it so.
        libc::EPERM => Level::Info,
        _ => level,
    };
    let mut line = Line::new(level);
    let hint = hint(error, is_packed(file));
    let before_hint = if hint.is_empty() { "" } else { "; " };
    put!(&mut line, "load module {}: {}: {}{}{}", Show(module), Show(file), error.errno(), before_hint, hint);
    line.send();
}

/// What to look at when a module is not loaded.
fn hint(error: Error, packed: bool) -> Packed {
    match i32::from(error.errno().0) {
        libc::ENOENT if error.is_of(Call::Open) => packed!("modules.dep names it; is it in the image?"),
        // Of finit_module(2): an unknown symbol.
        libc::ENOENT => packed!("the kernel lacks a symbol that it needs; is modules.dep of this kernel?"),
        libc::EINVAL | libc::EOPNOTSUPP if packed => {
            packed!("does the kernel unpack such files (CONFIG_MODULE_DECOMPRESS)? unpack it in the image")
        }
        libc::EINVAL => packed!("does it take its options?"),
        libc::ENOEXEC => packed!("is it whole, of this machine and of this kernel's version?"),
        libc::ENOKEY | libc::EKEYREJECTED | libc::EBADMSG => {
            packed!("the kernel wants it signed by a key that it knows")
        }
        libc::EPERM => packed!("is it on module_blacklist, or are modules locked (kernel.modules_disabled)?"),
        libc::ENODEV => packed!("is what it drives there?"),
        libc::ENOSYS => packed!("the kernel loads no modules (CONFIG_MODULES)"),
        _ => Packed::EMPTY,
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
