//! Script locks: one run holds a lock, others are parked until it is theirs, in the order in which
//! they asked, whichever worker they belong to.
//!
//! The mutex inside is held for a push or a pop of the queue. A lock goes from its holder straight
//! to the first that waits, by a mail for which that one's worker has reserved the place, so it is
//! never free in between and nobody overtakes. A run that ends gives back what it still holds.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sluice_base::WorkerId;
use sluice_base::mailbox::Reservation;
use sluice_base::slab::Key;

use crate::context::{Ctx, Local};
use crate::job::{Answer, Mail};
use crate::module::{Flow, Then, Wait};

/// A script lock.
#[derive(Default)]
pub struct Lock(Mutex<State>);

#[derive(Default)]
struct State {
    held: bool,
    /// Never longer than there are parked runs, since each holds a place in a mailbox.
    waiting: VecDeque<Place>,
}

/// A parked run that waits, and where it is told that the lock is its own.
pub(crate) struct Place {
    /// Its worker.
    pub worker: WorkerId,
    /// Where it is parked.
    pub key: Key,
    /// The place in its worker's mailbox.
    pub reply: Reservation<Mail>,
}

impl Lock {
    /// Takes the lock if nobody holds it.
    fn try_take(&self) -> bool {
        !std::mem::replace(&mut self.state().held, true)
    }

    /// Queues a run; gives its place back when the lock has come free and is its own at once.
    pub(crate) fn join(&self, place: Place) -> Option<Place> {
        let mut state = self.state();
        if !std::mem::replace(&mut state.held, true) {
            return Some(place);
        }
        state.waiting.push_back(place);
        None
    }

    /// Takes a run out of the queue; false when the lock is its own already.
    pub(crate) fn leave(&self, worker: WorkerId, key: Key) -> bool {
        let mut state = self.state();
        let found = state.waiting.iter().position(|p| p.worker == worker && p.key == key);
        found.and_then(|at| state.waiting.remove(at)).is_some()
    }

    /// Hands the lock on; the place of the run that has it now.
    fn pass_on(&self) -> Option<Place> {
        let mut state = self.state();
        let next = state.waiting.pop_front();
        state.held = next.is_some();
        next
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while it was held left the queue whole: nothing to mend.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PartialEq for Lock {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Lock {}

impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock").finish_non_exhaustive()
    }
}

impl Place {
    /// Tells the run; true when its worker sleeps and must be woken.
    #[must_use = "a sleeping worker must be woken"]
    pub(crate) fn grant(self) -> bool {
        self.reply.complete(Mail { key: self.key, answer: Answer::Granted })
    }
}

impl Ctx<'_> {
    /// Makes the run the holder of a lock, now or after a wait that ends with
    /// [`Answer::Granted`].
    pub fn take_lock(&mut self, lock: Arc<Lock>, then: Then) -> Flow {
        if self.run.locks.contains(&lock) {
            // OpenSIPS would wait for itself for ever.
            return Flow::Fail("the run holds this lock already");
        }
        if lock.try_take() {
            self.run.locks.push(lock);
            return Flow::TRUE;
        }
        Flow::Suspend(Wait::Lock(lock), then)
    }

    /// Gives a lock back; nothing happens to one that the run does not hold.
    pub fn release_lock(&mut self, lock: &Arc<Lock>) {
        if let Some(at) = self.run.locks.iter().position(|held| held == lock) {
            let lock = self.run.locks.swap_remove(at);
            self.local.hand_on(&lock);
        }
    }
}

impl Local {
    /// Gives back all locks of a run that is over.
    pub(crate) fn release_locks(&mut self, locks: &mut Vec<Arc<Lock>>) {
        for lock in locks.drain(..) {
            self.hand_on(&lock);
        }
    }

    fn hand_on(&mut self, lock: &Lock) {
        if let Some(next) = lock.pass_on() {
            let worker = next.worker;
            if next.grant() {
                self.woken |= 1 << worker.0;
                self.stirred = true;
            }
        }
    }
}
