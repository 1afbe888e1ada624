//! `tinyo exec`: in all of a container's namespaces, within its rights, and nothing of the host's comes in with it.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};

use nix::{
    libc,
    sys::signal::{Signal, kill},
};

use crate::{
    escape::{REFUSED, attacker, held, state},
    house::{Ended, House, ended, finish, pid, soon},
    rootless::as_caller,
    scene::Scene,
};

/// A container of `tinyo run`, which stays until it is ended.
pub struct Running<'h> {
    house: &'h House,
    child: Option<Child>,
    /// Its PID 1, outside.
    pub pid: String,
}

pub fn run<'h>(house: &'h House, options: &[&str], script: &str) -> Running<'h> {
    let ready = house.beside("ready");
    fs::write(&ready, "").unwrap();
    // Whoever the command is.
    fs::set_permissions(&ready, fs::Permissions::from_mode(0o666)).unwrap();
    let script = format!("echo up >/tmp/ready; {script}");
    let volume = format!("{}:/tmp", house.beside("").display());
    let mut command = house.command(&[options, &["-v", &volume]].concat(), &["/bin/sh", "-c", &script]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    soon("it runs", || fs::read_to_string(&ready).is_ok_and(|said| said == "up\n"));
    let path = format!("/proc/{0}/task/{0}/children", child.id());
    // Behind it is who made its map of ids, for a moment yet.
    let pid = fs::read_to_string(path).unwrap().split(' ').next().unwrap().to_owned();
    Running { house, child: Some(child), pid }
}

pub const STAY: &str = "exec sleep 100000";

