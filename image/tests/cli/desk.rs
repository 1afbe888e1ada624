//! A place to make images at, with the tool as it is shipped.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Command, Output},
};

pub const TOOL: &str = env!("CARGO_BIN_EXE_mkinitramfs");

pub struct Desk(tempfile::TempDir);

pub struct Run {
    pub code: Option<i32>,
    pub out: Vec<u8>,
    pub said: String,
}

impl Desk {
    /// With a config `c.toml` that asks for nothing, and as tinyo the head of a program of this machine: it is not run.
    pub fn new() -> Desk {
        let desk = Desk(tempfile::tempdir().unwrap());
        fs::set_permissions(desk.0.path(), fs::Permissions::from_mode(0o755)).unwrap();
        desk.write("c.toml", "on-failure = 'reboot'\n");
        desk.write("tinyo", &fs::read(TOOL).unwrap()[..4096]);
        desk
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    /// The tool, at the desk.
    pub fn tool(&self) -> Command {
        let mut command = Command::new(TOOL);
        command.current_dir(self.0.path()).args(["--tinyo", "tinyo", "--config", "c.toml"]);
        command
    }

    pub fn run(&self, words: &[&str]) -> Run {
        run(self.tool().args(words))
    }

    /// What lies at the desk beside the config and tinyo.
    pub fn names(&self) -> Vec<String> {
        let items = self.0.path().read_dir().unwrap();
        let names = items.map(|item| item.unwrap().file_name().to_string_lossy().into_owned());
        let mut names: Vec<_> = names.filter(|name| name != "c.toml" && name != "tinyo").collect();
        names.sort();
        names
    }
}

pub fn run(command: &mut Command) -> Run {
    let Output { status, stdout, stderr } = command.output().unwrap();
    Run { code: status.code(), out: stdout, said: String::from_utf8_lossy(&stderr).into_owned() }
}

impl Run {
    /// It ended so, and said this.
    #[track_caller]
    pub fn ends(&self, code: i32, words: &str) -> &Run {
        assert_eq!(self.code, Some(code), "{}", self.said);
        assert!(self.said.contains(words), "not said: {words}\n{}", self.said);
        self
    }
}
