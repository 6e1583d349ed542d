//! How an agent's thread spends its time: how long it may sleep, and how busy it was.
//!
//! No timer per message: the poll of the driver sleeps whole milliseconds, and between two sleeps
//! everything due goes out together. An agent told to spin never sleeps.

use std::time::Duration;

use crate::limits;

/// The time-out of the next poll: until `due_us`, but no longer than [`limits::SLEEP_US`], so that
/// stopping and observing stay prompt.
pub fn sleep(spin: bool, now_us: u64, due_us: Option<u64>) -> Duration {
    let until = due_us.map_or(limits::SLEEP_US, |due_us| due_us.saturating_sub(now_us));
    Duration::from_micros(if spin { 0 } else { until.min(limits::SLEEP_US) })
}

/// Adds up idle time.
#[derive(Clone, Copy, Debug)]
pub struct Busy {
    start_us: u64,
    round_us: u64,
    idle_us: u64,
}

impl Busy {
    /// Counts from `start_us`.
    pub fn since(start_us: u64) -> Self {
        Self { start_us, round_us: start_us, idle_us: 0 }
    }

    /// A round is over: the poll ended at `polled_us`, the round at `now_us`. A poll that might
    /// sleep counts as idle time, and so does a whole round without work.
    pub fn round(&mut self, polled_us: u64, now_us: u64, slept: bool, worked: bool) {
        if !worked {
            self.idle_us += now_us.saturating_sub(self.round_us);
        } else if slept {
            self.idle_us += polled_us.saturating_sub(self.round_us);
        }
        self.round_us = now_us;
    }

    /// Share of the time with work up to the last round, 0 to 1.
    pub fn share(&self) -> f64 {
        let whole = self.round_us.saturating_sub(self.start_us);
        if whole == 0 { 0.0 } else { 1.0 - self.idle_us as f64 / whole as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleeps_until_the_next_call_but_never_long() {
        let micros = |spin, due| sleep(spin, 1_000, due).as_micros() as u64;
        assert_eq!((micros(false, Some(1_700)), micros(false, Some(900))), (700, 0));
        let most = limits::SLEEP_US;
        assert_eq!((micros(false, Some(u64::MAX)), micros(false, None)), (most, most));
        assert_eq!((micros(true, Some(1_700)), micros(true, None)), (0, 0));
    }

    #[test]
    fn idle_is_what_was_slept_or_without_work() {
        let mut busy = Busy::since(100);
        assert_eq!(busy.share(), 0.0);
        busy.round(130, 140, true, true);
        busy.round(150, 160, false, true);
        busy.round(180, 200, false, false);
        assert!((busy.share() - 0.3).abs() < 1e-9);
    }
}
