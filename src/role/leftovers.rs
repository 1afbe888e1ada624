//! A launch that fails leaves the image as it was: the mount points that it lacked are taken away again.

use crate::limits;
use crate::plan::{Plan, Step};
use crate::sys::fd::Fd;
use crate::sys::fs::{self, At};
use crate::text::bytes::{Path, path};

/// The mount points of a plan that the image does not have: each with where its missing part begins.
pub struct Absent<'p> {
    root: Option<Fd>,
    points: heapless::Vec<(&'p [u8], usize), { limits::STEPS }>,
}

impl<'p> Absent<'p> {
    pub fn of(plan: &Plan<'p>) -> Self {
        let mut absent = Absent { root: None, points: heapless::Vec::new() };
        for step in &plan.steps {
            let target: &[u8] = match *step {
                Step::Root { path, .. } => {
                    // Without it the launch is over at that step, before anything was made.
                    absent.root = fs::open(path, fs::READ | fs::DIRECTORY).ok();
                    // Held for as long as we live: it says that a container uses the image.
                    if let Some(root) = &absent.root {
                        fs::lock(root, false);
                    }
                    continue;
                }
                Step::Devices => b"/dev",
                Step::Proc => b"/proc",
                Step::Sys { .. } | Step::HostSys { .. } => b"/sys",
                Step::Tmpfs { target, .. } | Step::Volume { target, .. } => target,
                _ => continue,
            };
            if let Some(root) = &absent.root
                && let Some(start) = first_missing(root, target)
            {
                // No more points than steps.
                let _ = absent.points.push((target, start));
            }
        }
        absent
    }

    /// Removes empty directories and empty files only: whatever is not as we left it is somebody else's by now.
    pub fn remove(&self) {
        // A mount point of another container's looks empty from here, and would be taken from under it.
        let Some(root) = self.root.as_ref().filter(|root| fs::lock(root, true)) else { return };
        // The last made first: it may lie in one made before it.
        for &(target, start) in self.points.iter().rev() {
            let mut end = target.len();
            while end > start {
                let at = target.get(..end).and_then(|part| part.iter().rposition(|&byte| byte == b'/')).unwrap_or(0);
                remove(root, target.get(..at).unwrap_or_default(), target.get(at + 1..end).unwrap_or_default());
                end = at;
            }
        }
    }
}

/// Opens a prefix of a path inside `root`.
fn place(root: &Fd, part: &[u8]) -> Option<Fd> {
    let mut buffer = Path::new();
    let part = if part.is_empty() { b"/" } else { part };
    fs::open_in(root, path(&[part], &mut buffer)?, fs::PLACE).ok()
}

/// Where the part of `target` begins that is not there. None: all of it is.
fn first_missing(root: &Fd, target: &[u8]) -> Option<usize> {
    if place(root, target).is_some() {
        return None;
    }
    let slashes = target.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    // Each prefix that is there moves the beginning on.
    slashes.take_while(|&at| place(root, target.get(..at).unwrap_or_default()).is_some()).last()
}

fn remove(root: &Fd, parent: &[u8], name: &[u8]) {
    let mut buffer = Path::new();
    let (Some(parent), Some(name)) = (place(root, parent), path(&[name], &mut buffer)) else { return };
    let Ok(status) = fs::link_status(At::Dir(&parent), name) else { return };
    if status.is_directory() || status.is_regular() && status.size() == 0 {
        let _ = fs::remove(At::Dir(&parent), name, status.is_directory());
    }
}
