//! The folder of the running kernel's modules, `/lib/modules/RELEASE`, and its tables (depmod(8)).

use core::ffi::CStr;

use crate::log::{Level, Line};
use crate::probe::modules::{self, Index, Module};
use crate::sys::error::{Call, Error, Result};
use crate::sys::fd::Fd;
use crate::sys::fs::{self, At, Names};
use crate::sys::user;
use crate::text::bytes::{self, Path, before};
use crate::text::lines::{self, Stop};
use crate::text::put::Out;
use crate::text::show::Show;
use crate::{put, say};

const FOLDERS: &[u8] = b"/lib/modules/";

pub struct Folder {
    pub place: Fd,
    dep: Fd,
    /// Few have one.
    pub soft: Option<Fd>,
}

impl Folder {
    /// Opens it, and makes `index` that of its modules.dep, through `buffer`. None was said.
    #[inline(never)]
    pub fn open(index: &mut Index, buffer: &mut [u8]) -> Option<Folder> {
        let mut release = heapless::Vec::<u8, 65>::new();
        user::kernel_release(&mut release);
        let mut text = Path::new();
        let place = path(&[FOLDERS, &release], &mut text).and_then(|path| fs::open(path, fs::PLACE | fs::DIRECTORY));
        let place = place.map_err(|error| say_which(&release, error)).ok()?;
        let dep = match table(&place, c"modules.dep") {
            Ok(dep) => dep,
            Err(error) => {
                say!(Failure, "modules: modules.dep of {}: {}; depmod makes it", Show(&release), error.errno());
                return None;
            }
        };
        index.clear();
        let (mut at, mut whole) = (0usize, true);
        let read = lines::each(buffer, &mut |buffer| dep.read(buffer), &mut |line| {
            whole &= index.add(line, at);
            at = at.saturating_add(line.len() + 1);
            whole
        });
        if !whole {
            say!(Failure, "modules: modules.dep has more than 8192 modules, or 16 MiB; those behind are not found");
        }
        say_stop(c"modules.dep", read);
        let soft = table(&place, c"modules.softdep").ok();
        Some(Folder { place, dep, soft })
    }

    /// The module whose line of modules.dep begins at `at`.
    pub fn module<'l>(&self, at: usize, line: &'l mut [u8]) -> Option<Module<'l>> {
        let count = self.dep.read_from(at, line).ok()?;
        modules::parse(before(line.get(..count)?, b'\n'))
    }

    /// Gives `each` the lines of a table, if that is there.
    pub fn each(&self, name: &CStr, buffer: &mut [u8], each: &mut dyn FnMut(&[u8])) {
        let Ok(table) = table(&self.place, name) else { return };
        let read = lines::each(buffer, &mut |buffer| table.read(buffer), &mut |line| {
            each(line);
            true
        });
        say_stop(name, read);
    }

    pub fn has(&self, name: &CStr) -> bool {
        table(&self.place, name).is_ok()
    }

    /// In the kernel itself (modules.builtin, modprobe(8)): nothing to load.
    pub fn has_built_in(&self, name: &[u8]) -> bool {
        let mut found = false;
        self.each(c"modules.builtin", &mut [0; 512], &mut |line| found |= modules::parse_path(line).is(name));
        found
    }
}

fn table(place: &Fd, name: &CStr) -> Result<Fd> {
    fs::open_at(At::Dir(place), name, fs::READ | fs::NON_BLOCK)
}

fn say_stop(name: &CStr, read: core::result::Result<(), Stop<Error>>) {
    match read {
        Ok(()) => {}
        Err(Stop::Read(error)) => say!(Failure, "modules: read {}: {}", Show(name.to_bytes()), error.errno()),
        Err(Stop::TooLong) => {
            say!(Failure, "modules: {} has a line too long to be one; is it whole?", Show(name.to_bytes()))
        }
    }
}

/// There is no folder for this kernel: for which there are, is usually the whole story.
#[inline(never)]
fn say_which(release: &[u8], error: Error) {
    let mut line = Line::new(Level::Failure);
    put!(&mut line, "modules: {}{}: {}; ", Show(FOLDERS), Show(release), error.errno());
    let mut none = "none of another kernel either; are modules in the image?";
    if let Ok(folders) = fs::open(c"/lib/modules", fs::READ | fs::DIRECTORY) {
        let mut names = Names::of(folders);
        while let Some((name, _)) = names.next_name() {
            put!(&mut line, "{}{}", if none.is_empty() { " " } else { "there is " }, Show(name.to_bytes()));
            none = "";
        }
    }
    line.write(none.as_bytes());
    line.send();
}

pub fn path<'b>(parts: &[&[u8]], buffer: &'b mut Path) -> Result<&'b CStr> {
    bytes::path(parts, buffer).ok_or(Error::new(Call::Open, libc::ENAMETOOLONG))
}
