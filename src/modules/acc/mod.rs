//! Module `acc`: writes down what became of transactions - to the log, to tables, as events (spec
//! 9.6).
//!
//! A transaction that is accounted has a witness (`account.rs`), which the engine tells of replies;
//! others cost nothing. Rows go into a queue of the database and nobody waits for them. What
//! differs from OpenSIPS is in `README.md` beside this file.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use sluice_base::{Now, WorkerId};
use sluice_engine::module::{Hooks, Module, Setup, SetupError, SharedState};

mod account;
mod extra;
mod functions;
mod modes;
mod params;
mod record;
mod variables;

use extra::{Fields, Formats};
use modes::Flags;
use params::Table;

/// The definition table.
pub static MODULE: Module = Module {
    name: "acc",
    aliases: &[],
    doc: "Writes down what became of transactions, to the log, to tables and as events.",
    includes: &[],
    params: params::PARAMS,
    functions: functions::FUNCTIONS,
    variables: variables::VARIABLES,
    transformations: &[],
    statistics: &[],
    commands: &[],
    hooks: Hooks { opened: Some(account::opened), ..Hooks::NONE },
    start,
};

/// What the parameters amount to. Read only, but for the count of losses.
#[derive(Debug)]
struct Acc {
    /// `early_media`
    early_media: bool,
    /// `report_cancels`
    report_cancels: bool,
    /// `detect_direction`
    detect_direction: bool,
    /// `log_level`
    log_level: i64,
    /// The flags of 1.x.
    flags: Flags,
    /// `extra_fields`
    extra: Fields,
    /// `leg_fields`
    legs: Fields,
    /// `log_extra`, `db_extra`, `evi_extra` of 1.x.
    formats: Formats,
    /// The tables, where there is a database.
    table: Option<Table>,
    /// Lost rows that have been told.
    told_lost: AtomicU64,
}

/// What is shared by workers and the control plane.
struct Shared(Arc<Acc>);

/// A worker's part.
struct Worker(Arc<Acc>);

fn start(setup: &mut Setup<'_>) -> Result<Arc<dyn SharedState>, SetupError> {
    Ok(Arc::new(Shared(Arc::new(params::read(setup)?))))
}

impl SharedState for Shared {
    fn worker(self: Arc<Self>, _: WorkerId) -> Box<dyn Any + Send> {
        Box::new(Worker(Arc::clone(&self.0)))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn tick(&self, _: Now) {
        let Some(table) = &self.0.table else { return };
        let lost = table.later.lost();
        let new = lost.saturating_sub(self.0.told_lost.swap(lost, Relaxed));
        if new > 0 {
            let name = table.later.source().name();
            tracing::error!(target: "acc", "{new} records are lost, {lost} in all: {name}");
        }
    }
}
