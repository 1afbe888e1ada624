//! Durations: `N[ms|s|m|h]`, a bare number is seconds.

use super::number;

/// Milliseconds: of a duration, or since the kernel started (CLOCK_MONOTONIC).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(pub u64);

pub fn parse(text: &[u8]) -> Option<Millis> {
    const UNITS: [(&str, u64); 5] = [("", 1000), ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];
    number::scaled(text, &UNITS).map(Millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        let table = [
            ("5", 5000),
            ("0", 0),
            ("1500ms", 1500),
            ("5s", 5000),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("5S", 5000),
            ("5Ms", 5),
            ("5124095576030h", 18_446_744_073_708_000_000),
        ];
        for (text, value) in table {
            assert_eq!(parse(text.as_bytes()), Some(Millis(value)), "{text}");
        }
        for text in ["", "s", "5 s", "5d", "-5s", "5.5s", "05s", "5ss", "5124095576031h", "99999999999999999999"] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
