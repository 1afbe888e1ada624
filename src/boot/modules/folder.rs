//! The folder of the running kernel's modules, `/lib/modules/RELEASE`, and its tables (depmod(8)).

use core::ffi::CStr;

use crate::probe::alias::Asked;
use crate::probe::modules::{self, Index, Module};
use crate::probe::softdep;
use crate::say;
use crate::sys::error::Result;
use crate::sys::fd::Fd;
use crate::sys::fs::{self, At};
use crate::sys::user;
use crate::text::bytes::{self, Path, before};
use crate::text::lines::{self, Stop};
use crate::text::show::Show;

/// The longest line of a table that is read. The longest of a Debian 12 distribution kernel is 1,600 bytes.
pub const LONGEST: usize = 4096;

pub struct Folder {
    pub place: Fd,
    dep: Fd,
}

impl Folder {
    /// Opens it, and makes `index` that of its modules.dep. None was said.
    #[inline(never)]
    pub fn open(index: &mut Index) -> Option<Folder> {
        let mut release = heapless::Vec::<u8, 65>::new();
        user::kernel_release(&mut release);
        let mut text = Path::new();
        let path = bytes::path(&[b"/lib/modules/", &release], &mut text).unwrap_or_default();
        match open(path, index) {
            Ok(folder) => Some(folder),
            Err(error) => {
                let path = Show(path.to_bytes());
                say!(Failure, "modules: {}: {}; is it in the image, with a modules.dep?", path, error.errno());
                None
            }
        }
    }

    pub fn table(&self, name: &CStr) -> Option<Fd> {
        table(&self.place, name).ok()
    }

    /// Module `name`, whose line of modules.dep begins at `at`.
    pub fn module<'l>(&self, at: usize, name: &[u8], line: &'l mut [u8]) -> Option<Module<'l>> {
        let count = self.dep.read_from(at, line).ok()?;
        modules::parse(before(line.get(..count)?, b'\n')).filter(|module| module.is(name))
    }

    /// Adds what modules.softdep says that module `name` wants before and behind it.
    pub fn add_soft(&self, name: &[u8], sooner: &mut Asked, later: &mut Asked) {
        each_line(self.table(SOFT), &mut |line| {
            softdep::each(line, name, &mut |before, word| {
                _ = if before { &mut *sooner } else { &mut *later }.add(word)
            });
        });
    }

    /// In the kernel itself (modules.builtin, modprobe(8)): nothing to load.
    pub fn has_built_in(&self, name: &[u8]) -> bool {
        let mut found = false;
        each_line(self.table(c"modules.builtin"), &mut |line| found |= modules::parse_path(line).is(name));
        found
    }
}

pub const SOFT: &CStr = c"modules.softdep";

/// Gives `each` the lines of a table that may be there. Longer ones are not of depmod's.
#[inline(never)]
pub fn each_line(table: Option<Fd>, each: &mut dyn FnMut(&[u8])) {
    let Some(table) = table else { return };
    let _ = lines::each(&mut [0; LONGEST], &mut |buffer| table.read(buffer), &mut |line| {
        each(line);
        true
    });
}

fn open(path: &CStr, index: &mut Index) -> Result<Folder> {
    let place = fs::open(path, fs::PLACE | fs::DIRECTORY)?;
    let dep = table(&place, c"modules.dep")?;
    index.clear();
    let (mut at, mut whole) = (0usize, true);
    let read = lines::each(&mut [0; LONGEST], &mut |buffer| dep.read(buffer), &mut |line| {
        whole &= index.add(line, at);
        at = at.saturating_add(line.len() + 1);
        whole
    });
    match read {
        Err(Stop::Read(error)) => return Err(error),
        Ok(()) if whole => {}
        _ => say!(Failure, "modules: modules.dep has over 8192 modules, or 4096 bytes in a line; not all are found"),
    }
    Ok(Folder { place, dep })
}

fn table(place: &Fd, name: &CStr) -> Result<Fd> {
    fs::open_at(At::Dir(place), name, fs::READ | fs::NON_BLOCK)
}
