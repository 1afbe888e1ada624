//! Where all this happens: a root with a command in it, the programs beside it, and a mount namespace of our own.

use std::{
    fs, io,
    os::unix::fs::{PermissionsExt, chown, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context, Result, bail, ensure};
use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    sched::{CloneFlags, unshare},
    unistd::geteuid,
};
use tempfile::TempDir;
use tinyo_qemu::kit::{Kit, target};

use super::{
    bundle::{self, Shape},
    launcher::{Kind, Launcher},
    system::USER,
};
use crate::package::Package;

/// What is launched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Task {
    /// A static program of a few KB that ends at once.
    True,
    /// The same by busybox's 2 MB, as DESIGN has it.
    Busybox,
    /// Says a byte, and ends with its standard input.
    Stay,
    /// Says when its main began, and stays.
    Mark,
}

impl Task {
    pub const ALL: [Task; 4] = [Task::True, Task::Busybox, Task::Stay, Task::Mark];

    pub fn words(self) -> [&'static str; 2] {
        match self {
            Task::True => ["/floor", "true"],
            Task::Busybox => ["/bin/busybox", "true"],
            Task::Stay => ["/floor", "stay"],
            Task::Mark => ["/floor", "mark"],
        }
    }
}

/// A launcher that is here.
pub struct Program {
    pub path: PathBuf,
    /// Debian's.
    pub version: String,
    pub bytes: u64,
    /// Shared libraries: how many, and their bytes.
    pub libraries: (usize, u64),
}

pub struct Place {
    dir: TempDir,
    launches: AtomicU32,
    /// Those that were there before.
    cgroups: Vec<PathBuf>,
}

/// Peers leave some behind.
impl Drop for Place {
    fn drop(&mut self) {
        let new = cgroups().into_iter().filter(|path| !self.cgroups.contains(path));
        // One that is in use, by whomever, stays.
        new.for_each(|path| drop(fs::remove_dir(path)));
    }
}

const SHAPES: [(&str, Shape); 3] =
    [("bare", Shape::Bare), ("walls", Shape::Walls), ("rootless", Shape::Rootless(USER))];

impl Place {
    pub fn build(kit: &Kit) -> Result<Place> {
        ensure!(geteuid().is_root(), "needs root: only the rootless rows could be measured without");
        let place = Place { dir: tempfile::tempdir()?, launches: AtomicU32::new(0), cgroups: Vec::new() };
        let floor = target().join("x86_64-unknown-linux-musl/release/tinyo-floor");
        for directory in ["bin", "dev", "proc", "sys", "tmp", "run", "etc", "usr"] {
            fs::create_dir_all(place.root().join(directory))?;
        }
        for directory in ["state", "state-user", "programs", "libraries"] {
            fs::create_dir(place.beside(directory))?;
        }
        fs::set_permissions(place.beside(""), fs::Permissions::from_mode(0o755))?;
        // systemd-nspawn's, which looks whether this is an operating system.
        fs::write(place.root().join("etc/os-release"), "ID=bench\n")?;
        symlink("busybox", place.root().join("bin/sh"))?;
        // Copies: whoever builds anew meanwhile changes nothing here, and an ordinary user reaches them.
        for (from, to) in [
            (&floor, place.root().join("floor")),
            (&kit.busybox, place.root().join("bin/busybox")),
            (&floor, place.beside("programs/floor")),
            (&kit.tinyo, place.beside("programs/tinyo")),
            (&kit.busybox, place.beside("programs/busybox")),
        ] {
            fs::copy(from, &to).with_context(|| format!("{}: read it (scripts/bench.sh builds it)", from.display()))?;
            fs::set_permissions(&to, fs::Permissions::from_mode(0o755))?;
        }
        let held = held(&fs::read_to_string("/proc/self/status")?);
        for task in Task::ALL {
            for (name, shape) in SHAPES {
                let bundle = place.bundle(name, task);
                fs::create_dir(&bundle)?;
                let root = place.root().display().to_string();
                fs::write(
                    bundle.join("config.json"),
                    bundle::config(&root, &task.words().map(str::to_owned), shape, held),
                )?;
            }
        }
        chown(place.beside("state-user"), Some(USER), Some(USER))?;
        Ok(place)
    }

    pub fn root(&self) -> PathBuf {
        self.beside("root")
    }

