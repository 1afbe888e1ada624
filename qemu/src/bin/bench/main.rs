//! `scripts/bench.sh`: tinyo beside its peers, by the project's own probe.

mod init;
mod package;
mod page;
mod run;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measure tinyo and its peers in one run; docs/BENCHMARKS.md says what and how.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Init(init::Arguments),
    Run(run::Arguments),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().what {
        What::Init(arguments) => init::run(&arguments),
        What::Run(arguments) => run::run(&arguments),
    };
    done.unwrap_or_else(|error| {
        eprintln!("bench: {error:#}");
        ExitCode::from(125)
    })
}
