//! Who has mail for a worker, and whether it must be woken.
//!
//! Takes a sender's "I wrote to you", gives the owner the set of those that wrote since it last
//! looked. Makes no system call: it tells the sender when one is due.
//!
//! # How it works
//!
//! One word per worker: a bit per sender, and the top bit SLEEP.
//!
//! * A sender publishes its record, then sets its bit ([`Wake::raise`]). The value before decides:
//!   exactly SLEEP means that it is the first to write to a sleeping owner, and it alone must wake
//!   it. Any other value means that the owner is awake, or that someone before us wakes it.
//! * The owner, before it sleeps, swaps 0 for SLEEP ([`Wake::try_sleep`]). This fails when a bit
//!   is set: there is mail, it must not sleep. Announcement and last look are one atomic step, so
//!   there is no gap for a wake-up to be lost in.
//! * The owner, when it runs again, takes the whole word and leaves 0 ([`Wake::take`]).
//!
//! So a sleep costs at most one wake-up, and an owner that is awake costs none. All accesses are
//! read-modify-write on one word with acquire and release, so the owner that sees a bit sees the
//! record behind it. A sender must not skip the step because "my bit is set already": its look
//! could be older than the owner's taking of it.

use crossbeam::utils::CachePadded;

use crate::limits::WORKERS_MAX;
use crate::owner::WorkerId;
use crate::sync::atomic::{AtomicU64, Ordering};

/// Who raises: a worker, or the control plane.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sender(u8);

impl Sender {
    /// The control plane.
    pub const CONTROL: Self = Self(WORKERS_MAX);

    /// A worker; `None` when its number is over [`WORKERS_MAX`].
    pub fn worker(id: WorkerId) -> Option<Self> {
        (id.0 < WORKERS_MAX).then_some(Self(id.0))
    }

    fn bit(self) -> u64 {
        1 << self.0
    }
}

/// The senders that wrote, as a set.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Senders(u64);

impl Senders {
    /// Whether nobody wrote.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether this one wrote.
    pub fn contains(self, sender: Sender) -> bool {
        self.0 & sender.bit() != 0
    }

    /// The workers that wrote, lowest number first.
    pub fn workers(self) -> impl Iterator<Item = WorkerId> {
        let mut left = self.0 & !Sender::CONTROL.bit();
        std::iter::from_fn(move || {
            let lowest = left.trailing_zeros();
            left &= left.checked_sub(1)?;
            Some(WorkerId(lowest as u8))
        })
    }
}

/// The word of one worker, alone in its cache line.
#[derive(Debug, Default)]
pub struct Wake(CachePadded<AtomicU64>);

const SLEEP: u64 = 1 << 63;

impl Wake {
    /// A word that says: awake, no mail.
    pub fn new() -> Self {
        Self(CachePadded::new(AtomicU64::new(0)))
    }

    /// A sender's: "I wrote to you". True: the owner sleeps and the caller must wake it.
    #[must_use = "a sleeping owner must be woken"]
    pub fn raise(&self, sender: Sender) -> bool {
        self.0.fetch_or(sender.bit(), Ordering::AcqRel) == SLEEP
    }

    /// The owner's: announces sleep. False: there is mail, do not sleep.
    #[must_use = "an owner with mail must not sleep"]
    pub fn try_sleep(&self) -> bool {
        self.0.compare_exchange(0, SLEEP, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// The owner's: it is awake, and takes the set of those that wrote.
    pub fn take(&self) -> Senders {
        Senders(self.0.swap(0, Ordering::AcqRel) & !SLEEP)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_to_write_to_a_sleeper_wakes_it() {
        let wake = Wake::new();
        let one = Sender::worker(WorkerId(1)).unwrap();
        assert!(!wake.raise(one), "the owner is awake");
        assert!(!wake.try_sleep(), "there is mail");
        assert!(wake.take().contains(one));
        assert!(wake.try_sleep());
        assert!(wake.raise(Sender::CONTROL));
        assert!(!wake.raise(one), "someone wakes it already");
        let senders = wake.take();
        assert!(senders.contains(one) && senders.contains(Sender::CONTROL));
        assert!(senders.workers().eq([WorkerId(1)]));
        assert!(wake.take().is_empty());
    }

    #[test]
    fn every_worker_has_its_own_bit() {
        let wake = Wake::new();
        for id in 0..WORKERS_MAX {
            let _ = wake.raise(Sender::worker(WorkerId(id)).unwrap());
        }
        assert!(wake.take().workers().eq((0..WORKERS_MAX).map(WorkerId)));
        assert_eq!(Sender::worker(WorkerId(WORKERS_MAX)), None);
    }
}
