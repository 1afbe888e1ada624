//! `--userns auto`: ranges of ids, who maps them, and what a host says that has no user namespaces to give.

use std::{
    ffi::CString,
    fs, io,
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use nix::libc;

use crate::{
    first::played_with,
    house::{Ended, House, ended, finish, soon},
    rootless::{CALLER, GROUP, as_caller, owned},
};

const FIRST: u64 = 0x7000_0000;

/// What /proc/PID/uid_map says, by its numbers.
fn numbers(map: &str) -> Vec<u64> {
    map.split_whitespace().map(|number| number.parse().unwrap()).collect()
}

#[test]
fn root_gives_a_container_a_range_of_its_own() {
    let Some(house) = House::build() else { return };
    let data = house.directory("data");
    for (name, owner) in [("roots", 0), ("apps", 1000)] {
        fs::write(data.join(name), "text\n").unwrap();
        chown(data.join(name), Some(owner), Some(owner)).unwrap();
    }
    fs::create_dir(house.root().join("mnt")).unwrap();
    let volume = format!("-v{}:/mnt", data.display());
    let script = "cat /proc/self/uid_map /proc/self/gid_map; id -u; stat -c %u:%g /mnt/* /bin/busybox; touch /mnt/new; \
                  chown 33:44 /mnt/new; grep -c ' /mnt .*idmapped' /proc/mounts; echo x >/dev/null; cat /proc/self/setgroups";
    let said = house.shell(&["--userns=auto", &volume], script);
    let lines = said.lines();
    for map in &lines[..2] {
        let map = numbers(map);
        assert_eq!((map[0], map[2]), (0, 65536));
        assert!(map[1] >= FIRST + 64 * 65536 && map[1] < 2_147_352_576 && (map[1] - FIRST).is_multiple_of(65536));
    }
    assert_eq!(lines[2..], ["0", "1000:1000", "0:0", "0:0", "1", "allow"]);
    let status = fs::metadata(data.join("new")).unwrap();
    assert_eq!((status.uid(), status.gid()), (33, 44));
    house
        .shell(&["--userns=auto", &format!("{volume}:idmap,ro")], "grep -c ' /mnt .*ro,.*idmapped' /proc/mounts")
        .says("1\n");
    // A user of it, and groups.
    house
        .shell(&["--userns=auto", "--user=33:44"], "id -u; id -g; touch /tmp/x 2>/dev/null || echo no")
        .says("33\n44\nno\n");
    house
        .run(&["--userns=auto", "--user=70000"], &["/bin/true"])
        .fails(125, "run: become user 70000: invalid argument; is the id in the range of the container?");
    // It is as confined as others, and its processes are nobody of the host's.
    let script = "grep CapBnd /proc/self/status; mknod /tmp/n c 1 3 2>/dev/null || echo no nodes; ls /sys/class/net";
    house.shell(&["--userns=auto"], script).says("CapBnd:\t00000000a00425fb\nno nodes\nlo\n");
    let net = fs::read_link("/proc/self/ns/net").unwrap().display().to_string();
    house.shell(&["--userns=auto", "--network=host"], "readlink /proc/self/ns/net").says(&format!("{net}\n"));
}

/// Starts `sleep` and waits for it: the container's PID 1 as the host numbers it, and the range.
fn sleeping(house: &House) -> (Child, u64) {
    let child = house.command(&["--userns=auto", "--init=false"], &["/bin/sleep", "1000"]).spawn().unwrap();
    let mut status = String::new();
    soon("it sleeps", || {
        let list = fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).unwrap();
        // The process outside may still be there.
        let command =
            |pid: &&str| fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|words| words.starts_with(b"/bin/sleep"));
        let found = list.split_whitespace().find(command);
        status = found.and_then(|pid| fs::read_to_string(format!("/proc/{pid}/status")).ok()).unwrap_or_default();
        !status.is_empty()
    });
    let id = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap().split_whitespace().next().unwrap();
    let id = id.parse().unwrap();
    (child, id)
}

#[test]
fn no_two_ranges_are_the_same() {
    let Some(house) = House::build() else { return };
    house.clean(|| {
        let mut all: Vec<_> = (0..4).map(|_| sleeping(&house)).collect();
        let mut ids: Vec<_> = all.iter().map(|(_, id)| *id).collect();
        assert!(ids.iter().all(|&id| id >= FIRST), "{ids:?}");
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 4);
        for (child, _) in &mut all {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        house.wait_for_nobody();
    });
}

