//! A collection: keys and values in shards, each under a lock that is held for one look-up or for
//! [`limits::HELD`] entries. Gets the moment from its caller. Never drops what has not expired.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::limits;

/// A key; its entry and its expiry share it.
type Key = Arc<[u8]>;

/// Why a value was not stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// The shard has its share of entries or bytes.
    Full,
    /// Longer than [`limits::KEY_BYTES`] or [`limits::VALUE_BYTES`].
    Long,
    /// A counter's value is not a number.
    NotANumber,
    /// A counter would leave 64 bits.
    Overflow,
}

impl Refused {
    /// The text for a log line.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Full => "the cache is full",
            Self::Long => "the key or the value is too long for the cache",
            Self::NotANumber => "the value in the cache is no number",
            Self::Overflow => "the counter would be too large",
        }
    }
}

/// Keys and values that expire or stay.
pub struct Collection {
    hasher: RandomState,
    shards: Box<[Mutex<Shard>]>,
}

#[derive(Default)]
struct Shard {
    entries: BTreeMap<Key, Entry>,
    /// What expires, in order.
    expiries: BTreeSet<(u64, Key)>,
    bytes: usize,
}

struct Entry {
    value: Box<[u8]>,
    /// Monotonic milliseconds.
    expires_ms: Option<u64>,
}

impl Default for Collection {
    fn default() -> Self {
        let shards = std::iter::repeat_with(Mutex::default).take(limits::SHARDS).collect();
        Self { hasher: RandomState::new(), shards }
    }
}

impl Collection {
    /// Stores a value in place of the one before, for these seconds, or for ever with 0.
    pub fn store(
        &self,
        key: &[u8],
        value: &[u8],
        seconds: u64,
        now_ms: u64,
    ) -> Result<(), Refused> {
        self.shard(key).put(key, value, end(seconds, now_ms), now_ms)
    }

    /// Shows a value.
    pub fn fetch<T>(&self, key: &[u8], now_ms: u64, show: impl FnOnce(&[u8]) -> T) -> Option<T> {
        let shard = self.shard(key);
        shard.entries.get(key).filter(|entry| entry.lives(now_ms)).map(|entry| show(&entry.value))
    }

    /// Removes a value, if there is one.
    pub fn remove(&self, key: &[u8]) {
        self.shard(key).remove(key);
    }

    /// Adds to a counter, which begins with `by` when there is none; its new value. With seconds it
    /// expires that much later, without it keeps its end.
    pub fn add(&self, key: &[u8], by: i64, seconds: u64, now_ms: u64) -> Result<i64, Refused> {
        let mut shard = self.shard(key);
        let known = shard.entries.get(key).filter(|entry| entry.lives(now_ms));
        let (sum, end_before) = match known {
            None => (by, None),
            Some(entry) => {
                let value = number(&entry.value).ok_or(Refused::NotANumber)?;
                (value.checked_add(by).ok_or(Refused::Overflow)?, entry.expires_ms)
            }
        };
        let end = end(seconds, now_ms).or(end_before);
        shard.put(key, sum.to_string().as_bytes(), end, now_ms)?;
        Ok(sum)
    }

    /// Keys and values that `wanted` likes, by shard and key.
    pub fn list(&self, now_ms: u64, wanted: impl Fn(&[u8]) -> bool) -> Vec<(Key, Box<[u8]>)> {
        let mut found = Vec::new();
        self.walk(|shard, keys| {
            let entries = keys.iter().filter(|key| wanted(key));
            let entries = entries.filter_map(|key| Some((key, shard.entries.get(key)?)));
            let alive = entries.filter(|(_, entry)| entry.lives(now_ms));
            found.extend(alive.map(|(key, entry)| (Arc::clone(key), entry.value.clone())));
        });
        found
    }

    /// Removes the keys that `wanted` likes.
    pub fn remove_all(&self, wanted: impl Fn(&[u8]) -> bool) {
        self.walk(|shard, keys| {
            keys.iter().filter(|key| wanted(key)).for_each(|key| shard.remove(key));
        });
    }

    /// Drops what has expired.
    pub fn sweep(&self, now_ms: u64) {
        for shard in &self.shards {
            while lock(shard).expire(now_ms) == limits::HELD {}
        }
    }

    /// Passes all keys, [`limits::HELD`] under one lock.
    fn walk(&self, mut visit: impl FnMut(&mut Shard, &[Key])) {
        for shard in &self.shards {
            let mut last: Option<Key> = None;
            loop {
                let mut shard = lock(shard);
                let from = last.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
                let behind = shard.entries.range::<Key, _>((from, Bound::Unbounded));
                let keys: Vec<Key> = behind.take(limits::HELD).map(|(k, _)| k.clone()).collect();
                visit(&mut shard, &keys);
                last = match keys.last() {
                    Some(key) if keys.len() == limits::HELD => Some(Arc::clone(key)),
                    _ => break,
                };
            }
        }
    }

    fn shard(&self, key: &[u8]) -> MutexGuard<'_, Shard> {
        let at = self.hasher.hash_one(key) as usize % limits::SHARDS;
        lock(&self.shards[at])
    }
}

impl Shard {
    fn put(
        &mut self,
        key: &[u8],
        value: &[u8],
        expires_ms: Option<u64>,
        now_ms: u64,
    ) -> Result<(), Refused> {
        if key.len() > limits::KEY_BYTES || value.len() > limits::VALUE_BYTES {
            return Err(Refused::Long);
        }
        self.expire(now_ms);
        let before = self.entries.get(key).map(|entry| key.len() + entry.value.len());
        let bytes = self.bytes - before.unwrap_or_default() + key.len() + value.len();
        let full = before.is_none() && self.entries.len() >= limits::ENTRIES / limits::SHARDS;
        if full || bytes > limits::BYTES / limits::SHARDS {
            return Err(Refused::Full);
        }
        self.remove(key);
        let key: Key = key.into();
        if let Some(end) = expires_ms {
            self.expiries.insert((end, Arc::clone(&key)));
        }
        self.entries.insert(key, Entry { value: value.into(), expires_ms });
        self.bytes = bytes;
        Ok(())
    }

