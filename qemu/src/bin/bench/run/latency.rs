//! How long a launch takes: rounds in which each launcher has one turn, in an order that is another each time, so that
//! what else the machine does, and what the one before left to the kernel, is not always the same one's.

use std::{
    io::{PipeReader, Read},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use nix::time::{ClockId, clock_gettime};

use super::{
    Row, kept,
    place::{Place, Task},
    system::{wait_for, within},
};

/// Seconds that no launch takes.
pub const PATIENCE: u32 = 20;

/// Launches that are not counted: pages of a program are read from the disk once.
const WARM: usize = 2;

/// Wall time and processor time of one launch.
pub fn once(mut command: Command) -> Result<(Duration, Duration)> {
    let begun = Instant::now();
    let child = command.spawn()?;
    let ended = wait_for(child.id(), PATIENCE)?;
    let wall = begun.elapsed();
    ensure!(ended.status.success(), "{}", ended.status);
    Ok((wall, ended.cpu))
}

/// Every row's times of [`Task::True`] and [`Task::Busybox`].
pub fn rounds(place: &Place, rows: &mut [&mut Row], count: usize) {
    for round in 0..count + WARM {
        for index in order(rows.len(), round) {
            for task in [Task::True, Task::Busybox] {
                let Some(command) = rows[index].command(place, task) else { continue };
                let figures = &mut rows[index].figures;
                let times = if task == Task::True { &mut figures.small } else { &mut figures.busybox };
                match once(command) {
                    Ok(_) if round < WARM => {}
                    Ok((wall, cpu)) => {
                        times.walls.push(wall.as_nanos() as u64);
                        times.cpus.push(cpu.as_nanos() as u64);
                    }
                    Err(_) => times.failed += 1,
                }
            }
        }
    }
}

/// How long it is from the start of each launcher to its command's main.
pub fn mains(place: &Place, rows: &mut [&mut Row], count: usize) {
    for round in 0..count + WARM {
        for index in order(rows.len(), round) {
            let Some(command) = rows[index].command(place, Task::Mark) else { continue };
            if let Ok(time) = until_main(command)
                && round >= WARM
            {
                rows[index].figures.mains.push(time);
            }
        }
    }
}

/// CLOCK_MONOTONIC, as the command has it.
pub fn now() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("every Linux has it");
    time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64
}

fn until_main(mut command: Command) -> Result<u64> {
    let (reader, writer) = std::io::pipe()?;
    command.stdout(writer);
    let begun = now();
    let child = command.spawn()?;
    drop(command); // and the end of the pipe that it holds
    let said = within(PATIENCE, || time_of(&reader));
    // Not the launcher: it is to end by itself, and to leave nothing behind.
    kept::commands(child.id()).into_iter().for_each(kept::slay);
    let _ = wait_for(child.id(), PATIENCE);
    said?.checked_sub(begun).context("it was there before")
}

fn time_of(mut reader: &PipeReader) -> Result<u64> {
    let mut bytes = [0; 8];
    ensure!(reader.read(&mut bytes)? == bytes.len(), "it said nothing");
    Ok(u64::from_ne_bytes(bytes))
}

/// All numbers below `count`, shuffled by the round's number.
fn order(count: usize, round: usize) -> Vec<usize> {
    let mut order: Vec<_> = (0..count).collect();
    let mut seed = (round as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for end in (1..count).rev() {
        // xorshift64
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        order.swap(end, (seed % (end as u64 + 1)) as usize);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_has_everyone_once_and_no_fixed_order() {
        assert!(order(0, 0).is_empty());
        let orders: Vec<_> = (0..50).map(|round| order(7, round)).collect();
        for order in &orders {
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (0..7).collect::<Vec<_>>());
        }
        assert!((0..7).all(|index| orders.iter().any(|order| order[0] == index)), "{orders:?}");
        assert_eq!(orders[3], order(7, 3));
    }
}