impl Running<'_> {
    pub fn command(&self, options: &[&str], words: &[&str]) -> Command {
        self.house.tinyo(&[&["exec"], options, &[&self.pid], words].concat())
    }

    fn exec(&self, options: &[&str], words: &[&str]) -> Ended {
        ended(self.command(options, words))
    }

    fn shell(&self, script: &str) -> Ended {
        self.exec(&[], &["/bin/sh", "-c", script])
    }

    pub fn end(mut self) -> Ended {
        let child = self.child.take().unwrap();
        let _ = kill(pid(&child), Signal::SIGKILL);
        finish(child)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn it_is_in_all_namespaces_and_has_nothing_of_the_callers() {
    let Some(house) = House::build() else { return };
    house.clean(|| {
        let box_ = run(&house, &["--hostname", "box"], STAY);
        for name in ["mnt", "pid", "net", "uts", "ipc", "cgroup", "user"] {
            let own = fs::read_link(format!("/proc/{}/ns/{name}", box_.pid)).unwrap().display().to_string();
            box_.exec(&[], &["/bin/readlink", &format!("/proc/self/ns/{name}")]).says(&format!("{own}\n"));
        }
        box_.exec(&[], &["hostname"]).says("box\n");
        box_.exec(&[], &["--", "pwd"]).says("/\n");
        let said = box_.exec(&[], &["ls", "/"]);
        assert!(said.lines().contains(&"proc") && !said.lines().contains(&"usr"), "{said:?}");
        let said = box_.exec(&[], &["ps", "-o", "comm"]);
        assert_eq!(said.lines()[2..], ["sleep", "ps"]);
        // A file that is not close-on-exec, a directory that is the host's, variables, groups and a mask.
        let script = "umask 077; cd /usr; export LEAK=1; exec 3</etc 5</etc/passwd 9</; exec $tinyo exec $pid /bin/sh -c \
                      'umask; pwd; ls /proc/self/fd; env | grep -c LEAK; ls -d /proc/self/cwd/etc; grep Groups: /proc/self/status'";
        let said = ended(house.host(&script.replace("$pid", &box_.pid)));
        assert_eq!(said.out, "0022\n/\n0\n1\n2\n3\n0\n/proc/self/cwd/etc\nGroups:\t \n", "{said:?}");
        box_.end();
    });
}

#[test]
fn it_may_what_the_container_may() {
    let Some(house) = House::build() else { return };
    let show =
        "grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status; grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/2/status";
    for options in [&[][..], &["--cap-drop=ALL"], &["--cap-add=SYS_ADMIN", "--cap-drop=KILL"], &["--privileged"]] {
        house.clean(|| {
            let box_ = run(&house, options, STAY);
            let said = box_.shell(show);
            let lines = said.lines();
            let (own, theirs) = lines.split_at(lines.len() / 2);
            assert_eq!(own, theirs, "{options:?}");
            box_.end();
        });
    }
    // Root there, by number, within what the container may have: not what the command gave up by its user.
    let box_ = run(&house, &["--user=7"], STAY);
    let said = box_.shell("id; grep CapEff /proc/self/status; grep CapBnd /proc/self/status");
    let lines = said.lines();
    assert_eq!((lines[0], &lines[1][7..]), ("uid=0 gid=0", &lines[2][7..]));
    box_.exec(&["-u", "7:8"], &["/bin/sh", "-c", "id; grep CapEff /proc/self/status"])
        .says("uid=7 gid=8\nCapEff:\t0000000000000000\n");
}

#[test]
fn its_options_are_those_of_docker_exec() {
    let Some(house) = House::build() else { return };
    house.file("etc/passwd", 0o644, "www:x:33:34:www:/srv/www:/bin/sh\n");
    house.file("etc/group", 0o644, "extra:x:77:www\nadm:x:4:\n");
    let box_ = run(&house, &[], STAY);
    box_.exec(&["-u", "www"], &["/bin/sh", "-c", "id; echo $HOME"])
        .says("uid=33(www) gid=34 groups=77(extra)\n/srv/www\n");
    box_.exec(&["--user=www:adm"], &["id"]).says("uid=33(www) gid=4(adm)\n");
    box_.exec(&["-e", "A=1", "--env=B=two words", "-w", "/etc"], &["sh", "-c", "echo $A $B; pwd"])
        .says("1 two words\n/etc\n");
    for path in ["/proc/self/fd/4", "/proc/1/cwd", "/proc/1/root"] {
        let said = box_.exec(&["-w", path], &["pwd"]);
        assert!(said.code == 125 && said.out.is_empty() && said.err.contains("change directory to"), "{said:?}");
    }
    house.tinyo(&["exec", "--help"]).output().unwrap();
    let said = ended(house.tinyo(&["exec", "--help"]));
    assert!(said.lines()[0].starts_with("usage: tinyo exec [OPTIONS] NAME|PID"), "{said:?}");
}

#[test]
fn its_end_is_the_commands() {
    let Some(house) = House::build() else { return };
    let box_ = run(&house, &[], STAY);
    for (script, code) in [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137), ("kill -TERM $$", 143)] {
        box_.shell(script).is(code, "", "");
    }
    let said = box_.exec(&[], &["/bin/absent"]);
    said.fails(
        127,
        "exec: run /bin/absent: no such file or directory; is it in the image, and its interpreter or loader too?",
    );
    assert_eq!(box_.exec(&[], &["absent"]).code, 127);
    box_.exec(&[], &["/etc"]).fails(126, "exec: run /etc: permission denied; is it executable?");
    // Signals reach it; standard input and output are the caller's.
    let script = "trap 'echo got; exit 9' TERM; echo up; while :; do usleep 1000; done";
    let mut child =
        box_.command(&[], &["sh", "-c", script]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut up = [0; 3];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut up).unwrap();
    kill(pid(&child), Signal::SIGTERM).unwrap();
    finish(child).is(9, "got\n", "");
    // Killed, it takes its command along, and nobody else.
    let child = box_.command(&[], &["sh", "-c", "exec sleep 55555"]).spawn().unwrap();
    let count = || box_.shell("ps -o args | grep -c '^sleep 55555'").out;
    soon("it runs", || count() == "1\n");
    kill(pid(&child), Signal::SIGKILL).unwrap();
    soon("it is gone", || count() == "0\n");
    drop(child.wait_with_output());
    box_.exec(&[], &["true"]).says("");
}