    fn remove(&mut self, key: &[u8]) {
        let Some((key, entry)) = self.entries.remove_entry(key) else { return };
        self.bytes -= key.len() + entry.value.len();
        if let Some(end) = entry.expires_ms {
            self.expiries.remove(&(end, key));
        }
    }

    /// Drops some of what has expired; how many.
    fn expire(&mut self, now_ms: u64) -> usize {
        for dropped in 0..limits::HELD {
            match self.expiries.first() {
                Some((end, key)) if *end <= now_ms => {
                    let key = Arc::clone(key);
                    self.remove(&key);
                }
                _ => return dropped,
            }
        }
        limits::HELD
    }
}

impl Entry {
    fn lives(&self, now_ms: u64) -> bool {
        self.expires_ms.is_none_or(|end| now_ms < end)
    }
}

/// A value as a number.
pub fn number(value: &[u8]) -> Option<i64> {
    std::str::from_utf8(value).ok()?.trim().parse().ok()
}

/// When something stored now expires; 0 seconds is never.
fn end(seconds: u64, now_ms: u64) -> Option<u64> {
    (seconds > 0).then(|| now_ms.saturating_add(seconds.saturating_mul(1_000)))
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    // No step between lock and unlock can panic with the shard half changed.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(of: &Collection, key: &str, now_ms: u64) -> Option<String> {
        of.fetch(key.as_bytes(), now_ms, |value| String::from_utf8(value.to_vec()).unwrap())
    }

    fn counts(of: &Collection) -> (usize, usize, usize) {
        of.shards.iter().fold((0, 0, 0), |(entries, expiries, bytes), shard| {
            let shard = lock(shard);
            (entries + shard.entries.len(), expiries + shard.expiries.len(), bytes + shard.bytes)
        })
    }

    #[test]
    fn what_expires_is_gone_to_the_millisecond_and_leaves_nothing() {
        let cache = Collection::default();
        cache.store(b"k", b"one", 2, 1_000).unwrap();
        assert_eq!(get(&cache, "k", 2_999).as_deref(), Some("one"));
        assert_eq!(get(&cache, "k", 3_000), None);
        cache.store(b"k", b"two", 0, 3_000).unwrap();
        assert_eq!(get(&cache, "k", u64::MAX).as_deref(), Some("two"));
        assert_eq!(counts(&cache), (1, 0, 4));
        for at in 0..1_000 {
            cache.store(format!("{at}").as_bytes(), b"x", 1 + at % 3, 0).unwrap();
        }
        cache.sweep(2_000);
        assert_eq!(counts(&cache).0, 1 + 333);
        cache.sweep(3_000);
        cache.remove(b"k");
        cache.remove(b"k");
        assert_eq!(counts(&cache), (0, 0, 0));
    }

    #[test]
    fn counters() {
        let cache = Collection::default();
        assert_eq!(cache.add(b"n", 5, 10, 0), Ok(5));
        assert_eq!(cache.add(b"n", -7, 0, 1), Ok(-2), "its end stays");
        assert_eq!(get(&cache, "n", 9_999).as_deref(), Some("-2"));
        assert_eq!(cache.add(b"n", 1, 0, 10_000), Ok(1), "a new one");
        assert_eq!(cache.add(b"n", i64::MAX, 0, 10_000), Err(Refused::Overflow));
        cache.store(b"n", b"word", 0, 0).unwrap();
        assert_eq!(cache.add(b"n", 1, 0, 0), Err(Refused::NotANumber));
    }

    #[test]
    fn a_full_shard_refuses_what_is_new_until_something_expires() {
        let cache = Collection::default();
        let refused = (0..limits::ENTRIES + limits::ENTRIES / 4)
            .filter(|at| cache.store(format!("{at}").as_bytes(), b"", 1, 0).is_err())
            .count();
        assert!(refused >= limits::ENTRIES / 4, "{refused}");
        assert_eq!(cache.store(b"0", b"again", 0, 0), Ok(()), "a known key is no new entry");
        assert_eq!(cache.store(b"fresh", b"", 0, 1_000), Ok(()), "room after an expiry");
        let long = vec![b'x'; limits::VALUE_BYTES + 1];
        assert_eq!(cache.store(b"k", &long, 0, 0), Err(Refused::Long));
        assert_eq!(cache.store(&long[..limits::KEY_BYTES + 1], b"", 0, 0), Err(Refused::Long));
        let large = &long[1..];
        let fits = (0..10_000)
            .filter(|at| cache.store(format!("large {at}").as_bytes(), large, 0, 1_000).is_ok());
        assert!(fits.count() <= limits::BYTES / large.len());
    }

    #[test]
    fn all_keys_are_passed_in_small_pieces() {
        let cache = Collection::default();
        for at in 0..20_000 {
            cache.store(format!("{}{at}", ["a", "b"][at % 2]).as_bytes(), b"v", 0, 0).unwrap();
        }
        let ours = |key: &[u8]| key.starts_with(b"a");
        assert_eq!(cache.list(0, ours).len(), 10_000);
        cache.remove_all(ours);
        assert_eq!(cache.list(0, ours).len(), 0);
        assert_eq!(cache.list(0, |_| true).len(), 10_000);
    }
}
