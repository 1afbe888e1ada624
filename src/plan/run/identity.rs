//! Who a process becomes: its user and groups, by the tables of an image, and its capabilities.

use core::ffi::CStr;

use crate::container::capabilities;
use crate::limits;
use crate::plan::Users;
use crate::sys::error::{Call, Error, Result};
use crate::sys::fd::Fd;
use crate::sys::fs::{self, At};
use crate::sys::{tty, user};
use crate::text::lines::{self, Stop};
use crate::text::{bytes, passwd};

/// Who a process has become.
#[derive(Default)]
pub struct Identity {
    /// Standard input is a terminal that was made for whoever it becomes.
    pub has_terminal: bool,
    pub uid: u32,
    pub home: heapless::Vec<u8, 256>,
}

/// Takes every capability that is not in `set` out of the bounding set, for good.
pub fn bound(set: u64) -> Result<()> {
    for number in (0..64u8).filter(|number| set & (1 << number) == 0) {
        match user::drop_bounding(number) {
            Ok(()) => {}
            // Numbers have no gaps: the kernel knows no more.
            Err(error) if error.is(libc::EINVAL) => break,
            // Whoever may not drop is as well off where there is nothing to drop.
            Err(_) if user::bounding_has(number) == Some(false) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Root keeps what `set` names and the launcher had; anybody else has lost everything by becoming who they are, but what is
/// `ambient`, if the launcher had it.
pub fn keep(set: u64, ambient: u64, identity: &Identity) -> Result<()> {
    let had = user::permitted_capabilities();
    let wanted = if identity.uid == 0 { set & capabilities::ALL } else { ambient };
    user::set_capabilities(wanted & had, ambient & had)?;
    (0..64).filter(|number| ambient & had & (1 << number) != 0).try_for_each(user::raise_ambient)
}

/// `USER[:GROUP]`, by name or number, looked up where we stand. Without a group it is the user's own with the
/// supplementary ones; a number that nobody has is fine, and is in no group but the one of its own number. `added` groups
/// come to those, or, without a user, to those that are there.
pub fn become_user(word: Option<&CStr>, added: &[&CStr], users: Users, identity: &mut Identity) -> Result<()> {
    let mut groups = Groups::new();
    let ids = find(word, added, None, identity, &mut groups)?;
    if users != Users::Caller {
        if ids.is_none() {
            let mut own = [0; 64];
            groups.extend_from_slice(user::groups(&mut own)?).map_err(|_| Error::new(Call::Getgroups, libc::E2BIG))?;
        }
        match user::set_groups(&groups) {
            // The user namespace of an ordinary user's container, entered: it has no groups, and we none of ours left.
            Err(error)
                if error.is(libc::EPERM)
                    && added.is_empty()
                    && user::groups(&mut [0; 64]).is_ok_and(|own| own.is_empty()) => {}
            done => done?,
        }
    } else if !added.is_empty() {
        // A user namespace without rights outside has none over groups (user_namespaces(7), setgroups). Those that the
        // image has for the user stay out, and the caller's in.
        return Err(Error::new(Call::Setgroups, libc::EPERM));
    }
    let Some((uid, gid)) = ids else { return Ok(()) };
    if identity.has_terminal && uid != 0 {
        tty::give(uid)?;
    }
    user::become_user(uid, gid)?;
    identity.uid = uid;
    Ok(())
}

/// Supplementary groups.
pub type Groups = heapless::Vec<u32, 64>;

/// Who that is in the tables below `top`, or where we stand: the ids and the groups.
pub fn find(
    word: Option<&CStr>,
    added: &[&CStr],
    top: Option<&Fd>,
    identity: &mut Identity,
    groups: &mut Groups,
) -> Result<Option<(u32, u32)>> {
    let missing = Error::new(Call::Lookup, libc::ENOENT);
    let (name, group) = bytes::cut(word.map_or(b"", CStr::to_bytes), b':');
    let mut ids = passwd::id(name).map(|uid| (uid, uid));
    let mut login = heapless::Vec::<u8, 256>::new();
    if word.is_some() {
        look_up(top, c"/etc/passwd", true, &mut |line| {
            let found = passwd::user(line).filter(|user| user.is(name));
            if let Some(user) = &found {
                ids = Some((user.uid, user.gid));
                // A home or name that does not fit is left out, not cut: HOME is / then.
                let _ = identity.home.extend_from_slice(user.home);
                let _ = login.extend_from_slice(user.name);
            }
            found.is_none()
        })?;
        ids.ok_or(missing)?;
    }
    // The config's first: an image's must not crowd them out.
    for group in added {
        groups
            .push(passwd::id(group.to_bytes()).unwrap_or(NOBODYS))
            .map_err(|_| Error::new(Call::Lookup, libc::E2BIG))?;
    }
    let mut wanted = group.map(passwd::id);
    // A group by its number has no name to look for, nor has a user without a name groups to be in.
    let names = groups.contains(&NOBODYS) || wanted == Some(None) || group.is_none() && !login.is_empty();
    look_up(top, c"/etc/group", names, &mut |line| {
        let Some(entry) = passwd::group(line) else { return true };
        for (name, gid) in added.iter().zip(&mut *groups) {
            if *gid == NOBODYS && entry.is(name.to_bytes()) {
                *gid = entry.gid;
            }
        }
        match group {
            Some(group) if entry.is(group) => wanted = Some(Some(entry.gid)),
            None if !login.is_empty() && entry.has_member(&login) => {
                // The first 64, as NGROUPS was for long: an image cannot make us keep more.
                let _ = groups.push(entry.gid);
            }
            _ => {}
        }
        true
    })?;
    for gid in groups {
        if *gid == NOBODYS {
            return Err(missing);
        }
    }
    match (ids, wanted) {
        (Some((uid, _)), Some(wanted)) => Ok(Some((uid, wanted.ok_or(missing)?))),
        _ => Ok(ids),
    }
}

/// No group has this id: [`passwd::id`] refuses it.
const NOBODYS: u32 = u32::MAX;

/// Gives `each` the lines of a table of users, groups or their ids, if it is `needed`. An image without one has no names, and
/// that is all.
pub fn look_up(top: Option<&Fd>, path: &CStr, needed: bool, each: &mut dyn FnMut(&mut [u8]) -> bool) -> Result<()> {
    if !needed {
        return Ok(());
    }
    // Looked at before it is opened: an image may have a device there that opening starts. What was opened is what counts, for
    // it may be another by then: a fifo, where nobody waits, or what the kernel lets root read once (/proc/kmsg).
    let is_file = |status: Result<fs::Status>| status.is_ok_and(|status| status.is_regular());
    let flags = fs::READ | fs::NON_BLOCK;
    let opened = match top {
        Some(top) if is_file(fs::open_in(top, path, fs::PLACE).and_then(|place| fs::file_status(&place))) => {
            fs::open_in(top, path, flags)
        }
        None if is_file(fs::status(At::Cwd, path)) => fs::open(path, flags),
        _ => return Ok(()),
    };
    let Ok(file) = opened else { return Ok(()) };
    if !is_file(fs::file_status(&file)) || !fs::file_system(&file).is_ok_and(|system| !system.is_kernels()) {
        return Ok(());
    }
    let mut buffer = [0u8; 1024];
    // A terabyte of holes takes no room in an image, and an hour to read.
    let mut left = limits::TABLE_BYTES;
    let mut read = |buffer: &mut [u8]| {
        let count = file.read(buffer)?;
        left = left.checked_sub(count).ok_or(Error::new(Call::Read, libc::EFBIG))?;
        Ok(count)
    };
    match lines::each(&mut buffer, &mut read, each) {
        Err(Stop::Read(error)) => Err(error),
        // Longer lines than that are nobody's.
        _ => Ok(()),
    }
}