#[test]
fn a_mount_point_is_made_in_a_range_too() {
    let Some(house) = House::build() else { return };
    let data = house.directory("data");
    house
        .run_changing(&["--userns=auto", "--read-only", &format!("-v{}:/a/b", data.display())], &["/bin/true"])
        .says("");
    assert_eq!(fs::metadata(house.root().join("a/b")).unwrap().uid(), 0);
    let said = house.run(&["--userns=auto", "-v/proc:/c"], &["/bin/true"]);
    let hint = "its file system, or one mounted in it, takes no id map; leave userns out";
    said.fails(125, &format!("run: bind /proc on /c (nodev): not supported; {hint}"));
    let said = house.run(&["--userns=auto", "-v/not/there:/c"], &["/bin/true"]);
    said.fails(125, "run: bind /not/there on /c (nodev): no such file or directory; a volume's source must exist");
}

#[test]
fn a_service_has_the_range_of_its_slot() {
    let Some(house) = House::build() else { return };
    let data = house.directory("data");
    let service = |name: &str, keys: &str| {
        format!(
            "[service.{name}]\nexec = ['/bin/sh', '-c', 'cat /proc/self/uid_map >/out/{name}']\ntype = 'oneshot'\n{keys}\n\
             [service.{name}.container]\nroot = '{}'\nuserns = 'auto'\nvolumes = ['{}:/out']\n",
            house.root().display(),
            data.display()
        )
    };
    let config = service("a", "") + &service("b", "after = ['a']\non-exit = 'poweroff'");
    fs::create_dir(house.root().join("out")).unwrap();
    let said = played_with(&house, &config, "");
    let map = |name| numbers(&fs::read_to_string(data.join(name)).unwrap_or_default());
    assert_eq!((map("a"), map("b")), (vec![0, FIRST, 65536], vec![0, FIRST + 65536, 65536]), "{said:?}");
}

/// A directory on the caller's PATH, and an /etc of its own.
struct Host {
    house: House,
    etc: PathBuf,
    bin: PathBuf,
}

impl Host {
    fn build() -> Option<Host> {
        let house = owned()?;
        let (etc, bin) = (house.directory("etc"), house.directory("bin"));
        fs::copy(&house.busybox, bin.join("busybox")).unwrap();
        fs::write(etc.join("passwd"), format!("root:x:0:0::/:/bin/sh\nme:x:{CALLER}:{GROUP}::/:/bin/sh\n")).unwrap();
        Some(Host { house, etc, bin })
    }

    fn table(&self, name: &str, text: &str) {
        fs::write(self.etc.join(name), text).unwrap();
    }

    /// Both tools do this, as `$1 $2...`, with `$0` the tool.
    fn tools(&self, script: &str) {
        for name in ["newuidmap", "newgidmap"] {
            let path = self.bin.join(name);
            fs::write(&path, format!("#!{}/busybox sh\n{script}\n", self.bin.display())).unwrap();
            fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        }
    }

    /// `tinyo run --userns auto` by the caller.
    fn command(&self, command: &[&str]) -> Command {
        let mut run = self.house.command(&["--userns", "auto"], command);
        run.env("PATH", &self.bin);
        let etc = CString::new(self.etc.as_os_str().as_bytes()).unwrap();
        in_its_own(run, move || {
            // SAFETY: NUL-terminated names.
            check(unsafe { libc::mount(etc.as_ptr(), c"/etc".as_ptr(), c"".as_ptr(), libc::MS_BIND, std::ptr::null()) })
        })
    }

    #[track_caller]
    fn run(&self) -> Ended {
        self.house.clean(|| ended(self.command(&["/bin/true"])))
    }
}

