//! A launch that fails leaves the image as it was: the mount points that it lacked are taken away again.

use crate::limits;
use crate::plan::run::Made;
use crate::plan::{Plan, Step};
use crate::sys::fd::Fd;
use crate::sys::fs::{self, At};
use crate::text::bytes::{Path, path};

/// The mount points that a launch made in the image: each with where its missing part began.
pub struct Leftovers<'p> {
    plan: &'p Plan<'p>,
    root: Option<Fd>,
    points: heapless::Vec<Made, { limits::STEPS }>,
}

impl<'p> Leftovers<'p> {
    pub fn of(plan: &'p Plan<'p>) -> Self {
        let root = plan.steps.iter().find_map(|step| match *step {
            // Without it the launch is over at that step, before anything was made.
            Step::Root { path, .. } => fs::open(path, fs::READ | fs::DIRECTORY).ok(),
            _ => None,
        });
        // Held for as long as we live: it says that a container uses the image.
        if let Some(root) = &root {
            fs::lock(root, false);
        }
        Leftovers { plan, root, points: heapless::Vec::new() }
    }

    pub fn add(&mut self, made: Made) -> bool {
        // No more points than steps, each told of once or, where the root is read-only, twice.
        self.points.last() == Some(&made) || self.points.push(made).is_ok()
    }

    /// Removes empty directories and empty files only: whatever is not as we left it is somebody else's by now.
    pub fn remove(&self) {
        // A mount point of another container's looks empty from here, and would be taken from under it.
        let Some(root) = self.root.as_ref().filter(|root| fs::lock(root, true)) else { return };
        // The last made first: it may lie in one made before it.
        for &Made { step, start } in self.points.iter().rev() {
            let Some(target) = self.plan.steps.get(step).and_then(mount_point) else { continue };
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

/// Where a step mounts something.
fn mount_point<'p>(step: &Step<'p>) -> Option<&'p [u8]> {
    Some(match *step {
        Step::Devices { .. } => b"/dev",
        Step::Proc => b"/proc",
        Step::Sys { .. } | Step::HostSys { .. } => b"/sys",
        Step::Tmpfs { target, .. } | Step::Volume { target, .. } => target,
        _ => return None,
    })
}

fn remove(root: &Fd, parent: &[u8], name: &[u8]) {
    let mut buffer = Path::new();
    let (Some(parent), Some(name)) = (place(root, parent), path(&[name], &mut buffer)) else { return };
    let Ok(status) = fs::link_status(At::Dir(&parent), name) else { return };
    if status.is_directory() || status.is_regular() && status.size() == 0 {
        let _ = fs::remove(At::Dir(&parent), name, status.is_directory());
    }
}
