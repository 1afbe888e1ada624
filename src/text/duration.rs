//! Durations: `N[ms|s|m|h]`, a bare number is seconds.

/// Milliseconds: of a duration, or since the kernel started (CLOCK_MONOTONIC).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(pub u64);
