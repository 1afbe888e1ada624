//! Many guests, some at a time.

use std::{fs, path::Path, sync::Mutex, thread};

use anyhow::Result;
use tinyo_qemu::guest::Outcome;

/// How many at a time: the processors here, if nobody said.
pub fn jobs(asked: Option<usize>) -> usize {
    asked.unwrap_or_else(|| thread::available_parallelism().map_or(1, Into::into)).max(1)
}

/// Takes from the end of `waiting` what to do next, `jobs` at a time.
pub fn in_parallel<T: Send>(jobs: usize, waiting: Vec<T>, work: impl Fn(T) -> Result<()> + Sync) -> Result<()> {
    let waiting = Mutex::new(waiting);
    let next = || waiting.lock().unwrap().pop();
    let one = || -> Result<()> {
        while let Some(item) = next() {
            work(item)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..jobs).map(|_| scope.spawn(one)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("no panic in a boot"))
    })
}

/// Keeps what a guest said, for `--keep DIR`.
pub fn keep(dir: &Path, name: &str, outcome: &Outcome) -> Result<()> {
    fs::create_dir_all(dir)?;
    Ok(fs::write(dir.join(name), &outcome.transcript)?)
}
