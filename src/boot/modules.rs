//! Loading kernel modules: the file that modules.dep(5) names, after those that it needs.

use core::ffi::CStr;

use crate::probe::modules;
use crate::sys::error::{Call, Error, Result};
use crate::sys::fd::Fd;
use crate::sys::fs::{self, At};
use crate::sys::{power, user};
use crate::text::bytes::{self, Path};
use crate::text::lines::{self, Stop};

/// The longest line of modules.dep that is read. The longest of a Debian 12 distribution kernel is 700 bytes.
const LONGEST: usize = 8192;

/// Loads module `name` of the running kernel with what it needs. Those that are there already are fine.
#[inline(never)]
pub fn load(name: &CStr) -> Result<()> {
    let mut release = heapless::Vec::<u8, 65>::new();
    user::kernel_release(&mut release);
    let mut buffer = Path::new();
    let folder = path(&[b"/lib/modules/", &release], &mut buffer)?;
    let folder = fs::open(folder, fs::PLACE | fs::DIRECTORY)?;
    let table = fs::open_at(At::Dir(&folder), c"modules.dep", fs::READ)?;
    // ENOENT until its line was seen.
    let mut done = Err(Error::new(Call::FinitModule, libc::ENOENT));
    let mut line_buffer = [0u8; LONGEST];
    let seen = lines::each(&mut line_buffer, &mut |buffer| table.read(buffer), &mut |line| {
        let Some(module) = modules::parse(line).filter(|module| module.is(name.to_bytes())) else { return true };
        done = module.files().try_for_each(|file| load_file(At::Dir(&folder), file));
        false
    });
    match seen {
        Err(Stop::Read(error)) => Err(error),
        // A longer line was some other module's, or it is ENOENT now, and this says why.
        Err(Stop::TooLong) if done.is_err() => done,
        _ if done.is_err_and(|error| error.is(libc::ENOENT)) && is_built_in(&folder, name) => Ok(()),
        _ => done,
    }
}

/// In the kernel itself (modules.builtin, modprobe(8)): nothing to load.
fn is_built_in(folder: &Fd, name: &CStr) -> bool {
    let Ok(table) = fs::open_at(At::Dir(folder), c"modules.builtin", fs::READ) else { return false };
    let mut buffer = [0u8; 512];
    let mut found = false;
    let _ = lines::each(&mut buffer, &mut |buffer| table.read(buffer), &mut |line| {
        found = modules::parse_path(line).is(name.to_bytes());
        !found
    });
    found
}

fn load_file(folder: At, name: &[u8]) -> Result<()> {
    let mut buffer = Path::new();
    let file = fs::open_at(folder, path(&[name], &mut buffer)?, fs::READ)?;
    let compressed = !name.ends_with(b".ko");
    power::load_module(&file, c"", compressed)
}

fn path<'b>(parts: &[&[u8]], buffer: &'b mut Path) -> Result<&'b CStr> {
    bytes::path(parts, buffer).ok_or(Error::new(Call::Open, libc::ENAMETOOLONG))
}
