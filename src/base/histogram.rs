//! Latency histograms: one worker records, another thread reads, neither waits.
//!
//! Two histograms go round. The reader hands over an empty one, which is its request; the worker
//! finds it at the end of a turn, records into it from then on, and hands the full one back.

use hdrhistogram::{CreationError, Histogram};

use crate::sync::{Arc, ArrayQueue};

/// The worker's end.
pub struct Recorder {
    current: Histogram<u64>,
    exchange: Arc<Exchange>,
}

/// The reader's end.
pub struct Collector {
    total: Histogram<u64>,
    exchange: Arc<Exchange>,
}

struct Exchange {
    empty: ArrayQueue<Histogram<u64>>,
    /// Two places: the one that was asked for, and the last one when the recorder is dropped.
    full: ArrayQueue<Histogram<u64>>,
}

/// A pair for values of `1 ..= highest` with so many significant `digits` (1 to 5).
///
/// # Errors
/// When `highest` is below 2 or `digits` above 5.
pub fn histogram(highest: u64, digits: u8) -> Result<(Recorder, Collector), CreationError> {
    let new = || {
        let mut histogram = Histogram::new_with_bounds(1, highest, digits)?;
        // Writes each counter, so that no page is touched for the first time while recording.
        histogram.reset();
        Ok(histogram)
    };
    let exchange = Arc::new(Exchange { empty: ArrayQueue::new(1), full: ArrayQueue::new(2) });
    let recorder = Recorder { current: new()?, exchange: Arc::clone(&exchange) };
    let mut collector = Collector { total: new()?, exchange };
    collector.ask(new()?);
    Ok((recorder, collector))
}

impl Recorder {
    /// Records a value; one that is too high counts as the highest.
    #[inline]
    pub fn record(&mut self, value: u64) {
        self.current.saturating_record(value);
    }

    /// Hands over what was recorded, if the reader asked. Once per turn.
    #[inline]
    pub fn publish(&mut self) {
        if self.exchange.empty.is_empty() {
            return;
        }
        if let Some(empty) = self.exchange.empty.pop() {
            self.hand_over(empty);
        }
    }

    fn hand_over(&mut self, empty: Histogram<u64>) {
        let full = std::mem::replace(&mut self.current, empty);
        let pushed = self.exchange.full.push(full);
        debug_assert!(pushed.is_ok(), "more histograms than were made");
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.hand_over(Histogram::new_from(&self.current));
    }
}

impl Collector {
    /// Everything that was handed over so far; asks the worker for the rest, which comes with a
    /// later call. All is there once the recorder was dropped.
    pub fn total(&mut self) -> &Histogram<u64> {
        while let Some(mut part) = self.exchange.full.pop() {
            let added = self.total.add(&part);
            debug_assert!(added.is_ok(), "both have the same bounds");
            part.reset();
            self.ask(part);
        }
        &self.total
    }

    fn ask(&mut self, empty: Histogram<u64>) {
        // Refused only after the recorder's end, when there is one histogram too many.
        drop(self.exchange.empty.push(empty));
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn everything_recorded_arrives_once() {
        let (mut recorder, mut collector) = histogram(60_000_000, 2).unwrap();
        for round in 0..10 {
            for value in 0..100 {
                recorder.record(round * 100 + value);
            }
            recorder.publish();
            recorder.publish();
            assert_eq!(collector.total().len(), (round + 1) * 100);
        }
        recorder.record(u64::MAX);
        assert_eq!(collector.total().len(), 1_000, "not handed over yet");
        drop(recorder);
        assert_eq!(collector.total().len(), 1_001);
        assert!(collector.total().max() >= 60_000_000);
    }
}
