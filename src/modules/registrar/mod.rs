//! Module `registrar`: REGISTER requests, and calls to those who have registered (spec 6).
//!
//! Contacts lie in the tables of `usrloc`; a worker changes a record itself, under its shard's
//! lock. What differs from OpenSIPS is in `README.md` beside this file.

use std::any::Any;
use std::sync::Arc;

use sluice_base::WorkerId;
use sluice_engine::module::{
    Hooks, Module, Setup, SetupError, SharedState, Statistic, StatisticsBase,
};
use sluice_engine::uses::Uses;

mod answer;
mod aor;
mod cached;
mod fetch;
mod flags;
mod functions;
mod lookup;
mod params;
mod queries;
mod refusal;
mod removal;
mod request;
mod save;

use crate::regexes::Regexes;
use crate::usrloc::api::{self, Locations, Table};
use cached::Cached;
use fetch::Fetched;
use params::Options;

/// The definition table.
pub static MODULE: Module = Module {
    name: "registrar",
    aliases: &[],
    doc: "Registers users, and finds those who have registered.",
    includes: &[&crate::usrloc::MODULE],
    params: params::PARAMS,
    functions: functions::FUNCTIONS,
    variables: &[],
    transformations: &[],
    statistics: STATISTICS,
    commands: &[],
    hooks: Hooks::NONE,
    start,
};

/// By their place here.
const STATISTICS: &[Statistic] = &[
    Statistic { name: "accepted_regs", doc: "REGISTER requests that were accepted." },
    Statistic { name: "rejected_regs", doc: "REGISTER requests that were refused." },
];
const ACCEPTED: usize = 0;
const REJECTED: usize = 1;

/// What all workers share.
struct Registrar {
    options: Options,
    locations: Arc<Locations>,
    statistics: StatisticsBase,
}

/// A worker's part.
struct Worker {
    shared: Arc<Registrar>,
    /// The tables that it has used.
    tables: Vec<Arc<Table>>,
    /// The regexes of User-Agents.
    regexes: Regexes,
    /// The address of record that is dealt with; its memory is used again.
    aor: Vec<u8>,
    /// The Path of a request of several, likewise.
    path: Vec<u8>,
    /// The REGISTER whose reply is dealt with, likewise.
    cached: Cached,
    /// Records that the run has asked for.
    fetched: Fetched,
}

impl Worker {
    /// A table by its name.
    fn table(&mut self, name: &[u8]) -> Option<Arc<Table>> {
        if let Some(table) = self.tables.iter().find(|table| table.name().as_bytes() == name) {
            return Some(Arc::clone(table));
        }
        let table = self.shared.locations.open(std::str::from_utf8(name).ok()?)?;
        self.tables.push(Arc::clone(&table));
        Some(table)
    }
}

fn start(setup: &mut Setup<'_>) -> Result<Arc<dyn SharedState>, SetupError> {
    let Some(locations) = api::locations(setup) else {
        let text = "usrloc, which keeps the contacts, has not started".to_owned();
        return Err(SetupError { at: None, text });
    };
    let options = Options::read(setup, &locations.options)?;
    Ok(Arc::new(Registrar { options, locations, statistics: setup.statistics }))
}

impl SharedState for Registrar {
    fn worker(self: Arc<Self>, _: WorkerId) -> Box<dyn Any + Send> {
        Box::new(Worker {
            shared: self,
            tables: Vec::new(),
            regexes: Regexes::default(),
            aor: Vec::new(),
            path: Vec::new(),
            cached: Cached::default(),
            fetched: Fetched::default(),
        })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn adopt(&self, routes: &Uses<'_>) {
        for (function, place) in functions::TABLES {
            for call in routes.literals(function) {
                if let Some(Some(name)) = call.get(*place) {
                    // One too many is told when it is used.
                    let _ = self.locations.open(name);
                }
            }
        }
    }

    fn gauges(&self) -> Vec<(String, u64)> {
        let options = &self.options;
        let all = [
            ("max_expires", options.max_expires),
            ("max_contacts", options.max_contacts),
            ("default_expire", options.default_expires),
        ];
        all.map(|(name, value)| (name.to_owned(), value.into())).into()
    }
}
