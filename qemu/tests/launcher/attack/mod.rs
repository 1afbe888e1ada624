//! Hostile images, hostile callers, and hostile neighbours: what each tries, and that it gets nowhere.
//!
//! The image holds `/bin/attacker` (qemu/attacker), which makes any system call. Beside it lies a canary: a tree of the
//! host's that nothing here may change, nor see.

mod caller;
mod calls;
mod image;
mod kernel;
mod links;
mod mounts;
mod own_file;
mod race;
mod reach;
mod rights;
mod size;
mod terminal;
#[cfg(target_arch = "x86_64")]
mod walls;

use std::{
    collections::BTreeMap,
    env, fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, Command},
};

use crate::house::{Ended, House, found, name_skip, same, tree};

/// A host with something to lose.
pub struct Siege {
    pub house: House,
    pub canary: PathBuf,
    pub attacker: PathBuf,
}

/// What is in the canary, and nowhere in an image.
pub const SECRET: &str = "of the host";

impl Siege {
    pub fn build() -> Option<Siege> {
        let house = House::build()?;
        let attacker = match found("ATTACKER", "x86_64-unknown-linux-musl/release/tinyo-attacker", "test.sh") {
            Ok(path) => house.file("bin/attacker", 0o755, fs::read(path).unwrap()),
            Err(why) => {
                name_skip(&why);
                return None;
            }
        };
        let canary = house.directory("canary");
        for directory in ["empty", "pts", "shm", "sys", "kernel"] {
            fs::create_dir(canary.join(directory)).unwrap();
        }
        for file in ["secret", "null", "passwd", "core_pattern", "sysrq-trigger", "shm/secret"] {
            fs::write(canary.join(file), format!("{SECRET}\n")).unwrap();
        }
        symlink("secret", canary.join("link")).unwrap();
        Some(Siege { house, canary, attacker })
    }

    /// A name of the image becomes a link to there.
    pub fn link(&self, name: &str, target: impl AsRef<Path>) {
        let path = self.house.root().join(name);
        let _ = fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
    }

    pub fn directory(&self, name: &str) {
        let path = self.house.root().join(name);
        let _ = fs::remove_file(&path);
        fs::create_dir_all(&path).unwrap();
    }

    /// Nothing of the host's changes by `work`, and nothing stays of it but what it does to the image.
    #[track_caller]
    pub fn holds<T>(&self, work: impl FnOnce() -> T) -> T {
        let before = self.outside();
        let result = self.house.clean_but_tree(work);
        let after = self.outside();
        for ((what, before), (_, after)) in before.iter().zip(&after) {
            same(what, before, after);
        }
        result
    }

    fn outside(&self) -> [(&'static str, BTreeMap<PathBuf, String>); 3] {
        let etc = tree(Path::new("/etc"));
        let names = |directory: &str| {
            let entries = fs::read_dir(directory).into_iter().flatten().flatten();
            entries.map(|entry| (entry.path(), String::new())).collect::<BTreeMap<_, _>>()
        };
        [("the canary", tree(&self.canary)), ("/etc", etc), ("/dev", names("/dev"))]
    }

    /// A script as the command; it sees nothing of the host's.
    #[track_caller]
    pub fn shell(&self, options: &[&str], script: &str) -> Ended {
        let said = self.holds(|| self.house.run_once(options, &["/bin/sh", "-c", script]));
        assert!(!said.out.contains(SECRET) && !said.err.contains(SECRET), "{options:?}: it sees the host: {said:?}");
        said
    }

    /// System calls as the command (see qemu/attacker), and what each of them answered.
    #[track_caller]
    pub fn calls(&self, options: &[&str], calls: &str) -> Vec<String> {
        let said = self.holds(|| self.house.run_once(options, &["/bin/attacker", "call", calls]));
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{options:?} {calls}: {said:?}");
        said.out.lines().map(str::to_owned).collect()
    }

    /// Each of these calls is refused, whoever makes it.
    #[track_caller]
    pub fn refused(&self, options: &[&str], calls: &[&str], errnos: &[&str]) {
        let said = self.calls(options, &calls.join(" , "));
        for (call, line) in calls.iter().zip(&said) {
            let errno = line.split(' ').next_back().unwrap();
            assert!(errnos.contains(&errno), "{options:?}: {call}: {line}, not one of {errnos:?}");
        }
        assert_eq!(said.len(), calls.len());
    }

    /// On the host.
    pub fn attacker(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.attacker);
        command.args(words).env_clear().current_dir("/");
        command
    }
}

/// It was refused: by one line of tinyo's, before there was a command.
#[track_caller]
pub fn named(said: &Ended) {
    let is_one = said.err.starts_with("tinyo: ") && said.err.lines().count() == 1;
    assert!(matches!(said.code, 125..=127) && said.out.is_empty() && is_one, "{said:?}");
}

/// Ends with the test.
pub struct Neighbour(pub Child);

impl Drop for Neighbour {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `TINYO_ATTACK=all`: every round; `TINYO_ATTACK=N`: so many.
pub fn rounds(usual: usize, all: usize) -> usize {
    match env::var("TINYO_ATTACK").unwrap_or_default().as_str() {
        "all" => all,
        number => number.parse().unwrap_or(usual),
    }
}
