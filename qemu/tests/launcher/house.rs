//! What each test stands on: a busybox image of its own, the shipped binary run on it, and a look at everything that a
//! run could leave behind.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsStr,
    fs,
    io::Write,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, symlink},
        process::ExitStatusExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;
use tinyo_qemu::kit::target;

/// A run takes milliseconds; this long only a hang takes.
const PATIENCE: Duration = Duration::from_secs(30);

const APPLETS: &str = "sh ash cat ls ps env id grep ip hostname mount umount stat readlink touch echo head wc sleep kill mkdir \
                       rmdir dd sha256sum find chmod chown true false test mknod ping tr cut sort awk sed od setsid rm mv ln \
                       usleep mkfifo httpd nice cp seq pwd cmp tail stty tty";

/// A busybox image, and a place beside it for what a test puts into volumes.
pub struct House {
    dir: TempDir,
    pub tinyo: PathBuf,
    pub busybox: PathBuf,
}

/// How a run ended: as a shell would show it, and what it said.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// What a run must not change.
struct Traces {
    mounts: Vec<String>,
    processes: Vec<String>,
    cgroups: Vec<String>,
    hostname: String,
}

impl Traces {
    #[track_caller]
    fn same_as(&self, before: &Traces) {
        let new = |before: &[String], after: &[String]| {
            let new: Vec<_> = after.iter().filter(|line| !before.contains(line)).cloned().collect();
            new.join("\n")
        };
        assert_eq!(new(&before.mounts, &self.mounts), "", "mounts are left behind");
        assert_eq!(new(&self.mounts, &before.mounts), "", "mounts are gone");
        assert_eq!(new(&before.processes, &self.processes), "", "processes are left behind");
        assert_eq!(new(&before.cgroups, &self.cgroups), "", "cgroups are left behind");
        assert_eq!(self.hostname, before.hostname, "the host has another name");
    }
}

/// The shipped binary. None: a named skip.
pub fn tinyo() -> Option<PathBuf> {
    match found("TINYO", "dist/tinyo-x86_64", "build.sh") {
        Ok(path) => Some(path),
        Err(why) => {
            name_skip(&why);
            None
        }
    }
}

impl House {
    /// None: this host cannot, which is named, and a failure under CI=true.
    pub fn build() -> Option<House> {
        let root = fs::metadata("/proc/self").is_ok_and(|status| status.uid() == 0);
        let tinyo = tinyo()?;
        match found("BUSYBOX", "vm/x86_64/busybox", "setup.sh") {
            Ok(busybox) if root => return Some(House::of(&tinyo, &busybox)),
            Ok(_) => name_skip("containers need root"),
            Err(why) => name_skip(&why),
        }
        None
    }

    fn of(tinyo: &Path, busybox: &Path) -> House {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let house = House { tinyo: dir.path().join("tinyo"), busybox: dir.path().join("busybox"), dir };
        // Copies: whoever builds anew meanwhile, or a test that lets a container loose on them, changes nothing here.
        for (from, to) in [(tinyo, &house.tinyo), (busybox, &house.busybox)] {
            fs::copy(from, to).unwrap();
            fs::set_permissions(to, fs::Permissions::from_mode(0o755)).unwrap();
        }
        for directory in ["bin", "dev", "proc", "sys", "tmp", "run", "etc"] {
            fs::create_dir_all(house.root().join(directory)).unwrap();
        }
        fs::copy(&house.busybox, house.root().join("bin/busybox")).unwrap();
        for applet in APPLETS.split_whitespace() {
            symlink("busybox", house.root().join("bin").join(applet)).unwrap();
        }
        house
    }

    pub fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    /// A path beside the image.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A new directory beside the image, for a volume.
    pub fn directory(&self, name: &str) -> PathBuf {
        let path = self.beside(name);
        fs::create_dir(&path).unwrap();
        path
    }

