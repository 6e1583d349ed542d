//! Module `dispatcher`: selects one of a set of destinations for a request (spec 3).
//!
//! The sets are a snapshot that workers read without a lock; states and counters are atomics that
//! live on through reloads. What differs from OpenSIPS is in `README.md` beside this file.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use ahash::RandomState;
use sluice_base::snapshot::{Reader, Snapshot};
use sluice_base::{Now, WorkerId};
use sluice_engine::module::{Hooks, Module, Setup, SetupError, SharedState};
use sluice_engine::series::Series;
use sluice_engine::uses::Uses;

mod algorithms;
pub mod bound;
mod cursor;
mod failover;
mod flags;
mod functions;

pub mod hash;
pub mod hits;
pub mod index;
mod limits;
pub mod list;
pub mod load;
mod lookup;
pub mod maglev;
mod mi;
pub mod named;
mod params;
mod probe;
mod probing;
mod report;
pub mod select;
mod series;
pub mod sets;
pub mod state;
pub mod table;
mod target;

use load::ListFile;
use params::Params;
use probe::Prober;
use report::Desk;
use sets::{Host, Sets};

/// The definition table.
pub static MODULE: Module = Module {
    name: "dispatcher",
    aliases: &[],
    doc: "Selects destinations from sets: hashing, round robin, failover.",
    includes: &[],
    params: params::PARAMS,
    functions: functions::FUNCTIONS,
    variables: &[],
    transformations: &[],
    statistics: &[],
    commands: mi::COMMANDS,
    hooks: Hooks::NONE,
    start,
};

/// What workers and the control plane share.
pub struct Dispatcher {
    params: Params,
    file: ListFile,
    desk: Arc<Desk>,
    sets: Snapshot<Sets>,
    /// Whether a selection fills the failover AVPs: some edition so far may read them.
    fills_avps: AtomicBool,
    prober: Option<Prober>,
    /// When states were last written to their table, monotonic milliseconds.
    stored_ms: AtomicU64,
}

impl Dispatcher {
    /// Writes states to the table that they are from.
    fn store(&self) {
        let Some(table) = &self.file.table else { return };
        if let Err(why) = table.store(&self.sets.load()) {
            tracing::error!(target: "dispatcher", "{why}; states are tried again");
        }
    }
}

/// A worker's part.
struct Worker {
    shared: Arc<Dispatcher>,
    sets: Reader<Sets>,
    /// Which of a destination's counters is its own.
    lane: usize,
    /// What it selected lately, where the load is bounded.
    loads: bound::Loads,
}

fn start(setup: &mut Setup<'_>) -> Result<Arc<dyn SharedState>, SetupError> {
    let params = Params::read(setup)?;
    let probing = probing::read(setup, params.threshold)?;
    let (path, at) = params.list_file.clone();
    let file = ListFile {
        path,
        table: params::table(setup)?,
        files: Arc::clone(&setup.files),
        sockets: setup.sockets.clone(),
        resolve: Arc::clone(&setup.resolve),
        names: Arc::clone(setup.names),
        maglev: AtomicBool::new(false),
    };
    let at = setup.param("db_url").map_or(at, |(_, at)| Some(at));
    let sets = file.load(None, setup.warnings).map_err(|text| SetupError {
        at,
        text: match at {
            None if file.table.is_none() => {
                format!("{text} (the default of modparam list_file)")
            }
            _ => text,
        },
    })?;
    let desk = Arc::new(Desk { reports: Arc::clone(setup.reports), post: Arc::clone(setup.post) });
    desk.loaded(&sets, setup.warnings.len());
    Ok(Arc::new(Dispatcher {
        params,
        file,
        sets: Snapshot::new(sets),
        fills_avps: AtomicBool::new(false),
        prober: probing.map(|probing| Prober {
            probing: Arc::new(probing),
            desk: Arc::clone(&desk),
            host: setup.sockets.listen.first().map_or("localhost", |l| &l.sent_by).to_owned(),
            random: RandomState::new(),
        }),
        desk,
        stored_ms: AtomicU64::new(0),
    }))
}

impl SharedState for Dispatcher {
    fn worker(self: Arc<Self>, id: WorkerId) -> Box<dyn Any + Send> {
        let (sets, lane) = (self.sets.reader(), usize::from(id.0));
        Box::new(Worker { sets, shared: self, lane, loads: bound::Loads::default() })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn adopt(&self, routes: &Uses<'_>) {
        if self.params.avps.are_read(routes) {
            self.fills_avps.store(true, Relaxed);
        }
        if algorithms::may_draw(routes) && !self.file.maglev.swap(true, Relaxed) {
            self.sets.load().make_tables(None);
        }
    }

    fn sweep(&self) {
        self.sets.sweep();
    }

    fn end(&self) {
        self.store();
    }

    fn series(&self, to: &mut dyn Series) {
        series::tell(&self.sets.load(), to);
    }

    fn tick(&self, now: Now) {
        self.follow_names(now);
        let (now_ms, last_ms) = (now.mono_ms(), self.stored_ms.load(Relaxed));
        if now_ms.saturating_sub(last_ms) >= limits::STORE_MS {
            self.stored_ms.store(now_ms, Relaxed);
            self.store();
        }
        if let Some(prober) = &self.prober {
            prober.tick(&self.sets.load(), now.mono_ms());
        }
    }
}

impl Dispatcher {
    /// Takes over what names stand for now. One that was out for want of an address goes to work
    /// when it has one.
    fn follow_names(&self, now: Now) {
        let sets = self.sets.load();
        for set in sets.iter() {
            for destination in &set.destinations {
                let Host::Named(named) = &destination.host else { continue };
                let woken = named.refresh(&self.file.names, now.mono_ms());
                if let Some(state) = woken.filter(|_| destination.trouble.is_none()) {
                    destination.live.set(state);
                    if destination.live.is_active() {
                        self.desk.changed(i64::from(set.id), &destination.uri, true);
                    }
                }
            }
        }
    }
}