fn check(value: i32) -> io::Result<()> {
    if value < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// `command` as the caller, in a mount namespace where `prepare` did something as root.
fn in_its_own(mut command: Command, prepare: impl Fn() -> io::Result<()> + Send + Sync + 'static) -> Command {
    // SAFETY: system calls only.
    unsafe {
        command.pre_exec(move || {
            check(libc::unshare(libc::CLONE_NEWNS))?;
            let private = libc::MS_REC | libc::MS_PRIVATE;
            check(libc::mount(c"none".as_ptr(), c"/".as_ptr(), c"".as_ptr(), private, std::ptr::null()))?;
            prepare()?;
            check(libc::setgroups(0, std::ptr::null()))?;
            check(libc::setresgid(GROUP, GROUP, GROUP))?;
            check(libc::setresuid(CALLER, CALLER, CALLER))
        });
    }
    command
}

#[test]
fn the_callers_ranges_are_asked_for() {
    let Some(host) = Host::build() else { return };
    host.table("subuid", &format!("other:1:2\nme:200000:65536\n{CALLER}:400000:5\nmean:7:7\n"));
    host.table("subgid", "me:300000:65536\n");
    // No setuid program: what it is asked for is written by this test, which is root.
    let asked = host.house.directory("asked");
    chown(&asked, Some(CALLER), Some(GROUP)).unwrap();
    let place = asked.display();
    host.tools(&format!("b={}/busybox; n=${{0##*/}}; echo $* >{place}/$n.new; $b mv {place}/$n.new {place}/$n; while $b test -e {place}/$n; do $b usleep 5000; done", host.bin.display()));
    host.house.clean(|| {
        let script = "sed 's/  */ /g' /proc/self/uid_map /proc/self/gid_map; id -u; touch /dev/shm/x; chown 5:7 /dev/shm/x && \
                      stat -c %u:%g /dev/shm/x; cat /proc/self/setgroups; grep -c gid=300004 /proc/mounts";
        let child = host.command(&["/bin/sh", "-c", script]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        for (tool, file, wanted) in [
            ("newuidmap", "uid_map", format!("0 {CALLER} 1 1 200000 65536 65537 400000 5")),
            ("newgidmap", "gid_map", format!("0 {GROUP} 1 1 300000 65536")),
        ] {
            let path = asked.join(tool);
            soon(tool, || path.exists());
            let words = fs::read_to_string(&path).unwrap();
            let (process, map) = words.trim().split_once(' ').unwrap();
            assert_eq!(map, wanted);
            let lines: Vec<_> = map.split(' ').collect::<Vec<_>>().chunks(3).map(|range| range.join(" ")).collect();
            fs::write(format!("/proc/{process}/{file}"), lines.join("\n")).unwrap();
            fs::remove_file(path).unwrap();
        }
        let uids = format!(" 0 {CALLER} 1\n 1 200000 65536\n 65537 400000 5\n");
        finish(child).says(&format!("{uids} 0 {GROUP} 1\n 1 300000 65536\n0\n5:7\nallow\n1\n"));
    });
}

#[test]
fn what_is_missing_for_a_range_is_named() {
    let Some(host) = Host::build() else { return };
    let step = "run: map a range of ids of its own";
    let lines = "no data; give the caller a line in /etc/subuid and in /etc/subgid, or leave userns out";
    host.run().fails(125, &format!("{step}: {lines}"));
    host.table("subuid", "me:0200000:65536\nme:5:0\nme:4294967295:1\nyou:1:1\n:::\n");
    host.run().fails(125, &format!("{step}: {lines}"));
    host.table("subuid", "me:200000:65536\n");
    let tools = "install newuidmap and newgidmap (Debian's package uidmap), or leave userns out";
    host.run().fails(125, &format!("{step}: no such file or directory; {tools}"));
    host.tools("echo \"$0: no\" >&2; exit 1");
    let said = host.run();
    let why = "newuidmap and newgidmap have the ranges to give, unless they say why not";
    let own = format!("{}: no\n", host.bin.join("newuidmap").display());
    said.is(125, "", &format!("{own}tinyo: {step}: operation not permitted; {why}\n"));
    host.table("subuid", &"me:200000:10\n".repeat(9));
    let most = "at most 8 ranges of one user in /etc/subuid and /etc/subgid";
    host.run().fails(125, &format!("{step}: argument list too long; {most}"));
}

/// Whoever is killed while a tool hangs leaves nothing behind, but for the tool.
#[test]
fn a_tool_that_hangs_keeps_nobody() {
    let Some(host) = Host::build() else { return };
    host.table("subuid", "me:200000:65536\n");
    host.tools(&format!("exec {}/busybox sleep 3", host.bin.display()));
    host.house.clean(|| {
        let mut child = host.command(&["/bin/true"]).spawn().unwrap();
        soon("it hangs", || host.house.processes().iter().any(|words| words.contains("sleep 3")));
        child.kill().unwrap();
        child.wait().unwrap();
        host.house.wait_for_nobody();
    });
}

#[test]
fn the_switch_of_the_host_is_named() {
    let Some(house) = House::build() else { return };
    // The setting is one of each user namespace: this shell's is not the host's.
    let limited = |most: &str, options: &str| {
        let set =
            format!("echo {most} >/proc/sys/user/max_user_namespaces && exec $tinyo run {options} $root /bin/true");
        house.clean(|| ended(house.host(&format!("exec $busybox unshare -U -r $busybox sh -c '{set}'"))))
    };
    let off = "the host has user namespaces turned off; set user.max_user_namespaces above 0";
    limited("0", "--userns auto").fails(125, &format!("run: clone: no space left on device; {off}"));
    let config = format!(
        "[service.a]\nexec = ['/bin/true']\ntype = 'oneshot'\non-exit = 'poweroff'\n[service.a.container]\nroot = '{}'\nuserns = 'auto'\n",
        house.root().display()
    );
    fs::write(house.beside("config"), config).unwrap();
    let set = "mount -t tmpfs none /run && mount -t tmpfs none /etc && cp $root/../config /etc/tinyo.toml && \
               echo 0 >/proc/sys/user/max_user_namespaces && exec $tinyo";
    let script = format!("exec $busybox unshare -U -r -m -p -f --mount-proc $busybox sh -c '{set}'");
    let said = house.clean(|| ended(house.host(&script)));
    assert!(said.err.contains(&format!("tinyo: a: clone: no space left on device; {off}\n")), "{said:?}");
    // A seccomp filter, as Docker's: clone(2) and clone3(2) are not permitted.
    let filtered = |mut command: Command| {
        // SAFETY: a program of five instructions that lives until the call is over.
        unsafe {
            command.pre_exec(|| {
                let program = [
                    (0x20, 0, 0, 0),
                    (0x15, 1, 0, libc::SYS_clone as u32),
                    (0x15, 0, 1, libc::SYS_clone3 as u32),
                    (0x06, 0, 0, 0x0005_0001),
                    (0x06, 0, 0, 0x7fff_0000),
                ];
                let mut program = program.map(|(code, jt, jf, k)| libc::sock_filter { code, jt, jf, k });
                let program = libc::sock_fprog { len: 5, filter: program.as_mut_ptr() };
                check(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))?;
                check(libc::prctl(libc::PR_SET_SECCOMP, 2, &raw const program))
            });
        }
        house.clean(|| ended(command))
    };
    let hint = "a seccomp filter forbids user namespaces, as Docker's does; start that container without it";
    filtered(as_caller(house.command(&[], &["/bin/true"])))
        .fails(125, &format!("run: clone: operation not permitted; {hint}"));
    // Root that may have the host's ids is told of no user namespace.
    filtered(house.command(&[], &["/bin/true"])).fails(125, "run: clone: operation not permitted");
}

#[test]
fn a_masked_proc_and_a_chroot_are_named() {
    let Some(house) = owned() else { return };
    let masked = in_its_own(house.command(&[], &["/bin/true"]), || {
        let tmpfs = c"tmpfs".as_ptr();
        // SAFETY: NUL-terminated names.
        check(unsafe { libc::mount(tmpfs, c"/proc/sys".as_ptr(), tmpfs, 0, std::ptr::null()) })
    });
    let hint = "the host's /proc or /sys has mounts over it, as in a container; leave those masks out there";
    house
        .clean(|| ended(masked))
        .fails(125, &format!("run: mount proc on /proc (nosuid,nodev,noexec): operation not permitted; {hint}"));
    fs::copy(&house.tinyo, house.root().join("tinyo")).unwrap();
    // It is started by its name in there.
    let mut inside = Command::new(Path::new("/tinyo"));
    inside.args(["run", "--privileged", "/", "/bin/true"]).env_clear();
    let top = CString::new(house.root().as_os_str().as_bytes()).unwrap();
    let inside = in_its_own(inside, move || {
        // SAFETY: NUL-terminated names.
        check(unsafe { libc::chroot(top.as_ptr()) })?;
        check(unsafe { libc::chdir(c"/".as_ptr()) })
    });
    let hint = "the kernel makes no user namespace in a chroot; is this one?";
    ended(inside).fails(125, &format!("run: clone: operation not permitted; {hint}"));
}

/// What is bound into /dev is what its name says.
#[test]
fn a_device_that_is_another_is_refused() {
    let Some(house) = owned() else { return };
    let dev = house.directory("dev");
    for name in ["null", "zero", "full", "random", "urandom", "tty"] {
        fs::write(dev.join(name), "no device\n").unwrap();
    }
    let dev = CString::new(dev.as_os_str().as_bytes()).unwrap();
    let command = in_its_own(house.command(&[], &["/bin/cat", "/dev/null"]), move || {
        // SAFETY: NUL-terminated names.
        check(unsafe { libc::mount(dev.as_ptr(), c"/dev".as_ptr(), c"".as_ptr(), libc::MS_BIND, std::ptr::null()) })
    });
    let step = "mount tmpfs on /dev (null zero full random urandom tty, fd and standard links, pts, shm, mqueue)";
    house
        .clean(|| ended(command))
        .fails(125, &format!("run: {step}: no such device; the host's /dev lacks one of these"));
}

/// Root without the right to mount is an ordinary user.
#[test]
fn root_without_capabilities_is_the_caller() {
    let Some(house) = House::build() else { return };
    let drop_all = |mut command: Command| {
        // SAFETY: plain numbers.
        unsafe { command.pre_exec(|| check(libc::prctl(libc::PR_CAPBSET_DROP, 21, 0, 0, 0))) };
        command
    };
    for options in [&[][..], &["--privileged"]] {
        let script = "sed 's/  */ /g' /proc/self/uid_map; id -u";
        let said = house.clean(|| ended(drop_all(house.command(options, &["/bin/sh", "-c", script]))));
        said.says(" 0 0 1\n0\n");
    }
}