    /// A file of the image, made with the directories above it.
    pub fn file(&self, name: &str, mode: u32, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.root().join(name.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    /// `tinyo` with these words, in a clean environment.
    pub fn tinyo(&self, words: &[impl AsRef<OsStr>]) -> Command {
        clean(Command::new(&self.tinyo), words)
    }

    /// busybox's shell on the host, with `$tinyo` and `$root` to use.
    pub fn host(&self, script: &str) -> Command {
        let mut command = clean(Command::new(&self.busybox), &["sh", "-c", script]);
        command.env("tinyo", &self.tinyo).env("root", self.root()).env("busybox", &self.busybox);
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command
    }

    /// `tinyo run OPTIONS ROOT COMMAND`, which leaves nothing behind, in the image neither.
    #[track_caller]
    pub fn run(&self, options: &[&str], command: &[&str]) -> Ended {
        self.clean(|| self.run_once(options, command))
    }

    /// The same where the command, or a new mount point, changes the image.
    #[track_caller]
    pub fn run_changing(&self, options: &[&str], command: &[&str]) -> Ended {
        self.clean_but_tree(|| self.run_once(options, command))
    }

    /// A shell script as the command.
    #[track_caller]
    pub fn shell(&self, options: &[&str], script: &str) -> Ended {
        self.run(options, &["/bin/sh", "-c", script])
    }

    /// Without looking at what is left behind.
    #[track_caller]
    pub fn run_once(&self, options: &[&str], command: &[&str]) -> Ended {
        ended(self.command(options, command))
    }

    pub fn command(&self, options: &[&str], command: &[&str]) -> Command {
        let mut words = vec!["run".to_owned()];
        words.extend(options.iter().map(|&word| word.to_owned()));
        words.push(self.root().display().to_string());
        words.extend(command.iter().map(|&word| word.to_owned()));
        self.tinyo(&words)
    }

    /// Does `work` and compares everything that it could leave behind with what was there before.
    #[track_caller]
    pub fn clean<T>(&self, work: impl FnOnce() -> T) -> T {
        let before = tree(&self.root());
        let result = self.clean_but_tree(work);
        same("image", &before, &tree(&self.root()));
        result
    }

    #[track_caller]
    pub fn clean_but_tree<T>(&self, work: impl FnOnce() -> T) -> T {
        let before = self.traces();
        let result = work();
        let after = self.traces();
        after.same_as(&before);
        result
    }

    fn traces(&self) -> Traces {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let mut cgroups = Vec::new();
        find_cgroups(Path::new("/sys/fs/cgroup"), &mut cgroups);
        // Those of the test that makes some, which looks at them itself.
        cgroups.retain(|path| !path.ends_with("/tinyo") && !path.contains(OWN_CGROUP));
        Traces {
            mounts: mounts.lines().map(str::to_owned).collect(),
            processes: self.processes(),
            cgroups,
            hostname: fs::read_to_string("/proc/sys/kernel/hostname").unwrap(),
        }
    }

    /// The command lines of all processes that have to do with this image: by their words, or by what is mounted for them.
    pub fn processes(&self) -> Vec<String> {
        let tag = self.dir.path().file_name().unwrap().to_str().unwrap();
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let name = entry.file_name();
            if !name.to_string_lossy().bytes().all(|byte| byte.is_ascii_digit()) {
                continue;
            }
            let read =
                |file| String::from_utf8_lossy(&fs::read(entry.path().join(file)).unwrap_or_default()).into_owned();
            let words = read("cmdline");
            if words.contains(tag) || read("mountinfo").contains(tag) {
                found.push(format!("{} {}", name.to_string_lossy(), words.replace('\0', " ")));
            }
        }
        found
    }

    /// Waits until no process has to do with this image any more.
    #[track_caller]
    pub fn wait_for_nobody(&self) {
        soon("the container is gone", || self.processes().is_empty());
    }
}

pub fn found(variable: &str, path: &str, script: &str) -> Result<PathBuf, String> {
    let given = env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    let path = given.unwrap_or_else(|| target().join(path));
    if path.exists() {
        Ok(path)
    } else {
        Err(format!("{}: not there; {variable}=, else scripts/{script}", path.display()))
    }
}

pub fn name_skip(why: &str) {
    let test = thread::current().name().unwrap_or("a test").to_owned();
    assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "{test}: cannot run: {why}");
    let _ = std::io::stderr().write_all(format!("skipped: {test}: {why}\n").as_bytes());
}

