//! How often destinations were selected: a counter for each and each worker.
//!
//! Counters lie in blocks, worker by worker, so that counting slows no other worker down and a
//! destination takes eight bytes of each. A block goes when the last of its destinations does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::limits::{HIT_BLOCK, HIT_GAP, HIT_LANES};

/// The counters of one destination.
#[derive(Debug)]
pub struct Hits {
    block: Arc<Block>,
    place: usize,
}

/// Counters of several destinations, worker by worker.
#[derive(Debug)]
struct Block {
    /// From one worker's counters to the next one's; beyond the places there is a gap, or
    /// neighbours would share a cache line.
    stride: usize,
    counts: Box<[AtomicU64]>,
}

/// Hands out counters for so many destinations to come.
#[derive(Debug)]
pub struct Room {
    left: usize,
    block: Option<(Arc<Block>, usize)>,
}

impl Hits {
    /// Counts one by a worker.
    #[inline]
    pub fn add(&self, lane: usize) {
        let at = lane % HIT_LANES * self.block.stride + self.place;
        if let Some(count) = self.block.counts.get(at) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// Those of all workers.
    pub fn sum(&self) -> u64 {
        let lanes = self.block.counts.iter().skip(self.place).step_by(self.block.stride);
        lanes.take(HIT_LANES).map(|count| count.load(Relaxed)).sum()
    }
}

impl Room {
    /// For at most so many destinations.
    pub const fn new(destinations: usize) -> Self {
        Self { left: destinations, block: None }
    }

    /// The next destination's.
    pub fn place(&mut self) -> Hits {
        let (block, place) = match self.block.take() {
            Some((block, place)) if place + HIT_GAP < block.stride => (block, place),
            _ => (Arc::new(Block::new(self.left.clamp(1, HIT_BLOCK))), 0),
        };
        self.left = self.left.saturating_sub(1);
        self.block = Some((Arc::clone(&block), place + 1));
        Hits { block, place }
    }
}

impl Block {
    fn new(places: usize) -> Self {
        let stride = places + HIT_GAP;
        Self { stride, counts: (0..stride * HIT_LANES).map(|_| AtomicU64::new(0)).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_destination_has_its_own_in_every_lane() {
        let mut room = Room::new(3);
        let all: Vec<Hits> = (0..5).map(|_| room.place()).collect();
        for (count, hits) in all.iter().enumerate() {
            for lane in 0..2 * HIT_LANES {
                (0..count).for_each(|_| hits.add(lane));
            }
        }
        for (count, hits) in all.iter().enumerate() {
            assert_eq!(hits.sum(), (count * 2 * HIT_LANES) as u64);
        }
    }

    #[test]
    fn a_block_serves_as_many_as_it_was_made_for() {
        let mut room = Room::new(HIT_BLOCK + 1);
        let all: Vec<Hits> = (0..=HIT_BLOCK).map(|_| room.place()).collect();
        assert!(Arc::ptr_eq(&all[0].block, &all[HIT_BLOCK - 1].block));
        assert!(!Arc::ptr_eq(&all[0].block, &all[HIT_BLOCK].block));
        assert_eq!(all[HIT_BLOCK].block.stride, 1 + HIT_GAP, "the rest needs no whole block");
    }
}
