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
        if workers <= 1 {
            return WorkerId(0);
        }
        let hash = self.hash(call_id) >> 32;
        WorkerId(((hash * u64::from(workers)) >> 32) as u8)
    }

    /// The stable 64-bit hash: 8 bytes a step, multiply and fold; the length seals it.
    #[inline]
    pub fn hash(self, key: &[u8]) -> u64 {
        let (words, tail) = key.as_chunks::<8>();
        let mut state = self.0 ^ (key.len() as u64).wrapping_mul(MULTIPLY);
        for word in words {
            state = mix(state ^ u64::from_le_bytes(*word));
        }
        mix(mix(state ^ last_word(key, tail)))
    }
}

/// The last bytes of a key that fill no word, zeros behind them.
#[inline]
fn last_word(key: &[u8], tail: &[u8]) -> u64 {
    match key.last_chunk() {
        // One load and a shift, where copying so few bytes would be a call.
        Some(last) => {
            let missing = 64 - 8 * tail.len() as u32;
            u64::from_le_bytes(*last).checked_shr(missing).unwrap_or(0)
        }
        None => tail.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
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

    /// Computed by a second implementation; a change here moves the calls of every installation.
    #[test]
    fn the_hash_never_changes() {
        let keys = ["", "a", "a84b4c76e66710@pc33.atlanta.com", "1-2345@127.0.0.1"];
        let of = |seed| keys.map(|key| OwnerSeed(seed).hash(key.as_bytes()));
        assert_eq!(
            of(0),
            [
                0x0000_0000_0000_0000,
                0xAE1D_E9E2_1D57_6F07,
                0xFDA1_48CB_1484_C70D,
                0x3B0F_9D1D_C345_7817
            ]
        );
        assert_eq!(
            of(1),
            [
                0xD8A7_7E54_9D1C_EDA4,
                0xB471_EEA9_7B96_A477,
                0x025C_5FE1_2B35_7A98,
                0xE15D_161B_075E_06F2
            ]
        );
    }
}
