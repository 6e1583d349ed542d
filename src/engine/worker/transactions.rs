//! What a worker does for its transactions: timers, routes that a reply or a failure starts.

use std::sync::Arc;

use sluice_base::Now;
use sluice_base::slab::Key;
use sluice_script::ir::RouteKind;
use sluice_sip::{Message, Method};

use super::Worker;
use crate::context::{Ctx, Local, Shared};
use crate::failover;
use crate::limits;
use crate::own::Origin;
use crate::run::{Run, RunState};
use crate::tm::Scene;
use crate::tm::cookie::BranchId;
use crate::tm::further::Further;
use crate::tm::replies::Failed;
use crate::vm::Outcome;

impl Worker {
    /// Timers of transactions that are due.
    #[inline]
    pub(super) fn take_ticks(&mut self, now: Now) {
        if !self.local.tm.is_empty() {
            self.take_due_ticks(now);
        }
    }

    fn take_due_ticks(&mut self, now: Now) {
        let Local { tm, output, stirred, .. } = &mut self.local;
        let mut scene = Scene { now, output, shared: self.editions.value() };
        for taken in 1..=limits::TICKS {
            if !tm.tick(&mut scene) {
                break;
            }
            self.more |= taken == limits::TICKS;
        }
        *stirred |= tm.has_failed();
    }

    /// At the end of a turn: little stays of transactions that have ended.
    #[inline]
    pub(super) fn shed(&mut self, now: Now) {
        let Local { tm, output, .. } = &mut self.local;
        if tm.has_ending() {
            tm.shed(&Scene { now, output, shared: self.editions.value() });
        }
    }

    /// Transactions whose branches have all failed: the script decides, or the best reply goes up.
    pub(super) fn take_failed(&mut self, now: Now) {
        for _ in 0..limits::TICKS {
            let Some(failed) = self.local.tm.take_failed() else { return };
            if self.try_next_target(now, failed) {
                continue;
            }
            self.tell_failure(now, failed);
            if !self.begin_failure_route(now, failed) {
                self.send_up(now, failed);
            }
        }
        self.more = true;
    }

    /// After a stretch of a run: its transaction keeps the edition whose routes it has armed.
    pub(super) fn keep_edition(&mut self, key: Option<Key>, edition: Option<&Arc<Shared>>) {
        let Some(key) = key else { return };
        let edition = edition.unwrap_or(self.editions.value());
        self.local.tm.keep_edition(key, edition);
    }

    /// spec 8.5: before the failure route, the next address of a name.
    fn try_next_target(&mut self, now: Now, failed: Failed) -> bool {
        let tm = &mut self.local.tm;
        let Some(further) = tm.take_further(failed) else { return false };
        let edition = tm.edition(failed.key).unwrap_or(self.editions.value());
        let edition = Arc::clone(edition);
        let Some(transaction) = tm.get(failed.key) else { return false };
        let mut run = self.spare.pop().unwrap_or_default();
        run.kept.clear();
        run.kept.extend_from_slice(&transaction.request);
        run.state.reset(RouteKind::Branch);
        run.packet = transaction.packet;
        run.state.begin_further(transaction, failed, &further.changes);
        let sent = match run.index.scan(&run.kept) {
            Ok(()) => self.send_next(now, &mut run, &edition, failed, further),
            Err(_) => false,
        };
        self.spare.push(run);
        sent
    }

    fn send_next(
        &mut self,
        now: Now,
        run: &mut Run,
        shared: &Shared,
        failed: Failed,
        further: Box<Further>,
    ) -> bool {
        let message = Message { bytes: &run.kept, index: &run.index };
        let Some(via) = message.top_via_known() else { return false };
        let mut ctx = Ctx {
            message,
            via: &via,
            packet: run.packet,
            run: &mut run.state,
            local: &mut self.local,
            shared,
            now,
        };
        let sent = failover::send_next(&mut ctx, failed.key, further);
        if sent {
            ctx.local.tm.replace(failed, now);
        }
        sent
    }

    /// spec 8.5: the route is disarmed before it runs.
    fn begin_failure_route(&mut self, now: Now, failed: Failed) -> bool {
        let tm = &mut self.local.tm;
        let Some(edition) = tm.edition(failed.key).map(Arc::clone) else { return false };
        let Some(route) = tm.disarm_failure(failed.key) else { return false };
        let Some(transaction) = tm.get(failed.key) else { return false };
        let mut run = self.spare.pop().unwrap_or_default();
        run.kept.clear();
        run.kept.extend_from_slice(&transaction.request);
        if run.index.scan(&run.kept).is_err() {
            return false;
        }
        run.state.reset(RouteKind::Failure);
        run.packet = transaction.packet;
        run.state.begin_failure(transaction, failed);
        run.origin = Origin::Failure(failed);
        run.machine.enter(&edition.script, route);
        run.edition = Some(edition);
        let outcome = self.stretch(now, &mut run, None);
        if matches!(outcome, Some(Outcome::Parked(_))) {
            run.vars.clone_from(&self.local.vars);
        }
        self.conclude(now, run, outcome);
        true
    }

    /// A failure route is over: what it began goes on, else the winner's reply goes up.
    pub(super) fn end_failure_route(&mut self, now: Now, failed: Failed) {
        if self.local.tm.is_undecided(failed) {
            self.send_up(now, failed);
        }
    }

    fn send_up(&mut self, now: Now, failed: Failed) {
        let Local { tm, output, .. } = &mut self.local;
        tm.answer(&mut Scene { now, output, shared: self.editions.value() }, failed);
    }
}

impl Local {
    /// A run is over, also in the midst of sending: its transaction waits for it no more.
    pub(super) fn leave_transaction(&mut self, run: &mut RunState) {
        let Some(key) = run.transaction else { return };
        if run.relaying.take().is_some_and(|relaying| relaying.replica.is_none()) {
            self.tm.end_sending(key);
            self.stirred |= self.tm.has_failed();
        }
        self.tm.remove_unused(key);
    }
}

impl Run {
    /// The key of the transaction that it belongs to.
    pub(super) fn transaction(&self) -> Option<Key> {
        self.state.transaction
    }

    /// The key of the transaction that it looks at.
    pub(super) fn looks_at(&self) -> Option<Key> {
        self.state.transaction.or(self.state.branch.map(|branch| branch.key))
    }

    /// The branch whose request its reply answers, and the reply's status.
    pub(super) fn heard(&self) -> Option<(BranchId, u16)> {
        let message = Message { bytes: &self.kept, index: &self.index };
        let branch = self.state.branch.filter(|_| message.method() != Method::Cancel)?;
        Some((branch, message.status()?))
    }
}
