//! Many launches at once.

use std::{process::Child, time::Instant};

use super::{
    Row,
    figures::Many,
    latency::PATIENCE,
    place::{Place, Task},
    system::{wait, wait_for, within},
};

/// `count` started one after the other without waiting for any, then all waited for.
pub fn parallel(place: &Place, row: &Row, count: usize) -> Many {
    let commands: Vec<_> = (0..count).filter_map(|_| row.command(place, Task::True)).collect();
    let begun = Instant::now();
    let children: Vec<Child> = commands.into_iter().filter_map(|mut command| command.spawn().ok()).collect();
    let ended = within(PATIENCE + count as u32 / 10, || {
        children.iter().filter(|child| wait(child.id()).is_ok_and(|ended| ended.status.success())).count()
    });
    let wall = begun.elapsed().as_nanos() as u64;
    // Whom the alarm found still there: a second one for each that does not come.
    if ended < children.len() {
        children.iter().for_each(|child| drop(wait_for(child.id(), 1)));
    }
    Many { walls: vec![wall], failed: count - ended }
}
