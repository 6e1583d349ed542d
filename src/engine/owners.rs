//! Who owns which Call-ID, and the Call-IDs that we make ourselves (design 6).
//!
//! The owner of a call follows from its Call-ID alone. A request that we make on account of a call
//! has a Call-ID of its own, and should be that worker's that owns the call: its Call-ID carries
//! the hash that the call's has, with a check that only this process can make, so that nobody
//! outside aims calls at one worker.
//!
//! `sluice-` + 32 hexadecimal digits: unique (16), owner hash (8), check (8); then `@` and a host.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sluice_base::{OwnerSeed, WorkerId};

use crate::forward::hex;

/// What the Call-IDs that we make begin with.
const PREFIX: &[u8] = b"sluice-";

/// Where their parts begin, behind the prefix.
const HASH: usize = 16;
const CHECK: usize = 24;
const END: usize = 32;

/// See the file's head; the same for all workers of a process.
#[derive(Clone, Debug)]
pub struct Owners {
    seed: OwnerSeed,
    workers: u8,
    key: RandomState,
    made: Arc<AtomicU64>,
}

impl Owners {
    /// For so many workers.
    pub fn new(seed: OwnerSeed, workers: u8) -> Self {
        Self { seed, workers, key: RandomState::new(), made: Arc::default() }
    }

    /// How many workers there are.
    pub fn workers(&self) -> u8 {
        self.workers
    }

    /// The worker that owns a Call-ID.
    #[inline]
    pub fn of(&self, call_id: &[u8]) -> WorkerId {
        match call_id.strip_prefix(PREFIX).and_then(|digits| self.carried(digits)) {
            Some(hash) => self.by_hash(hash),
            None => self.seed.owner_of(call_id, self.workers),
        }
    }

    /// A Call-ID that nobody has used, owned by the worker that owns `like`, else by any; and a
    /// From tag (RFC 3261 8.1.1.3, 8.1.1.4).
    pub fn make(&self, like: Option<&[u8]>, host: &str) -> (Vec<u8>, [u8; 16]) {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let hash = match like {
            Some(call_id) => match call_id.strip_prefix(PREFIX) {
                Some(digits) => self.carried(digits).unwrap_or_else(|| self.plain(call_id)),
                None => self.plain(call_id),
            },
            None => self.key.hash_one((number, 2)) as u32,
        };
        self.write(number, hash, host)
    }

    /// As [`Owners::make`], owned by a given worker.
    pub fn make_for(&self, worker: WorkerId, host: &str) -> (Vec<u8>, [u8; 16]) {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        // The least hash that `by_hash` takes for it.
        let hash = (u64::from(worker.0) << 32).div_ceil(u64::from(self.workers.max(1)));
        self.write(number, hash as u32, host)
    }

    fn write(&self, number: u64, hash: u32, host: &str) -> (Vec<u8>, [u8; 16]) {
        let (unique, tag) = (self.key.hash_one((number, 0)), self.key.hash_one((number, 1)));
        let unique = hex(unique);
        let check = self.check(&unique, hash);
        let eight = |number: u32| hex(u64::from(number) << 32);
        let mut call_id = Vec::with_capacity(PREFIX.len() + END + 1 + host.len());
        for part in [PREFIX, &unique, &eight(hash)[..8], &eight(check)[..8], b"@"] {
            call_id.extend_from_slice(part);
        }
        call_id.extend_from_slice(host.as_bytes());
        (call_id, hex(tag))
    }

    /// The owner hash that a Call-ID of ours carries; its digits begin the text.
    fn carried(&self, digits: &[u8]) -> Option<u32> {
        let number = |at| u32::from_str_radix(std::str::from_utf8(digits.get(at)?).ok()?, 16).ok();
        let (unique, hash) = (digits.get(..HASH)?, number(HASH..CHECK)?);
        (number(CHECK..END)? == self.check(unique, hash)).then_some(hash)
    }

    fn check(&self, unique: &[u8], hash: u32) -> u32 {
        self.key.hash_one((unique, hash)) as u32
    }

    fn plain(&self, call_id: &[u8]) -> u32 {
        (self.seed.hash(call_id) >> 32) as u32
    }

    /// As [`OwnerSeed::owner_of`].
    fn by_hash(&self, hash: u32) -> WorkerId {
        WorkerId(((u64::from(hash) * u64::from(self.workers)) >> 32) as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_id_of_ours_has_the_owner_of_its_call() {
        let owners = Owners::new(OwnerSeed(0), 7);
        for n in 0..200 {
            let call = format!("{n}@host");
            let (own, _) = owners.make(Some(call.as_bytes()), "h");
            assert_eq!(owners.of(&own), owners.of(call.as_bytes()));
            // Also of a second one that is made for the first.
            let (second, _) = owners.make(Some(&own), "h");
            assert_ne!(own, second);
            assert_eq!(owners.of(&second), owners.of(call.as_bytes()));
        }
    }

    #[test]
    fn one_for_a_worker_is_owned_by_it() {
        for workers in [1, 2, 3, 7, 64] {
            let owners = Owners::new(OwnerSeed(0), workers);
            for worker in (0..workers).map(WorkerId) {
                assert_eq!(owners.of(&owners.make_for(worker, "h").0), worker, "of {workers}");
            }
        }
    }

    #[test]
    fn those_of_no_call_are_spread() {
        let owners = Owners::new(OwnerSeed(0), 4);
        let mut counts = [0; 4];
        for _ in 0..400 {
            counts[usize::from(owners.of(&owners.make(None, "h").0).0)] += 1;
        }
        assert!(counts.iter().all(|count| *count > 50), "{counts:?}");
    }

    #[test]
    fn a_forged_one_is_a_call_id_as_any_other() {
        let owners = Owners::new(OwnerSeed(0), 61);
        let (own, _) = owners.make(None, "h");
        let plain = |call_id: &[u8]| OwnerSeed(0).owner_of(call_id, 61);
        for at in PREFIX.len()..PREFIX.len() + END {
            let mut forged = own.clone();
            forged[at] = if forged[at] == b'0' { b'1' } else { b'0' };
            assert_eq!(owners.of(&forged), plain(&forged), "byte {at}");
        }
        let short = &own[..PREFIX.len() + END - 1];
        assert_eq!(owners.of(short), plain(short));
        let other = Owners::new(OwnerSeed(0), 61);
        assert_eq!(other.of(&own), plain(&own), "another process");
    }
}
