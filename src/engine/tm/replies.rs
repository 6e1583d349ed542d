//! Replies: which branch they belong to, what they change, and which of several wins (RFC 3261
//! 16.7, spec 8.5).

use sluice_base::slab::Key;
use sluice_sip::via::Known;
use sluice_sip::{Message, Method, Patches};

use super::client::{Event, Kind};
use super::cookie::BranchId;
use super::downstream::{Reason, Side};
use super::effects::Effects;
use super::tally::Count;
use super::times::Purpose;
use super::transaction::Client;
use super::{Scene, Tm, hush};
use crate::ticket::News;

/// All branches of a transaction have ended without success: the script may decide, or
/// [`Tm::answer`] sends the winner's reply up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Failed {
    /// The transaction.
    pub key: Key,
    /// The branch whose reply wins.
    pub winner: u8,
}

impl Tm {
    /// The branch that a reply belongs to, by its topmost Via.
    pub fn branch_of(&self, via: &Known<'_>) -> Option<BranchId> {
        let id = self.secret.read(via.branch?).filter(|id| id.worker == self.id)?;
        (usize::from(id.branch) < self.all.branches(id.key)).then_some(id)
    }

    /// A reply has come, and a reply route waits over it: the request is not sent again, and not
    /// given up for what has come. [`Tm::reply`] follows, unless the run is lost.
    pub(crate) fn reply_waits(&mut self, scene: &mut Scene<'_>, id: BranchId, status: u16) {
        let BranchId { key, branch: number, .. } = id;
        let event = Event::of_status(status);
        if event == Event::Provisional {
            let effects = self.happen(scene, key, number, Side::Request, event);
            if effects.is_some_and(|effects| effects.has(Effects::CANCEL)) {
                self.begin_cancel(scene, key, number, Reason::Caller);
            }
            return;
        }
        let Some(transaction) = self.all.get_mut(key) else { return };
        let wait = transaction.script.waits.over(self.times).first_ms;
        let branch = transaction.branches.get_mut(usize::from(number));
        let Some(branch) = branch.filter(|branch| branch.request.state.is_open()) else { return };
        let Client { resend, expire, .. } = &mut branch.request;
        hush(&mut self.wheel, [resend.take(), expire.take()]);
        let due = scene.now.mono_ms() + u64::from(wait);
        *expire = Some(self.wheel.schedule(due, Purpose::Expire(number).pack(key)));
    }

    /// A reply has come, and the script has done with it. `patches` take our Via off, and what the
    /// script wants changed; `None`: the script has dropped it, so it goes no further.
    pub fn reply(
        &mut self,
        scene: &mut Scene<'_>,
        id: BranchId,
        message: &Message<'_>,
        patches: Option<&Patches>,
    ) {
        self.tally.add(Count::ReceivedReplies);
        if self.all.get(id.key).is_none() {
            patches.and_then(|patches| self.late_reply(scene, id, message, patches));
            return;
        }
        let failed = self.take_reply(scene, id, message, patches);
        self.failed.extend(failed);
    }

    fn take_reply(
        &mut self,
        scene: &mut Scene<'_>,
        id: BranchId,
        message: &Message<'_>,
        patches: Option<&Patches>,
    ) -> Option<Failed> {
        let status = message.status()?;
        let (key, number) = (id.key, id.branch);
        let event = Event::of_status(status);
        if message.method() == Method::Cancel {
            self.happen(scene, key, number, Side::Cancel, event);
            return None;
        }
        let effects = self.happen(scene, key, number, Side::Request, event)?;
        if effects.has(Effects::ACK) {
            self.send_ack(scene, key, number, message);
        }
        if effects.has(Effects::CANCEL) {
            self.begin_cancel(scene, key, number, Reason::Caller);
        }
        if !effects.has(Effects::PASS) {
            return None;
        }
        let whole = message.bytes.get(..usize::from(message.body().end))?;
        if self.all.get(key)?.branches.get(usize::from(number))?.received == 0 {
            self.note_life(scene, key, number);
        }
        let branch = self.all.get_mut(key)?.branches.get_mut(usize::from(number))?;
        if branch.received == 0 {
            branch.tell(News::Heard, scene.now);
        }
        if status > 100 {
            branch.tell(News::Status(status), scene.now);
        }
        branch.status = branch.status.max(status);
        branch.received = status;
        let patches = patches?;
        match status {
            // RFC 3261 16.7 item 5: a 100 goes no further.
            0..=100 => None,
            101..200 => {
                self.pass_on(scene, key, number, status, |out| _ = patches.write(whole, out));
                None
            }
            200..300 => {
                self.pass_on(scene, key, number, status, |out| _ = patches.write(whole, out));
                self.confirm(scene, key, number, message);
                if !self.all.get(key)?.script.no_cancel {
                    self.cancel_open(scene, key, Some(number), Reason::Elsewhere);
                }
                None
            }
            _ => {
                let mut kept = Vec::with_capacity(whole.len());
                patches.write(whole, &mut kept);
                branch.reply = kept.into();
                self.end_branch(scene, key, number)
            }
        }
    }

    /// A branch is over without success.
    pub(super) fn end_branch(
        &mut self,
        scene: &mut Scene<'_>,
        key: Key,
        number: u8,
    ) -> Option<Failed> {
        self.note_failure(scene, key, number);
        let transaction = self.all.get_mut(key)?;
        let branch = transaction.branches.get_mut(usize::from(number))?;
        let status = branch.status;
        if let Some(ticket) = branch.ticket.as_mut().filter(|_| branch.further.is_none()) {
            ticket.end();
        }
        let blocks = !scene.shared.settings.disable_6xx_block;
        if status >= 600 && blocks && !transaction.closed {
            // spec 8.5: it wins at once, and closes the transaction for new branches.
            transaction.closed = true;
            let decided = transaction.is_answered();
            self.cancel_open(scene, key, Some(number), Reason::Script);
            return (!decided).then_some(Failed { key, winner: number });
        }
        self.decide(key)
    }

    /// The caller's CANCEL (RFC 3261 16.10). `true`: a 487 is to be sent, since no branch will
    /// bring one.
    pub fn cancel(&mut self, scene: &mut Scene<'_>, key: Key) -> bool {
        self.guard_cancelled(key);
        let Some(transaction) = self.all.get_mut(key) else { return false };
        if transaction.is_answered() || transaction.kind() == Kind::Other {
            return false;
        }
        transaction.cancelled = true;
        let lone = transaction.is_lone();
        if lone {
            // spec 8.6: it waits for branches that may not come any more.
            self.release(key, 487);
        } else {
            self.cancel_open(scene, key, None, Reason::Caller);
        }
        lone
    }
}
