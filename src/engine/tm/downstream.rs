//! Branches: the request goes out, again and again until something comes back; ACK and CANCEL go
//! after it (RFC 3261 16.6, 17.1).

use sluice_base::slab::Key;
use sluice_sip::{Kind as Header, Message};

use super::client::{self, Event, State};
use super::cookie::{BranchId, LEN};
use super::effects::Effects;
use super::machine::find;
use super::remnant::Refused;
use super::times::Purpose;
use super::transaction::{Branch, Client, ScriptState, Transaction};
use super::{Scene, Tm, hop};
use crate::limits;

/// Which of a branch's requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// The request.
    Request,
    /// Its CANCEL.
    Cancel,
}

/// Why a CANCEL is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// The caller wants it.
    Caller,
    /// Nobody answered in time (spec 8.4).
    NoAnswer,
    /// Another branch was answered (RFC 3326).
    Elsewhere,
    /// The script wants it, or another branch was refused for all.
    Script,
}

impl Reason {
    /// Its header line.
    const fn line(self) -> &'static [u8] {
        match self {
            Self::Caller | Self::Script => b"",
            Self::NoAnswer => b"Reason: SIP;cause=480;text=\"NO_ANSWER\"\r\n",
            Self::Elsewhere => b"Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n",
        }
    }
}

impl Tm {
    /// The branch parameter that the next branch of a transaction will have.
    pub fn next_branch(&self, key: Key) -> Option<[u8; LEN]> {
        let number = self.all.get(key)?.branches.len();
        let branch =
            u8::try_from(number).ok().filter(|n| usize::from(*n) < limits::BRANCHES_EVER)?;
        Some(self.secret.write(BranchId { worker: self.id, key, branch }))
    }

    /// Adds a branch and sends the request there. Its patches hold all that tells it from the
    /// received one, with our Via of [`Tm::next_branch`].
    pub fn add_branch(&mut self, scene: &mut Scene<'_>, key: Key, mut branch: Branch) {
        let Some(transaction) = self.all.get_mut(key) else { return };
        let times = transaction.script.waits.over(self.times);
        let number = transaction.branches.len() as u8;
        send(scene, &transaction.request, &branch);
        let now = scene.now.mono_ms();
        let wheel = &mut self.wheel;
        let mut timer = |after: u32, purpose: Purpose| {
            wheel.schedule(now + u64::from(after), purpose.pack(key))
        };
        branch.request.interval_ms = times.t1_ms;
        // RFC 3261 17.1.1.2: nothing is repeated over a reliable transport; whether anything was
        // heard by then is told all the same.
        let repeats = !scene.shared.sockets.is_reliable(branch.target.socket);
        let looks = repeats || branch.ticket.is_some();
        branch.request.resend = looks.then(|| timer(times.t1_ms, Purpose::Resend(number)));
        branch.request.expire = Some(timer(times.first_ms, Purpose::Expire(number)));
        if let Some(ticket) = &mut branch.ticket {
            ticket.send(scene.now);
        }
        // Mostly there is one only: room for four would be a waste.
        transaction.branches.reserve_exact(1);
        transaction.branches.push(branch);
    }

    /// Something happens to one of a branch's requests; what it comes to, `None` when it changes
    /// nothing. Sending and timers are done.
    pub(super) fn happen(
        &mut self,
        scene: &mut Scene<'_>,
        key: Key,
        number: u8,
        side: Side,
        event: Event,
    ) -> Option<Effects> {
        let transaction = self.all.get_mut(key)?;
        let kind = if side == Side::Request { transaction.kind() } else { client::Kind::Other };
        let branch = transaction.branches.get_mut(usize::from(number))?;
        let client = match side {
            Side::Request => &mut branch.request,
            Side::Cancel => branch.cancel.as_mut()?,
        };
        let (place, row) = find(client::rows(kind), client.state, event)?;
        client.state = row.to;
        self.taken.count(kind.client(), place);
        if !row.to.is_open() {
            self.ending.push(key);
        }
        self.carry_out(scene, key, number, side, row.effects);
        Some(row.effects)
    }

    /// Sending and timers of a transition.
    fn carry_out(
        &mut self,
        scene: &mut Scene<'_>,
        key: Key,
        number: u8,
        side: Side,
        effects: Effects,
    ) {
        if effects.has(Effects::SEND) {
            self.send_again(scene, key, number, side);
        }
        let Some(transaction) = self.all.get_mut(key) else { return };
        let times = transaction.script.waits.over(self.times);
        let Some(branch) = transaction.branches.get_mut(usize::from(number)) else { return };
        let (client, resend, expire) = match side {
            Side::Request => {
                (&mut branch.request, Purpose::Resend(number), Purpose::Expire(number))
            }
            Side::Cancel => match &mut branch.cancel {
                Some(cancel) => {
                    (cancel, Purpose::ResendCancel(number), Purpose::ExpireCancel(number))
                }
                None => return,
            },
        };
        let now = scene.now.mono_ms();
        if effects.has(Effects::SEND) {
            client.interval_ms = (2 * client.interval_ms).min(times.t2_ms);
            let due = now + u64::from(client.interval_ms);
            client.resend = Some(self.wheel.schedule(due, resend.pack(key)));
        }
        if effects.has(Effects::SLOW) {
            client.interval_ms = times.t2_ms;
        }
        if effects.has(Effects::HUSH)
            && let Some(timer) = client.resend.take()
        {
            self.wheel.cancel(timer);
        }
        let again = effects.has(Effects::WAIT_AGAIN) && times.restart;
        let wait = match () {
            () if effects.has(Effects::WAIT_LONG) || again => Some(times.invite_ms),
            () if effects.has(Effects::WAIT_CANCEL) => Some(64 * times.t1_ms),
            () => None,
        };
        if (wait.is_some() || effects.has(Effects::REST))
            && let Some(timer) = client.expire.take()
        {
            self.wheel.cancel(timer);
        }
        if let Some(wait) = wait {
            client.expire = Some(self.wheel.schedule(now + u64::from(wait), expire.pack(key)));
        }
    }

