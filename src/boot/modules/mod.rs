//! Loading kernel modules: those that the config names and, with `auto`, those of the devices that are there and that come.
//!
//! A module costs the kernel some ten million instructions, its signature above all, and as many when it is there already:
//! so none is loaded twice, and what is read to find out which is small beside it.

mod devices;
mod folder;

use core::ffi::CStr;

use crate::config::given::Given;
use crate::config::{AUTO, Config};
use crate::plan::{Step, run};
use crate::probe::alias::{self, Asked};
use crate::probe::modules::{Index, module_name};
use crate::sys::error::{Call, Error, Result};
use crate::sys::fs::{self, At};
use crate::sys::memory::Static;
use crate::sys::power;
use crate::text::bytes::{self, Path, before};
use crate::text::show::Show;
use crate::{say, watchdog};
pub use devices::EVENT;
use folder::{Folder, LONGEST, SOFT, each_line};
use heapless::Vec;

/// What wants something before itself, which wants something... Debian's longest such chain has three.
const DEEPEST: u8 = 8;

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
    /// There is a modules.softdep. Few images have one.
    soft: bool,
    /// The kernel had none when the folder was opened: what nobody asked for since is not there.
    fresh: bool,
    index: Index,
}

static MODULES: Static<Modules> = Static::new(Modules {
    given: Given(Vec::new()),
    folder: None,
    nothing: false,
    auto: false,
    apart: false,
    soft: false,
    fresh: false,
    index: Index::new(),
});

