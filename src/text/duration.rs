//! Durations: `N[ms|s|m|h]`, a bare number is seconds.

use super::number;

/// Milliseconds: of a duration, or since the kernel started (CLOCK_MONOTONIC).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(pub u64);

pub fn parse(text: &[u8]) -> Option<Millis> {
    const UNITS: [(&str, u64); 5] = [("", 1000), ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];
    number::scaled(text, &UNITS).map(Millis)
}