    pub fn beside(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn bundle(&self, shape: &str, task: Task) -> PathBuf {
        self.beside(&format!("bundle-{shape}-{task:?}"))
    }

    pub fn program(&self, launcher: &Launcher) -> Result<Program> {
        let path = self.beside("programs").join(launcher.program);
        let mut version = "-".to_owned();
        if let Some((name, places)) = launcher.package {
            let package = Package::fetch(&[name])?;
            fs::copy(package.file(places)?, &path)?;
            self.bring_libraries(&package, &path)?;
            version = package.version;
        }
        let bytes = fs::metadata(&path)?.len();
        Ok(Program { bytes, version, libraries: libraries(&path)?, path })
    }

    /// Those of its libraries that this host has not, for [`Place::enter`] to make known.
    fn bring_libraries(&self, package: &Package, program: &Path) -> Result<()> {
        for name in listed(program)?.lines().filter_map(missing) {
            let found = package.file(&[
                &format!("usr/lib/x86_64-linux-gnu/{name}"),
                &format!("lib/x86_64-linux-gnu/{name}"),
                &format!("usr/lib/x86_64-linux-gnu/systemd/{name}"),
            ])?;
            fs::copy(found, self.beside("libraries").join(name))?;
        }
        Ok(())
    }

    /// Mounts of our own from here on: the dynamic loader's cache knows the libraries that were brought, so that none is
    /// searched for longer than an installed one; and cgroup2 is where crun and runc look for it.
    pub fn enter(&mut self) -> Result<()> {
        unshare(CloneFlags::CLONE_NEWNS).context("unshare: a mount namespace")?;
        mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)?;
        // What peers note of their containers there, and systemd-nspawn of itself.
        mount(Some("tmpfs"), "/run", Some("tmpfs"), MsFlags::empty(), None::<&str>)?;
        if fs::metadata("/sys/fs/cgroup/cgroup.controllers").is_err() {
            let _ = umount2("/sys/fs/cgroup", MntFlags::MNT_DETACH);
            // A kernel without it has peers that say so.
            let _ = mount(Some("none"), "/sys/fs/cgroup", Some("cgroup2"), MsFlags::empty(), None::<&str>);
        }
        self.cgroups = cgroups();
        let (cache, list) = (self.beside("ld.so.cache"), self.beside("ld.so.conf"));
        fs::write(&list, format!("{}\ninclude /etc/ld.so.conf.d/*.conf\n", self.beside("libraries").display()))?;
        let made = Command::new("ldconfig").arg("-X").arg("-f").arg(&list).arg("-C").arg(&cache).status();
        if made.is_ok_and(|status| status.success()) {
            mount(Some(&cache), "/etc/ld.so.cache", None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
        }
        Ok(())
    }

    /// Ready to start, with nothing on its standard files.
    pub fn command(&self, launcher: &Launcher, program: &Program, task: Task) -> Command {
        let mut command = Command::new(&program.path);
        let id = self.launches.fetch_add(1, Ordering::Relaxed);
        let root = self.root().display().to_string();
        for word in launcher.words.split_whitespace() {
            match word.split_once("BUNDLE-") {
                Some((_, shape)) => command.arg(self.bundle(shape, task)),
                None if word == "COMMAND" => command.args(task.words()),
                None if word == "ID" => command.arg(format!("bench-{id}")),
                None if word == "STATE" && launcher.rootless() => command.arg(self.beside("state-user")),
                None if word == "STATE" => command.arg(self.beside("state")),
                None => command.arg(word.replace("ROOT", &root)),
            };
        }
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").current_dir("/");
        if launcher.kind == Kind::Peer && launcher.rootless() {
            command.env("XDG_RUNTIME_DIR", self.beside("state-user"));
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
}

fn cgroups() -> Vec<PathBuf> {
    let here = fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten().map(|entry| entry.path());
    here.filter(|path| path.is_dir()).collect()
}

/// The capabilities that a child of ours can have, as bits (proc_pid_status(5)).
fn held(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("CapBnd:"));
    line.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or(0)
}

/// What ldd(1) says; nothing of a static program.
fn listed(program: &Path) -> Result<String> {
    match Command::new("ldd").arg(program).output() {
        Ok(said) => Ok(String::from_utf8_lossy(&said.stdout).into_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => bail!("ldd: {error}"),
    }
}

fn missing(line: &str) -> Option<&str> {
    Some(line.trim().strip_suffix(" => not found")?.trim())
}

/// `NAME => PATH (ADDRESS)`, or `PATH (ADDRESS)` for the loader.
fn present(line: &str) -> Option<&str> {
    let (path, _) = line.trim().rsplit_once(" (0x")?;
    let path = path.split_once(" => ").map_or(path, |(_, path)| path);
    path.starts_with('/').then_some(path)
}

fn libraries(program: &Path) -> Result<(usize, u64)> {
    let text = listed(program)?;
    let sizes = text.lines().filter_map(present).map(|path| fs::metadata(path).map_or(0, |data| data.len()));
    Ok(sizes.fold((0, 0), |(count, sum), size| (count + 1, sum + size)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_those_of_the_bounding_set() {
        assert_eq!(held("Name:\tx\nCapPrm:\t01\nCapBnd:\t000001feffffffff\n"), 0x1fe_ffff_ffff);
        assert_eq!(held("Name:\tx\n"), 0);
    }

    #[test]
    fn lines_of_ldd() {
        let lines = [
            "\tlinux-vdso.so.1 (0x00007f9107295000)",
            "\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f91070b4000)",
            "\tlibyajl.so.2 => not found",
            "\t/lib64/ld-linux-x86-64.so.2 (0x00007f0d817c0000)",
            "\tstatically linked",
        ];
        let found = lines.map(present);
        let expected = [None, Some("/lib/x86_64-linux-gnu/libc.so.6"), None, Some("/lib64/ld-linux-x86-64.so.2"), None];
        assert_eq!(found, expected);
        assert_eq!(lines.map(missing), [None, None, Some("libyajl.so.2"), None, None]);
    }
}
