//! Mounting the real root.

use core::ffi::CStr;

use super::device::{self, Absent, Events};
use super::find::{self, Known};
use crate::config::Root;
use crate::plan::run::machine::{make_directories, mount_as_any};
use crate::say;
use crate::sys::error::{Call, Error, Result};
use crate::sys::fd::Fd;
use crate::sys::fs::{self, At};
use crate::sys::mount;
use crate::text::bytes::{self, Path};
use crate::text::options;
use crate::text::show::Show;
use crate::text::source::{self, Source};

/// Where the root is mounted until it is the root. In the initramfs itself: /run moves on before it.
pub const PLACE: &CStr = c"/newroot";

/// Makes `places` in /run/initramfs/root, where what the root lies on stays mounted: systemd unmounts nothing there. For nobody
/// but root: the permissions of a layer are not those of the whole.
pub fn make_places(places: &[&CStr]) -> Result<()> {
    fs::make_directory(At::Cwd, c"/run/initramfs", 0o755)?;
    fs::make_directory(At::Cwd, c"/run/initramfs/root", 0o700)?;
    places.iter().try_for_each(|place| fs::make_directory(At::Cwd, place, 0o755))
}

/// What a device answers that is not all there yet: its node comes before the disk behind it can be opened (ENXIO; seen
/// on USB), before it has read its own medium (ENOMEDIUM), before its array runs (EBUSY) or answers (EIO).
const COMING: [i32; 4] = [libc::ENXIO, libc::ENOMEDIUM, libc::EBUSY, libc::EIO];

/// Waits for the device and mounts it on `target`, which is made if it is missing.
pub fn mount_root(
    wanted: &Root,
    target: &CStr,
    events: &Events,
    signals: &Fd,
) -> core::result::Result<Result<()>, Absent> {
    let _ = make_directories(target);
    let mut place = Path::new();
    let mut coming = None;
    let done = device::wait_for(wanted.source, wanted.wait, events, signals, &mut || {
        let before = coming.take();
        let known = match locate(wanted, &mut place)? {
            Ok(known) => known,
            Err(error) => return Some(Err(error)),
        };
        let wanted = Root { read_only: wanted.read_only || known.read_only, ..*wanted };
        let source = bytes::terminated(&place).unwrap_or_default();
        let device = source.to_bytes().starts_with(b"/dev/");
        match mount_as(source, device, known.fstype, &wanted, target, events) {
            Err(error) if COMING.iter().any(|&errno| error.is(errno)) => {
                coming = Some(error);
                if before != coming {
                    say!(Warning, "root: {}: {}; it is tried again", Show(wanted.source.to_bytes()), error.errno());
                }
                None
            }
            // Its node went while it was being mounted: it may come again.
            Err(_) if device && device::look(source).is_none() => None,
            done => Some(done),
        }
    });
    // It came, and that is why it is of no use.
    match (done, coming) {
        (Err(Absent::TimedOut), Some(error)) => Ok(Err(error)),
        (done, _) => done,
    }
}

/// Puts the path of what `wanted` is into `place`. None while it is not there.
pub fn locate(wanted: &Root, place: &mut Path) -> Option<Result<Known>> {
    let found = match source::parse(wanted.source.to_bytes()) == Source::GptAuto {
        true => find::root_partition(place)?,
        false => Ok(find::device(wanted.source, wanted.fstype, place)?),
    };
    let path = bytes::terminated(place).filter(|path| path.to_bytes().starts_with(b"/dev/"));
    match path {
        Some(path) => Some(device::look(path)?.and(found)),
        None => Some(found),
    }
}

/// Mounts as the first of the types that were named that it is, else as what it says that it is, else as any.
fn mount_as(
    source: &CStr,
    device: bool,
    known: Option<&'static CStr>,
    wanted: &Root,
    target: &CStr,
    events: &Events,
) -> Result<()> {
    let mut data = options::Data::new();
    let words = wanted.options.unwrap_or_default().to_bytes();
    let parsed = options::parse(words, &mut data).ok_or(Error::new(Call::Mount, libc::E2BIG))?;
    let data = options::text(&data);
    let flags = parsed.flags | if wanted.is_read_only() { mount::READ_ONLY } else { 0 };
    // A disk that cannot be written is better than no root, and the kernel's own answer to it.
    let again = |fstype: Option<&CStr>| {
        let mount = |flags| match fstype {
            Some(fstype) => mount::mount(source, target, fstype, flags, data),
            None => mount_as_any(source, target, flags, data),
        };
        match mount(flags) {
            Err(error) if (error.is(libc::EACCES) || error.is(libc::EROFS)) && !wanted.is_read_only() => {
                mount(flags | mount::READ_ONLY).inspect(|()| {
                    say!(Warning, "root: {}: {}; it is mounted read-only", Show(source.to_bytes()), error.errno());
                })
            }
            done => done,
        }
    };
    mount_by_type(wanted.fstype, known, device.then_some(source), events, &mut |fstype| again(fstype))
}

/// Mounts by `again`, as the first of `types` that it is; without any, as what it is `known` for, or what `device` says that it is,
/// else as whatever the kernel has (None). A module may bring the file system.
#[inline(never)]
pub fn mount_by_type(
    types: Option<&CStr>,
    known: Option<&'static CStr>,
    device: Option<&CStr>,
    events: &Events,
    again: &mut dyn FnMut(Option<&CStr>) -> Result<()>,
) -> Result<()> {
    let mut once = |fstype: Option<&CStr>| match fstype {
        Some(own) => events.with_file_system(own, &mut || again(fstype)),
        None => again(None),
    };
    if let Some(types) = types {
        let mut done = Err(Error::new(Call::Mount, libc::EINVAL));
        let mut name = heapless::Vec::<u8, 64>::new();
        for fstype in types.to_bytes().split(|&byte| byte == b',') {
            name.clear();
            // No file system has so long a name.
            if name.extend_from_slice(fstype).is_err() || name.push(0).is_err() {
                continue;
            }
            done = once(bytes::terminated(&name));
            // Not this one, or one that this kernel has not.
            if !done.is_err_and(|error| error.is(libc::EINVAL) || error.is(libc::ENODEV)) {
                break;
            }
        }
        return done;
    }
    let (own, _open) = match device.filter(|_| known.is_none()) {
        Some(device) => find::file_system_on(device)?,
        None => (known, None),
    };
    match own {
        Some(_) => match once(own) {
            // Another driver may take it: ext4 ext3, ntfs3 ntfs.
            Err(error) if error.is(libc::ENODEV) => match once(None) {
                Err(other) if other.is(libc::EINVAL) => Err(error),
                done => done,
            },
            done => done,
        },
        None => once(None),
    }
}

/// The mounts that move on to the new root.
pub const MOVED: [&CStr; 4] = [c"/dev", c"/proc", c"/sys", c"/run"];
