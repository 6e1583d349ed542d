//! What is left of a transaction that has ended: enough for what comes late or again (RFC 3261
//! 17.1.1.2, 17.2.1, 17.2.2, RFC 6026).
//!
//! Retransmissions of the request get the last reply, a 2xx that comes again goes up again, a
//! refusal that comes again is acknowledged again. The request, its changes and what the script has
//! set are gone, but for what a reply route may still see.

use sluice_base::Target;
use sluice_base::slab::Key;
use sluice_base::wheel::TimerId;
use sluice_script::ir::RouteId;
use sluice_sip::{Message, Method, Patches};

use super::client::{self, Event, Kind};
use super::cookie::BranchId;
use super::effects::Effects;
use super::identity::Identity;
use super::machine::find;
use super::server;
use super::transaction::{Branch, ScriptState, Transaction};
use super::{Scene, Tm, hop, hush_branches};

/// See the file's head.
#[derive(Debug)]
pub struct Remnant {
    /// What retransmissions of its request are known by.
    pub(super) identity: Identity,
    /// The method of its request.
    pub(super) method: Method,
    /// How far the answer is.
    pub(super) server: server::State,
    /// Where replies go.
    pub(super) reply_to: Target,
    /// The reply that went up last, as long as it may be asked for.
    pub(super) last: Box<[u8]>,
    /// The end.
    pub(super) over: Option<TimerId>,
    /// The next repetition of the last reply, and its interval in milliseconds.
    pub(super) repeat: Option<TimerId>,
    /// See `repeat`.
    pub(super) repeat_ms: u32,
    /// The next one in the chain of the table.
    pub(super) next: u32,
    branches: Branches,
    seen: Option<Box<Seen>>,
}

/// Mostly there is one.
#[derive(Debug)]
enum Branches {
    One(Ended),
    More(Box<[Ended]>),
}

/// A branch that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    state: client::State,
    refused: Option<Box<Refused>>,
}

/// What the ACK to a refusal has that the refusal has not.
#[derive(Debug)]
pub struct Refused {
    target: Target,
    uri: Box<[u8]>,
    /// The Route and what else the script wants, each line with its line end.
    lines: Box<[u8]>,
}

/// What a reply route sees, where there is something.
#[derive(Debug)]
pub struct Seen {
    /// The edition whose routes they are, in the worker's list.
    pub edition: Option<u16>,
    /// AVPs and flags.
    pub script: Box<ScriptState>,
    /// For each branch its flags and its reply route.
    pub branches: Box<[(u32, Option<RouteId>)]>,
}

impl Refused {
    /// Of a request as it was sent; `lines` are more header lines.
    pub(super) fn of(sent: &Message<'_>, target: Target, lines: &[u8]) -> Self {
        let uri = sent.uri().map(|uri| sent.text(uri)).unwrap_or_default();
        Self { target, uri: uri.into(), lines: hop::routes(sent, lines).into() }
    }
}

impl Seen {
    /// Of a transaction; `None` when a reply route would see nothing of it.
    fn of(transaction: &mut Transaction, with_avps: bool) -> Option<Box<Self>> {
        let of_transaction = transaction.armed.reply;
        let of_branch = |branch: &Branch| (branch.flags, branch.on_reply.or(of_transaction));
        let branches: Box<[_]> = transaction.branches.iter().map(of_branch).collect();
        let script = &mut transaction.script;
        let nothing = script.flags == 0
            && (script.avps.is_empty() || !with_avps)
            && script.originals.is_none()
            && branches.iter().all(|branch| *branch == (0, None));
        if nothing {
            return None;
        }
        let (avps, flags) = (std::mem::take(&mut script.avps), script.flags);
        let originals = script.originals.take();
        let script = Box::new(ScriptState { avps, flags, originals, ..ScriptState::default() });
        Some(Box::new(Self { edition: transaction.edition.take(), script, branches }))
    }
}

