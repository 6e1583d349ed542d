//! A map that all workers share: entries in shards, each under a lock of its own.
//!
//! Takes hashes that the caller has computed, once for each key, and closures that look at an entry
//! or change it under its shard's lock; no reference leaves a closure. Whoever passes all entries
//! does it by a [`Cursor`], some of them under one lock. Grows and shrinks shard by shard. Knows
//! neither keys nor time.

use crossbeam::utils::CachePadded;
use hashbrown::HashTable;

use crate::limits::{SHARD_KEPT, SHARDS_MAX_BITS};
use crate::sync::Mutex;

/// Entries `T`, and beside those of each shard one `S`.
pub struct Shards<T, S = ()> {
    /// A power of two.
    shards: Box<[CachePadded<Mutex<Shard<T, S>>>]>,
}

struct Shard<T, S> {
    entries: HashTable<T>,
    beside: S,
}

/// What becomes of an entry that was looked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Then<T> {
    /// It stays as it is: there or not there.
    Keep,
    /// This takes its place.
    Put(T),
    /// It goes.
    Remove,
}

/// How far the entries of a shard have been passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cursor {
    at: usize,
    /// Places of the shard's table when it was last looked at.
    places: usize,
}

/// What a look at some entries came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Passed {
    /// There may be more.
    More,
    /// That were the last ones.
    All,
    /// The table has grown or shrunk meanwhile: it is passed anew.
    Anew,
}

impl<T, S: Default> Shards<T, S> {
    /// `2^bits` empty shards, at most `2^`[`SHARDS_MAX_BITS`].
    pub fn new(bits: u32) -> Self {
        let empty = || {
            let shard = Shard { entries: HashTable::new(), beside: S::default() };
            CachePadded::new(Mutex::new(shard))
        };
        let count = 1usize << bits.min(SHARDS_MAX_BITS);
        Self { shards: std::iter::repeat_with(empty).take(count).collect() }
    }
}

impl<T, S> Shards<T, S> {
    /// How many shards there are.
    pub fn count(&self) -> usize {
        self.shards.len()
    }

    /// The shard of a hash: by bits between the lowest, which choose the place within it, and the
    /// highest, which are compared there.
    #[inline]
    pub fn shard_of(&self, hash: u64) -> usize {
        (hash >> 32) as usize & (self.shards.len() - 1)
    }

    /// Shows the entry of a hash that `is` says yes to.
    #[inline]
    pub fn look<R>(
        &self,
        hash: u64,
        is: impl Fn(&T) -> bool,
        show: impl FnOnce(Option<&T>, &S) -> R,
    ) -> R {
        let shard = self.shard(self.shard_of(hash)).lock();
        show(shard.entries.find(hash, is), &shard.beside)
    }

    /// Changes the entry of a hash that `is` says yes to, or adds one. `rehash` gives the hash of
    /// any entry, for when the shard grows.
    #[inline]
    pub fn change<R>(
        &self,
        hash: u64,
        is: impl Fn(&T) -> bool,
        rehash: impl Fn(&T) -> u64,
        change: impl FnOnce(Option<&mut T>, &mut S) -> (Then<T>, R),
    ) -> R {
        let mut shard = self.shard(self.shard_of(hash)).lock();
        let Shard { entries, beside } = &mut *shard;
        match entries.find_entry(hash, is) {
            Ok(mut found) => {
                let (then, result) = change(Some(found.get_mut()), beside);
                match then {
                    Then::Keep => {}
                    Then::Put(entry) => *found.get_mut() = entry,
                    Then::Remove => drop(found.remove()),
                }
                result
            }
            Err(absent) => {
                let (then, result) = change(None, beside);
                if let Then::Put(entry) = then {
                    absent.into_table().insert_unique(hash, entry, rehash);
                }
                result
            }
        }
    }

    /// Looks at what stands beside the entries of a shard; with it, how many they are.
    pub fn beside<R>(&self, shard: usize, look: impl FnOnce(&mut S, usize) -> R) -> R {
        let mut shard = self.shard(shard).lock();
        let len = shard.entries.len();
        look(&mut shard.beside, len)
    }

    /// Passes entries of a shard for as long as `goes_on` says so, which is told how many it were;
    /// those of which `keeps` says no are removed. Behind the last one the shard gives back memory
    /// that it has too much of.
    pub fn pass(
        &self,
        shard: usize,
        cursor: &mut Cursor,
        mut goes_on: impl FnMut(usize) -> bool,
        rehash: impl Fn(&T) -> u64,
        mut keeps: impl FnMut(&mut T, &mut S) -> bool,
    ) -> Passed {
        let mut shard = self.shard(shard).lock();
        let Shard { entries, beside } = &mut *shard;
        let places = entries.num_buckets();
        if cursor.at > 0 && cursor.places != places {
            *cursor = Cursor::default();
            return Passed::Anew;
        }
        cursor.places = places;
        let mut seen = 0;
        while cursor.at < places && goes_on(seen) {
            if let Ok(mut found) = entries.get_bucket_entry(cursor.at) {
                seen += 1;
                if !keeps(found.get_mut(), beside) {
                    found.remove();
                }
            }
            cursor.at += 1;
        }
        if cursor.at < places {
            return Passed::More;
        }
        *cursor = Cursor::default();
        if entries.capacity() > SHARD_KEPT && entries.len() < entries.capacity() / 8 {
            entries.shrink_to(entries.len() * 2, rehash);
        }
        Passed::All
    }

