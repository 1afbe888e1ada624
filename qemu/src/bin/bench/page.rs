//! docs/BENCHMARKS.md and others, where each benchmark has a section between marks of its own.

use std::{fs, process::Command};

use anyhow::{Context, Result, ensure};
use tinyo_qemu::kit::target;

/// `section` in place of what stands between the marks of `benchmark` in the page of that `name`.
pub fn write(name: &str, benchmark: &str, section: &str) -> Result<()> {
    let path = target().with_file_name("docs").join(name);
    let page = fs::read_to_string(&path).with_context(|| format!("{}: read it", path.display()))?;
    let page = replaced(&page, benchmark, section).with_context(|| format!("{}: the marks", path.display()))?;
    fs::write(&path, page).with_context(|| format!("{}: write it", path.display()))
}

fn replaced(page: &str, benchmark: &str, section: &str) -> Result<String> {
    let [begin, end] = ["begin", "end"].map(|edge| format!("<!-- scripts/bench.sh {benchmark} --write: {edge} -->\n"));
    let (before, rest) = page.split_once(&begin).context("none that begins it")?;
    let (_, after) = rest.split_once(&end).context("none that ends it")?;
    ensure!(!after.contains(&begin), "it begins twice");
    Ok(format!("{before}{begin}{section}{end}{after}"))
}

/// What a program says first.
pub fn first_line(program: &str, words: &[&str]) -> String {
    let said = Command::new(program).args(words).output();
    let said = said.map(|said| String::from_utf8_lossy(&said.stdout).into_owned()).unwrap_or_default();
    said.lines().next().unwrap_or("unknown").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_section_is_replaced() {
        let page = |x: &str, y: &str| {
            let section = |name, text| {
                format!(
                    "<!-- scripts/bench.sh {name} --write: begin -->\n{text}<!-- scripts/bench.sh {name} --write: end -->\n"
                )
            };
            format!("a\n{}b\n{}c\n", section("init", x), section("run", y))
        };
        assert_eq!(replaced(&page("old\n", "other\n"), "init", "new\n").unwrap(), page("new\n", "other\n"));
        assert_eq!(replaced(&page("other\n", "old\n"), "run", "new\n").unwrap(), page("other\n", "new\n"));
        assert!(replaced("a\n", "init", "new\n").is_err());
    }
}
