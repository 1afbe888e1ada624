//! Sizes: `N[b|k|m|g]` in powers of 1024, a bare number is bytes.

use super::number;

pub fn parse(text: &[u8]) -> Option<u64> {
    const UNITS: [(&str, u64); 5] = [("", 1), ("b", 1), ("k", 1 << 10), ("m", 1 << 20), ("g", 1 << 30)];
    number::scaled(text, &UNITS)
}