impl Remnant {
    /// Of a transaction that has ended. `with_avps`: reply routes see AVPs.
    fn of(transaction: &mut Transaction, with_avps: bool) -> Self {
        let mut ended: Vec<Ended> = transaction
            .branches
            .iter_mut()
            .map(|branch| Ended { state: branch.request.state, refused: branch.refused.take() })
            .collect();
        let branches = match (ended.pop(), ended.is_empty()) {
            (Some(only), true) => Branches::One(only),
            (last, _) => {
                ended.extend(last);
                Branches::More(ended.into())
            }
        };
        Self {
            identity: transaction.identity,
            method: transaction.method,
            server: transaction.server,
            reply_to: transaction.reply_to,
            last: std::mem::take(&mut transaction.last),
            over: transaction.over.take(),
            repeat: transaction.repeat.take(),
            repeat_ms: transaction.repeat_ms,
            next: transaction.next,
            branches,
            seen: Seen::of(transaction, with_avps),
        }
    }

    /// The edition that it keeps, in the worker's list.
    pub(super) fn edition(&self) -> Option<u16> {
        self.seen.as_ref()?.edition
    }

    /// Its branches by number.
    pub(super) fn branches(&self) -> &[Ended] {
        match &self.branches {
            Branches::One(only) => std::slice::from_ref(only),
            Branches::More(all) => all,
        }
    }
}

impl Transaction {
    /// Whether a final reply went up and each branch has had its own.
    fn has_ended(&self) -> bool {
        let over = |branch: &Branch| {
            matches!(branch.request.state, client::State::Completed | client::State::Accepted)
        };
        !matches!(self.server, server::State::Proceeding | server::State::Ended)
            && self.runs == 0
            && self.branches.iter().all(over)
    }
}

impl Tm {
    /// A run of a transaction is put aside: it stays whole.
    pub(crate) fn put_aside(&mut self, key: Key) {
        if let Some(transaction) = self.all.get_mut(key) {
            transaction.runs += 1;
        }
    }

    /// A run that was put aside goes on.
    pub(crate) fn go_on(&mut self, key: Key) {
        if let Some(transaction) = self.all.get_mut(key) {
            transaction.runs -= 1;
            self.ending.push(key);
        }
    }

    /// What reply routes see of a transaction that has ended.
    pub(crate) fn seen(&self, key: Key) -> Option<&Seen> {
        self.all.remnant(key)?.seen.as_deref()
    }

    /// Whether a transaction may have ended in this turn.
    pub(crate) fn has_ending(&self) -> bool {
        !self.ending.is_empty()
    }

    /// At the end of a turn, when no run goes on: of transactions that have ended only the remnant
    /// stays.
    pub(crate) fn shed(&mut self, scene: &Scene<'_>) {
        while let Some(key) = self.ending.pop() {
            let Some(transaction) = self.all.get(key) else { continue };
            if !transaction.has_ended() {
                continue;
            }
            hush_branches(&mut self.wheel, transaction);
            self.room += transaction.request.len();
            let with_avps = scene.shared.settings.onreply_avp_mode;
            let mut edition = None;
            self.all.end(key, |transaction| {
                let remnant = Remnant::of(transaction, with_avps);
                edition = transaction.edition;
                remnant
            });
            if let Some(edition) = edition {
                self.editions.release(edition);
            }
        }
    }

    /// A reply to a transaction that has ended.
    pub(super) fn late_reply(
        &mut self,
        scene: &mut Scene<'_>,
        id: BranchId,
        message: &Message<'_>,
        patches: &Patches,
    ) -> Option<()> {
        let remnant = self.all.remnant(id.key)?;
        let branch = remnant.branches().get(usize::from(id.branch))?;
        let status = message.status().filter(|_| message.method() == remnant.method)?;
        let (kind, event) = (Kind::of(remnant.method), Event::of_status(status));
        // No row leaves a state that a branch has ended in.
        let (place, row) = find(client::rows(kind), branch.state, event)?;
        self.taken.count(kind.client(), place);
        if row.effects.has(Effects::ACK)
            && let Some(Refused { target, uri, lines }) = branch.refused.as_deref()
        {
            scene.output.send(*target, |out| hop::write_late_ack(message, uri, lines, out));
        }
        if row.effects.has(Effects::PASS) {
            let whole = message.bytes.get(..usize::from(message.body().end))?;
            self.pass_on(scene, id.key, id.branch, status, |out| {
                patches.write(whole, out);
            });
        }
        Some(())
    }
}
