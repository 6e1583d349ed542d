//! The round-robin cursor of a set (spec 3.2): which destination was chosen last, and how often
//! each was chosen in a row.
//!
//! Atomics only. The cursor and the count of the destination it stands on share one word, so that
//! two workers never take the same turn. Nothing is written before algorithm 4 or 5 is first used
//! on the set: a shared line that every selection writes would cost the workers their scaling.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};

use crossbeam::utils::CachePadded;

/// See the file's head.
#[derive(Debug)]
pub struct Cursor {
    /// Whether algorithm 4 or 5 has been used. Read at each selection, written once.
    in_use: AtomicBool,
    /// The last index above, its count below, 32 bits each.
    head: CachePadded<AtomicU64>,
    /// Counts of the others, left behind when the cursor went on.
    counts: Box<[AtomicU32]>,
}

impl Cursor {
    /// At index 0, for so many destinations.
    pub fn new(destinations: usize) -> Self {
        Self {
            in_use: AtomicBool::new(false),
            head: CachePadded::default(),
            counts: (0..destinations).map(|_| AtomicU32::new(0)).collect(),
        }
    }

    /// From now on every selection moves it.
    #[inline]
    pub fn wake(&self) {
        if !self.in_use.load(Relaxed) {
            self.in_use.store(true, Relaxed);
        }
    }

    /// The last index.
    pub fn last(&self) -> usize {
        unpack(self.head.load(Relaxed)).0
    }

    /// Takes the next turn: `plan(last, count)` gives the index to stand on and the count that
    /// stays behind at `last`. The one stood on is counted.
    pub fn advance(&self, plan: impl Fn(usize, u32) -> Option<(usize, u32)>) -> Option<usize> {
        loop {
            let seen = self.head.load(Relaxed);
            let (last, count) = unpack(seen);
            let (chosen, left) = plan(last, count)?;
            let before = if chosen == last { left } else { self.count(chosen) };
            let next = pack(chosen, before.saturating_add(1));
            if self.head.compare_exchange_weak(seen, next, Relaxed, Relaxed).is_ok() {
                self.leave(last, chosen, left);
                return Some(chosen);
            }
        }
    }

    /// A choice that was no turn: the cursor follows, if anybody uses it.
    #[inline]
    pub fn follow(&self, chosen: usize) {
        if !self.in_use.load(Relaxed) {
            return;
        }
        let (last, _) = unpack(self.head.load(Relaxed));
        if last != chosen {
            let seen = self.head.swap(pack(chosen, self.count(chosen)), Relaxed);
            let (last, count) = unpack(seen);
            self.leave(last, chosen, count);
        }
    }

    fn leave(&self, last: usize, chosen: usize, count: u32) {
        if last != chosen
            && let Some(place) = self.counts.get(last)
        {
            place.store(count, Relaxed);
        }
    }

    fn count(&self, index: usize) -> u32 {
        self.counts.get(index).map_or(0, |count| count.load(Relaxed))
    }
}

const fn pack(index: usize, count: u32) -> u64 {
    (index as u64) << 32 | count as u64
}

const fn unpack(word: u64) -> (usize, u32) {
    ((word >> 32) as usize, word as u32)
}
