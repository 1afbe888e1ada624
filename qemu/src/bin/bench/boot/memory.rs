//! The least memory that is enough, by few tries: each is a boot.

/// No kernel of a distribution starts with so little, in MiB.
pub const TOO_LITTLE: u32 = 24;

/// MiB, of a search that begins at `guess`: where a boot is long and differs from the next by more, a step is longer.
pub fn step(guess: u32) -> u32 {
    if guess < 128 { 4 } else { 16 }
}

/// Between `TOO_LITTLE` and `most`, in steps, from a `guess` on; none where not even `most` is enough, which is not tried if a
/// smaller one is.
///
/// A wrong guess costs twice the logarithm of how wrong it is, where halving the whole range would always cost the whole.
pub fn least(guess: u32, most: u32, mut is_enough: impl FnMut(u32) -> bool) -> Option<u32> {
    let step = step(guess);
    let most = most / step;
    let mut is_enough = |steps: u32| is_enough(steps * step);
    let (mut low, mut high) = (TOO_LITTLE / step, most + 1);
    let mut at = guess.div_ceil(step).clamp(low + 1, most);
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
    (high <= most).then_some(high * step)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `least` finds where `need` MiB are enough, and by how many boots.
    fn search(guess: u32, need: u32) -> (Option<u32>, u32) {
        let mut boots = 0;
        let found = least(guess, 512, |memory| {
            assert!((TOO_LITTLE..=512).contains(&memory), "{memory}");
            boots += 1;
            memory >= need
        });
        (found, boots)
    }

    #[test]
    fn every_need_is_found_from_every_guess() {
        for need in 1_u32..=512 {
            for guess in [0, 25, 64, 127, 200, 511, 512, 4000] {
                let step = step(guess);
                let least = (need.div_ceil(step) * step).max((TOO_LITTLE / step + 1) * step);
                assert_eq!(search(guess, need).0, Some(least), "{guess} {need}");
            }
        }
        assert_eq!((search(64, 513).0, search(200, 513).0), (None, None));
    }

    #[test]
    fn a_good_guess_is_cheap() {
        assert_eq!((search(64, 64).1, search(176, 170).1), (2, 2));
        assert!(search(64, 72).1 <= 4 && search(160, 250).1 <= 6);
        for need in (28..=512).step_by(4) {
            assert!(search(64, need).1 <= 13, "{need}: {}", search(64, need).1);
        }
    }
}
