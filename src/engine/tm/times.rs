//! The timers of transactions (spec 8.4), in milliseconds, and what a wheel's key says.

use sluice_base::slab::Key;

/// How long what takes; the module's parameters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Times {
    /// Until any reply (`fr_timeout`; timers B, F, H).
    pub first_ms: u32,
    /// An INVITE after a provisional reply (`fr_inv_timeout`; timer C).
    pub invite_ms: u32,
    /// How long an ended transaction absorbs (`wt_timer`; timers D, I, J, K, L).
    pub linger_ms: u32,
    /// First interval of retransmissions (`T1_timer`).
    pub t1_ms: u32,
    /// Longest interval (`T2_timer`).
    pub t2_ms: u32,
    /// Each provisional reply begins the wait anew (`restart_fr_on_each_reply`).
    pub restart: bool,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            first_ms: 30_000,
            invite_ms: 120_000,
            linger_ms: 5_000,
            t1_ms: 500,
            t2_ms: 4_000,
            restart: true,
        }
    }
}

/// What a timer is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// The transaction's end, or the end of waiting for an ACK.
    Over,
    /// The last reply goes up again.
    Repeat,
    /// A branch's request is sent again.
    Resend(u8),
    /// A branch has waited long enough.
    Expire(u8),
    /// A branch's CANCEL is sent again.
    ResendCancel(u8),
    /// A branch's CANCEL has waited long enough.
    ExpireCancel(u8),
}

/// Bits of the generation that a wheel's key has room for: enough to know a stale timer, since
/// timers are cancelled with their transaction.
const GENERATION_BITS: u32 = 20;

impl Purpose {
    /// The key of a timer for this.
    pub fn pack(self, key: Key) -> u64 {
        let (purpose, branch) = match self {
            Self::Over => (0, 0),
            Self::Repeat => (1, 0),
            Self::Resend(branch) => (2, branch),
            Self::Expire(branch) => (3, branch),
            Self::ResendCancel(branch) => (4, branch),
            Self::ExpireCancel(branch) => (5, branch),
        };
        let generation = key.generation & ((1 << GENERATION_BITS) - 1);
        u64::from(key.slot) << 32
            | u64::from(generation) << 12
            | u64::from(branch) << 4
            | u64::from(purpose as u8)
    }

    /// Slot, the generation as far as it is known, and the purpose.
    pub fn unpack(packed: u64) -> (u32, u32, Self) {
        let branch = (packed >> 4) as u8;
        let purpose = match packed & 0xF {
            0 => Self::Over,
            1 => Self::Repeat,
            2 => Self::Resend(branch),
            3 => Self::Expire(branch),
            4 => Self::ResendCancel(branch),
            _ => Self::ExpireCancel(branch),
        };
        let generation = (packed >> 12) as u32 & ((1 << GENERATION_BITS) - 1);
        ((packed >> 32) as u32, generation, purpose)
    }

    /// Whether a packed generation may be that of a key.
    pub fn same_generation(packed: u32, key: Key) -> bool {
        key.generation & ((1 << GENERATION_BITS) - 1) == packed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_is_unpacked() {
        let key = Key { slot: 0xFFFF_FFFE, generation: 0xABC_DEF12 };
        for purpose in [
            Purpose::Over,
            Purpose::Repeat,
            Purpose::Resend(0),
            Purpose::Expire(255),
            Purpose::ResendCancel(3),
            Purpose::ExpireCancel(12),
        ] {
            let (slot, generation, unpacked) = Purpose::unpack(purpose.pack(key));
            assert_eq!((slot, unpacked), (key.slot, purpose));
            assert!(Purpose::same_generation(generation, key));
            assert!(!Purpose::same_generation(generation, Key { generation: 1, ..key }));
        }
    }
}
