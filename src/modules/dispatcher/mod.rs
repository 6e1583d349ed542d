//! Module `dispatcher`: selects one of a set of destinations for a request (spec 3).
//!
//! The sets are a snapshot that workers read without a lock; states and counters are atomics that
//! live on through reloads. What differs from OpenSIPS is in `README.md` beside this file.

use std::any::Any;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use sluice_base::{Now, WorkerId};
use sluice_engine::module::{Hooks, Module, Setup, SetupError, SharedState};
use sluice_engine::series::Series;
use sluice_engine::uses::Uses;

mod algorithms;
pub mod bound;
mod codes;
mod course;
mod cursor;
mod failover;
mod flags;
mod forbidden;
mod functions;
mod given;
pub mod hash;
pub mod health;
mod health_mi;
pub mod hits;
pub mod index;
pub mod latency;
pub mod least;
mod limits;
pub mod list;
pub mod load;
mod lookup;
pub mod maglev;
mod mi;
pub mod named;
mod params;
mod partition;
pub mod plan;
mod plan_mi;
mod pool;
mod probe;
mod probing;
mod report;
pub mod select;
mod series;
pub mod sets;
mod several;
pub mod state;
pub mod table;
mod target;
pub mod ward;

use given::Given;
use params::{Params, Scoring};
use partition::{Part, Partition};

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
    /// What algorithms 9 and 10 ask.
    scoring: Scoring,
    /// The default one first.
    partitions: Box<[Partition]>,
    /// When states were last written to their tables, monotonic milliseconds.
    stored_ms: AtomicU64,
}

/// A worker's part.
struct Worker {
    shared: Arc<Dispatcher>,
    /// One for each partition.
    parts: Box<[Part]>,
    /// Which of a destination's counters is its own.
    lane: usize,
}

fn start(setup: &mut Setup<'_>) -> Result<Arc<dyn SharedState>, SetupError> {
    let params = Params::read(setup)?;
    let scoring = Scoring::read(setup)?;
    let definitions = given::definitions(setup)?;
    let start = |definition| Partition::start(&mut Given { setup: &mut *setup, definition });
    let partitions = definitions.iter().map(start).collect::<Result<_, _>>()?;
    Ok(Arc::new(Dispatcher { params, scoring, partitions, stored_ms: AtomicU64::new(0) }))
}

impl SharedState for Dispatcher {
    fn worker(self: Arc<Self>, id: WorkerId) -> Box<dyn Any + Send> {
        let (parts, lane) = (self.partitions.iter().map(Partition::part).collect(), id.0.into());
        Box::new(Worker { shared: self, parts, lane })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn adopt(&self, routes: &Uses<'_>) {
        self.partitions.iter().for_each(|partition| partition.adopt(routes));
    }

    fn sweep(&self) {
        for partition in &self.partitions {
            partition.sets.sweep();
        }
    }

    fn end(&self) {
        self.partitions.iter().for_each(Partition::store_last);
    }

    fn unreachable(&self, to: SocketAddr, now: Now) {
        for partition in &self.partitions {
            partition.ward.lose(&partition.sets.load(), to, now);
        }
    }

    fn series(&self, to: &mut dyn Series) {
        series::tell(&self.partitions, to);
    }

    fn tick(&self, now: Now) {
        self.partitions.iter().for_each(|partition| partition.tick(now));
        let (now_ms, last_ms) = (now.mono_ms(), self.stored_ms.load(Relaxed));
        if now_ms.saturating_sub(last_ms) >= limits::STORE_MS {
            self.stored_ms.store(now_ms, Relaxed);
            self.partitions.iter().for_each(Partition::store);
        }
    }
}
