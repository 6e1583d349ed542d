//! A generation slab: values by small keys that go stale when the value is removed.
//!
//! Takes values, gives keys; a key of a removed value finds nothing, also after its slot was used
//! again. Has a ceiling on its size; grows by an eighth, and what it grew by is given back when it
//! is empty.

use crate::limits::{grow, worth_returning};

/// Names one value for as long as it is in the slab.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Index of the slot.
    pub slot: u32,
    /// How often the slot was emptied before; a slot is used 2^32 times before a key repeats.
    pub generation: u32,
}

impl From<Key> for u64 {
    fn from(key: Key) -> u64 {
        u64::from(key.generation) << 32 | u64::from(key.slot)
    }
}

impl From<u64> for Key {
    fn from(bits: u64) -> Self {
        Self { slot: bits as u32, generation: (bits >> 32) as u32 }
    }
}

/// The slab.
#[derive(Debug)]
pub struct Slab<T> {
    entries: Vec<Entry<T>>,
    /// Head of the list of empty slots, newest first: a warm slot is used again first.
    free: u32,
    limit: u32,
    len: u32,
    /// How many slots are never given back.
    warm: u32,
    /// The generation of slots made from now on: no slot that was given back had a later one.
    first: u32,
}

#[derive(Debug)]
struct Entry<T> {
    generation: u32,
    content: Content<T>,
}

#[derive(Debug)]
enum Content<T> {
    Full(T),
    Empty { next: u32 },
}

const END: u32 = u32::MAX;

impl<T> Slab<T> {
    /// An empty slab for at most `limit` values, the first `warm` slots of it touched now.
    pub fn new(limit: u32, warm: u32) -> Self {
        let warm = warm.min(limit);
        let mut slab = Self { entries: Vec::new(), free: END, limit, len: 0, warm, first: 0 };
        slab.restart();
        slab
    }

    /// Only the first slots, all empty, each of a generation that none has had.
    fn restart(&mut self) {
        let (warm, generation) = (self.warm, self.first);
        let next_of = |slot| if slot + 1 < warm { slot + 1 } else { END };
        let empty = |slot| Entry { generation, content: Content::Empty { next: next_of(slot) } };
        self.entries = (0..warm).map(empty).collect();
        self.free = if warm > 0 { 0 } else { END };
    }

    /// Puts a value in.
    ///
    /// # Errors
    /// Gives the value back when the slab is at its limit.
    pub fn insert(&mut self, value: T) -> Result<Key, T> {
        if self.free == END {
            let slot = self.entries.len() as u32;
            if slot >= self.limit {
                return Err(value);
            }
            grow(&mut self.entries);
            let generation = self.first;
            self.entries.push(Entry { generation, content: Content::Full(value) });
            self.len += 1;
            return Ok(Key { slot, generation });
        }
        let slot = self.free;
        let Some(entry) = self.entries.get_mut(slot as usize) else { return Err(value) };
        if let Content::Empty { next } = entry.content {
            self.free = next;
        }
        entry.content = Content::Full(value);
        self.len += 1;
        Ok(Key { slot, generation: entry.generation })
    }

    /// The value of a key.
    pub fn get(&self, key: Key) -> Option<&T> {
        match self.entries.get(key.slot as usize) {
            Some(Entry { generation, content: Content::Full(value) })
                if *generation == key.generation =>
            {
                Some(value)
            }
            _ => None,
        }
    }

    /// The value of a key, to change it.
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        match self.entries.get_mut(key.slot as usize) {
            Some(Entry { generation, content: Content::Full(value) })
                if *generation == key.generation =>
            {
                Some(value)
            }
            _ => None,
        }
    }

    /// The key of the value in a slot.
    pub fn key_at(&self, slot: u32) -> Option<Key> {
        match self.entries.get(slot as usize) {
            Some(Entry { generation, content: Content::Full(_) }) => {
                Some(Key { slot, generation: *generation })
            }
            _ => None,
        }
    }

    /// Takes a value out; its key is stale from now on.
    pub fn remove(&mut self, key: Key) -> Option<T> {
        let entry = self.entries.get_mut(key.slot as usize)?;
        if entry.generation != key.generation || matches!(entry.content, Content::Empty { .. }) {
            return None;
        }
        let empty = Content::Empty { next: self.free };
        let Content::Full(value) = std::mem::replace(&mut entry.content, empty) else {
            return None;
        };
        entry.generation = entry.generation.wrapping_add(1);
        self.free = key.slot;
        self.len -= 1;
        if self.len == 0 && worth_returning(self.entries.len() - self.warm as usize) {
            let latest = self.entries.iter().map(|entry| entry.generation).max();
            self.first = latest.unwrap_or(self.first);
            self.restart();
        }
        Some(value)
    }

    /// How many values it holds.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All values with their keys, by slot.
    pub fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        self.entries.iter().zip(0..).filter_map(|(entry, slot)| match &entry.content {
            Content::Full(value) => Some((Key { slot, generation: entry.generation }, value)),
            Content::Empty { .. } => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_goes_stale() {
        let mut slab = Slab::new(2, 1);
        let a = slab.insert("a").unwrap();
        let b = slab.insert("b").unwrap();
        assert_eq!(slab.insert("c"), Err("c"));
        assert_eq!(slab.remove(a), Some("a"));
        assert_eq!(slab.remove(a), None);
        let c = slab.insert("c").unwrap();
        assert_eq!((c.slot, slab.get(a)), (a.slot, None));
        assert_eq!(slab.get_mut(c), Some(&mut "c"));
        assert_eq!(slab.get(b), Some(&"b"));
        assert_eq!(Key::from(u64::from(c)), c);
    }

    #[test]
    fn what_it_grew_by_is_given_back_and_no_key_comes_again() {
        let mut slab = Slab::new(100_000, 4);
        let mut all = BTreeSet::new();
        for round in 0..3 {
            let keys: Vec<Key> = (0..5_000).map(|n| slab.insert(n).unwrap()).collect();
            let room = slab.entries.capacity();
            assert!((5_000..5_700).contains(&room), "{room} in round {round}");
            assert!(keys.iter().all(|key| all.insert(*key)), "a key came again");
            assert!(keys.iter().all(|key| slab.remove(*key).is_some()));
            assert_eq!((slab.len(), slab.entries.capacity()), (0, 4));
            assert!(all.iter().all(|key| slab.get(*key).is_none()));
        }
    }

    proptest! {
        #[test]
        fn behaves_like_a_map(steps in prop::collection::vec((any::<bool>(), 0..40usize), 0..300)) {
            let mut slab = Slab::new(16, 4);
            let mut model = BTreeMap::new();
            let mut keys = Vec::new();
            for (n, (insert, pick)) in steps.into_iter().enumerate() {
                if insert {
                    match slab.insert(n) {
                        Ok(key) => {
                            prop_assert_eq!(model.insert(key, n), None);
                            keys.push(key);
                        }
                        Err(_) => prop_assert_eq!(model.len(), 16),
                    }
                } else if let Some(key) = keys.get(pick) {
                    prop_assert_eq!(slab.remove(*key), model.remove(key));
                }
                prop_assert_eq!(slab.len(), model.len());
                prop_assert!(keys.iter().all(|key| slab.get(*key) == model.get(key)));
                prop_assert!(slab.iter().eq(model.iter().map(|(key, value)| (*key, value))));
            }
        }
    }
}