    /// The lock of a shard; numbers beyond the last begin anew.
    #[inline]
    fn shard(&self, at: usize) -> &Mutex<Shard<T, S>> {
        &self.shards[at & (self.shards.len() - 1)]
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    type Map = Shards<(u64, u64), u64>;

    /// Spreads small numbers over shards and places.
    fn hash(key: u64) -> u64 {
        key.wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }

    fn add(map: &Map, key: u64, by: u64) {
        map.change(
            hash(key),
            |entry| entry.0 == key,
            |entry| hash(entry.0),
            |entry, beside| match entry {
                Some(entry) => {
                    entry.1 += by;
                    (Then::Keep, ())
                }
                None => {
                    *beside += 1;
                    (Then::Put((key, by)), ())
                }
            },
        );
    }

    fn remove(map: &Map, key: u64) {
        let rehash = |entry: &(u64, u64)| hash(entry.0);
        map.change(
            hash(key),
            |entry| entry.0 == key,
            rehash,
            |entry, beside| {
                *beside -= u64::from(entry.is_some());
                (Then::Remove, ())
            },
        );
    }

    fn all(map: &Map, most: usize) -> HashMap<u64, u64> {
        let mut found = HashMap::new();
        for shard in 0..map.count() {
            let mut cursor = Cursor::default();
            let rehash = |entry: &(u64, u64)| hash(entry.0);
            while Passed::All
                != map.pass(
                    shard,
                    &mut cursor,
                    |seen| seen < most,
                    rehash,
                    |entry, _| {
                        assert!(found.insert(entry.0, entry.1).is_none(), "passed twice");
                        true
                    },
                )
            {}
        }
        found
    }

    #[test]
    fn a_shard_that_changes_its_size_is_passed_anew() {
        let map = Map::new(0);
        (0..3).for_each(|key| add(&map, key, 1));
        let mut cursor = Cursor::default();
        let rehash = |entry: &(u64, u64)| hash(entry.0);
        let mut pass =
            |map: &Map, keep| map.pass(0, &mut cursor, |seen| seen < 2, rehash, |_, _| keep);
        assert_eq!(pass(&map, true), Passed::More);
        (3..1_000).for_each(|key| add(&map, key, 1));
        assert_eq!(pass(&map, true), Passed::Anew);
        while pass(&map, false) != Passed::All {}
        assert_eq!(all(&map, 64).len(), 0);
        let room = map.shard(0).lock().entries.capacity();
        assert!(room <= SHARD_KEPT, "{room} places are kept");
    }

    #[test]
    fn threads_lose_no_change_of_hot_and_other_entries() {
        const STEPS: u64 = 20_000;
        let map = Arc::new(Map::new(4));
        let thread = |number: u64| {
            let map = Arc::clone(&map);
            move || {
                for step in 0..STEPS {
                    add(&map, 0, 1);
                    let own = 1 + number * STEPS + step;
                    add(&map, own, 7);
                    if step % 2 == 0 {
                        remove(&map, own);
                    }
                    map.look(hash(own), |e| e.0 == own, |e, _| assert!(e.is_none_or(|e| e.1 == 7)));
                }
            }
        };
        std::thread::scope(|scope| (0..3).for_each(|number| drop(scope.spawn(thread(number)))));
        let found = all(&map, 64);
        assert_eq!(found.get(&0), Some(&(3 * STEPS)));
        assert_eq!(found.len() as u64, 1 + 3 * STEPS / 2);
        let counted: u64 = (0..map.count()).map(|at| map.beside(at, |count, _| *count)).sum();
        let there: usize = (0..map.count()).map(|at| map.beside(at, |_, len| len)).sum();
        assert_eq!((counted, there), (found.len() as u64, found.len()));
    }

    proptest! {
        #[test]
        fn behaves_like_a_plain_map(
            steps in prop::collection::vec((0..3u8, 0..200u64), 0..600), most in 1..9usize
        ) {
            let (map, mut naive) = (Map::new(2), HashMap::new());
            for (kind, key) in steps {
                match kind {
                    0 => remove(&map, key),
                    _ => add(&map, key, key),
                }
                match kind {
                    0 => drop(naive.remove(&key)),
                    _ => *naive.entry(key).or_insert(0) += key,
                }
            }
            prop_assert_eq!(all(&map, most), naive);
        }
    }
}
