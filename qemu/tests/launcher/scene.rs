//! A supervisor of its own as PID 1 of a pid namespace, its config, and what it answers.

use std::{fs, path::PathBuf};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    clients::Supervisor,
    first::first,
    house::{House, soon},
};

/// Ends with whatever becomes of the test.
pub struct Scene {
    pub house: House,
    pub supervisor: Option<Supervisor>,
    pub pid: Pid,
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = kill(self.pid, Signal::SIGKILL);
        if let Some(supervisor) = &mut self.supervisor {
            let _ = supervisor.child.wait();
        }
    }
}

/// Takes two seconds to end.
pub const SLOW: &str = "trap 'sleep 2; exit 0' TERM; while :; do sleep 0.05; done";
pub const IDLE: &str = "exec sleep 100000";

pub fn service(name: &str, keys: &str, script: &str) -> String {
    format!("[service.{name}]\nexec = [\"$busybox\", \"sh\", \"-c\", \"{script}\"]\n{keys}\n")
}

impl Scene {
    pub fn start(config: &str) -> Option<Scene> {
        let house = House::build()?;
        let notifier = house.beside("notifier");
        fs::copy(env!("CARGO_BIN_EXE_notifier"), &notifier).unwrap();
        let config = config.replace('@', &house.beside("").display().to_string());
        let errors = format!("exec 2>{} &&", house.beside("errors").display());
        let supervisor = Supervisor::start_with(&house, &config, &errors);
        let pid = first(&supervisor.child);
        Some(Scene { house, supervisor: Some(supervisor), pid })
    }

    pub fn ask(&self, request: &str) -> Vec<String> {
        let packets = self.supervisor.as_ref().unwrap().ask(request.replace(' ', "\0").as_bytes());
        packets.iter().map(|packet| String::from_utf8_lossy(packet).replace('\0', "|")).collect()
    }

    /// `VERB FLAG NAME...`
    pub fn word(&self, words: &str) -> Vec<String> {
        self.ask(&format!("1 {words} "))
    }

    pub fn write(&self, config: &str) {
        let path = PathBuf::from(format!("/proc/{}/root/etc/tinyo.toml", self.pid));
        let config = config
            .replace('@', &self.house.beside("").display().to_string())
            .replace("$busybox", &self.house.busybox.display().to_string());
        fs::write(path, config).unwrap();
    }

    pub fn reload(&self) -> Vec<String> {
        self.word("reload wait")
    }

    pub fn state(&self, name: &str) -> String {
        let packets = self.word(&format!("status  {name}"));
        packets[0].split('|').nth(2).unwrap_or(&packets[0]).to_owned()
    }

    #[track_caller]
    pub fn becomes(&self, name: &str, state: &str) {
        soon(&format!("{name} is {state}"), || self.state(name) == state);
    }

    pub fn said(&self) -> String {
        fs::read_to_string(self.house.beside("errors")).unwrap_or_default()
    }

    pub fn lives(&self) -> bool {
        fs::metadata(format!("/proc/{}/root/run/tinyo", self.pid)).is_ok()
    }
}