    fn send_again(&mut self, scene: &mut Scene<'_>, key: Key, number: u8, side: Side) {
        if side == Side::Cancel {
            return self.send_cancel(scene, key, number);
        }
        let Some(transaction) = self.all.get(key) else { return };
        if let Some(branch) = transaction.branches.get(usize::from(number)) {
            send(scene, &transaction.request, branch);
        }
    }

    /// Cancels a branch, as far as it can be yet (RFC 3261 9.1).
    pub(crate) fn cancel_branch(
        &mut self,
        scene: &mut Scene<'_>,
        key: Key,
        number: u8,
        reason: Reason,
    ) {
        if self.is_held(key, number) {
            return self.cancel_held(key);
        }
        self.forget_further(key, number);
        let effects = self.happen(scene, key, number, Side::Request, Event::Cancel);
        if effects.is_some_and(|effects| effects.has(Effects::CANCEL)) {
            self.begin_cancel(scene, key, number, reason);
        }
    }

    /// Cancels all branches of which nothing final has come.
    pub(crate) fn cancel_open(
        &mut self,
        scene: &mut Scene<'_>,
        key: Key,
        but: Option<u8>,
        reason: Reason,
    ) {
        let count = self.all.get(key).map_or(0, |t| t.branches.len()) as u8;
        for number in (0..count).filter(|number| Some(*number) != but) {
            self.cancel_branch(scene, key, number, reason);
        }
    }

    /// Sends a CANCEL for the first time.
    pub(super) fn begin_cancel(
        &mut self,
        scene: &mut Scene<'_>,
        key: Key,
        number: u8,
        reason: Reason,
    ) {
        let times = self.times;
        let branch = self.all.get_mut(key).and_then(|t| t.branches.get_mut(usize::from(number)));
        let Some(branch) = branch.filter(|branch| branch.cancel.is_none()) else { return };
        let now = scene.now.mono_ms();
        let mut timer = |after: u32, purpose: Purpose| {
            Some(self.wheel.schedule(now + u64::from(after), purpose.pack(key)))
        };
        let repeats = !scene.shared.sockets.is_reliable(branch.target.socket);
        let resend = Purpose::ResendCancel(number);
        branch.cancel = Some(Client {
            state: State::Calling,
            resend: repeats.then(|| timer(times.t1_ms, resend)).flatten(),
            interval_ms: times.t1_ms,
            expire: timer(64 * times.t1_ms, Purpose::ExpireCancel(number)),
        });
        branch.reason = reason;
        self.send_cancel(scene, key, number);
    }

    fn send_cancel(&mut self, scene: &mut Scene<'_>, key: Key, number: u8) {
        self.with_sent(key, number, |sent, transaction, branch| {
            let ScriptState { lines, reason, .. } = &*transaction.script;
            let reason =
                if branch.reason == Reason::Caller { reason } else { branch.reason.line() };
            let lines = [lines, reason].concat();
            let opens = opens(scene, branch);
            scene.output.send_by(branch.target, opens, |out| hop::write_cancel(sent, &lines, out));
        });
    }

    /// Answers a refusal (RFC 3261 17.1.1.3).
    pub(super) fn send_ack(
        &mut self,
        scene: &mut Scene<'_>,
        key: Key,
        number: u8,
        reply: &Message<'_>,
    ) {
        let to = reply.value(Header::To).unwrap_or_default();
        let mut refused = None;
        self.with_sent(key, number, |sent, transaction, branch| {
            let lines = &transaction.script.lines;
            let opens = opens(scene, branch);
            scene.output.send_by(branch.target, opens, |out| hop::write_ack(sent, to, lines, out));
            if branch.refused.is_none() {
                refused = Some(Box::new(Refused::of(sent, branch.target, lines)));
            }
        });
        let branch = self.all.get_mut(key).and_then(|t| t.branches.get_mut(usize::from(number)));
        if let Some(branch) = branch.filter(|_| refused.is_some()) {
            branch.refused = refused;
        }
    }

    /// Looks at a branch's request as it was sent.
    pub(super) fn with_sent(
        &mut self,
        key: Key,
        number: u8,
        look: impl FnOnce(&Message<'_>, &Transaction, &Branch),
    ) {
        let Some(transaction) = self.all.get(key) else { return };
        let Some(branch) = transaction.branches.get(usize::from(number)) else { return };
        self.sent.clear();
        branch.patches.write(&transaction.request, &mut self.sent);
        if self.sent_index.scan(&self.sent).is_ok() {
            look(&Message { bytes: &self.sent, index: &self.sent_index }, transaction, branch);
        }
    }
}

fn send(scene: &mut Scene<'_>, request: &[u8], branch: &Branch) {
    let opens = opens(scene, branch);
    scene.output.send_by(branch.target, opens, |out| branch.patches.write(request, out));
}

/// Whether a connection may be opened for a branch's requests.
fn opens(scene: &Scene<'_>, branch: &Branch) -> bool {
    branch.flags & scene.shared.settings.unopened.branch == 0
}
