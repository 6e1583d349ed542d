//! From a compiled script to workers: digests globals, starts modules, hands out their parts.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::tz::TimeZone;

use sluice_base::counters::{Cells, CellsReader};
use sluice_base::limits::WORKERS_MAX;
use sluice_base::mailbox::Mailbox;
use sluice_base::snapshot::Snapshot;
use sluice_base::wake::Wake;
use sluice_base::{Now, OwnerSeed, WorkerId};
use sluice_script::Script;
use sluice_script::ir::RouteKind;

use crate::blacklist::Blacklists;
use crate::context::{Followed, Running, Shared};
use crate::counter;
use crate::db::Databases;
use crate::events::Events;
use crate::files::Files;
use crate::forced::{self, Unknown};
use crate::forward;
use crate::later::Later;
use crate::limits;
use crate::module::{Hooks, LooseRoute, Resolve, Setup, SetupError, SharedState, StatisticsBase};
use crate::owners::Owners;
use crate::post::Post;
use crate::registry::Registry;
use crate::reports::{INITIALIZING, MAIN, RUNNING, Reports};
use crate::series::Series;
use crate::settings::{Levels, Settings, Unopened};
use crate::sockets::Sockets;
use crate::sql::Sql;
use crate::targets::{Names, Sources};
use crate::tm::cookie::Secret;
use crate::uses::Uses;
use crate::vm;
use crate::worker::{Parts, Worker, mesh};

/// The group of the program's own status.
const CORE: &str = "core";

/// What the outside lends to modules.
#[derive(Clone)]
pub struct Environment {
    /// Files that the user names.
    pub files: Arc<dyn Files>,
    /// Opens SQL databases.
    pub sql: Arc<dyn Sql>,
    /// Resolves a host name, with a deadline.
    pub resolve: Resolve,
    /// The zone of local times.
    pub zone: TimeZone,
}

