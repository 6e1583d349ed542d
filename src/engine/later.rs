//! Changes of a database that nobody waits for: accounting, contacts written behind. Workers put
//! them into a bounded queue without a wait; the control plane does them in order, many at once.
//! What does not fit is counted, never waited for. Does no I/O itself.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::db::{Source, Statement};
use crate::limits;

/// Wakes the control plane.
pub type Wake = Box<dyn Fn() + Send + Sync>;

/// The queue of one database.
pub struct Later {
    source: Arc<dyn Source>,
    put: SyncSender<Statement>,
    queue: Mutex<Receiver<Statement>>,
    wake: OnceLock<Wake>,
    written: AtomicU64,
    lost: AtomicU64,
}

impl Later {
    pub(crate) fn new(source: &Arc<dyn Source>) -> Self {
        let (put, queue) = sync_channel(limits::LATER);
        Self {
            source: Arc::clone(source),
            put,
            queue: Mutex::new(queue),
            wake: OnceLock::new(),
            written: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        }
    }

    pub(crate) fn is_of(&self, source: &Arc<dyn Source>) -> bool {
        Arc::ptr_eq(&self.source, source)
    }

    /// Has a change made some time. Whether there was room ([`limits::LATER`]); if not, it is
    /// counted as lost.
    pub fn write(&self, statement: Statement) -> bool {
        let fits = self.put.try_send(statement).is_ok();
        if !fits {
            self.lost.fetch_add(1, Ordering::Relaxed);
        } else if let Some(wake) = self.wake.get() {
            wake();
        }
        fits
    }

    /// How many changes have been made.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// How many changes were lost: no room, or refused by the database.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// The database. For the control plane, as what follows.
    pub fn source(&self) -> &Arc<dyn Source> {
        &self.source
    }

    /// Says who is woken by a change; the first one counts.
    pub fn on_write(&self, wake: Wake) {
        // A second control plane would find the first one at work.
        let _ = self.wake.set(wake);
    }

    /// Takes the oldest changes, at most [`limits::LATER_BATCH`] together with those of `batch`.
    pub fn take(&self, batch: &mut Vec<Statement>) {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let room = limits::LATER_BATCH.saturating_sub(batch.len());
        batch.extend(queue.try_iter().take(room));
    }

    /// Counts changes that were made, and others that were refused.
    pub fn count(&self, written: u64, lost: u64) {
        self.written.fetch_add(written, Ordering::Relaxed);
        self.lost.fetch_add(lost, Ordering::Relaxed);
    }
}
