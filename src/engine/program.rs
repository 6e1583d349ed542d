//! From a compiled script to workers: digests globals, starts modules, hands out their parts.

use std::sync::Arc;

use sluice_base::counters::{Cells, CellsReader};
use sluice_base::limits::WORKERS_MAX;
use sluice_base::mailbox::Mailbox;
use sluice_base::wake::Wake;
use sluice_base::{Now, OwnerSeed, WorkerId};
use sluice_script::Script;
use sluice_script::ir::Op;

use crate::context::Shared;
use crate::counter;
use crate::forward;
use crate::limits;
use crate::module::{ReadFile, Resolve, Setup, SetupError, SharedState, StatisticsBase};
use crate::registry::Registry;
use crate::settings::Settings;
use crate::sockets::Sockets;
use crate::vm;
use crate::worker::{Parts, Worker, mesh};

/// What the outside lends to modules.
#[derive(Clone)]
pub struct Environment {
    /// Reads a file of the user's.
    pub read_file: ReadFile,
    /// Resolves a host name, with a deadline.
    pub resolve: Resolve,
}

/// A started program: everything that workers share.
pub struct Program {
    shared: Arc<Shared>,
    registry: Arc<Registry>,
    /// Of running modules, by number.
    states: Vec<Option<Arc<dyn SharedState>>>,
    statistics: Vec<StatisticsBase>,
    cells: usize,
}

/// A worker and what others need to know of it.
pub struct Made {
    /// The worker.
    pub worker: Worker,
    /// Raised by whoever has something for it; the shell sleeps by it.
    pub wake: Arc<Wake>,
    /// Its counters, for reading from elsewhere.
    pub counters: CellsReader,
}

impl Program {
    /// Starts every loaded module, in the order of the module list. Warnings for the user are
    /// appended to `warnings`.
    ///
    /// # Errors
    /// The refusals of all modules, each with its module's name.
    pub fn start(
        mut script: Script,
        registry: Arc<Registry>,
        sockets: Sockets,
        environment: &Environment,
        warnings: &mut Vec<String>,
    ) -> Result<Self, Vec<(&'static str, SetupError)>> {
        let settings = Settings::of(&script, &registry);
        let (statistics, cells) = number_statistics(&registry);
        let mut states: Vec<Option<Arc<dyn SharedState>>> = vec![None; registry.modules().len()];
        let mut errors = Vec::new();
        let called = called(&script, &registry);
        for at in registry.running(&script.modules) {
            let module = registry.modules()[at];
            let started = (module.start)(&mut Setup {
                script: &mut script,
                settings: &settings,
                sockets: &sockets,
                module: module.name,
                called: &called,
                statistics: statistics[at],
                read_file: Arc::clone(&environment.read_file),
                resolve: Arc::clone(&environment.resolve),
                warnings,
            });
            match started {
                Ok(state) => states[at] = Some(state),
                Err(error) => errors.push((module.name, error)),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let shared = Arc::new(Shared {
            constants: vm::fold(&mut script, &registry),
            script: Arc::new(script),
            variables: registry.variable_names_by_id(),
            via_heads: sockets.listen.iter().map(forward::via_head).collect(),
            sockets,
            settings,
        });
        Ok(Self { shared, registry, states, statistics, cells })
    }

    /// What all workers look at.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The tables.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// The shared state of a running module, for management commands.
    pub fn state(&self, module: &str) -> Option<&Arc<dyn SharedState>> {
        let at = self.registry.modules().iter().position(|m| m.name == module)?;
        self.states.get(at)?.as_ref()
    }

    /// Where a module's statistics lie among a worker's counters.
    pub fn statistics(&self, module: &str) -> Option<StatisticsBase> {
        let at = self.registry.modules().iter().position(|m| m.name == module)?;
        self.statistics.get(at).copied()
    }

    /// Makes `workers` workers (at least one, at most [`WORKERS_MAX`]) that know each other.
    pub fn workers(&self, workers: u8, seed: OwnerSeed, random: u64, now: Now) -> Vec<Made> {
        let links = mesh(workers.clamp(1, WORKERS_MAX), limits::RING_BYTES);
        let make = |(number, links): (usize, crate::worker::Links)| {
            let id = WorkerId(number as u8);
            let (cells, counters) = Cells::new(self.cells);
            let wake = links.wake();
            let worker = Worker::new(Parts {
                id,
                seed,
                shared: Arc::clone(&self.shared),
                registry: Arc::clone(&self.registry),
                states: self.states.iter().map(|state| worker_state(state.as_ref(), id)).collect(),
                counters: cells,
                links,
                mailbox: Mailbox::new(limits::PARKED_RUNS, Arc::clone(&wake)),
                random: random.wrapping_add(number as u64),
                now,
            });
            Made { worker, wake, counters }
        };
        links.into_iter().enumerate().map(make).collect()
    }
}

/// The names of the functions that a script calls.
fn called(script: &Script, registry: &Registry) -> Vec<&'static str> {
    let calls = script.code.iter().filter_map(|op| match op {
        Op::Call { function, .. } => registry.function_by_id(*function),
        _ => None,
    });
    calls.map(|(_, function)| function.name).collect()
}

fn worker_state(
    state: Option<&Arc<dyn SharedState>>,
    id: WorkerId,
) -> Box<dyn std::any::Any + Send> {
    match state {
        Some(state) => Arc::clone(state).worker(id),
        None => Box::new(()),
    }
}

/// Each module's first statistic, and how many cells a worker needs.
fn number_statistics(registry: &Registry) -> (Vec<StatisticsBase>, usize) {
    let mut next = counter::MODULES;
    let bases = registry.modules().iter().map(|module| {
        let base = StatisticsBase(next as u16);
        next += module.statistics.len();
        base
    });
    (bases.collect(), next)
}
