//! One name for the atomics of the standard library and those of loom, so that the same code runs
//! in the program and under every interleaving (`RUSTFLAGS="--cfg loom"`).

#[cfg(not(loom))]
pub(crate) use std::sync::{Arc, atomic};

#[cfg(not(loom))]
pub(crate) use crossbeam::queue::ArrayQueue;

#[cfg(loom)]
pub(crate) use loom::sync::{Arc, atomic};

#[cfg(loom)]
pub(crate) use model::ArrayQueue;

#[cfg(not(loom))]
pub(crate) use untracked::Tracks;

#[cfg(loom)]
pub(crate) use model::Tracks;

#[cfg(not(loom))]
pub(crate) use parking_lot::Mutex;

#[cfg(loom)]
pub(crate) use model::Mutex;

#[cfg(not(loom))]
pub(crate) type Current<T> = arc_swap::ArcSwap<T>;

#[cfg(loom)]
pub(crate) use model::Current;

/// Outside loom nothing is tracked and nothing is paid.
#[cfg(not(loom))]
mod untracked {
    use std::ops::Range;

    /// Who reads and writes which word of a raw buffer; loom's only.
    pub(crate) struct Tracks;

    impl Tracks {
        pub(crate) fn new(_words: usize) -> Self {
            Self
        }

        #[inline(always)]
        pub(crate) fn read(&self, _words: Range<usize>) {}

        #[inline(always)]
        pub(crate) fn write(&self, _words: Range<usize>) {}
    }
}

/// Stand-ins that loom can see through.
#[cfg(loom)]
mod model {
    use std::collections::VecDeque;
    use std::ops::Range;

    use loom::cell::UnsafeCell;
    use loom::sync::Arc;

    /// One loom cell per word of a raw buffer: loom fails the test when two threads touch a word
    /// without an order between them.
    pub(crate) struct Tracks(Vec<UnsafeCell<()>>);

    impl Tracks {
        pub(crate) fn new(words: usize) -> Self {
            Self((0..words).map(|_| UnsafeCell::new(())).collect())
        }

        pub(crate) fn read(&self, words: Range<usize>) {
            self.0[words].iter().for_each(|word| word.with(|_| ()));
        }

        pub(crate) fn write(&self, words: Range<usize>) {
            self.0[words].iter().for_each(|word| word.with_mut(|_| ()));
        }
    }

    /// The lock of parking_lot.
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
            self.0.lock().unwrap()
        }
    }

    /// The bounded queue of crossbeam, as a list under a lock.
    pub(crate) struct ArrayQueue<T> {
        list: Mutex<VecDeque<T>>,
        capacity: usize,
    }

    impl<T> ArrayQueue<T> {
        pub(crate) fn new(capacity: usize) -> Self {
            Self { list: Mutex::new(VecDeque::new()), capacity }
        }

        pub(crate) fn push(&self, value: T) -> Result<(), T> {
            let mut list = self.list.lock();
            if list.len() == self.capacity {
                return Err(value);
            }
            list.push_back(value);
            Ok(())
        }

        pub(crate) fn pop(&self) -> Option<T> {
            self.list.lock().pop_front()
        }

        pub(crate) fn is_empty(&self) -> bool {
            self.list.lock().is_empty()
        }
    }

    /// The swap of arc-swap, as a pointer under a lock.
    pub(crate) struct Current<T>(Mutex<Arc<T>>);

    impl<T> Current<T> {
        pub(crate) fn new(value: Arc<T>) -> Self {
            Self(Mutex::new(value))
        }

        pub(crate) fn load_full(&self) -> Arc<T> {
            self.0.lock().clone()
        }

        pub(crate) fn swap(&self, value: Arc<T>) -> Arc<T> {
            std::mem::replace(&mut *self.0.lock(), value)
        }
    }
}
