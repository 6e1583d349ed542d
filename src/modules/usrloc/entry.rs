//! The place of a record in its shard, with what a sweep and a table that grows have to know of it:
//! they leave the record's own memory alone, which is seldom in a cache.

use super::record::Record;

/// The lowest bits of a hash that are kept: a shard's table chooses places by them.
const LOW_BITS: u32 = 25;
/// How many of its highest bits are not: a shard's table compares the others.
const HIGH_SHIFT: u32 = 57;

/// See the file's head.
pub(super) struct Entry {
    record: Record,
    /// When the first of its contacts expires, seconds since 1970; `u32::MAX` is never.
    expires: u32,
    /// The bits of the hash that choose a place within a shard.
    mark: u32,
}

impl Entry {
    /// For a record whose AoR has this hash.
    pub(super) fn new(hash: u64, record: Record) -> Self {
        let low = hash & ((1 << LOW_BITS) - 1);
        let mark = (hash >> HIGH_SHIFT << LOW_BITS | low) as u32;
        Self { expires: first_expiry(&record), record, mark }
    }

    /// What a shard's table needs of the hash.
    pub(super) fn hash(&self) -> u64 {
        let mark = u64::from(self.mark);
        mark >> LOW_BITS << HIGH_SHIFT | mark & ((1 << LOW_BITS) - 1)
    }

    /// The record.
    pub(super) fn record(&self) -> &Record {
        &self.record
    }

    /// When the first of its contacts expires, seconds since 1970; `u32::MAX` is never.
    pub(super) fn expires(&self) -> u32 {
        self.expires
    }

    /// Takes the record out, to be put back.
    pub(super) fn take(&mut self) -> Record {
        std::mem::take(&mut self.record)
    }

    /// Puts it back, changed.
    pub(super) fn put(&mut self, record: Record) {
        self.expires = first_expiry(&record);
        self.record = record;
    }
}

fn first_expiry(record: &Record) -> u32 {
    let all = record.contacts().map(|contact| contact.fixed.expires);
    all.filter(|expires| *expires > 0).min().unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use sluice_base::shards::{Shards, Then};

    use super::*;

    #[test]
    fn a_shard_that_grows_finds_all_by_their_whole_hashes() {
        let hash = |number: u64| number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let aor = |number: u64| number.to_string().into_bytes();
        let shards = Shards::<Entry>::new(0);
        for number in 0..10_000 {
            let entry = Entry::new(hash(number), Record::new(&aor(number)));
            let put = |_: Option<&mut Entry>, (): &mut ()| (Then::Put(entry), ());
            shards.change(hash(number), |_| false, Entry::hash, put);
        }
        for number in 0..10_000 {
            let is = |entry: &Entry| entry.record().aor() == aor(number);
            assert!(shards.look(hash(number), is, |entry, ()| entry.is_some()), "{number}");
        }
    }
}
