//! Guards: a request without a transaction whose run waits (design 7).
//!
//! A guard stands in the server table for as long as the run waits, so that the request coming
//! again begins no second run. It repeats the reply that the script has sent without state,
//! remembers a CANCEL, and gives way to a transaction when the script begins one. A script sees
//! nothing of it.

use sluice_base::Target;
use sluice_base::slab::Key;
use sluice_sip::Method;

use super::identity::Identity;
use super::table::NONE;
use super::{Scene, Tm};

/// See the file's head.
#[derive(Debug)]
pub struct Guard {
    /// What retransmissions of the request are known by.
    pub(super) identity: Identity,
    /// Its method.
    pub(super) method: Method,
    /// The slot of the next one in the chain of the table.
    pub(super) next: u32,
    cancelled: bool,
    last: Option<(Target, Box<[u8]>)>,
}

impl Tm {
    /// Guards a request. `None`: there are too many transactions already.
    pub(crate) fn guard(&mut self, identity: Identity, method: Method) -> Option<Key> {
        let guard = Guard { identity, method, next: NONE, cancelled: false, last: None };
        let key = self.all.insert_guard(guard)?;
        if !self.table.insert(&mut self.all, key) {
            self.all.remove(key);
            return None;
        }
        Some(key)
    }

    /// The script has answered a guarded request without state.
    pub(crate) fn guard_reply(&mut self, key: Key, to: Target, reply: &[u8]) {
        if let Some(guard) = self.all.guard_mut(key) {
            guard.last = Some((to, reply.into()));
        }
    }

    /// The run waits no more, or begins a transaction: whether a CANCEL came meanwhile.
    pub(crate) fn unguard(&mut self, key: Key) -> bool {
        let cancelled = self.all.guard_mut(key).is_some_and(|guard| guard.cancelled);
        self.remove(key);
        cancelled
    }

    /// A guarded request has come again; false when it is none.
    pub(super) fn guard_again(&mut self, scene: &mut Scene<'_>, key: Key) -> bool {
        let Some(guard) = self.all.guard_mut(key) else { return false };
        if let Some((to, reply)) = &guard.last {
            scene.output.send(*to, |out| out.extend_from_slice(reply));
        }
        true
    }

    /// The CANCEL of a guarded request has come.
    pub(super) fn guard_cancelled(&mut self, key: Key) {
        if let Some(guard) = self.all.guard_mut(key) {
            guard.cancelled = true;
        }
    }
}
