//! Module `usrloc`: where users are - contacts by address of record, in tables that all workers
//! share (spec 6.1, 6.6, 6.7).
//!
//! A record is one piece of memory under its shard's lock; sweeps take expired contacts away in
//! slices. What differs from OpenSIPS is in `README.md` beside this file.

use std::any::Any;
use std::sync::Arc;

use sluice_base::{Now, WorkerId};
use sluice_engine::module::{Hooks, Module, Setup, SetupError, SharedState};
use sluice_engine::uses::Uses;

pub mod agents;
pub mod api;
pub mod edit;
mod entry;
pub mod events;
mod limits;
mod loading;
pub mod locations;
pub mod methods;
mod mi;
mod only;
pub mod params;
pub mod record;
mod store;
mod sweep;
pub mod table;
mod unsaved;

use locations::Locations;
use params::Options;
use sweep::Sweeper;

/// The definition table.
pub static MODULE: Module = Module {
    name: "usrloc",
    aliases: &[],
    doc: "Where users are: contacts by address of record.",
    includes: &[],
    params: params::PARAMS,
    functions: &[],
    variables: &[],
    transformations: &[],
    statistics: &[],
    commands: mi::COMMANDS,
    hooks: Hooks { tick: Some(sweep::tick), ..Hooks::NONE },
    start,
};

/// The shared state.
struct Usrloc(Arc<Locations>);

fn start(setup: &mut Setup<'_>) -> Result<Arc<dyn SharedState>, SetupError> {
    let options = Options::read(setup)?;
    let database = params::database(setup)?;
    Ok(Arc::new(Usrloc(Arc::new(Locations::new(options, database, setup)))))
}

impl SharedState for Usrloc {
    fn worker(self: Arc<Self>, id: WorkerId) -> Box<dyn Any + Send> {
        Box::new(Sweeper::new(Arc::clone(&self.0), id))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn adopt(&self, routes: &Uses<'_>) {
        self.0.name_flags(routes.flags());
    }

    fn tick(&self, now: Now) {
        self.0.tick(now);
    }

    fn end(&self) {
        self.0.flush();
    }

    fn gauges(&self) -> Vec<(String, u64)> {
        let tables = self.0.tables();
        let users = tables.iter().map(|table| table.counts().users).sum();
        let [longest_us, turns, long_turns] = self.0.sweeps();
        let mut all = vec![
            ("registered_users".to_owned(), users),
            ("longest_expiry_us".to_owned(), longest_us),
            ("expiry_turns".to_owned(), turns),
            ("long_expiry_turns".to_owned(), long_turns),
        ];
        for table in tables.iter() {
            let (name, counts) = (table.name(), table.counts());
            all.push((format!("{name}-users"), counts.users));
            all.push((format!("{name}-contacts"), counts.contacts));
            all.push((format!("{name}-expires"), counts.expired));
        }
        all
    }
}
