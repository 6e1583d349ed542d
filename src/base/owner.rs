//! Who owns a call: `owner_of(Call-ID) = (stable hash x workers) >> 32`.
//!
//! The hash is our own and never changes between releases or processes: it must also be computable
//! in a BPF program and in a second Sluice beside this one. It is not a defence against chosen
//! keys; a sender who aims all calls at one worker hurts only the share of that worker.

/// Number of a worker, `0 .. workers`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord, Default)]
pub struct WorkerId(pub u8);

/// The seed of the ownership hash; equal seeds agree on every owner.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct OwnerSeed(pub u64);

const MULTIPLY: u64 = 0x9E37_79B9_7F4A_7C15;

impl OwnerSeed {
    /// The worker that owns the call `call_id` among `workers` (at least one).
    #[inline]
    pub fn owner_of(self, call_id: &[u8], workers: u8) -> WorkerId {
        let hash = self.hash(call_id) >> 32;
        WorkerId(((hash * u64::from(workers.max(1))) >> 32) as u8)
    }

    /// The stable 64-bit hash: 8 bytes a step, multiply and fold; the length seals it.
    #[inline]
    pub fn hash(self, key: &[u8]) -> u64 {
        let (words, tail) = key.as_chunks::<8>();
        let mut state = self.0 ^ (key.len() as u64).wrapping_mul(MULTIPLY);
        for word in words {
            state = mix(state ^ u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..tail.len()].copy_from_slice(tail);
        mix(mix(state ^ u64::from_le_bytes(last)))
    }
}

#[inline]
fn mix(value: u64) -> u64 {
    let product = value.wrapping_mul(MULTIPLY);
    product ^ (product >> 29)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_spread_evenly() {
        for workers in [2u8, 3, 7] {
            let mut counts = vec![0u32; usize::from(workers)];
            for n in 0..30_000 {
                let key = format!("{n}-4711@127.0.0.1");
                counts[usize::from(OwnerSeed(0).owner_of(key.as_bytes(), workers).0)] += 1;
            }
            let fair = 30_000 / u32::from(workers);
            assert!(counts.iter().all(|c| c.abs_diff(fair) < fair / 10), "{counts:?}");
        }
    }

    #[test]
    fn the_hash_never_changes() {
        let vectors = ["", "a", "a84b4c76e66710@pc33.atlanta.com", "1-2345@127.0.0.1"]
            .map(|key| OwnerSeed(0).hash(key.as_bytes()));
        assert_eq!(vectors, VECTORS);
    }

    const VECTORS: [u64; 4] = [0, 0, 0, 0];
}
