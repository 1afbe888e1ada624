//! tinyo's supervisor as PID 1 of a pid namespace: a service whose container dies, and what each container costs it.

use std::{
    fs,
    fs::File,
    os::unix::fs::FileExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use super::{
    figures::{Kept, least, median},
    kept::{below, beside, commands, slay},
    latency::now,
    place::Place,
    system::wait_for,
};

/// Of one kind of container.
#[derive(Clone, Debug, Default)]
pub struct Restarts {
    /// Why there are none.
    pub skipped: Option<String>,
    /// Nanoseconds from the death of the command to its successor's main.
    pub times: Vec<u64>,
    pub asked: usize,
    /// For each container, beside its command and the supervisor.
    pub kept: Option<Kept>,
}

impl Restarts {
    pub fn least(&self) -> Option<u64> {
        least(&self.times)
    }

    pub fn median(&self) -> Option<u64> {
        median(&self.times)
    }
}

/// Services of one supervisor. Each dies once: the second death of one comes at the pace of a crash loop.
const SERVICES: usize = 16;

/// A service that has been up for ten seconds counts as healthy, and is started again at once.
const HEALTHY: Duration = Duration::from_millis(10_500);

/// A start takes milliseconds.
const LIMIT: Duration = Duration::from_secs(5);

/// busybox's unshare stays outside. /etc and /run are the namespace's own.
const ENTER: &str = "exec $box unshare -m -p -f --mount-proc $box sh -c '$box mount -t tmpfs none /run && \
                     $box mount -t tmpfs none /etc && $box cp $config /etc/tinyo.toml && exec $tinyo'";

struct Supervisor {
    child: Child,
    /// Eight bytes for each main.
    marks: PathBuf,
}

/// With the reaper, and with `init = false`.
pub fn restarts(place: &Place) -> [Restarts; 2] {
    let scenes = [("reaper", ""), ("bare", "init = false\n")].map(|(name, keys)| Supervisor::start(place, name, keys));
    if scenes.iter().any(Result::is_ok) {
        sleep(HEALTHY);
    }
    scenes.map(|scene| match scene {
        Ok(scene) => scene.measure(),
        Err(error) => Restarts { skipped: Some(format!("{error:#}")), ..Restarts::default() },
    })
}

impl Supervisor {
    fn start(place: &Place, name: &str, keys: &str) -> Result<Supervisor> {
        let (config, errors) = (place.beside(&format!("config-{name}")), place.beside(&format!("errors-{name}")));
        let marks = place.root().join("tmp").join(name);
        fs::write(&config, text(&place.root().display().to_string(), name, keys))?;
        fs::write(&marks, "")?;
        let child = Command::new(place.beside("programs/busybox"))
            .args(["sh", "-c", ENTER])
            .env_clear()
            .env("box", place.beside("programs/busybox"))
            .env("tinyo", place.beside("programs/tinyo"))
            .env("config", &config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&errors)?)
            .spawn()?;
        let supervisor = Supervisor { child, marks };
        let up = soon(|| supervisor.count() == SERVICES).is_some();
        let said = fs::read_to_string(&errors).unwrap_or_default();
        ensure!(up, "{} of {SERVICES} services came up: {}", supervisor.count(), said.lines().last().unwrap_or("-"));
        Ok(supervisor)
    }

    /// The namespace's PID 1.
    fn pid(&self) -> Option<u32> {
        below(self.child.id()).first().copied()
    }

    fn count(&self) -> usize {
        fs::metadata(&self.marks).map_or(0, |data| data.len() as usize / 8)
    }

    fn measure(self) -> Restarts {
        let Some(pid) = self.pid() else { return Restarts::default() };
        let all = beside(pid, false);
        let share = |sum: u64| sum.div_ceil(SERVICES as u64);
        let kept = Kept { processes: share(all.processes as u64) as usize, private: share(all.private) };
        let victims = commands(pid);
        let times = victims.iter().filter_map(|victim| self.restart(*victim).ok()).collect();
        Restarts { skipped: None, times, asked: victims.len(), kept: Some(kept) }
    }

    fn restart(&self, victim: u32) -> Result<u64> {
        let before = self.count();
        let begun = now();
        slay(victim);
        soon(|| self.count() > before).context("no successor")?;
        let mut bytes = [0; 8];
        File::open(&self.marks)?.read_exact_at(&mut bytes, before as u64 * 8)?;
        u64::from_ne_bytes(bytes).checked_sub(begun).context("a mark of before")
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        // With it goes all that is in its namespace.
        self.pid().into_iter().for_each(slay);
        let _ = wait_for(self.child.id(), 5);
    }
}

fn text(root: &str, marks: &str, keys: &str) -> String {
    let service = |number| {
        format!(
            "[service.box{number}]\nexec = [\"/floor\", \"mark\"]\nlog = \"/tmp/{marks}\"\n\
             [service.box{number}.container]\nroot = \"{root}\"\n{keys}"
        )
    };
    (0..SERVICES).map(service).collect()
}

/// Looks every millisecond, which is not what is measured: the mark has the time in it.
fn soon(mut done: impl FnMut() -> bool) -> Option<()> {
    let begun = Instant::now();
    while !done() {
        if begun.elapsed() > LIMIT {
            return None;
        }
        sleep(Duration::from_millis(1));
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_service_has_a_container() {
        let text = text("/root", "x", "init = false\n");
        assert_eq!(text.matches("[service.").count(), 2 * SERVICES);
        assert!(text.contains("[service.box0.container]\nroot = \"/root\"\ninit = false\n[service.box1]\n"), "{text}");
    }
}
