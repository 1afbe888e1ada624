//! ^C and its like: what is half made goes, and then we do.

use std::{
    fs, io,
    path::PathBuf,
    sync::{Mutex, PoisonError},
    thread,
};

use nix::sys::signal::{SigSet, Signal, raise};
use tempfile::NamedTempFile;

/// The file that is being written.
static UNFINISHED: Mutex<Option<PathBuf>> = Mutex::new(None);

/// From now on a signal that ends us takes the unfinished file away first. To be called before there is another thread.
pub fn leave_nothing() -> nix::Result<()> {
    let ignored = ignored();
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        // As nohup(1) has it: waiting for one would undo that.
        if ignored >> (signal as u32 - 1) & 1 == 0 {
            signals.add(signal);
        }
    }
    signals.thread_block()?;
    thread::spawn(move || {
        let Ok(signal) = signals.wait() else { return };
        // Held to the end: nothing is begun any more.
        let unfinished = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = &*unfinished {
            let _ = fs::remove_file(path);
        }
        // So that whoever waits for us sees by what we ended.
        let _ = signals.thread_unblock().and_then(|()| raise(signal));
    });
    Ok(())
}

/// The signals that are ignored, a bit for each: proc_pid_status(5).
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

/// Makes a file that is unfinished until it has another name.
pub(crate) fn unfinished(make: impl FnOnce() -> io::Result<NamedTempFile>) -> io::Result<NamedTempFile> {
    let mut unfinished = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
    let file = make()?;
    *unfinished = Some(file.path().to_owned());
    Ok(file)
}
