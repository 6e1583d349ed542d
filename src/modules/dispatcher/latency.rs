//! How long a destination takes to its first reply: a moving average for choosing, a histogram for
//! people.
//!
//! Atomics only, of fixed size; workers write, and none waits for another.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::limits::LATENCY_HALVES_S;

/// Upper bounds of the histogram's buckets in microseconds. T1 is among them: what is above was
/// sent again.
pub const BOUNDS_US: [u64; 12] = [
    1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000,
    5_000_000,
];

/// The weight of a new value in the average is one of so many.
const PARTS: u64 = 8;

/// See the file's head.
#[derive(Debug, Default)]
pub struct Latency {
    /// The average in microseconds above, the second it was last changed below; 0: no value yet.
    average: AtomicU64,
    /// One for each bound, and one for what is above all.
    buckets: [AtomicU64; BOUNDS_US.len() + 1],
    sum_us: AtomicU64,
}

/// A histogram as it was at a moment.
#[derive(Clone, PartialEq, Debug)]
pub struct Counts {
    /// Bounds in seconds, each with how many values were not above it.
    pub buckets: [(f64, u64); BOUNDS_US.len()],
    /// How many values there were.
    pub count: u64,
    /// Their sum in seconds.
    pub sum: f64,
}

impl Latency {
    /// The first reply came after so long.
    pub fn record(&self, us: u64, now_s: u64) {
        let bucket = BOUNDS_US.partition_point(|bound| *bound < us);
        if let Some(bucket) = self.buckets.get(bucket) {
            bucket.fetch_add(1, Relaxed);
        }
        self.sum_us.fetch_add(us, Relaxed);
        self.expect(us, now_s);
    }

    /// Nothing has come for so long: only the average learns of it.
    pub fn expect(&self, us: u64, now_s: u64) {
        let us = us.clamp(1, u64::from(u32::MAX));
        let mix = |word| match word {
            0 => pack(us, now_s),
            word => pack((unpack(word).0 * (PARTS - 1) + us).div_ceil(PARTS), now_s),
        };
        // Never refused: `mix` always gives a word.
        let _ = self.average.fetch_update(Relaxed, Relaxed, |word| Some(mix(word)));
    }

    /// The average in microseconds; it halves while nothing is learned, so that one that was slow
    /// is tried again. `None` before any value.
    pub fn average_us(&self, now_s: u64) -> Option<u64> {
        let (us, then_s) = match self.average.load(Relaxed) {
            0 => return None,
            word => unpack(word),
        };
        let age_s = (now_s & SECONDS).saturating_sub(then_s);
        Some(us >> (age_s / LATENCY_HALVES_S).min(31))
    }

    /// All values so far.
    pub fn counts(&self) -> Counts {
        let mut count = 0;
        let mut buckets = [(0.0, 0); BOUNDS_US.len()];
        for ((place, bound_us), bucket) in buckets.iter_mut().zip(BOUNDS_US).zip(&self.buckets) {
            count += bucket.load(Relaxed);
            *place = (bound_us as f64 / 1e6, count);
        }
        count += self.buckets.last().map_or(0, |above| above.load(Relaxed));
        Counts { buckets, count, sum: self.sum_us.load(Relaxed) as f64 / 1e6 }
    }
}

const SECONDS: u64 = u32::MAX as u64;

const fn pack(us: u64, s: u64) -> u64 {
    us << 32 | s & SECONDS
}

const fn unpack(word: u64) -> (u64, u64) {
    (word >> 32, word & SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_average_follows_and_fades() {
        let latency = Latency::default();
        assert_eq!(latency.average_us(0), None);
        latency.record(8_000, 10);
        assert_eq!(latency.average_us(10), Some(8_000));
        latency.record(16_000, 10);
        assert_eq!(latency.average_us(10), Some(9_000));
        latency.expect(0, 10);
        assert_eq!(latency.average_us(10), Some(7_876));
        assert_eq!(latency.average_us(10 + LATENCY_HALVES_S), Some(3_938));
        assert_eq!(latency.average_us(10 + 1_000 * LATENCY_HALVES_S), Some(0));
        assert_eq!(latency.average_us(9), Some(7_876), "a worker's clock may be a turn behind");
    }

    #[test]
    fn values_fall_into_buckets_by_their_upper_bound() {
        let latency = Latency::default();
        for us in [0, 1_000, 1_001, 500_000, 6_000_000, u64::MAX >> 1] {
            latency.record(us, 1);
        }
        let Counts { buckets, count, .. } = latency.counts();
        assert_eq!(count, 6);
        assert_eq!(buckets[0], (0.001, 2));
        assert_eq!(buckets[1], (0.002, 3));
        assert_eq!(buckets[8], (0.5, 4));
        assert_eq!(buckets[11], (5.0, 4));
    }

    #[test]
    fn the_sum_is_in_seconds() {
        let latency = Latency::default();
        latency.record(1_500_000, 1);
        latency.record(500_000, 1);
        assert_eq!(latency.counts().sum, 2.0);
    }
}
