//! The highest rate without loss: doubling until something is lost, then halving the gap.
//!
//! Takes a probe that says whether a rate passes; knows nothing of messages or time.

/// The gap between the highest rate that passed and the lowest that failed, as a share of the
/// former. Finer than this, two searches of the same minute do not agree.
const GAP: f64 = 0.03;
/// Rates, in messages a second, that a search never goes beyond: no machine in reach does, and a
/// probe that always passes must come to an end.
const CEILING: u32 = 4_000_000;

/// The highest rate that passes, 0 when not even `low` shrunk to nothing does. Where the answer is
/// about known, `low` and `high` just around it save probes; they need not be right.
///
/// # Errors
/// Those of the probe.
pub fn highest<E>(
    low: u32,
    high: u32,
    mut passes: impl FnMut(u32) -> Result<bool, E>,
) -> Result<u32, E> {
    let (mut good, mut bad) = (low.max(1), high.max(2));
    while !passes(good)? {
        bad = good;
        good /= 2;
        if good == 0 {
            return Ok(0);
        }
    }
    if bad <= good {
        bad = good.saturating_mul(2);
    }
    // What failed above is known to fail; `high` is only a guess.
    while bad < CEILING && passes(bad)? {
        good = bad;
        bad = bad.saturating_mul(2);
    }
    while f64::from(bad - good) > (GAP * f64::from(good)).max(1.0) {
        let middle = good + (bad - good) / 2;
        if passes(middle)? {
            good = middle;
        } else {
            bad = middle;
        }
    }
    Ok(good)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    /// The answer for something that takes up to `limit` a second, and the probes it took.
    fn search(low: u32, high: u32, limit: u32) -> (u32, u32) {
        let mut probes = 0;
        let found = highest(low, high, |rate| {
            probes += 1;
            Ok::<_, Infallible>(rate <= limit)
        });
        (found.unwrap_or_else(|never| match never {}), probes)
    }

    #[test]
    fn the_answer_is_just_below_the_limit() {
        for limit in [10, 999, 116_000, 300_001, 3_000_000] {
            let (found, _) = search(25_000, 50_000, limit);
            assert!(found <= limit, "{limit}: {found}");
            assert!(f64::from(found) * (1.0 + GAP) + 1.0 >= f64::from(limit), "{limit}: {found}");
        }
    }

    #[test]
    fn a_good_guess_saves_probes() {
        let (blind, many) = search(25_000, 50_000, 300_000);
        let (guided, few) = search(280_000, 310_000, 300_000);
        assert!(few < many, "{few} probes instead of {many}");
        assert!(blind.abs_diff(guided) < 10_000);
    }

    #[test]
    fn nothing_passes_or_everything() {
        assert_eq!(search(25_000, 50_000, 0).0, 0);
        let (found, probes) = search(25_000, 50_000, u32::MAX);
        assert!(found >= CEILING / 2 && probes < 30);
    }

    #[test]
    fn a_failing_probe_ends_it() {
        assert_eq!(highest(1, 2, |_| Err::<bool, _>("gone")), Err("gone"));
    }
}
