//! What the statistics of module tm count, in OpenSIPS' sense. A worker's own numbers; they go to
//! its cells once a turn, so that a message costs no more than an addition.

use sluice_base::counters::Cells;

use crate::module::StatisticsBase;

/// The statistics by their place in the module's table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub enum Count {
    /// Replies to branches that have come.
    ReceivedReplies,
    /// Of these, sent on.
    RelayedReplies,
    /// Replies of ours.
    LocalReplies,
    /// Transactions of received requests.
    Received,
    /// Transactions of requests of ours.
    Own,
    /// Of the received ones, answered by 200 to 299; the four behind it by 3xx to 6xx.
    Success,
    /// How many there are just now.
    InUse = 10,
}

/// How many there are.
pub const COUNTS: usize = Count::InUse as usize + 1;

/// See the file's head.
#[derive(Debug, Default)]
pub struct Tally {
    counts: [u32; COUNTS],
    changed: bool,
}

impl Tally {
    /// Counts one.
    #[inline]
    pub(super) fn add(&mut self, count: Count) {
        self.bump(count as usize);
    }

    /// Counts a transaction that was answered by this status.
    pub(super) fn end(&mut self, status: u16) {
        if let class @ 2..=6 = usize::from(status / 100) {
            self.bump(Count::Success as usize + class - 2);
        }
    }

    /// Puts what was counted since the last time into a worker's cells.
    pub(crate) fn put(&mut self, cells: &Cells, base: StatisticsBase, in_use: usize) {
        let base = usize::from(base.0);
        if std::mem::take(&mut self.changed) {
            for (at, count) in self.counts.iter_mut().enumerate() {
                cells.add(base + at, u64::from(std::mem::take(count)));
            }
        }
        cells.set(base + Count::InUse as usize, in_use as u64);
    }

    #[inline]
    fn bump(&mut self, at: usize) {
        self.changed = true;
        if let Some(count) = self.counts.get_mut(at) {
            *count = count.wrapping_add(1);
        }
    }
}
