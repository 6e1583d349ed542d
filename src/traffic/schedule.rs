//! When each call is due: an open loop, deaf to how the server fares.
//!
//! Takes a rate and a start, gives the moment of call `n` and how many are due by now. Integer
//! arithmetic only: call `n` is due at `start + floor(n * 1,000,000 / rate)` microseconds, with no
//! drift however long the run is. It reads no clock.

/// The schedule of one run. Times are monotonic microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Schedule {
    start_us: u64,
    rate: u64,
    total: u64,
}

impl Schedule {
    /// `rate` calls a second (at least one) from time 0 on, `total` of them.
    pub fn new(rate: u32, total: u64) -> Self {
        Self { start_us: 0, rate: u64::from(rate.max(1)), total }
    }

    /// Makes the first call due at `start_us`. Before the first one is begun.
    pub fn start(&mut self, start_us: u64) {
        self.start_us = start_us;
    }

    /// When call `number` is due.
    #[inline]
    pub fn due_at_us(&self, number: u64) -> u64 {
        let offset = u128::from(number) * 1_000_000 / u128::from(self.rate);
        self.start_us.saturating_add(u64::try_from(offset).unwrap_or(u64::MAX))
    }

    /// How many calls are due at `now_us` or were before.
    #[inline]
    pub fn due(&self, now_us: u64) -> u64 {
        let Some(elapsed) = now_us.checked_sub(self.start_us) else { return 0 };
        // floor(n * 10^6 / rate) <= elapsed is n * 10^6 < (elapsed + 1) * rate.
        let below = (u128::from(elapsed) + 1) * u128::from(self.rate) - 1;
        u64::try_from(below / 1_000_000 + 1).unwrap_or(u64::MAX).min(self.total)
    }

    /// When the call after the last would be due: the end of the last one's share of time.
    pub fn end_us(&self) -> u64 {
        self.due_at_us(self.total)
    }

    /// How many calls there will be.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Ends the schedule: nothing beyond the calls due by `now_us` will become due.
    pub fn end(&mut self, now_us: u64) {
        self.total = self.due(now_us);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_call_is_due_at_the_start() {
        let mut schedule = Schedule::new(10, 100);
        schedule.start(500);
        assert_eq!((schedule.due(499), schedule.due(500)), (0, 1));
        assert_eq!((schedule.due(100_499), schedule.due(100_500)), (1, 2));
    }

    #[test]
    fn due_and_due_at_agree_at_every_rate() {
        for rate in [1, 3, 7, 999, 30_000, 1_000_003] {
            let mut schedule = Schedule::new(rate, u64::MAX);
            schedule.start(17);
            for number in (0..5_000).chain(1 << 40..(1 << 40) + 100) {
                let at = schedule.due_at_us(number);
                assert!(schedule.due(at) > number, "{rate} {number}");
                assert!(at == 17 || schedule.due(at - 1) <= number, "{rate} {number}");
            }
        }
    }

    #[test]
    fn a_day_has_no_drift() {
        let schedule = Schedule::new(30_000, u64::MAX);
        assert_eq!(schedule.due_at_us(30_000 * 86_400), 86_400 * 1_000_000);
    }

    #[test]
    fn the_total_is_kept_and_can_be_cut() {
        let mut schedule = Schedule::new(1_000, 50);
        assert_eq!(schedule.due(10_000_000), 50);
        assert_eq!(schedule.end_us(), 50_000);
        schedule.end(10_000);
        assert_eq!((schedule.total(), schedule.due(20_000)), (11, 11));
    }
}
