//! /usr of the new root where that is a file system of its own: the init may be in it, as a link at /sbin/init says.

use core::ffi::CStr;

use super::boot::{Machine, Stuck, say_failure};
use super::handover::mount_source;
use crate::boot::root::PLACE;
use crate::boot::switch;
use crate::config::{Mount, Root, Wait, value};
use crate::plan::{Need, Step};
use crate::probe::fstab::{self, Entry};
use crate::say;
use crate::sys::error::{self, Call, Error};
use crate::sys::fd::Fd;
use crate::sys::fs::{self, At};
use crate::text::bytes::Path;
use crate::text::duration::Millis;
use crate::text::{lines, options};

/// Where it is until the root is the root.
const TARGET: &CStr = c"/newroot/usr";
const PROGRAMS: &CStr = c"/newroot/usr/bin";

/// Mounts what the new root's fstab has for /usr, as the init there would: not what is `noauto`; and a `bind` is left to it, for
/// what is bound may come by another mount. For a /usr that has programs nothing is looked up; where `init` is one of them, as
/// where /sbin is a link into it, nothing is read for this that is not read for the init anyway.
pub fn mount(machine: &Machine, root: &Root, init: Option<&CStr>) -> Result<(), Stuck> {
    if init.is_some_and(switch::is_in_usr) || fs::link_status(At::Cwd, PROGRAMS).is_ok() {
        return Ok(());
    }
    match open_table() {
        Ok(table) => take_first(machine, root, &table),
        Err(error) => {
            if !error.is(libc::ENOENT) && !error.is(libc::ENOTDIR) {
                say!(Warning, "root: its /etc/fstab: {}; going on without a /usr of its own", error.errno());
            }
            Ok(())
        }
    }
}

/// Its links lead where they lead in the new root.
fn open_table() -> error::Result<Fd> {
    let root = fs::open(PLACE, fs::PLACE | fs::DIRECTORY)?;
    let table = fs::open_in(&root, c"/etc/fstab", fs::PLACE)?;
    fs::reopen(&table, fs::READ | fs::NON_BLOCK)
}

/// Of several the first counts. What is longer than a page is no line of it.
#[inline(never)]
fn take_first(machine: &Machine, root: &Root, table: &Fd) -> Result<(), Stuck> {
    let mut buffer = [0; 4096];
    let mut done = Ok(());
    let _ = lines::each(&mut buffer, &mut |buffer| table.read(buffer), &mut |line| {
        let mut text = Path::new();
        let Some(entry) = fstab::parse(line, &mut text).filter(|entry| entry.is_for(b"/usr")) else { return true };
        done = mount_entry(machine, root, &entry);
        false
    });
    done
}

fn mount_entry(machine: &Machine, root: &Root, entry: &Entry) -> Result<(), Stuck> {
    let has = |word: &[u8]| options::has(entry.options.to_bytes(), word);
    if has(b"noauto") || has(b"bind") || has(b"rbind") {
        return Ok(());
    }
    let optional = has(b"nofail");
    let fstype = value::file_system(entry.fstype);
    let options = Some(entry.options);
    // Read-only as the root: the init looks at both, and makes both writable.
    let wait = if optional { Wait::For(Millis(0)) } else { root.wait };
    let fsck = root.fsck && entry.checked;
    let usr = Root { fstype, options, read_only: root.is_read_only(), wait, fsck, ..Root::new(entry.source) };
    let shown = Mount { source: entry.source, target: c"/usr", fstype, options };
    let step = Step::Mount(&shown, Need::Must);
    let done = if fs::link_status(At::Cwd, TARGET).is_ok_and(|status| status.is_link()) {
        // It would be followed in the initramfs.
        say_failure(&step, Error::new(Call::Mount, libc::ELOOP));
        Err(Stuck)
    } else {
        mount_source(machine, &usr, TARGET, &step)
    };
    if optional { Ok(()) } else { done }
}
