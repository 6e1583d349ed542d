//! Counters that one worker writes and anybody reads.
//!
//! A step is a plain load and store, no locked instruction; workers share no cache line. A reader
//! sees each counter whole and never going back, but not all of one moment.

use std::cell::Cell;
use std::marker::PhantomData;

use crossbeam::utils::CachePadded;

use crate::sync::Arc;
use crate::sync::atomic::{AtomicU64, Ordering};

/// The worker's end. Not `Sync`: there is one writer.
pub struct Cells {
    lines: Lines,
    one_thread: PhantomData<Cell<()>>,
}

/// The reader's end.
#[derive(Clone)]
pub struct CellsReader {
    lines: Lines,
}

type Lines = Arc<Box<[CachePadded<[AtomicU64; LINE]>]>>;

const LINE: usize = 8;

impl Cells {
    /// Counters `0 .. count`, all zero.
    pub fn new(count: usize) -> (Self, CellsReader) {
        let line = |_| CachePadded::new(std::array::from_fn(|_| AtomicU64::new(0)));
        let lines: Lines = Arc::new((0..count.div_ceil(LINE)).map(line).collect());
        (Self { lines: Arc::clone(&lines), one_thread: PhantomData }, CellsReader { lines })
    }

    /// Adds to a counter; one that does not exist is ignored.
    #[inline]
    pub fn add(&self, index: usize, amount: u64) {
        if let Some(cell) = cell(&self.lines, index) {
            let sum = cell.load(Ordering::Relaxed).wrapping_add(amount);
            cell.store(sum, Ordering::Relaxed);
        }
    }

    /// Sets a counter, for one that shows a level.
    #[inline]
    pub fn set(&self, index: usize, value: u64) {
        if let Some(cell) = cell(&self.lines, index) {
            cell.store(value, Ordering::Relaxed);
        }
    }
}

impl CellsReader {
    /// The value of a counter; 0 for one that does not exist.
    pub fn get(&self, index: usize) -> u64 {
        cell(&self.lines, index).map_or(0, |cell| cell.load(Ordering::Relaxed))
    }
}

#[inline]
fn cell(lines: &Lines, index: usize) -> Option<&AtomicU64> {
    lines.get(index / LINE)?.get(index % LINE)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn counters_are_apart() {
        let (cells, reader) = Cells::new(10);
        cells.add(0, 2);
        cells.add(9, 3);
        cells.add(9, 4);
        cells.set(8, 5);
        cells.add(1_000, 1);
        assert_eq!([0, 1, 8, 9, 1_000].map(|index| reader.get(index)), [2, 0, 5, 7, 0]);
    }
}
