//! Where two features meet that each work alone.

use std::{fs, os::unix::process::CommandExt, process::Stdio, time::Instant};

use nix::{
    pty::openpty,
    sys::signal::{Signal, kill},
    unistd::{Gid, setgroups, ttyname},
};

use crate::{
    house::{Ended, ended, finish, pid, soon},
    rootless::{as_caller, owned},
    scene::Scene,
};

fn container(name: &str, keys: &str, inner: &str) -> String {
    format!(
        "[service.{name}]\nexec = [\"/bin/sleep\", \"100000\"]\n{keys}\n[service.{name}.container]\nroot = \"@root\"\n{inner}\n"
    )
}

impl Scene {
    fn exec(&self, words: &str) -> Ended {
        ended(self.house.host(&format!("exec nsenter -t {} -m -p $tinyo exec {words}", self.pid)))
    }
}

/// A network belongs to the user namespace that it was made in, which ends with its first process.
#[test]
fn a_service_with_a_range_of_ids_starts_again() {
    let config = container("web", "", "userns = \"auto\"") + &container("beside", "", "network = \"service:web\"");
    let Some(scene) = Scene::start(&config) else { return };
    scene.becomes("web", "ready");
    for _ in 0..2 {
        assert_eq!(scene.word("restart wait web").last().unwrap(), "end|0|", "{}", scene.said());
        assert_eq!(scene.state("web"), "ready", "{}", scene.said());
        let lo = scene.exec("web ip -o addr show lo");
        assert!(lo.out.contains("127.0.0.1/8"), "{lo:?}");
    }
    assert_eq!(scene.word("restart wait beside").last().unwrap(), "end|0|");
    scene.becomes("beside", "ready");
}

/// Who it is says /proc in the host's ids, and the container has others.
#[test]
fn a_service_with_a_range_of_ids_is_entered() {
    let keys = "user = \"7:8\"\ngroup-add = [\"10\", \"20\"]";
    let config = container("root", "", "userns = \"auto\"") + &container("web", keys, "userns = \"auto\"");
    let Some(scene) = Scene::start(&config) else { return };
    scene.becomes("root", "ready");
    scene.becomes("web", "ready");
    scene.exec("web id").says("uid=7 gid=8 groups=10,20\n");
    scene.exec("root id").says("uid=0 gid=0\n");
    scene.exec("root grep CapEff /proc/self/status").says("CapEff:\t00000000a00425fb\n");
}

/// In its user namespace nobody changes groups, nor brings any.
#[test]
fn an_ordinary_users_container_is_entered() {
    let Some(house) = owned() else { return };
    let mut command = as_caller(house.command(&[], &["/bin/sleep", "100000"]));
    let child = command.stdout(Stdio::null()).spawn().unwrap();
    let children = format!("/proc/{0}/task/{0}/children", child.id());
    let mut inner = String::new();
    soon("it runs", || {
        inner = fs::read_to_string(&children).unwrap_or_default().trim().to_owned();
        let command = fs::read_to_string(format!("/proc/{inner}/task/{inner}/children")).unwrap_or_default();
        fs::read_to_string(format!("/proc/{}/comm", command.trim())).is_ok_and(|name| name == "sleep\n")
    });
    let exec = |options: &[&str]| {
        let script = "id; grep Groups /proc/self/status";
        let mut command = house.tinyo(&[&["exec"], options, &[&inner, "/bin/sh", "-c", script]].concat());
        // SAFETY: setgroups(2) alone between fork and execve.
        unsafe { command.pre_exec(|| Ok(setgroups(&[Gid::from_raw(7)])?)) };
        ended(command)
    };
    let (as_root, as_other) = (exec(&[]), exec(&["-u", "5"]));
    kill(pid(&child), Signal::SIGKILL).unwrap();
    finish(child);
    as_root.says("uid=0 gid=0\nGroups:\t \n");
    as_other.fails(125, "exec: become user 5: invalid argument; is the id in the range of the container?");
    house.wait_for_nobody();
}

/// Nobody has pressed Enter: it ends at once all the same.
#[test]
fn a_console_in_a_container_that_asks_is_stopped() {
    let Ok(pair) = openpty(None, None) else { return };
    let name = ttyname(&pair.slave).unwrap();
    let keys = format!("type = \"console\"\ntty = \"{}\"\nstop-timeout = \"60s\"", name.display());
    let Some(scene) = Scene::start(&container("shell", &keys, "")) else { return };
    let process = || scene.word("status  shell")[0].split('|').nth(3).unwrap_or_default().to_owned();
    scene.becomes("shell", "starting");
    // It asks.
    let mut said = [0; 64];
    let mut seen = String::new();
    while !seen.contains("Press Enter") {
        let count = nix::unistd::read(&pair.master, &mut said).unwrap();
        seen += &String::from_utf8_lossy(&said[..count]);
    }
    assert_ne!(process(), "0");
    let began = Instant::now();
    assert_eq!(scene.word("stop wait shell").last().unwrap(), "end|0|");
    assert!(began.elapsed().as_secs() < 50, "{}", scene.said());
    assert!(!scene.said().contains("killing it"), "{}", scene.said());
}
