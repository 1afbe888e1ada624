//! The config file as a whole: what is accepted, every error, and the law; and the kernel command line.

mod accepted;
mod containers;
mod errors;
mod handed;
mod law;
mod limits;
mod line;
mod machine;

use std::boxed::Box;
use std::format;
use std::string::String;
use std::vec::Vec;

use super::file::{self, Verdict};
use super::{Config, List};
use crate::text::put::shown;

/// Reads `text`; each error is `LINE:COLUMN [in SERVICE] MESSAGE`.
fn read(text: &[u8]) -> (Box<Config<'static>>, Verdict, Vec<String>) {
    let mut config = Box::new(Config::new());
    let mut problems = Vec::new();
    let verdict = file::parse(text.to_vec().leak(), &mut config, &mut |problem| {
        let mut line = format!("{}:{} ", problem.place.line, problem.place.column);
        if let Some(service) = problem.service {
            line = format!("{line}in {} ", shown(&service));
        }
        line.push_str(&shown(&problem.message));
        problems.push(line);
    });
    (config, verdict, problems)
}

fn accept(text: &str) -> Box<Config<'static>> {
    let (config, verdict, problems) = read(text.as_bytes());
    assert_eq!(problems, [] as [&str; 0], "{text}");
    assert_eq!(verdict, Verdict { problems: 0, usable: true });
    config
}

fn words<'c>(config: &'c Config<'static>, list: List) -> Vec<&'c str> {
    config.list(list).iter().map(|word| word.to_str().unwrap()).collect()
}
