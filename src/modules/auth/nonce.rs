//! Nonces: made by us, known again by us, each good for a while and for one use (RFC 7616 3.3).
//!
//! A nonce carries what it was made for, when it ends and a number, under a keyed check; nothing is
//! remembered of it but one bit, once it has been used. So a flood of challenges costs no memory.
//! Gets the moment from its caller.
//!
//! 27 bytes, 36 digits of base 64: end in wall milliseconds (6), process (4), number (5), what for
//! (1), check (11).

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::limits;
use sluice_sip::digest::{Algorithm, Quality};

/// Bytes before the check, and all.
const CHECKED: usize = 16;
const LEN: usize = 27;

/// Digits of a nonce.
pub const DIGITS: usize = 36;

/// What a challenge asks for; the answer must fit it (spec 7.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asked {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// The qualities of protection that are offered.
    pub offer: Offer,
}

/// Qualities of protection in a challenge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Offer {
    /// No `qop`.
    None = 0,
    /// `auth`
    Auth = 1,
    /// `auth-int`
    AuthInt = 2,
    /// `auth,auth-int`
    Both = 3,
}

impl Offer {
    /// Whether credentials of this quality take the offer.
    pub fn includes(self, quality: Quality) -> bool {
        match quality {
            Quality::None => self == Self::None,
            Quality::Auth => matches!(self, Self::Auth | Self::Both),
            Quality::AuthInt => matches!(self, Self::AuthInt | Self::Both),
        }
    }
}

/// A nonce that may be used once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ticket {
    process: u32,
    number: u64,
}

/// See the file's head; the same for all workers.
pub struct Nonces {
    key: Hmac<Sha256>,
    process: u32,
    expire_ms: u64,
    made: AtomicU64,
    /// Bits of the last [`limits::NONCES`] of ours.
    used: Box<[AtomicU64]>,
    /// Marks of used nonces that others made with the same secret; only where it is shared.
    foreign: Box<[AtomicU64]>,
    hasher: RandomState,
}

impl Nonces {
    /// With a secret that other processes share, or one of our own; nonces live that long.
    pub fn new(secret: Option<&[u8]>, expire_ms: u64) -> Self {
        let hasher = RandomState::new();
        let random: Vec<u8> = (0..4u8).flat_map(|at| hasher.hash_one(at).to_be_bytes()).collect();
        let atomics = |words: usize| std::iter::repeat_with(AtomicU64::default).take(words);
        let foreign = if secret.is_some() { limits::FOREIGN_NONCES } else { 0 };
        Self {
            key: keyed(secret.unwrap_or(&random)),
            process: hasher.hash_one("process") as u32,
            expire_ms,
            made: AtomicU64::new(0),
            used: atomics(limits::NONCES / 64).collect(),
            foreign: atomics(foreign).collect(),
            hasher,
        }
    }

    /// Makes one.
    pub fn make(&self, asked: Asked, wall_ms: u64) -> [u8; DIGITS] {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        // The bit of the one that was made so many before.
        let (word, bit) = place(number);
        if let Some(word) = self.used.get(word) {
            word.fetch_and(!bit, Ordering::Relaxed);
        }
        let mut bytes = [0; LEN];
        let end_ms = wall_ms.saturating_add(self.expire_ms);
        bytes[..6].copy_from_slice(&end_ms.to_be_bytes()[2..]);
        bytes[6..10].copy_from_slice(&self.process.to_be_bytes());
        bytes[10..15].copy_from_slice(&number.to_be_bytes()[3..]);
        bytes[15] = what_for(asked);
        let check = self.check(&bytes);
        bytes[CHECKED..].copy_from_slice(&check);
        let mut digits = [0; DIGITS];
        BASE64.encode_mut(&bytes, &mut digits);
        digits
    }

    /// Knows one again that is good for these credentials; `None` for all others: they are stale.
    pub fn know(
        &self,
        nonce: &[u8],
        algorithm: Algorithm,
        quality: Quality,
        wall_ms: u64,
    ) -> Option<Ticket> {
        let mut bytes = [0; LEN];
        if nonce.len() != DIGITS || BASE64.decode_mut(nonce, &mut bytes).ok()? != LEN {
            return None;
        }
        let is_ours = same(&bytes[CHECKED..], &self.check(&bytes));
        let fits = [Offer::None, Offer::Auth, Offer::AuthInt, Offer::Both]
            .into_iter()
            .filter(|offer| offer.includes(quality))
            .any(|offer| bytes[15] == what_for(Asked { algorithm, offer }));
        let end_ms = number_of(&bytes[..6]);
        if !is_ours || !fits || wall_ms >= end_ms {
            return None;
        }
        let process = number_of(&bytes[6..10]) as u32;
        Some(Ticket { process, number: number_of(&bytes[10..15]) })
    }

    /// Uses it up; false when it has been used before, or so long ago that nobody knows.
    pub fn use_up(&self, ticket: Ticket) -> bool {
        if ticket.process != self.process {
            return self.use_up_foreign(ticket);
        }
        let made = self.made.load(Ordering::Relaxed);
        let age = made.saturating_sub(ticket.number);
        let (word, bit) = place(ticket.number);
        match self.used.get(word) {
            Some(word) if (1..=limits::NONCES as u64).contains(&age) => {
                word.fetch_or(bit, Ordering::Relaxed) & bit == 0
            }
            _ => false,
        }
    }

