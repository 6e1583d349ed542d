//! Replies to the one who asked: they are sent, kept, and sent again (RFC 3261 17.2, 16.7).

use sluice_base::slab::Key;
use sluice_sip::Message;
use sluice_sip::write::{Reply, ViaMarks};

use super::effects::Effects;
use super::machine::find;
use super::replies::Failed;
use super::server::{self, Event, State};
use super::store::Upper;
use super::tally::Count;
use super::times::Purpose;
use super::{Scene, Tm};
use crate::witness::{Heard, What};

/// Where the status code begins in a reply.
const CODE: usize = "SIP/2.0 ".len();

/// What a reply of ours says besides its status.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    /// The reason phrase.
    pub phrase: &'a [u8],
    /// More header lines, each with its line end.
    pub lines: &'a [u8],
    /// The body; its Content-Type is among the lines.
    pub body: &'a [u8],
}

impl<'a> Text<'a> {
    /// A reason phrase and no more.
    pub const fn only(phrase: &'a [u8]) -> Self {
        Self { phrase, lines: b"", body: b"" }
    }
}

impl Tm {
    /// Sends on a reply that has come from a branch.
    pub(super) fn pass_on(
        &mut self,
        scene: &mut Scene<'_>,
        key: Key,
        branch: u8,
        status: u16,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        if self.pass(scene, key, Some(branch), status, write) {
            self.tally.add(Count::RelayedReplies);
        }
    }

