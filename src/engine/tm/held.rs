//! Transactions that wait for more branches: while a script is still sending, and where it wants
//! to add some later (spec 8.2, 8.6). For the latter a phony branch stands among the others: it
//! has sent nothing, and ends by its timer, by the script, or with the transaction.

use sluice_base::slab::Key;
use sluice_sip::Patches;

use super::client::State;
use super::priority::rank;
use super::replies::Failed;
use super::times::Purpose;
use super::transaction::{Branch, Transaction};
use super::{Scene, Tm};
use crate::limits;

impl Tm {
    /// A script begins to send branches: until it has sent all, none of them decides.
    pub(crate) fn begin_sending(&mut self, key: Key) {
        if let Some(transaction) = self.all.get_mut(key) {
            transaction.sending = transaction.sending.saturating_add(1);
        }
    }

    /// It has sent all: they may have ended meanwhile.
    pub(crate) fn end_sending(&mut self, key: Key) {
        let Some(transaction) = self.all.get_mut(key) else { return };
        transaction.sending = transaction.sending.saturating_sub(1);
        let failed = self.decide(key);
        self.failed.extend(failed);
    }

    /// Keeps a transaction open for branches that come later, at most `awaited` of them (0: any
    /// number), and at most as long as an INVITE rings. False: there may be none any more.
    pub(crate) fn hold(&mut self, scene: &Scene<'_>, key: Key, awaited: u8) -> bool {
        let times = self.times;
        let Some(transaction) = self.all.get_mut(key).filter(|t| t.is_open()) else { return false };
        transaction.script.awaited = awaited;
        if transaction.held().is_some() {
            return true;
        }
        let number = transaction.branches.len();
        let Some(number) = u8::try_from(number).ok().filter(|_| number < limits::BRANCHES_EVER)
        else {
            return false;
        };
        let wait = transaction.script.waits.over(times).invite_ms;
        let due = scene.now.mono_ms() + u64::from(wait);
        let mut branch = Branch::new(transaction.reply_to, Patches::default(), b"");
        branch.request.state = State::Held;
        branch.request.expire = Some(self.wheel.schedule(due, Purpose::Expire(number).pack(key)));
        transaction.branches.push(branch);
        true
    }

    /// One of the branches that were waited for has come.
    pub(crate) fn awaited(&mut self, key: Key) {
        let Some(transaction) = self.all.get_mut(key) else { return };
        let awaited = &mut transaction.script.awaited;
        if *awaited > 0 {
            *awaited -= 1;
            if *awaited == 0 {
                self.release(key, 0);
            }
        }
    }

    /// Waits for no more branches; false when it did not. The phony branch ends with a status, 0:
    /// with one that never wins. What follows is left to [`Tm::decide`].
    pub(crate) fn release(&mut self, key: Key, status: u16) -> bool {
        let Some(transaction) = self.all.get_mut(key) else { return false };
        let Some(number) = transaction.held() else { return false };
        let Some(branch) = transaction.branches.get_mut(usize::from(number)) else { return false };
        branch.request.state = State::Completed;
        branch.status = status;
        if let Some(timer) = branch.request.expire.take() {
            self.wheel.cancel(timer);
        }
        true
    }

    /// As [`Tm::release`], where what has ended so far may decide now.
    pub(crate) fn release_and_decide(&mut self, key: Key, status: u16) -> bool {
        let released = self.release(key, status);
        let failed = self.decide(key);
        self.failed.extend(failed);
        released
    }

    /// The number of the phony branch, while it waits.
    pub(crate) fn held(&self, key: Key) -> Option<u8> {
        self.all.get(key)?.held()
    }

    /// Whether a branch is the phony one, and waits.
    pub(super) fn is_held(&self, key: Key, number: u8) -> bool {
        self.held(key) == Some(number)
    }

    /// Cancels the phony branch. What was sent and rings decides, else the cancelling does.
    pub(super) fn cancel_held(&mut self, key: Key) {
        let open = |branch: &Branch| branch.request.state.is_open() && !branch.is_phony();
        let rings = self.all.get(key).is_some_and(|t| t.deciding().iter().any(open));
        self.release_and_decide(key, if rings { 0 } else { 487 });
    }

    /// The branch whose refusal wins, once all of the round have ended (spec 8.5). Where there was
    /// none but the phony one, it is as if nobody had answered.
    pub(super) fn decide(&mut self, key: Key) -> Option<Failed> {
        let transaction = self.all.get_mut(key)?;
        if transaction.is_answered() || transaction.closed || transaction.is_waiting() {
            return None;
        }
        let cancelled = transaction.cancelled;
        let all = (transaction.round..).zip(transaction.deciding());
        let ended = all.filter(|(_, branch)| branch.status > 0);
        let best = ended.min_by_key(|(_, branch)| rank(branch.status, cancelled));
        if let Some((winner, _)) = best {
            return Some(Failed { key, winner });
        }
        let winner = transaction.round;
        transaction.branches.get_mut(usize::from(winner))?.status = 408;
        Some(Failed { key, winner })
    }
}

impl Transaction {
    /// Whether a branch of the round that decides may still bring a final reply.
    pub(super) fn is_waiting(&self) -> bool {
        self.sending > 0 || self.deciding().iter().any(|branch| branch.request.state.is_open())
    }

    /// Whether no request has been sent that would end by itself.
    pub(super) fn is_lone(&self) -> bool {
        self.branches.iter().all(Branch::is_phony)
    }

    /// The number of the phony branch, while it waits.
    fn held(&self) -> Option<u8> {
        let at = self.branches.iter().position(|branch| branch.request.state == State::Held)?;
        u8::try_from(at).ok()
    }
}