/// A started program: everything that workers share.
pub struct Program {
    editions: Snapshot<Shared>,
    /// Held while an edition is made from the one before.
    reloading: Mutex<()>,
    registry: Arc<Registry>,
    /// Of running modules, by number.
    states: Vec<Option<Arc<dyn SharedState>>>,
    statistics: Vec<StatisticsBase>,
    cells: usize,
    post: Arc<Post>,
    later: Vec<Arc<Later>>,
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
    /// appended to `warnings`, each with its module's name.
    ///
    /// # Errors
    /// The refusals of all modules, each with its module's name.
    pub fn start(
        mut script: Script,
        registry: Arc<Registry>,
        sockets: Sockets,
        environment: &Environment,
        warnings: &mut Vec<(&'static str, String)>,
    ) -> Result<Self, Vec<(&'static str, SetupError)>> {
        let mut settings = Settings::of(&script, &registry);
        settings.unopened = Unopened::of(&mut script);
        let (statistics, cells) = number_statistics(&registry);
        let mut states: Vec<Option<Arc<dyn SharedState>>> = vec![None; registry.modules().len()];
        let mut errors = Vec::new();
        let post = Arc::<Post>::default();
        let (events, reports) = (Arc::<Events>::default(), Arc::<Reports>::default());
        reports.set(CORE, MAIN, INITIALIZING, "initializing");
        reports.log(CORE, MAIN, "initializing");
        let names = Arc::new(Names::new(settings.failed_address_ms));
        let (mut databases, mut blacklists) = (Databases::default(), Vec::new());
        let mut done = Vec::new();
        for at in registry.running(&script.modules) {
            let module = registry.modules()[at];
            let mut told = Vec::new();
            let started = (module.start)(&mut Setup {
                script: &mut script,
                settings: &mut settings,
                sockets: &sockets,
                module: module.name,
                statistics: statistics[at],
                post: &post,
                reports: &reports,
                files: Arc::clone(&environment.files),
                sql: Arc::clone(&environment.sql),
                databases: &mut databases,
                blacklists: &mut blacklists,
                started: &done,
                names: &names,
                resolve: Arc::clone(&environment.resolve),
                warnings: &mut told,
            });
            warnings.extend(told.into_iter().map(|text| (module.name, text)));
            match started {
                Ok(state) => {
                    done.push((module.name, Arc::clone(&state)));
                    states[at] = Some(state);
                }
                Err(error) => errors.push((module.name, error)),
            }
        }
        for Unknown { at, text, is_error } in forced::unknown(&script, &registry, &sockets) {
            if is_error {
                errors.push((CORE, SetupError { at: Some(at), text }));
            } else {
                let file = script.files.get(usize::from(at.file)).map_or("", String::as_str);
                warnings.push((CORE, format!("{file}:{}:{}: {text}", at.line, at.column)));
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        adopt(&states, &script, &registry);
        events.adopt(&script);
        reports.set(CORE, MAIN, RUNNING, "running");
        reports.log(CORE, MAIN, "initialization completed, ready now");
        let error_route = script.route(RouteKind::Error, b"");
        let editions = Snapshot::new(Shared {
            error_route,
            blacklists: Arc::new(Blacklists::of(&script, blacklists)),
            watched: is_watched(&script, &registry),
            events,
            reports,
            constants: vm::fold(&mut script, &registry),
            script: Arc::new(script),
            variables: registry.variable_names_by_id(),
            via_heads: sockets.listen.iter().map(forward::via_head).collect(),
            sockets,
            levels: Arc::new(Levels::of(&settings)),
            names,
            sources: Arc::new(Sources::new(settings.mhomed)),
            settings,
            zone: environment.zone.clone(),
            followed: hooked(&registry, &states, |hooks| hooks.loose_route),
            opened: hooked(&registry, &states, |hooks| hooks.opened),
            running: Running(states.iter().flatten().map(Arc::clone).collect()),
        });
        let reloading = Mutex::new(());
        let later = databases.queues().to_vec();
        Ok(Self { editions, reloading, registry, states, statistics, cells, post, later })
    }

    /// What all workers look at from their next turn on.
    pub fn shared(&self) -> Arc<Shared> {
        self.editions.load()
    }

    /// Puts a new edition in force: `make` gets the running script and makes the one that follows
    /// (see [`sluice_script::recompile`]). Runs that are parked go on with the edition that they
    /// began with. For the control plane; one reload at a time, others wait.
    ///
    /// # Errors
    /// Those of `make`; then nothing has changed.
    pub fn reload<E>(&self, make: impl FnOnce(&Script) -> Result<Script, E>) -> Result<(), E> {
        let _one = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let running = self.shared();
        let mut script = make(&running.script)?;
        adopt(&self.states, &script, &self.registry);
        running.events.adopt(&script);
        let error_route = script.route(RouteKind::Error, b"");
        let edition = Shared {
            error_route,
            watched: is_watched(&script, &self.registry),
            settings: running.settings.of_edition(&script, &self.registry),
            constants: vm::fold(&mut script, &self.registry),
            script: Arc::new(script),
            ..Shared::clone(&running)
        };
        drop(running);
        self.editions.publish(edition);
        Ok(())
    }

    /// Drops the editions that no run needs any more, and what modules have left over of reloads.
    /// To be called on the control plane now and then: no worker ever drops an edition.
    pub fn sweep(&self) {
        self.editions.sweep();
        self.states.iter().flatten().for_each(|state| state.sweep());
    }

    /// Tells modules the moment. To be called about once a second, on the control plane.
    pub fn tick(&self, now: Now) {
        let shared = self.shared();
        shared.blacklists.tick(now);
        shared.events.tick(now);
        self.states.iter().flatten().for_each(|state| state.tick(now));
    }

    /// Tells the labelled series of all running modules.
    pub fn series(&self, to: &mut dyn Series) {
        self.states.iter().flatten().for_each(|state| state.series(to));
    }

    /// Letters to the owners of calls.
    pub fn post(&self) -> &Arc<Post> {
        &self.post
    }

    /// Changes of databases that nobody waits for; the control plane makes them.
    pub fn later(&self) -> &[Arc<Later>] {
        &self.later
    }

    /// The workers have ended: modules make safe what is not yet. May block.
    pub fn end(&self) {
        self.states.iter().flatten().for_each(|state| state.end());
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
        let owners = Owners::new(seed, links.len() as u8);
        let secret = Secret::default();
        let wakes: Vec<_> = links.iter().map(|links| links.wake()).collect();
        let inboxes = self.post.open(owners.clone(), &wakes);
        let make = |(number, (links, inbox)): (usize, (crate::worker::Links, _))| {
            let id = WorkerId(number as u8);
            let (cells, counters) = Cells::new(self.cells);
            let wake = links.wake();
            let worker = Worker::new(Parts {
                id,
                owners: owners.clone(),
                secret: secret.clone(),
                post: Arc::clone(&self.post),
                inbox,
                editions: self.editions.reader(),
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
        links.into_iter().zip(inboxes).enumerate().map(make).collect()
    }
}

/// Whether runs of a script are looked after between two instructions: for error_route{}, for
/// script locks that they may hold, for script_trace().
fn is_watched(script: &Script, registry: &Registry) -> bool {
    let traces = registry.function_id("script_trace").is_some_and(|id| script.calls(id));
    traces || script.route(RouteKind::Error, b"").is_some() || takes_locks(script, registry)
}

/// Hooks of one kind, of the running modules.
fn hooked(
    registry: &Registry,
    states: &[Option<Arc<dyn SharedState>>],
    kind: fn(&Hooks) -> Option<LooseRoute>,
) -> Followed {
    let hooks = registry.modules().iter().map(|module| kind(&module.hooks));
    let both = hooks.zip(states);
    let running = both.filter_map(|(hook, state)| Some((hook?, Arc::clone(state.as_ref()?))));
    Followed(running.collect())
}

/// Whether runs of a script may hold script locks.
fn takes_locks(script: &Script, registry: &Registry) -> bool {
    let mut called = script.code.iter().filter_map(|op| op.called());
    called.any(|id| registry.function_by_id(id).is_some_and(|(_, f)| f.locks))
}

/// Shows an edition to all running modules.
fn adopt(states: &[Option<Arc<dyn SharedState>>], script: &Script, registry: &Registry) {
    let uses = Uses::of(script, registry);
    states.iter().flatten().for_each(|state| state.adopt(&uses));
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
