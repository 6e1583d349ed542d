//! The server table: which transaction a received request belongs to.
//!
//! By the hash of Call-ID and CSeq number; those of one hash are a chain through the slab. A chain
//! has a limit, so that nobody can make looking up slow.

use ahash::AHashMap;
use sluice_base::slab::{Key, Slab};

use super::identity::Identity;
use super::transaction::Transaction;
use crate::limits;

/// First of each chain.
#[derive(Debug, Default)]
pub struct Table(AHashMap<u64, Key>);

type Transactions = Slab<Box<Transaction>>;

impl Table {
    /// The transaction of an identity that `fits`.
    pub fn find(
        &self,
        all: &Transactions,
        identity: Identity,
        fits: impl Fn(&Transaction) -> bool,
    ) -> Option<Key> {
        let matches = |key: &Key| {
            all.get(*key).is_some_and(|t| t.identity.print == identity.print && fits(t))
        };
        self.chain(all, identity.call).find(matches)
    }

    fn chain(&self, all: &Transactions, call: u64) -> impl Iterator<Item = Key> {
        let next = |key: &Key| all.get(*key).and_then(|transaction| transaction.next);
        std::iter::successors(self.0.get(&call).copied(), next).take(limits::TRANSACTIONS_OF_CALL)
    }

    /// A transaction of a Call-ID and CSeq number, by their hash, that `fits`.
    pub fn find_call(
        &self,
        all: &Transactions,
        call: u64,
        fits: impl Fn(&Transaction) -> bool,
    ) -> Option<Key> {
        self.chain(all, call).find(|key| all.get(*key).is_some_and(|t| fits(t)))
    }

    /// Puts a transaction of the slab in front of its chain.
    pub fn insert(&mut self, all: &mut Transactions, key: Key) {
        let Some(transaction) = all.get_mut(key) else { return };
        transaction.next = self.0.insert(transaction.identity.call, key);
    }

    /// Takes a transaction out of its chain, before it leaves the slab.
    pub fn remove(&mut self, all: &mut Transactions, key: Key) {
        let Some(transaction) = all.get_mut(key) else { return };
        let (call, next) = (transaction.identity.call, transaction.next.take());
        let Some(mut at) = self.0.get(&call).copied() else { return };
        if at == key {
            match next {
                Some(next) => self.0.insert(call, next),
                None => self.0.remove(&call),
            };
            return;
        }
        while let Some(before) = all.get_mut(at) {
            match before.next {
                Some(this) if this == key => return before.next = next,
                Some(further) => at = further,
                None => return,
            }
        }
    }
}
