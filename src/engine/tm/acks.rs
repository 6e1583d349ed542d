//! ACKs to 2xx, which are no part of the transaction that they end (RFC 3261 13.2.2.4; spec 8.2):
//! whose they are.

use sluice_base::slab::Key;
use sluice_sip::Method;

use super::Tm;
use super::cookie::{BranchId, LEN};
use super::identity::Identity;
use super::server::State;
use crate::limits;

impl Tm {
    /// The INVITE of this Call-ID and CSeq number that was answered by a 2xx.
    pub(crate) fn answered_invite(&self, identity: Identity) -> Option<Key> {
        let invites = self.table.of_call(&self.all, identity.call);
        let mut invites = invites.filter(|entry| entry.method == Method::Invite);
        invites.find(|entry| self.is_accepted(entry.key)).map(|entry| entry.key)
    }

    /// The branch parameter of the ACK to a 2xx that is sent on: that of the branch behind the
    /// last one of its INVITE.
    pub(crate) fn ack_branch(&self, key: Key) -> [u8; LEN] {
        let number = self.all.branches(key) + 1;
        let branch = number.min(limits::BRANCHES_EVER) as u8;
        self.secret.write(BranchId { worker: self.id, key, branch })
    }

    fn is_accepted(&self, key: Key) -> bool {
        match (self.all.get(key), self.all.remnant(key)) {
            (Some(open), _) => open.server == State::Accepted,
            (None, Some(ended)) => ended.server == State::Accepted,
            (None, None) => false,
        }
    }
}
