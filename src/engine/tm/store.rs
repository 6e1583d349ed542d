//! Where a worker's transactions lie: whole while they are open, as a remnant when they have
//! ended. The key stays the same.

use sluice_base::Target;
use sluice_base::slab::{Key, Slab};
use sluice_base::wheel::TimerId;
use sluice_sip::Method;

use super::client::Kind;
use super::guard::Guard;
use super::identity::Identity;
use super::remnant::Remnant;
use super::server;
use super::transaction::Transaction;

/// All of them.
#[derive(Debug)]
pub struct Store(Slab<Place>);

/// One of them.
#[derive(Debug)]
pub enum Place {
    /// Something may still be decided.
    Open(Box<Transaction>),
    /// Only what comes late or again is dealt with.
    Ended(Box<Remnant>),
    /// It is none: the run of a request without one waits.
    Guard(Box<Guard>),
}

/// What the table knows one by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its key.
    pub key: Key,
    /// See there.
    pub identity: Identity,
    /// The method of its request.
    pub method: Method,
    /// The slot of the next one in its chain; [`super::table::NONE`] behind the last.
    pub next: u32,
}

/// The server side of one, open or ended.
#[derive(Debug)]
pub struct Upper<'a> {
    /// What its request is to the machines.
    pub kind: Kind,
    /// Where replies go.
    pub reply_to: Target,
    /// How far the answer is.
    pub state: &'a mut server::State,
    /// The reply that went up last.
    pub last: &'a mut Box<[u8]>,
    /// The end.
    pub over: &'a mut Option<TimerId>,
    /// The next repetition of the last reply.
    pub repeat: &'a mut Option<TimerId>,
    /// Its interval in milliseconds.
    pub repeat_ms: &'a mut u32,
}

impl Store {
    /// None, for at most `limit`.
    pub fn new(limit: u32, warm: u32) -> Self {
        Self(Slab::new(limit, warm))
    }

    /// Puts one in; `None` when there are too many.
    pub fn insert(&mut self, transaction: Transaction) -> Option<Key> {
        self.0.insert(Place::Open(Box::new(transaction))).ok()
    }

    /// Puts a guard in; `None` when there are too many transactions.
    pub fn insert_guard(&mut self, guard: Guard) -> Option<Key> {
        self.0.insert(Place::Guard(Box::new(guard))).ok()
    }

    /// A guard.
    pub fn guard_mut(&mut self, key: Key) -> Option<&mut Guard> {
        match self.0.get_mut(key)? {
            Place::Guard(guard) => Some(guard),
            Place::Open(_) | Place::Ended(_) => None,
        }
    }

    /// An open one.
    #[inline]
    pub fn get(&self, key: Key) -> Option<&Transaction> {
        match self.0.get(key)? {
            Place::Open(transaction) => Some(transaction),
            Place::Ended(_) | Place::Guard(_) => None,
        }
    }

    /// An open one, to change it.
    #[inline]
    pub fn get_mut(&mut self, key: Key) -> Option<&mut Transaction> {
        match self.0.get_mut(key)? {
            Place::Open(transaction) => Some(transaction),
            Place::Ended(_) | Place::Guard(_) => None,
        }
    }

    /// What is left of one that has ended.
    pub fn remnant(&self, key: Key) -> Option<&Remnant> {
        match self.0.get(key)? {
            Place::Open(_) | Place::Guard(_) => None,
            Place::Ended(remnant) => Some(remnant),
        }
    }

    /// The server side of one.
    pub fn upper(&mut self, key: Key) -> Option<Upper<'_>> {
        Some(match self.0.get_mut(key)? {
            Place::Open(t) => Upper {
                kind: Kind::of(t.method),
                reply_to: t.reply_to,
                state: &mut t.server,
                last: &mut t.last,
                over: &mut t.over,
                repeat: &mut t.repeat,
                repeat_ms: &mut t.repeat_ms,
            },
            Place::Ended(r) => Upper {
                kind: Kind::of(r.method),
                reply_to: r.reply_to,
                state: &mut r.server,
                last: &mut r.last,
                over: &mut r.over,
                repeat: &mut r.repeat,
                repeat_ms: &mut r.repeat_ms,
            },
            Place::Guard(_) => return None,
        })
    }

    /// How many branches one has had.
    pub fn branches(&self, key: Key) -> usize {
        match self.0.get(key) {
            Some(Place::Open(transaction)) => transaction.branches.len(),
            Some(Place::Ended(remnant)) => remnant.branches().len(),
            Some(Place::Guard(_)) | None => 0,
        }
    }

    /// Leaves of an open one what `remnant` makes of it.
    pub fn end(&mut self, key: Key, remnant: impl FnOnce(&mut Transaction) -> Remnant) {
        if let Some(place) = self.0.get_mut(key)
            && let Place::Open(transaction) = place
        {
            *place = Place::Ended(Box::new(remnant(transaction)));
        }
    }

    /// Takes one out.
    pub fn remove(&mut self, key: Key) -> Option<Place> {
        self.0.remove(key)
    }

    /// The key of the one in a slot.
    pub fn key_at(&self, slot: u32) -> Option<Key> {
        self.0.key_at(slot)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// What the table knows of the one in a slot.
    pub fn entry(&self, slot: u32) -> Option<Entry> {
        let key = self.0.key_at(slot)?;
        let (identity, method, next) = match self.0.get(key)? {
            Place::Open(t) => (t.identity, t.method, t.next),
            Place::Ended(r) => (r.identity, r.method, r.next),
            Place::Guard(guard) => (guard.identity, guard.method, guard.next),
        };
        Some(Entry { key, identity, method, next })
    }

    /// Sets the next one in the chain of the one in a slot.
    pub fn set_next(&mut self, slot: u32, next: u32) {
        let Some(place) = self.0.key_at(slot).and_then(|key| self.0.get_mut(key)) else { return };
        match place {
            Place::Open(transaction) => transaction.next = next,
            Place::Ended(remnant) => remnant.next = next,
            Place::Guard(guard) => guard.next = next,
        }
    }
}
