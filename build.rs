//! Version, and a config that is baked in: `TINYO_CONFIG=FILE cargo build`.
//!
//! The config is checked here by the files that check it at run time. A package cannot depend on itself, so they are
//! declared again: these three name nothing but each other, `heapless` and `ufmt`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use text::put::Word;

#[allow(dead_code)]
#[path = "src/config/mod.rs"]
mod config;
#[allow(dead_code)]
#[path = "src/limits.rs"]
mod limits;
#[allow(dead_code)]
#[path = "src/text/mod.rs"]
mod text;

fn main() -> ExitCode {
    let package = PathBuf::from(variable("CARGO_MANIFEST_DIR"));
    let out = PathBuf::from(variable("OUT_DIR"));
    println!("cargo::rerun-if-changed=build.rs");
    for directory in ["src/text", "src/config", "src/limits.rs"] {
        println!("cargo::rerun-if-changed={directory}");
    }
    println!("cargo::rustc-env=TINYO_VERSION={}", version(&package));
    match bake(&package) {
        Ok(source) => {
            fs::write(out.join("baked.rs"), source).expect("OUT_DIR can be written");
            ExitCode::SUCCESS
        }
        Err(problems) => {
            for problem in problems {
                println!("cargo::error={problem}");
            }
            ExitCode::FAILURE
        }
    }
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"))
}

/// `0.1.0 (abc1234)`, the revision of the tree where there is one.
fn version(package: &Path) -> String {
    let version = variable("CARGO_PKG_VERSION");
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(package).args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned()).filter(|text| !text.is_empty())
    };
    // Not the revision of a repository that this tree is only unpacked in.
    let Some(top) = git(&["rev-parse", "--show-toplevel"]) else { return version };
    if fs::canonicalize(top).ok() != fs::canonicalize(package).ok() {
        return version;
    }
    // A commit moves the branch; without these files (a shallow or packed tree) the next build may name the one before.
    for file in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", file]).map(|path| package.join(path))
            && path.exists()
        {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
    match git(&["rev-parse", "--short=7", "HEAD"]) {
        Some(revision) => format!("{version} ({revision})"),
        None => version,
    }
}

/// The source of `CONFIG`, from the file that TINYO_CONFIG names (relative: to the package). Else all that is wrong.
fn bake(package: &Path) -> Result<String, Vec<String>> {
    println!("cargo::rerun-if-env-changed=TINYO_CONFIG");
    let Some(name) = env::var_os("TINYO_CONFIG").filter(|name| !name.is_empty()) else {
        return Ok("pub const CONFIG: Option<&[u8]> = None;\n".to_owned());
    };
    let path = package.join(name);
    println!("cargo::rerun-if-changed={}", path.display());
    let text = fs::read(&path).map_err(|error| vec![format!("{}: {error}", path.display())])?;
    if text.len() > limits::CONFIG_BYTES {
        let limit = limits::CONFIG_BYTES;
        return Err(vec![format!("{}: {} bytes; at most {limit} fit", path.display(), text.len())]);
    }
    check(&path, text)?;
    // As a path, so that what is baked in is what was checked, and a change of the file is a change of the build.
    Ok(format!("pub const CONFIG: Option<&[u8]> = Some(include_bytes!({:?}));\n", path.display().to_string()))
}

fn check(path: &Path, mut text: Vec<u8>) -> Result<(), Vec<String>> {
    let mut problems = Vec::new();
    let mut config = Box::new(config::Config::new());
    config::file::parse(&mut text, &mut config, &mut |problem| {
        let (line, column) = (problem.place.line, problem.place.column);
        let mut message = Vec::new();
        problem.message.write(&mut |piece: &[u8]| message.extend_from_slice(piece));
        problems.push(format!("{}:{line}:{column}: {}", path.display(), String::from_utf8_lossy(&message)));
    });
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}
