//! The least memory that is enough, by few tries: each is a boot.

/// MiB. QEMU takes any number, and less would be within what one boot differs from the next by.
pub const STEP: u32 = 4;
/// No kernel of a distribution starts with so little.
pub const TOO_LITTLE: u32 = 24;

/// Between `TOO_LITTLE` and `most`, in steps, from a `guess` on; none where not even `most` is enough, which is not tried if a
/// smaller one is.
///
/// A wrong guess costs twice the logarithm of how wrong it is, where halving the whole range would always cost the whole.
pub fn least(guess: u32, most: u32, mut is_enough: impl FnMut(u32) -> bool) -> Option<u32> {
    let most = most / STEP;
    let mut is_enough = |steps: u32| is_enough(steps * STEP);
    let (mut low, mut high) = (TOO_LITTLE / STEP, most + 1);
    let mut at = guess.div_ceil(STEP).clamp(low + 1, most);
    let mut stride = 1;
    let first = is_enough(at);
    loop {
        if first {
            high = at
        } else {
            low = at
        }
        at = if first { at.saturating_sub(stride) } else { at + stride };
        if at <= low || at >= high {
            break;
        }
        stride *= 2;
        if is_enough(at) != first {
            if first {
                low = at
            } else {
                high = at
            }
            break;
        }
    }
    while high - low > 1 {
        let middle = u32::midpoint(low, high);
        if is_enough(middle) { high = middle } else { low = middle }
    }
    (high <= most).then_some(high * STEP)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `least` finds where `need` MiB are enough, and by how many boots.
    fn search(guess: u32, need: u32) -> (Option<u32>, u32) {
        let mut boots = 0;
        let found = least(guess, 512, |memory| {
            assert!(memory > TOO_LITTLE && memory <= 512, "{memory}");
            boots += 1;
            memory >= need
        });
        (found, boots)
    }

    #[test]
    fn every_need_is_found_from_every_guess() {
        for need in 1_u32..=512 {
            for guess in [0, 25, 64, 200, 511, 512, 4000] {
                let least = (need.div_ceil(STEP) * STEP).max(TOO_LITTLE + STEP);
                assert_eq!(search(guess, need).0, Some(least), "{guess} {need}");
            }
        }
        assert_eq!(search(64, 513).0, None);
    }

    #[test]
    fn a_good_guess_is_cheap() {
        assert_eq!(search(64, 64).1, 2);
        assert!(search(64, 72).1 <= 4);
        for need in (28..=512).step_by(4) {
            assert!(search(64, need).1 <= 13, "{need}: {}", search(64, need).1);
        }
    }
}
