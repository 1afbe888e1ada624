//! `scripts/bench.sh`: tinyo beside its peers, by the project's own probe.

mod boot;
mod guests;
mod init;
mod package;
mod page;
mod run;
mod verdict;

use std::{fs, process::ExitCode};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use tinyo_qemu::kit::target;

/// Measure tinyo and its peers in one run; docs/BENCHMARKS.md says what and how.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Init(init::Arguments),
    Boot(boot::Arguments),
    Faster(boot::faster::Arguments),
    Run(run::Arguments),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().what {
        What::Init(arguments) => init::run(&arguments),
        What::Boot(arguments) => boot::run(&arguments),
        What::Faster(arguments) => boot::faster::run(&arguments),
        What::Run(arguments) => run::run(&arguments),
    };
    done.unwrap_or_else(|error| {
        eprintln!("bench: {error:#}");
        ExitCode::from(125)
    })
}

/// Where scripts/bench.sh has cargo put the probe.
fn probe() -> Result<Vec<u8>> {
    let path = target().join("x86_64-unknown-linux-musl/release/tinyo-probe");
    fs::read(&path).with_context(|| format!("{}: read it (scripts/bench.sh builds it)", path.display()))
}
