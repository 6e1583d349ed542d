//! Letters to one worker, from any thread: what nobody has asked for.
//!
//! Unlike an answer's, the place of a letter is not reserved: a full inbox refuses it, and the
//! sender knows. Takes values from any thread, gives them to the owner; never blocks, never
//! allocates after `new`.

use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Arc, ArrayQueue};
use crate::wake::{Sender, Wake};

/// Shared by the owner and those who write.
pub struct Inbox<T> {
    queue: ArrayQueue<T>,
    /// How many may be taken: a letter is counted after it was put in, so never more than lie
    /// there.
    waiting: AtomicUsize,
    wake: Arc<Wake>,
}

impl<T> Inbox<T> {
    /// An inbox for `capacity` letters (at least one) whose arrival is told to `wake`.
    pub fn new(capacity: usize, wake: Arc<Wake>) -> Self {
        let queue = ArrayQueue::new(capacity.max(1));
        Self { queue, waiting: AtomicUsize::new(0), wake }
    }

    /// Puts a letter in. True: the owner sleeps and the caller must wake it.
    ///
    /// # Errors
    /// The letter, when the inbox is full.
    pub fn put(&self, from: Sender, letter: T) -> Result<bool, T> {
        self.queue.push(letter)?;
        self.waiting.fetch_add(1, Ordering::AcqRel);
        Ok(self.wake.raise(from))
    }

    /// The oldest letter; for the owner alone.
    #[inline]
    pub fn take(&self) -> Option<T> {
        // Mostly there is none; a look at the queue is a fence.
        if self.waiting.load(Ordering::Acquire) == 0 {
            return None;
        }
        let letter = self.queue.pop()?;
        self.waiting.fetch_sub(1, Ordering::AcqRel);
        Some(letter)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn letters_come_in_order_and_a_full_inbox_gives_them_back() {
        let wake = Arc::new(Wake::new());
        let inbox = Inbox::new(2, Arc::clone(&wake));
        assert_eq!(inbox.take(), None);
        assert!(wake.try_sleep());
        assert_eq!(inbox.put(Sender::CONTROL, "a"), Ok(true), "the owner sleeps");
        assert_eq!(inbox.put(Sender::CONTROL, "b"), Ok(false), "it is woken already");
        assert_eq!(inbox.put(Sender::CONTROL, "c"), Err("c"));
        assert_eq!((inbox.take(), inbox.take(), inbox.take()), (Some("a"), Some("b"), None));
    }
}