    /// Sends a reply up, when the server side may send one of this status now; `write` appends it.
    /// Whether it was sent.
    fn pass(
        &mut self,
        scene: &mut Scene<'_>,
        key: Key,
        branch: Option<u8>,
        status: u16,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> bool {
        if self.all.get(key).is_some_and(|t| t.is_own()) {
            let mut reply = Vec::new();
            write(&mut reply);
            self.report(scene, key, branch, status, &reply);
            return false;
        }
        let Some(effects) = self.serve(key, Event::of_status(status)) else { return false };
        let unopened = scene.shared.settings.unopened.reply;
        let opens = self.all.get(key).is_none_or(|t| t.script.flags & unopened == 0);
        if effects.has(Effects::PASS)
            && let Some(Upper { reply_to, last, .. }) = self.all.upper(key)
        {
            scene.output.send_by(reply_to, opens, |out| {
                let start = out.len();
                write(out);
                *last = out.get(start..).unwrap_or_default().into();
            });
            if let Some(transaction) = self.all.get_mut(key) {
                transaction.status = status;
                transaction.is_own_reply = false;
                if !transaction.witnesses.is_empty() && status > 100 {
                    let (what, reply) = (What::Replied, transaction.last.clone());
                    self.heard.push_back(Heard { key, what, status, reply, branch });
                }
            }
        }
        if effects.has(Effects::LINGER) || effects.has(Effects::REPEAT) {
            self.tally.end(status);
        }
        self.after(scene, key, effects);
        effects.has(Effects::PASS)
    }

    /// Sends the winner's reply up; one of ours where none came.
    pub fn answer(&mut self, scene: &mut Scene<'_>, failed: Failed) {
        let Failed { key, winner } = failed;
        let Some(transaction) = self.all.get_mut(key) else { return };
        if transaction.is_own() {
            return self.report_failure(scene, failed);
        }
        let Some(branch) = transaction.branches.get_mut(usize::from(winner)) else { return };
        let (status, reply) = (branch.status, std::mem::take(&mut branch.reply));
        // spec 8.5: an overload of one server is not ours.
        let sent = match status {
            503 if !scene.shared.settings.disable_503_translation => 500,
            status => status,
        };
        if reply.is_empty() {
            return self.local(scene, key, sent, Text::only(phrase(sent)));
        }
        self.pass_on(scene, key, winner, sent, |out| {
            let start = out.len() + CODE;
            out.extend_from_slice(&reply);
            if sent != status
                && let Some(code) = out.get_mut(start..start + 3)
            {
                code.copy_from_slice(b"500");
            }
        });
    }

    /// Sends a reply of ours up.
    pub fn local(&mut self, scene: &mut Scene<'_>, key: Key, status: u16, text: Text<'_>) {
        let Self { all, sent_index: index, .. } = self;
        let Some(transaction) = all.get(key) else { return };
        if index.scan(&transaction.request).is_err() {
            return;
        }
        let message = Message { bytes: &transaction.request, index };
        let Some((via, known)) = message.top_via_known() else { return };
        let peer = transaction.packet.peer;
        let reply = Reply {
            status,
            phrase: text.phrase,
            to_tag: (status > 100).then_some(&transaction.tag),
            via: ViaMarks::of(&message, &via, &known, peer, transaction.force_rport),
            lines: text.lines,
            server: b"",
            body: text.body,
        };
        self.sent.clear();
        reply.write(&message, &mut self.sent);
        let written = std::mem::take(&mut self.sent);
        if !self.pass(scene, key, None, status, |out| out.extend_from_slice(&written)) {
            return;
        }
        self.tally.add(Count::LocalReplies);
        self.sent = written;
        if let Some(transaction) = self.all.get_mut(key) {
            transaction.is_own_reply = true;
        }
    }

    /// The request has come again: what went up last does so, too.
    pub fn again(&mut self, scene: &mut Scene<'_>, key: Key) {
        if self.guard_again(scene, key) {
            return;
        }
        if self.serve(key, Event::Again).is_some_and(|effects| effects.has(Effects::SEND)) {
            self.send_last(scene, key);
        }
    }

    /// The ACK to a refusal has come.
    pub fn acknowledge(&mut self, scene: &mut Scene<'_>, key: Key) {
        if let Some(effects) = self.serve(key, Event::Ack) {
            self.after(scene, key, effects);
        }
    }

    pub(super) fn send_last(&mut self, scene: &mut Scene<'_>, key: Key) {
        let upper = self.all.upper(key).filter(|upper| !upper.last.is_empty());
        if let Some(Upper { reply_to, last, .. }) = upper {
            scene.output.send(reply_to, |out| out.extend_from_slice(last));
        }
    }

    /// Takes a step of the server side.
    pub(super) fn serve(&mut self, key: Key, event: Event) -> Option<Effects> {
        let Upper { kind, state, .. } = self.all.upper(key)?;
        let (place, row) = find(server::rows(kind), *state, event)?;
        *state = row.to;
        self.taken.count(kind.server(), place);
        Some(row.effects)
    }

    /// Timers of a step.
    fn after(&mut self, scene: &Scene<'_>, key: Key, effects: Effects) {
        let times = self.times;
        let now = scene.now.mono_ms();
        let Some(upper) = self.all.upper(key) else { return };
        if effects.has(Effects::HUSH)
            && let Some(timer) = upper.repeat.take()
        {
            self.wheel.cancel(timer);
        }
        let mut after = |ms: u32, purpose: Purpose| {
            Some(self.wheel.schedule(now + u64::from(ms), purpose.pack(key)))
        };
        let old = *upper.over;
        if effects.has(Effects::REPEAT) {
            *upper.repeat_ms = times.t1_ms;
            // RFC 3261 17.2.1: timer G is for unreliable transports.
            if !scene.shared.sockets.is_reliable(upper.reply_to.socket) {
                *upper.repeat = after(times.t1_ms, Purpose::Repeat);
            }
            *upper.over = after(times.first_ms, Purpose::Over);
        } else if effects.has(Effects::LINGER) {
            *upper.over = after(times.linger_ms, Purpose::Over);
        } else {
            return;
        }
        if *upper.state == State::Confirmed {
            // Nobody can ask for it any more.
            *upper.last = Box::default();
        }
        if let Some(old) = old {
            self.wheel.cancel(old);
        }
        self.ending.push(key);
    }
}

/// The reason phrase of a reply of ours (RFC 3261 21).
const fn phrase(status: u16) -> &'static [u8] {
    match status {
        408 => b"Request Timeout",
        487 => b"Request Terminated",
        500 => b"Server Internal Error",
        503 => b"Service Unavailable",
        _ => b"Error",
    }
}
