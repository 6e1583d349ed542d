//! How busy the workers are: the share of their CPUs that they used, over a second, a minute, ten.
//!
//! Asks the system for the processor time of their threads; a worker does nothing for it. Where the
//! system does not say, there is no load.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::threads::{Busy, workers_busy};

/// The longest window.
const TEN_MINUTES: Duration = Duration::from_secs(600);

/// Processor times of the workers, taken about once a second.
#[derive(Default)]
pub(super) struct Load {
    samples: Mutex<VecDeque<Sample>>,
}

#[derive(Clone, Copy)]
struct Sample {
    at: Instant,
    busy: Busy,
}

impl Sample {
    fn now() -> Option<Self> {
        Some(Self { busy: workers_busy()?, at: Instant::now() })
    }

    /// Percent of the workers' time between two samples.
    fn percent_since(&self, base: &Self) -> Option<u64> {
        let workers = u32::try_from(self.busy.workers).ok()?;
        let whole = self.at.duration_since(base.at).checked_mul(workers)?.as_nanos();
        let used = self.busy.time.checked_sub(base.busy.time)?.as_nanos();
        Some((used * 100).checked_div(whole)?.min(100) as u64)
    }
}

impl Load {
    /// Takes a sample; to be called about once a second.
    pub(super) fn sample(&self) {
        let Some(sample) = Sample::now() else { return };
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        samples.push_back(sample);
        // The last one that is older than the window is its beginning.
        while samples.get(1).is_some_and(|second| sample.at - second.at >= TEN_MINUTES) {
            samples.pop_front();
        }
    }

    /// Percent over the last `window`, or since the start where that is later.
    pub(super) fn percent(&self, window: Duration) -> Option<u64> {
        let now = Sample::now()?;
        let samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        let old = |sample: &&Sample| now.at.duration_since(sample.at) >= window;
        let base = samples.iter().rev().find(old).or(samples.front())?;
        now.percent_since(base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_all_workers() {
        let begin = Instant::now();
        let sample = |at_ms: u64, busy_ms: u64| Sample {
            at: begin + Duration::from_millis(at_ms),
            busy: Busy { workers: 2, time: Duration::from_millis(busy_ms) },
        };
        let base = sample(0, 500);
        for (at, busy, percent) in [
            (1_000, 500, Some(0)),
            (1_000, 1_500, Some(50)),
            (1_000, 2_500, Some(100)),
            (1_000, 2_600, Some(100)),
            (10_000, 700, Some(1)),
            (0, 500, None),
            (1_000, 400, None),
        ] {
            assert_eq!(sample(at, busy).percent_since(&base), percent, "{at} {busy}");
        }
    }
}
