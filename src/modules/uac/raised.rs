//! By how much the CSeq of a party is raised beyond what our Route says: challenges within a dialog
//! that were answered (spec 9.8). The party goes on counting from its own numbers, the other side
//! from those that it has seen.
//!
//! Takes and gives a number for each direction of a dialog. What is remembered belongs to the
//! worker of the call, so its lock is never waited for, and it is taken only where anything is
//! remembered. Bounded; a dialog that is quiet for half a day is forgotten.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ahash::{AHashMap, RandomState};
use sluice_base::limits::WORKERS_MAX;
use sluice_engine::Ctx;
use sluice_sip::Method;

use super::limits::{ENDED_MS, FORGOTTEN_MS, RAISED};

/// See the file's head.
#[derive(Debug)]
pub(super) struct Raised {
    hasher: RandomState,
    of_workers: Box<[Part]>,
}

#[derive(Debug, Default)]
struct Part {
    count: AtomicUsize,
    all: Mutex<AHashMap<u64, Entry>>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    by: u32,
    until_ms: u64,
}

impl Raised {
    /// Nothing is remembered.
    pub fn new() -> Self {
        let of_workers = (0..WORKERS_MAX).map(|_| Part::default()).collect();
        Self { hasher: RandomState::new(), of_workers }
    }

    /// By how much the sender of this request is raised in its dialog. A BYE ends that soon.
    pub fn of(&self, ctx: &Ctx<'_>) -> u32 {
        let Some(part) = self.part(ctx) else { return 0 };
        if part.count.load(Ordering::Relaxed) == 0 {
            return 0;
        }
        let now_ms = ctx.now.mono_ms();
        let mut all = part.lock();
        let Some(entry) = all.get_mut(&self.key(ctx)).filter(|entry| now_ms < entry.until_ms)
        else {
            return 0;
        };
        let left_ms = if ctx.message.method() == Method::Bye { ENDED_MS } else { FORGOTTEN_MS };
        entry.until_ms = now_ms + left_ms;
        entry.by
    }

    /// The sender of this request is raised by one more. Where there is no room the dialog that
    /// would be forgotten first is forgotten now.
    pub fn add(&self, ctx: &Ctx<'_>) {
        let Some(part) = self.part(ctx) else { return };
        let (key, now_ms) = (self.key(ctx), ctx.now.mono_ms());
        let mut all = part.lock();
        if all.len() >= RAISED && !all.contains_key(&key) {
            let first = all.iter().min_by_key(|(_, entry)| entry.until_ms).map(|(key, _)| *key);
            first.and_then(|key| all.remove(&key));
        }
        let entry = all.entry(key).or_insert(Entry { by: 0, until_ms: 0 });
        entry.by = entry.by.saturating_add(1);
        entry.until_ms = now_ms + FORGOTTEN_MS;
        part.count.store(all.len(), Ordering::Relaxed);
    }

    /// Forgets what is over.
    pub fn sweep(&self, now_ms: u64) {
        for part in &self.of_workers {
            if part.count.load(Ordering::Relaxed) > 0 {
                let mut all = part.lock();
                all.retain(|_, entry| now_ms < entry.until_ms);
                part.count.store(all.len(), Ordering::Relaxed);
            }
        }
    }

    fn part(&self, ctx: &Ctx<'_>) -> Option<&Part> {
        self.of_workers.get(usize::from(ctx.local.id.0))
    }

    /// A direction of a dialog (RFC 3261 12): tags stand the other way round in the other one.
    fn key(&self, ctx: &Ctx<'_>) -> u64 {
        let message = ctx.message;
        let from = message.from().and_then(|from| from.tag());
        let to = message.to().and_then(|to| to.tag());
        self.hasher.hash_one((message.call_id(), from, to))
    }
}

impl Part {
    fn lock(&self) -> MutexGuard<'_, AHashMap<u64, Entry>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
