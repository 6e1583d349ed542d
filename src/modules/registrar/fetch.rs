//! Records of users that are not in memory: those of a table that is still being read are waited
//! for; for one that only the database has (`db_mode` 3 of `usrloc`) a function asks, waits, and
//! begins anew with what it has by then.

use sluice_engine::job::Answer;
use sluice_engine::module::{Then, Wait};
use sluice_engine::{Ctx, Flow, Value};

use super::Worker;
use crate::lookups;
use crate::usrloc::api::{Locations, Record, Table};

/// Records that the run has asked for; it takes them along where it waits for another one.
#[derive(Default)]
pub(super) struct Fetched {
    /// What the database has just answered.
    answer: Option<Answer>,
    records: Vec<Record>,
}

/// Where a record is, and what the function does when it has been asked for.
pub(super) struct Ask<'a> {
    pub locations: &'a Locations,
    pub table: &'a Table,
    pub then: Then,
}

/// How long a function waits for contacts that are being read.
const READY_MS: u64 = 2_000;
/// How long it waits before it looks again.
const LOOK_MS: u64 = 100;

/// Waits until the contacts of a table have been read.
///
/// # Errors
/// What the function gives meanwhile, or since it takes too long.
pub(super) fn ready(ctx: &Ctx<'_>, table: &Table, then: Then) -> Result<(), Flow> {
    if table.is_ready() {
        return Ok(());
    }
    let waited_ms = ctx.now.mono_ms().saturating_sub(ctx.packet.at.mono_ms());
    match waited_ms >= READY_MS {
        true => Err(Flow::Fail("the contacts have not been read yet")),
        false => Err(Flow::Suspend(Wait::Millis(LOOK_MS), then)),
    }
}

/// Begins a function anew with an answer.
pub(super) fn again(
    ctx: &mut Ctx<'_>,
    state: &mut dyn std::any::Any,
    args: &[Value],
    answer: &Answer,
    function: fn(&mut Ctx<'_>, &mut dyn std::any::Any, &[Value]) -> Flow,
) -> Flow {
    let Some(worker) = state.downcast_mut::<Worker>() else { return Flow::FALSE };
    let carried = ctx.run.carried.take().and_then(|carried| carried.downcast().ok());
    let records = carried.map(|records| *records).unwrap_or_default();
    worker.fetched = Fetched { answer: Some(answer.clone()), records };
    let flow = function(ctx, state, args);
    if let Some(worker) = state.downcast_mut::<Worker>() {
        worker.fetched.answer = None;
    }
    flow
}

impl Fetched {
    /// Whether the run goes on with an answer.
    pub(super) fn is_answered(&self) -> bool {
        self.answer.is_some()
    }

    /// Has the record of an AoR at hand.
    ///
    /// # Errors
    /// What the function gives meanwhile, or since the database cannot say.
    pub(super) fn have(
        &mut self,
        ctx: &mut Ctx<'_>,
        ask: &Ask<'_>,
        aor: &[u8],
    ) -> Result<(), Flow> {
        if !ask.table.is_only_in_database() || self.of(aor).is_some() {
            return Ok(());
        }
        let Some((source, statement)) = ask.table.question(aor) else { return Ok(()) };
        let found = lookups::ask(&source, self.answer.take().as_ref(), ask.then, || statement);
        let found = found.inspect_err(|flow| {
            let records = std::mem::take(&mut self.records);
            if matches!(flow, Flow::Suspend(..)) {
                ctx.run.carried = Some(Box::new(records));
            }
        })?;
        self.records.push(ask.table.record_in(ask.locations, aor, found.table()));
        Ok(())
    }

    /// Shows a record, wherever it is.
    pub(super) fn look<R>(
        &self,
        table: &Table,
        aor: &[u8],
        show: impl FnOnce(Option<&Record>) -> R,
    ) -> R {
        match table.is_only_in_database() {
            true => show(self.of(aor).filter(|record| !record.is_empty())),
            false => table.look(aor, show),
        }
    }

    /// The record of a run that asks for one only; it has no use for others.
    pub(super) fn take(&mut self) -> Option<Record> {
        let record = self.records.pop();
        self.forget();
        record
    }

    /// The run needs its records no more.
    pub(super) fn forget(&mut self) {
        self.records.clear();
    }

    fn of(&self, aor: &[u8]) -> Option<&Record> {
        self.records.iter().find(|record| record.aor() == aor)
    }
}