#[test]
fn what_cannot_be_entered_is_named() {
    let Some(house) = House::build() else { return };
    let exec = |words: &[&str]| ended(house.tinyo(&[&["exec"], words].concat()));
    const TRY: &str = "try tinyo exec --help";
    exec(&[]).fails(125, &format!("exec: no NAME: exec NAME COMMAND is needed; {TRY}"));
    exec(&["web"]).fails(125, &format!("exec: no COMMAND after web; {TRY}"));
    exec(&["-m", "web", "sh"]).fails(125, &format!("exec: unknown option -m; {TRY}"));
    exec(&["--privileged", "web", "sh"]).fails(125, &format!("exec: unknown option --privileged; {TRY}"));
    exec(&["-u", "a b", "1", "sh"])
        .fails(125, "exec: --user: a b is no user; write USER or USER:GROUP, each a name or a number");
    for number in ["0", "4194305", "99999999999"] {
        exec(&[number, "true"]).fails(125, &format!("exec: {number}: no such process"));
    }
    // A zombie.
    let mut child = Command::new("true").spawn().unwrap();
    let path = format!("/proc/{}/stat", child.id());
    soon("it has ended", || fs::read_to_string(&path).unwrap().contains(") Z "));
    let number = child.id().to_string();
    let said = exec(&[&number, "true"]);
    said.fails(125, &format!("exec: join the namespaces of {number}: no such process; it has ended"));
    child.wait().unwrap();
    let user = "exec /usr/sbin/chroot --userspec=7:7 / $tinyo exec 1 true";
    ended(house.host(user)).fails(125, "exec: this needs root, with CAP_SYS_ADMIN");
}

