//! Version, date, and a config that is baked in: `TINYO_CONFIG=FILE cargo build`.
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
    let tree = Tree::at(&package);
    println!("cargo::rustc-env=TINYO_VERSION={}", version(&tree));
    match bake(&package).and_then(|config| Ok(config + &date(&tree)?)) {
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

/// What git knows of this tree, if it is one of git's.
struct Tree<'p> {
    package: &'p Path,
    is_own: bool,
}

impl<'p> Tree<'p> {
    fn at(package: &'p Path) -> Tree<'p> {
        let mut tree = Tree { package, is_own: true };
        // Not the revision of a repository that this tree is only unpacked in.
        let top = tree.git(&["rev-parse", "--show-toplevel"]).and_then(|top| fs::canonicalize(top).ok());
        tree.is_own = top.is_some() && top == fs::canonicalize(package).ok();
        // A commit moves the branch; without these files (a shallow or packed tree) the next build may name the one before.
        for file in ["HEAD", "logs/HEAD"] {
            if let Some(path) = tree.git(&["rev-parse", "--git-path", file]).map(|path| package.join(path))
                && path.exists()
            {
                println!("cargo::rerun-if-changed={}", path.display());
            }
        }
        tree
    }

    fn git(&self, arguments: &[&str]) -> Option<String> {
        let output = Command::new("git").arg("-C").arg(self.package).args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        (self.is_own && output.status.success()).then(|| text.trim().to_owned()).filter(|text| !text.is_empty())
    }
}

/// `0.1.0 (abc1234)`, the revision of the tree where there is one.
fn version(tree: &Tree) -> String {
    let version = variable("CARGO_PKG_VERSION");
    match tree.git(&["rev-parse", "--short=7", "HEAD"]) {
        Some(revision) => format!("{version} ({revision})"),
        None => version,
    }
}

/// The source of `BUILT`, seconds since 1970, and of its `DAY`: SOURCE_DATE_EPOCH, else the date of the commit, so that whoever
/// builds the same gets the same. Without either there is none, 0: a file's date would be that of whoever unpacked it.
fn date(tree: &Tree) -> Result<String, Vec<String>> {
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    let seconds = match env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => {
            text.parse::<u32>().map_err(|_| vec![format!("SOURCE_DATE_EPOCH={text}: write seconds since 1970")])?
        }
        Err(_) => tree.git(&["log", "-1", "--format=%ct"]).and_then(|text| text.parse().ok()).unwrap_or(0),
    };
    // Of the Gregorian calendar, whose 400 years have 146,097 days; its years begin in March here, after the leap day.
    let days = seconds / 86_400 + 719_468;
    let of_era = days % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = (days / 146_097 * 400 + year_of_era + month / 10, (month + 2) % 12 + 1);
    Ok(format!("pub const BUILT: i64 = {seconds};\npub const DAY: &str = \"{year}-{month:02}-{day:02}\";\n"))
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