fn clean(mut command: Command, words: &[impl AsRef<OsStr>]) -> Command {
    command.args(words).env_clear().stdin(Stdio::null()).current_dir("/");
    command
}

/// A service with a cgroup: other tests pass over it.
pub const OWN_CGROUP: &str = "test-of-cgroups";

/// What tinyo made below `directory`.
pub fn find_cgroups(directory: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            let path = entry.path().display().to_string();
            if path.contains("tinyo") {
                found.push(path);
            }
            find_cgroups(&entry.path(), found);
        }
    }
}

/// Every name under `top` with what must not change about it. A directory's times change when a mount point comes and
/// goes, so they are left out.
pub fn tree(top: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![top.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).unwrap().map(Result::unwrap) {
            let (path, status) = (entry.path(), fs::symlink_metadata(entry.path()).unwrap());
            let times = if status.is_dir() { (0, 0) } else { (status.mtime(), status.mtime_nsec()) };
            let link = fs::read_link(&path).unwrap_or_default();
            let size = if status.is_dir() { 0 } else { status.size() };
            let owner = (status.uid(), status.gid());
            let kind = format!("{:o} {owner:?} {size} {} {times:?} {link:?}", status.mode(), status.rdev());
            if status.is_dir() {
                open.push(path.clone());
            }
            found.insert(path, kind);
        }
    }
    found
}

#[track_caller]
pub fn same(what: &str, before: &BTreeMap<PathBuf, String>, after: &BTreeMap<PathBuf, String>) {
    let gone: Vec<_> = before.iter().filter(|&(path, kind)| after.get(path) != Some(kind)).collect();
    let come: Vec<_> = after.iter().filter(|&(path, kind)| before.get(path) != Some(kind)).collect();
    assert!(gone.is_empty() && come.is_empty(), "{what}: gone {gone:?}, come {come:?}");
}

/// Runs to the end; a run that hangs is killed, and the test fails.
#[track_caller]
pub fn ended(mut command: Command) -> Ended {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    finish(child)
}

#[track_caller]
pub fn finish(child: Child) -> Ended {
    let output = output(child);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ended { code: code(&output), out: text(&output.stdout), err: text(&output.stderr) }
}

/// 1000 + N: tinyo itself was killed by signal N, which it must never be unless the test does it.
fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| 1000 + output.status.signal().unwrap_or(0))
}

#[track_caller]
pub fn output(child: Child) -> Output {
    let pid = pid(&child);
    let (done, waiting) = channel::<()>();
    let dog = thread::spawn(move || {
        let hangs = waiting.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout);
        if hangs {
            let _ = kill(pid, Signal::SIGKILL);
        }
        hangs
    });
    let output = child.wait_with_output().unwrap();
    drop(done);
    assert!(!dog.join().unwrap(), "it hangs: {output:?}");
    output
}

pub fn pid(child: &Child) -> Pid {
    Pid::from_raw(child.id().cast_signed())
}

#[track_caller]
pub fn soon(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(10), "not within 10 s: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

impl Ended {
    /// Ended with this status and these words on standard output and error.
    #[track_caller]
    pub fn is(&self, code: i32, out: &str, err: &str) -> &Ended {
        assert_eq!((self.code, self.out.as_str(), self.err.as_str()), (code, out, err));
        self
    }

    /// Ended well, with these words and nothing on standard error.
    #[track_caller]
    pub fn says(&self, out: &str) -> &Ended {
        self.is(0, out, "")
    }

    /// tinyo failed with this one line.
    #[track_caller]
    pub fn fails(&self, code: i32, line: &str) -> &Ended {
        self.is(code, "", &format!("tinyo: {line}\n"))
    }

    /// The lines of standard output of a run that ended well.
    #[track_caller]
    pub fn lines(&self) -> Vec<&str> {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{}", self.out);
        self.out.lines().collect()
    }
}