    /// Those that others made are known by a mark each; a mark may be overwritten, so a few may be
    /// used twice when very many are.
    fn use_up_foreign(&self, ticket: Ticket) -> bool {
        let mark = self.hasher.hash_one((ticket.process, ticket.number)) | 1;
        let at = (mark >> 8) as usize % self.foreign.len().max(1);
        self.foreign.get(at).is_some_and(|place| place.swap(mark, Ordering::Relaxed) != mark)
    }

    fn check(&self, bytes: &[u8; LEN]) -> [u8; LEN - CHECKED] {
        let mut mac = self.key.clone();
        mac.update(&bytes[..CHECKED]);
        let whole = mac.finalize().into_bytes();
        let mut check = [0; LEN - CHECKED];
        check.iter_mut().zip(whole).for_each(|(place, byte)| *place = byte);
        check
    }
}

/// Whether two texts are the same, in a time that does not depend on where they differ.
pub fn same(one: &[u8], other: &[u8]) -> bool {
    let differ = one.iter().zip(other).fold(0, |differ, (a, b)| differ | (a ^ b));
    one.len() == other.len() && std::hint::black_box(differ) == 0
}

fn keyed(secret: &[u8]) -> Hmac<Sha256> {
    // A key of any length is taken (RFC 2104 2), so the other one is never used.
    Hmac::new_from_slice(secret).unwrap_or_else(|_| Hmac::new(&Default::default()))
}

fn what_for(asked: Asked) -> u8 {
    asked.algorithm.bit().trailing_zeros() as u8 * 4 + asked.offer as u8
}

fn place(number: u64) -> (usize, u64) {
    let bit = number as usize % limits::NONCES;
    (bit / 64, 1 << (bit % 64))
}

fn number_of(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: Asked = Asked { algorithm: Algorithm::DEFAULT, offer: Offer::Auth };

    fn ours() -> Nonces {
        Nonces::new(None, 30_000)
    }

    fn know(by: &Nonces, nonce: &[u8], wall_ms: u64) -> Option<Ticket> {
        by.know(nonce, ASKED.algorithm, Quality::Auth, wall_ms)
    }

    #[test]
    fn good_until_its_end_and_once() {
        let nonces = ours();
        let nonce = nonces.make(ASKED, 1_000);
        let ticket = know(&nonces, &nonce, 30_999).expect("good");
        assert_eq!(know(&nonces, &nonce, 31_000), None, "at its end");
        assert!(nonces.use_up(ticket));
        assert!(!nonces.use_up(ticket), "a replay");
        let other = know(&nonces, &nonces.make(ASKED, 1_000), 1_000).expect("another");
        assert!(nonces.use_up(other));
    }

    #[test]
    fn good_for_what_it_was_made_for() {
        let nonces = ours();
        let nonce = nonces.make(ASKED, 0);
        let sha = Algorithm::of_name(b"SHA-256").expect("known");
        assert_eq!(nonces.know(&nonce, sha, Quality::Auth, 0), None);
        assert_eq!(nonces.know(&nonce, ASKED.algorithm, Quality::AuthInt, 0), None);
        assert_eq!(nonces.know(&nonce, ASKED.algorithm, Quality::None, 0), None);
        let both = nonces.make(Asked { offer: Offer::Both, ..ASKED }, 0);
        assert!(nonces.know(&both, ASKED.algorithm, Quality::AuthInt, 0).is_some());
        assert!(nonces.know(&both, ASKED.algorithm, Quality::Auth, 0).is_some());
    }

    #[test]
    fn forged_ones_are_not_known() {
        let nonces = ours();
        let nonce = nonces.make(ASKED, 0);
        for at in 0..DIGITS {
            for byte in [b'A', b'z', b'=', b'"', 0, 255] {
                let mut forged = nonce;
                forged[at] = byte;
                assert!(forged == nonce || know(&nonces, &forged, 0).is_none(), "{at} {byte}");
            }
            assert_eq!(know(&nonces, &nonce[..at], 0), None);
        }
        assert_eq!(know(&ours(), &nonce, 0), None, "of another process");
    }

    #[test]
    fn a_shared_secret_is_good_in_another_process_once() {
        let (one, other) =
            (Nonces::new(Some(b"of all"), 30_000), Nonces::new(Some(b"of all"), 30_000));
        for _ in 0..100 {
            let ticket = know(&other, &one.make(ASKED, 0), 0).expect("the same secret");
            assert!(other.use_up(ticket));
            assert!(!other.use_up(ticket));
        }
    }

    #[test]
    fn one_from_before_the_window_is_as_good_as_used() {
        let nonces = ours();
        let old = know(&nonces, &nonces.make(ASKED, 0), 0).expect("good");
        nonces.made.fetch_add(limits::NONCES as u64 - 1, Ordering::Relaxed);
        assert!(nonces.use_up(old), "the oldest that is remembered");
        nonces.made.fetch_add(1, Ordering::Relaxed);
        assert!(!nonces.use_up(old));
    }
}
