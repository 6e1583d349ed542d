//! Answers from the control plane to one worker.
//!
//! The place of an answer is reserved when its job is sent, so that a completion is never refused:
//! a worker with too much outstanding is told so when it asks, not when the answer comes. Takes
//! values from any thread, gives them to the owner; never blocks, never allocates after `new`.

use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Arc, ArrayQueue};
use crate::wake::{Sender, Wake};

/// The owner's end.
pub struct Mailbox<T> {
    inner: Arc<Inner<T>>,
}

/// The place of one answer. Dropped without completion it gives the place back.
pub struct Reservation<T> {
    inner: Arc<Inner<T>>,
    completed: bool,
}

struct Inner<T> {
    queue: ArrayQueue<T>,
    /// Reservations that live, plus answers that wait. Never more than `capacity`, which is why
    /// the queue cannot be full when a reservation completes.
    taken: AtomicUsize,
    capacity: usize,
    wake: Arc<Wake>,
}

impl<T> Mailbox<T> {
    /// A mailbox for `capacity` outstanding answers (at least one) whose arrival is told to `wake`.
    pub fn new(capacity: usize, wake: Arc<Wake>) -> Self {
        let capacity = capacity.max(1);
        let queue = ArrayQueue::new(capacity);
        Self { inner: Arc::new(Inner { queue, taken: AtomicUsize::new(0), capacity, wake }) }
    }

    /// The place of one answer; `None` when all are taken.
    pub fn reserve(&mut self) -> Option<Reservation<T>> {
        // Only the owner adds, so what is free now stays free until the fetch_add.
        if self.inner.taken.load(Ordering::Acquire) == self.inner.capacity {
            return None;
        }
        self.inner.taken.fetch_add(1, Ordering::AcqRel);
        Some(Reservation { inner: Arc::clone(&self.inner), completed: false })
    }

    /// The oldest answer. Afterwards its place is free.
    #[inline]
    pub fn take(&mut self) -> Option<T> {
        // Mostly nothing is outstanding; a look at the queue is a fence.
        if self.inner.taken.load(Ordering::Acquire) == 0 {
            return None;
        }
        let value = self.inner.queue.pop()?;
        self.inner.taken.fetch_sub(1, Ordering::AcqRel);
        Some(value)
    }
}

impl<T> Reservation<T> {
    /// Delivers the answer. True: the owner sleeps and the caller must wake it.
    #[must_use = "a sleeping owner must be woken"]
    pub fn complete(mut self, value: T) -> bool {
        self.completed = true;
        let pushed = self.inner.queue.push(value);
        debug_assert!(pushed.is_ok(), "a reserved place was taken");
        self.inner.wake.raise(Sender::CONTROL)
    }
}

impl<T> Drop for Reservation<T> {
    fn drop(&mut self) {
        if !self.completed {
            self.inner.taken.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_from_reservation_to_reading() {
        let wake = Arc::new(Wake::new());
        let mut mailbox = Mailbox::new(2, Arc::clone(&wake));
        let first = mailbox.reserve().unwrap();
        let second = mailbox.reserve().unwrap();
        assert!(mailbox.reserve().is_none());
        drop(second);
        let second = mailbox.reserve().unwrap();
        assert!(wake.try_sleep());
        assert!(first.complete("a"), "the owner sleeps");
        assert!(!second.complete("b"), "it is woken already");
        assert!(mailbox.reserve().is_none(), "answers that wait hold their places");
        assert!(wake.take().contains(Sender::CONTROL));
        assert_eq!((mailbox.take(), mailbox.take(), mailbox.take()), (Some("a"), Some("b"), None));
        assert!(mailbox.reserve().is_some());
    }
}
