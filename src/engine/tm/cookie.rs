//! The branch parameter of our Via (RFC 3261 8.1.1.7, 17.1.3): says which worker, which
//! transaction and which branch a reply belongs to, with a check that only this process can make.
//!
//! `z9hG4bK` + 28 hexadecimal digits: worker (2), slot (8), generation (8), branch (2), check (8).
//! A reply finds its branch without any search. A forged or stale one fails the check before its
//! slot is used as an index.

use std::hash::{BuildHasher, RandomState};

use sluice_base::WorkerId;
use sluice_base::slab::Key;

use crate::forward::{COOKIE, hex};

/// Which branch of which transaction of which worker.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct BranchId {
    /// The worker that owns the transaction.
    pub worker: WorkerId,
    /// The transaction.
    pub key: Key,
    /// Number of the branch, from 0.
    pub branch: u8,
}

/// Length of the whole parameter in bytes.
pub const LEN: usize = COOKIE.len() + 28;

/// The secret of a process, a random key of SipHash: branches are public, so whoever sees many must
/// not learn to make one. Checks made with another secret fail. All workers have the same, so that
/// one that is told of another's branch knows whether that is forged.
#[derive(Clone, Debug, Default)]
pub struct Secret(RandomState);

impl Secret {
    /// The branch parameter.
    pub fn write(&self, id: BranchId) -> [u8; LEN] {
        let mut text = [0; LEN];
        let (cookie, rest) = text.split_at_mut(COOKIE.len());
        cookie.copy_from_slice(COOKIE);
        let (worker, rest) = rest.split_at_mut(2);
        worker.copy_from_slice(&hex(u64::from(id.worker.0))[14..]);
        let (key, rest) = rest.split_at_mut(16);
        key.copy_from_slice(&hex(id.key.into()));
        let (branch, check) = rest.split_at_mut(2);
        branch.copy_from_slice(&hex(u64::from(id.branch))[14..]);
        check.copy_from_slice(&hex(u64::from(self.check(id)))[8..]);
        text
    }

    /// Reads one; `None` when it is not of this secret.
    pub fn read(&self, branch: &[u8]) -> Option<BranchId> {
        let digits = branch.strip_prefix(COOKIE).filter(|rest| rest.len() == 28)?;
        let number = |at: std::ops::Range<usize>| digits.get(at).and_then(number);
        let id = BranchId {
            worker: WorkerId(number(0..2)? as u8),
            key: Key::from(number(2..18)?),
            branch: number(18..20)? as u8,
        };
        (number(20..28)? == u64::from(self.check(id))).then_some(id)
    }

    fn check(&self, id: BranchId) -> u32 {
        self.0.hash_one((u64::from(id.key), id.worker.0, id.branch)) as u32
    }
}

/// What lower-case hexadecimal digits, at most sixteen, stand for.
fn number(digits: &[u8]) -> Option<u64> {
    let mut number = 0;
    for digit in digits {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        number = number << 4 | u64::from(value);
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: BranchId =
        BranchId { worker: WorkerId(3), key: Key { slot: 0x0001_2345, generation: 7 }, branch: 11 };

    #[test]
    fn what_was_written_is_read() {
        let secret = Secret::default();
        let text = secret.write(ID);
        assert!(text.starts_with(b"z9hG4bK030000000700012345"));
        assert_eq!(secret.read(&text), Some(ID));
    }

    #[test]
    fn any_change_and_any_other_process_fail() {
        let secret = Secret::default();
        let text = secret.write(ID);
        assert_eq!(Secret::default().read(&text), None);
        for at in COOKIE.len()..LEN {
            let mut forged = text;
            forged[at] = if forged[at] == b'0' { b'1' } else { b'0' };
            assert_eq!(secret.read(&forged), None, "byte {at}");
            forged[at] = text[at].to_ascii_uppercase();
            assert!(forged == text || secret.read(&forged).is_none());
        }
        assert_eq!(secret.read(&text[..LEN - 1]), None);
        assert_eq!(secret.read(b"z9hG4bK"), None);
    }
}
