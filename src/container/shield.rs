//! The read-only clone of our own file that containers are born from.
//!
//! A script in an image that starts with `#!/proc/self/exe` makes the kernel run *our* file inside the container, by a
//! process that anyone there may look at; through its /proc/PID/exe the host's file could then be written, or given
//! another owner or mode (CVE-2019-5736). So whoever makes containers first runs itself anew from a bind mount of that
//! file, read-only and attached nowhere; before Linux 5.12, or without the right to mount, from a sealed copy in memory
//! (memfd_create(2)). A file that its caller could not write to needs neither where nobody but the caller is inside.

use core::ffi::CStr;

use crate::sys::args::Args;
use crate::sys::error::{Error, Result};
use crate::sys::fs::{self, At};
use crate::sys::mount;
use crate::sys::{process, user};

const SELF: &CStr = c"/proc/self/exe";

/// This process runs from such a clone.
pub fn is_clone() -> bool {
    match fs::read_link(At::Cwd, SELF, &mut [0; 32]) {
        // Attached nowhere, a mount has no path but its own root.
        Ok(b"/") => true,
        // A copy in memory: anybody may call a file so, but only ours are sealed.
        Ok(name) if name.starts_with(b"/memfd:") => fs::open(SELF, fs::READ).is_ok_and(|file| fs::is_sealed(&file)),
        _ => false,
    }
}

/// The same for whoever starts: one system call for who was executed by a descriptor, none for everybody else.
pub fn began_anew(args: &Args) -> bool {
    args.executed().is_some_and(|path| path.to_bytes().starts_with(b"/dev/fd/")) && is_clone()
}

/// The script that made the kernel run such a clone: an image's, whose `#!` line leads to the executable of a process of ours.
/// (Whoever runs that by itself runs it once. /run/tinyo/bin/tinyo does.)
///
/// Nobody else pays a system call for this: only a script stands behind its interpreter, and one argument to that, as what was
/// executed. The script of an interpreter that is a script itself comes later, and first once `init` has run that.
pub fn script(args: &Args) -> Option<&'static CStr> {
    let executed = args.executed();
    let place = (0..3).find(|&index| args.get(index) == executed)?;
    executed.filter(|_| place > 0 && is_clone())
}

/// Our file can never be written through us: it is such a clone, or on a file system that nothing can write to. A mount that
/// is read-only now is not enough: its owner may make it writable for an update.
pub fn is_up() -> Result<bool> {
    Ok(is_clone() || fs::file_system_of(SELF)?.is_never_written())
}

/// The file is not the caller's to write to, nor to give itself the right.
fn is_others() -> Result<bool> {
    Ok(fs::status(At::Cwd, SELF)?.owner().0 != user::effective()
        && fs::may_write(SELF).is_err_and(|error| error.is(libc::EACCES)))
}

/// Makes this process one that runs from such a clone. Returns when it does already, or has no need to; otherwise the
/// process begins anew, with the same words, or the reason is returned.
pub fn raise(args: &Args) -> Result<()> {
    if is_up()? {
        return Ok(());
    }
    let clone = match mount::clone_tree(At::Cwd, SELF, false) {
        Ok(tree) => match mount::set_attributes(At::Dir(&tree), c"", false, mount::READ_ONLY) {
            Ok(()) => tree,
            Err(error) if error.is(libc::ENOSYS) => fs::sealed_copy(&fs::open(SELF, fs::READ)?)?,
            Err(error) => return Err(error),
        },
        Err(error) if error.is(libc::EPERM) && is_others()? => return Ok(()),
        // Not there (Linux < 5.2), or not ours to clone (no right to mount, a file of a mount that is not in this namespace).
        Err(error) if [libc::ENOSYS, libc::EINVAL, libc::EPERM].iter().any(|&errno| error.is(errno)) => {
            fs::sealed_copy(&fs::open(SELF, fs::READ)?)?
        }
        Err(error) => return Err(error),
    };
    Err::<(), Error>(process::execute_file(&clone, args))
}
