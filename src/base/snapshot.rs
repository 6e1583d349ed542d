//! Immutable data that is swapped whole: scripts, destination sets, lists.
//!
//! The publisher gives a new value; each worker holds a [`Reader`] that costs one load per batch
//! when nothing changed. Readers never lock and are never waited for. An old value is dropped by
//! the publisher's thread, never by a worker: the publisher keeps it until nobody reads it.

use std::sync::{Mutex, PoisonError};

use crate::sync::atomic::{AtomicU64, Ordering};
use crate::sync::{Arc, Current};

/// The publisher's end; also makes readers.
pub struct Snapshot<T> {
    inner: Arc<Inner<T>>,
}

/// One worker's end.
pub struct Reader<T> {
    inner: Arc<Inner<T>>,
    value: Arc<T>,
    version: u64,
}

struct Inner<T> {
    current: Current<T>,
    /// Counts publications. Stored after `current`, so that who sees it sees the value, or a newer.
    version: AtomicU64,
    /// Old values that may still be read. Only publishers lock it.
    retired: Mutex<Vec<Arc<T>>>,
}

impl<T> Clone for Snapshot<T> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<T> Snapshot<T> {
    /// A snapshot of a first value.
    pub fn new(value: T) -> Self {
        let inner = Inner {
            current: Current::new(Arc::new(value)),
            version: AtomicU64::new(0),
            retired: Mutex::new(Vec::new()),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Puts a new value in the place of the old one, and drops old ones that nobody reads any more.
    pub fn publish(&self, value: T) {
        let old = self.inner.current.swap(Arc::new(value));
        self.inner.version.fetch_add(1, Ordering::Release);
        self.inner.retired.lock().unwrap_or_else(PoisonError::into_inner).push(old);
        self.sweep();
    }

    /// Drops old values that nobody reads any more; gives how many are still read. To be called by
    /// the publisher now and then: a worker lets go of an old value at its next batch.
    pub fn sweep(&self) -> usize {
        let mut retired = self.inner.retired.lock().unwrap_or_else(PoisonError::into_inner);
        retired.retain(|value| Arc::strong_count(value) > 1);
        retired.len()
    }

    /// The newest value, for a look now and then; a worker uses a [`Reader`].
    pub fn load(&self) -> Arc<T> {
        self.inner.current.load_full()
    }

    /// A reader for one worker.
    pub fn reader(&self) -> Reader<T> {
        let version = self.inner.version.load(Ordering::Acquire);
        Reader { value: self.load(), version, inner: Arc::clone(&self.inner) }
    }
}

impl<T> Reader<T> {
    /// The newest value. Once per batch, so that a batch sees one value.
    #[inline]
    pub fn get(&mut self) -> &T {
        self.refresh();
        &self.value
    }

    /// Goes on to the newest value; whether it is another one than before.
    #[inline]
    pub fn refresh(&mut self) -> bool {
        let version = self.inner.version.load(Ordering::Acquire);
        let changed = version != self.version;
        if changed {
            self.value = self.inner.current.load_full();
            self.version = version;
        }
        changed
    }

    /// The value of the last look. A clone keeps it, and the publisher then keeps it too.
    #[inline]
    pub fn value(&self) -> &Arc<T> {
        &self.value
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn an_old_value_is_kept_until_no_reader_holds_it() {
        let snapshot = Snapshot::new(1);
        let mut reader = snapshot.reader();
        let mut idle = snapshot.reader();
        snapshot.publish(2);
        assert_eq!((*reader.get(), snapshot.sweep()), (2, 1));
        snapshot.publish(3);
        assert_eq!(*reader.get(), 3);
        assert_eq!(snapshot.sweep(), 1, "2 is gone, 1 is still read by the idle one");
        assert_eq!((*idle.get(), snapshot.sweep(), *snapshot.load()), (3, 0, 3));
    }

    #[test]
    fn a_reader_says_once_that_its_value_is_another() {
        let snapshot = Snapshot::new(1);
        let mut reader = snapshot.reader();
        assert!(!reader.refresh());
        snapshot.publish(2);
        assert_eq!(**reader.value(), 1, "until it looks again");
        assert!(reader.refresh());
        assert_eq!((reader.refresh(), **reader.value()), (false, 2));
    }
}