impl Modules {
    /// For what `config` asks for; `given` is the kernel command line's. None when it asks for nothing, or the second time.
    pub fn of(config: &Config<'static>, given: &[&'static CStr]) -> Option<&'static mut Modules> {
        let own = config.list(config.modules);
        if own.is_empty() {
            return None;
        }
        let this = MODULES.take()?;
        this.auto = own.contains(&AUTO);
        // The line's come last: the last one counts. Both fit.
        let _ = this.given.0.extend_from_slice(own);
        let _ = this.given.0.extend_from_slice(given);
        Some(this)
    }

    /// Takes an item of `modules`. What goes wrong is said: a machine can do without, and shows by what.
    #[inline(never)]
    pub fn take(&mut self, item: &CStr) {
        if item == AUTO {
            return self.coldplug();
        }
        let name = before(item.to_bytes(), b' ');
        let found = self.demand(name);
        if !found && !self.nothing && self.folder.as_ref().is_some_and(|folder| !folder.has_built_in(name)) {
            run::say_failure(b"", &Step::Module(item), Error::new(Call::Open, libc::ENOENT).errno());
        }
    }

    /// Loads what is called `name`, or has it as an alias (`fs-xfs`, `crypto-crc32c`). False: there is no such module.
    pub fn demand(&mut self, name: &[u8]) -> bool {
        let mut wanted = Asked::new();
        wanted.add(name) && self.is_open() && self.load_all(&wanted, 0)
    }

    /// The root is another one now, and so are its modules.
    pub fn forget(&mut self) {
        self.folder = None;
        self.nothing = false;
    }

    /// Whether the folder of modules is there; why not is said once.
    fn is_open(&mut self) -> bool {
        if self.folder.is_none() && !self.nothing {
            self.folder = Folder::open(&mut self.index);
            self.nothing = self.folder.is_none();
            self.soft = self.folder.as_ref().is_some_and(|folder| folder.table(SOFT).is_some());
            self.fresh = fs::read_file(c"/proc/modules", &mut [0]).is_ok_and(|text| text.is_empty());
            self.given.refused(&mut |name| _ = self.index.take(name));
        }
        !self.nothing
    }

    /// Loads the modules of these names, and those that have the others as an alias. Whether there were any.
    ///
    /// `depth` is 0 for what somebody chose. What only a device or another module would like may be missing, or unfit.
    fn load_all(&mut self, wanted: &Asked, depth: u8) -> bool {
        let mut others = Asked::new();
        let mut found = false;
        // A chain without an end is no wish.
        if depth > DEEPEST {
            return found;
        }
        for word in wanted.words() {
            if self.load(word, depth) {
                found = true;
            } else {
                others.add(word);
            }
        }
        found | self.load_by_alias(&others, depth)
    }

    /// In one pass, for the table of a distribution has a megabyte.
    fn load_by_alias(&mut self, asked: &Asked, depth: u8) -> bool {
        let mut found = false;
        let table =
            self.folder.as_ref().filter(|_| !asked.is_empty()).and_then(|folder| folder.table(c"modules.alias"));
        each_line(table, &mut |line| {
            if let Some(alias) = alias::parse(line)
                && asked.fits(alias.pattern)
            {
                found |= self.load(alias.module, depth.max(1));
            }
        });
        found
    }

    /// Loads module `name` after all that it needs, each after what it wants. False: there is none of that name.
    ///
    /// Once, unless somebody chose it: it is there then, or was refused to devices.
    #[inline(never)]
    fn load(&mut self, name: &[u8], depth: u8) -> bool {
        let Some((at, first)) = self.index.take(name) else { return false };
        let Some(folder) = self.folder.as_ref().filter(|_| first || depth == 0) else { return true };
        let mut line = [0; LONGEST];
        let Some(module) = folder.module(at, name, &mut line) else { return false };
        // Without what it needs it would not link.
        let _ = module.files().all(|file| {
            let first = if file == module.path {
                first
            } else {
                self.index.take(module_name(file)).is_none_or(|(_, first)| first)
            };
            self.load_file(file, name, depth, first)
        });
        true
    }

    /// Loads `file` for module `owner`, unless it is there, between what modules.softdep says that it wants. The `first` time
    /// that it is asked for it may be known not to be there.
    #[inline(never)]
    fn load_file(&mut self, file: &[u8], owner: &[u8], depth: u8, first: bool) -> bool {
        let name = module_name(file);
        let mut text = Path::new();
        let is_there = |text| !(first && self.fresh) && is_there(name, text);
        let Some(folder) = self.folder.as_ref().filter(|_| !self.nothing && !is_there(&mut text)) else {
            return true;
        };
        let [mut sooner, mut later] = [Asked::new(), Asked::new()];
        if self.soft {
            folder.add_soft(name, &mut sooner, &mut later);
        }
        self.load_all(&sooner, depth.saturating_add(1));
        let done = self.insert(file, name, &mut text);
        self.load_all(&later, depth.saturating_add(1));
        let Err(error) = done else { return true };
        // All of them will.
        self.nothing |= error.is(libc::ENOSYS);
        if depth == 0 || !error.is(libc::ENODEV) {
            let file = bytes::path(&[file], &mut text).unwrap_or_default();
            run::say_failure(owner, &Step::Module(file), error.errno());
        }
        false
    }

    fn insert(&self, file: &[u8], name: &[u8], text: &mut Path) -> Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let path = bytes::path(&[file], text).unwrap_or_default();
        // Without waiting: a fifo of that name has nobody at its other end.
        let opened = fs::open_at(At::Dir(&folder.place), path, fs::READ | fs::NON_BLOCK)?;
        text.clear();
        let whole = self.given.options(name, text) && text.push(0).is_ok();
        let options = bytes::terminated(text).filter(|_| whole).ok_or(Error::new(Call::FinitModule, libc::E2BIG))?;
        watchdog::feed();
        power::load_module(&opened, options, !file.ends_with(b".ko"))?;
        say!(Debug, "module {}: loaded", Show(name));
        Ok(())
    }
}

/// Whether module `name` is in the kernel. There each `-` is a `_`.
fn is_there(name: &[u8], place: &mut Path) -> bool {
    let folder = b"/sys/module/";
    bytes::path(&[folder, name], place);
    place.iter_mut().skip(folder.len()).filter(|byte| **byte == b'-').for_each(|byte| *byte = b'_');
    bytes::terminated(place).is_some_and(fs::exists)
}