/// One that ends meanwhile: an end like any other, or one line that says so, and never a hang.
#[test]
fn a_container_that_ends_meanwhile_is_an_error() {
    let Some(house) = House::build() else { return };
    let mut refused = 0;
    for round in 0..40u32 {
        house.clean(|| {
            let mut box_ = run(&house, &[], STAY);
            let command =
                box_.command(&[], &["/bin/true"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            sleep(Duration::from_micros(u64::from(round) * 250));
            kill(pid(box_.child.as_ref().unwrap()), Signal::SIGKILL).unwrap();
            let said = finish(command);
            let line = said.err.strip_prefix("tinyo: exec: ").unwrap_or_default();
            let ends = [
                "no such process",
                "no such process; it has ended",
                "out of memory; it is ending",
                "no such file or directory; it has ended",
            ];
            let named = said.code == 125 && ends.iter().any(|end| line.trim_end().ends_with(end));
            refused += u32::from(named);
            assert!(named || [0, 137].contains(&said.code), "{said:?}");
            finish(box_.child.take().unwrap());
        });
    }
    println!("refused: {refused}");
}

/// Whoever is in the container looks at all that comes in, on its way.
#[test]
fn nobody_inside_sees_the_host_through_it() {
    let Some(house) = House::build() else { return };
    // An image can make it take its time on its way: its users are looked up there.
    house.file("etc/passwd", 0o644, "x:x:1:1:x:/x:/x\n".repeat(1 << 20));
    // With every right over processes, too: what comes in has nothing by then.
    let watch = "while :; do for process in /proc/[0-9]*; do \
                 for place in root cwd; do [ -e $process/$place/usr ] && echo \"$process/$place is the host's\"; done; \
                 for file in $process/fd/*; do to=$(readlink $file) || continue; \
                 case $to in /dev/null | pipe:* | /proc/*) ;; *) [ -e $file/usr -o -e $file/cgroup.procs ] && echo \"$file is $to\";; esac; done; \
                 grep -E '^Cap(Eff|Prm|Bnd)' $process/status 2>/dev/null | grep -v -e $rights -e 0000000000000000 && echo \"in $process\"; \
                 done; done";
    for (options, rights) in [(&[][..], "00000000a00425fb"), (&["--cap-add=SYS_PTRACE"], "00000000a00c25fb")] {
        let box_ = run(&house, options, &watch.replace("$rights", rights));
        for _ in 0..10 {
            box_.exec(&[], &["true"]).says("");
        }
        let said = box_.end();
        assert_eq!((said.out.as_str(), said.err.as_str()), ("", ""), "{options:?}");
    }
}

/// CVE-2019-5736: the host's binary stays as it was, whatever the image makes the kernel run.
#[test]
fn nobody_inside_can_write_to_the_hosts_binary() {
    let Some(house) = House::build() else { return };
    attacker(&house);
    std::os::unix::fs::symlink("/proc/self/exe", house.root().join("self")).unwrap();
    let before = state(&house.tinyo);
    for options in [&[][..], &["--cap-add=ALL"]] {
        let box_ = run(&house, options, "exec /attack");
        let words = ["/self", "init", "--", "/bin/sleep", "1000"];
        let waits = box_.command(&[], &words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        for word in ["help", "run", "exec", "init"] {
            house.file("evil", 0o755, format!("#!/proc/self/exe {word}\n"));
            box_.exec(&[], &["/evil", "/", "/bin/true"]).fails(126, REFUSED);
        }
        for _ in 0..20 {
            box_.exec(&[], &["true"]);
        }
        let _ = kill(pid(&waits), Signal::SIGKILL);
        finish(waits);
        held(&finish_attack(box_));
        assert_eq!(state(&house.tinyo), before, "{options:?}: the host's file was changed");
    }
}

fn finish_attack(mut running: Running) -> Ended {
    finish(running.child.take().unwrap())
}

/// A service, by its name: as its command.
#[test]
fn a_service_is_entered_by_its_name() {
    let config = "[service.web]\nexec = [\"/bin/sleep\", \"100000\"]\nuser = \"7:8\"\ngroup-add = [\"10\", \"20\"]\n\
                  [service.web.container]\nroot = \"@root\"\n\
                  [service.plain]\nexec = [\"$busybox\", \"sleep\", \"100000\"]\nuser = \"9:9\"\n\
                  [service.mapped]\nexec = [\"/bin/sleep\", \"100000\"]\nuser = \"7:8\"\ngroup-add = [\"10\"]\n\
                  [service.mapped.container]\nfrom = \"web\"\nuserns = \"auto\"\n\
                  [service.off]\nexec = [\"x\"]\nautostart = false\n";
    let Some(scene) = Scene::start(config) else { return };
    scene.becomes("web", "ready");
    scene.becomes("plain", "ready");
    scene.becomes("mapped", "ready");
    let exec =
        |words: &str| ended(scene.house.host(&format!("exec nsenter -t {} -m -p $tinyo exec {words}", scene.pid)));
    exec("web hostname").says("web\n");
    exec("web id").says("uid=7 gid=8 groups=10,20\n");
    exec("web grep CapEff /proc/self/status").says("CapEff:\t0000000000000000\n");
    exec("-u 0 web grep CapEff /proc/self/status").says("CapEff:\t00000000a00425fb\n");
    exec("web ls /usr").is(1, "", "ls: /usr: No such file or directory\n");
    // Its ids are those that it has inside.
    exec("mapped id").says("uid=7 gid=8 groups=10\n");
    // One without a container: beside it, as its user.
    let busybox = scene.house.busybox.display().to_string();
    exec(&format!("plain {busybox} sh -c 'id -u; id -g'")).says("9\n9\n");
    exec("wbe true").fails(125, "exec: wbe: no such service; did you mean web");
    exec("off true").fails(125, "exec: this service is not running; try tinyo status");
}

/// Somebody's own user namespace, who has laid over its users what only the host's root can read.
#[test]
fn nobody_inside_has_the_hosts_root_read_for_them() {
    let Some(house) = House::build() else { return };
    // It is read there as whoever made the namespace.
    let nobody = "exec: become user spy: no such file or directory; is it in the passwd or group file there?";
    for (mode, code, reason) in [(0o600, 125, nobody), (0o644, 0, "")] {
        let secret = house.file("secret", mode, "spy:x:0:0::/:/bin/sh\n");
        let script = format!("mount --bind {} /etc/passwd && echo up && exec sleep 1000", secret.display());
        let mut command = Command::new("unshare");
        command.args(["-U", "-r", "-m", "/bin/sh", "-c", &script]).stdout(Stdio::piped());
        let mut child = as_caller(command).spawn().unwrap();
        let mut up = [0; 3];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut up).unwrap();
        let said = ended(house.tinyo(&["exec", "-u", "spy", &child.id().to_string(), "true"]));
        child.kill().unwrap();
        child.wait().unwrap();
        let reason = if reason.is_empty() { String::new() } else { format!("tinyo: {reason}\n") };
        said.is(code, "", &reason);
    }
}

/// It is born in the container's cgroup.
#[test]
fn its_cgroup_is_the_containers() {
    let Some(house) = House::build() else { return };
    let script = "mount -t cgroup2 none /sys/fs/cgroup && mkdir -p /sys/fs/cgroup/exec-test-$$ && cd / && \
                  ($tinyo run $root /bin/sleep 3333 & echo $! >$root/../run; wait) & \
                  while ! inside=$(cat /proc/$(cat $root/../run)/task/*/children 2>/dev/null) || [ -z \"$inside\" ]; do usleep 1000; done; \
                  usleep 200000; echo $inside >/sys/fs/cgroup/exec-test-$$/cgroup.procs && \
                  $tinyo exec $inside grep ^0: /proc/self/cgroup; \
                  kill -9 $(cat $root/../run); wait; usleep 100000; rmdir /sys/fs/cgroup/exec-test-$$; exit 0";
    let mut command = Command::new("unshare");
    command
        .args(["-m", "/bin/sh", "-c", script])
        .env("tinyo", &house.tinyo)
        .env("root", house.root())
        .stdin(Stdio::null());
    let said = house.clean(|| ended(command));
    assert!(said.out.starts_with("0::/exec-test-") && said.code == 0, "{said:?}");
}

/// Before Linux 5.3 there is no pidfd_open(2): a filter answers as such a kernel does.
#[test]
fn an_older_kernel_is_entered_one_namespace_after_the_other() {
    let Some(house) = House::build() else { return };
    let statement = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    let refused = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned();
    let mut filter = [
        // The number of the call comes first in what a filter sees.
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0),
        libc::sock_filter {
            jf: 1,
            ..statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, libc::SYS_pidfd_open as u32)
        },
        statement(libc::BPF_RET | libc::BPF_K, refused),
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW),
    ];
    let box_ = run(&house, &["--hostname", "box"], STAY);
    let mut command =
        box_.command(&[], &["/bin/sh", "-c", "hostname; ls -d /usr; for n in /proc/self/ns/*; do readlink $n; done"]);
    // SAFETY: system calls only.
    unsafe {
        command.pre_exec(move || {
            let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
            match libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            }
        });
    }
    let said = ended(command);
    let mut expected = "box\n".to_owned();
    for name in ["cgroup", "ipc", "mnt", "net", "pid", "pid", "time", "time", "user", "uts"] {
        let own = fs::read_link(format!("/proc/{}/ns/{name}", box_.pid)).unwrap();
        expected += &format!("{}\n", own.display());
    }
    said.is(0, &expected, "ls: /usr: No such file or directory\n");
}
