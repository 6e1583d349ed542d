//! What a transition of a machine has done: a set, carried out by the transaction it belongs to.

/// A set of effects.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Effects(u16);

impl Effects {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Client: send the request again, and wait twice as long, at most T2. Server: the last reply.
    pub const SEND: Self = Self(1);
    /// No more sending on time.
    pub const HUSH: Self = Self(1 << 1);
    /// From now on send at T2.
    pub const SLOW: Self = Self(1 << 2);
    /// The longer wait begins (`fr_inv_timeout`).
    pub const WAIT_LONG: Self = Self(1 << 3);
    /// The longer wait begins anew, where `restart_fr_on_each_reply` says so.
    pub const WAIT_AGAIN: Self = Self(1 << 4);
    /// The wait ends at the latest in 64 T1 (RFC 3261 9.1).
    pub const WAIT_CANCEL: Self = Self(1 << 5);
    /// No more waiting.
    pub const REST: Self = Self(1 << 6);
    /// The reply goes to the transaction's user.
    pub const PASS: Self = Self(1 << 7);
    /// Answer with an ACK (RFC 3261 17.1.1.3).
    pub const ACK: Self = Self(1 << 8);
    /// Send a CANCEL.
    pub const CANCEL: Self = Self(1 << 9);
    /// As if a 408 had come.
    pub const TIME_OUT: Self = Self(1 << 10);
    /// As if a 503 had come.
    pub const LOST: Self = Self(1 << 13);
    /// Server: the reply is sent again on time until its ACK comes (timer G, H).
    pub const REPEAT: Self = Self(1 << 11);
    /// Server: the end comes after `wt_timer`.
    pub const LINGER: Self = Self(1 << 12);

    /// All of these.
    pub const fn of(all: &[Self]) -> Self {
        let (mut set, mut at) = (0, 0);
        while at < all.len() {
            set |= all[at].0;
            at += 1;
        }
        Self(set)
    }

    /// Whether it holds all of `other`.
    #[inline]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}
