//! Sizes: `N[b|k|m|g]` in powers of 1024, a bare number is bytes.

use super::number;

pub fn parse(text: &[u8]) -> Option<u64> {
    const UNITS: [(&str, u64); 5] = [("", 1), ("b", 1), ("k", 1 << 10), ("m", 1 << 20), ("g", 1 << 30)];
    number::scaled(text, &UNITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        for (text, value) in [
            ("5", 5),
            ("5b", 5),
            ("4k", 4096),
            ("64M", 64 << 20),
            ("2g", 2 << 30),
            ("17179869183G", 0xffff_ffff_c000_0000),
        ] {
            assert_eq!(parse(text.as_bytes()), Some(value), "{text}");
        }
        for text in ["", "k", "5 k", "5t", "5kb", "-5", "1.5M", "17179869184G"] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
