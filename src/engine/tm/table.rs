//! The server table: which transaction a received request belongs to.
//!
//! By the hash of Call-ID and CSeq number. Each bucket holds the slot of the first of its chain,
//! and each transaction that of the next: four to eight bytes for each. A multiplier that nobody
//! else knows spreads the hashes, and those of one hash are limited, so that nobody can make
//! looking up slow.

use std::hash::{BuildHasher, RandomState};

use sluice_base::slab::Key;
use sluice_sip::Method;

use super::identity::Identity;
use super::store::{Entry, Store};
use crate::limits;

/// No slot.
pub const NONE: u32 = u32::MAX;

/// Buckets that there always are.
const FEW: usize = 64;

/// The buckets; a power of two of them, at least as many as there are transactions.
#[derive(Debug)]
pub struct Table {
    first: Vec<u32>,
    len: usize,
    multiplier: u64,
}

impl Default for Table {
    fn default() -> Self {
        let multiplier = RandomState::new().hash_one(0) | 1;
        Self { first: vec![NONE; FEW], len: 0, multiplier }
    }
}

impl Table {
    /// The transaction of an identity whose method `fits`.
    pub fn find(
        &self,
        all: &Store,
        identity: Identity,
        fits: impl Fn(Method) -> bool,
    ) -> Option<Key> {
        let matches = |entry: &Entry| entry.identity == identity && fits(entry.method);
        self.chain(all, identity.call).find(matches).map(|entry| entry.key)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0 && self.first.iter().all(|slot| *slot == NONE)
    }

    /// All of one Call-ID and CSeq number, by their hash, the newest first.
    pub fn of_call(&self, all: &Store, call: u64) -> impl Iterator<Item = Entry> {
        self.chain(all, call).filter(move |entry| entry.identity.call == call)
    }

    /// Puts a transaction of the store in front of its chain; false when there are too many of its
    /// hash.
    pub fn insert(&mut self, all: &mut Store, key: Key) -> bool {
        let Some(Entry { identity, .. }) = all.entry(key.slot) else { return false };
        let same = self.of_call(all, identity.call).take(limits::TRANSACTIONS_OF_CALL);
        if same.count() == limits::TRANSACTIONS_OF_CALL {
            return false;
        }
        if self.len == self.first.len() {
            self.resize(all, 2 * self.len);
        }
        self.len += 1;
        self.put(all, key.slot, identity.call);
        true
    }

    /// Takes a transaction out of its chain, before it leaves the store.
    pub fn remove(&mut self, all: &mut Store, key: Key) {
        let Some(gone) = all.entry(key.slot).filter(|entry| entry.key == key) else { return };
        let bucket = self.bucket(gone.identity.call);
        let before = self.chain(all, gone.identity.call).find(|entry| entry.next == key.slot);
        match (before, self.first.get_mut(bucket)) {
            (_, Some(first)) if *first == key.slot => *first = gone.next,
            (Some(before), _) => all.set_next(before.key.slot, gone.next),
            // It was not in the table.
            (None, _) => return,
        }
        self.len -= 1;
        if self.len == 0 && self.first.len() > FEW {
            self.first = vec![NONE; FEW];
        }
    }

    /// The chain of the bucket of a hash, with those of other hashes.
    fn chain(&self, all: &Store, call: u64) -> impl Iterator<Item = Entry> {
        let first = self.first.get(self.bucket(call)).and_then(|slot| all.entry(*slot));
        std::iter::successors(first, |entry| all.entry(entry.next))
    }

    fn bucket(&self, call: u64) -> usize {
        let bits = self.first.len().trailing_zeros();
        (call.wrapping_mul(self.multiplier) >> (64 - bits)) as usize
    }

    fn put(&mut self, all: &mut Store, slot: u32, call: u64) {
        let bucket = self.bucket(call);
        if let Some(first) = self.first.get_mut(bucket) {
            all.set_next(slot, std::mem::replace(first, slot));
        }
    }

    fn resize(&mut self, all: &mut Store, buckets: usize) {
        let old = std::mem::replace(&mut self.first, vec![NONE; buckets]);
        for mut slot in old {
            while let Some(Entry { identity, next, .. }) = all.entry(slot) {
                self.put(all, slot, identity.call);
                slot = next;
            }
        }
    }
}
