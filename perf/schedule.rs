//! A rate as moments: when each of a row of messages or calls is due.
//!
//! Latency is counted from here, so that a late generator cannot hide a slow proxy.

use std::time::{Duration, Instant};

/// When each message is due.
#[derive(Clone, Copy)]
pub struct Schedule {
    /// The moment of number 0.
    pub start: Instant,
    /// So many a second; at least 1.
    pub rate: u32,
    /// So many in all.
    pub total: u64,
}

impl Schedule {
    /// How many are due by now.
    pub fn due(&self) -> u64 {
        let elapsed_ns = self.start.elapsed().as_nanos();
        let due = elapsed_ns * u128::from(self.rate) / 1_000_000_000;
        u64::try_from(due).unwrap_or(u64::MAX).min(self.total)
    }

    /// When this one is due.
    pub fn time_of(&self, number: u64) -> Instant {
        let after_ns = u128::from(number) * 1_000_000_000 / u128::from(self.rate);
        self.start + Duration::from_nanos(u64::try_from(after_ns).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schedule_keeps_its_rate() {
        let start = Instant::now();
        let schedule = Schedule { start, rate: 30_000, total: 60_000 };
        assert_eq!(schedule.time_of(30_000) - start, Duration::from_secs(1));
        let past = Schedule { start: start - Duration::from_secs(1), rate: 30_000, total: 60_000 };
        assert!((30_000..=60_000).contains(&past.due()));
    }
}
