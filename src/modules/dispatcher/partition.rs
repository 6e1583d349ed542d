//! A partition: sets, from a list or a table, AVPs and probes of its own.
//!
//! Started, reloaded and told the moment on the control plane; workers read its snapshot.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use ahash::RandomState;
use sluice_base::Now;
use sluice_base::snapshot::{Reader, Snapshot};
use sluice_engine::Value;
use sluice_engine::module::SetupError;
use sluice_engine::uses::Uses;

use super::bound::Loads;
use super::failover::Avps;
use super::forbidden::Forbidden;
use super::given::{self, Given};
use super::load::ListFile;
use super::plan::Plan;
use super::probe::Prober;
use super::report::Desk;
use super::sets::{Host, Sets};
use super::ward::Ward;
use super::{Worker, algorithms, params, probing};

/// See the file's head.
pub struct Partition {
    /// Its name.
    pub name: Arc<str>,
    /// What stands for the name in a call.
    key: i64,
    pub(super) file: ListFile,
    pub(super) desk: Arc<Desk>,
    pub(super) sets: Snapshot<Sets>,
    /// The AVPs that a selection fills.
    pub(super) avps: Avps,
    /// Failures that make a destination probing.
    pub(super) threshold: u32,
    /// Whether a selection fills the failover AVPs: some edition so far may read them.
    fills_avps: AtomicBool,
    prober: Option<Prober>,
    forbidden: Box<[Forbidden]>,
    pub(super) ward: Arc<Ward>,
}

/// A worker's part of a partition.
pub(super) struct Part {
    pub sets: Reader<Sets>,
    /// What it selected lately, where the load is bounded.
    pub loads: Loads,
}

impl Worker {
    /// The partition that a call's argument means, and this worker's part of it.
    #[inline]
    pub(super) fn partition(&mut self, argument: Value) -> Option<(&Partition, &mut Part)> {
        let key = argument.int().unwrap_or(0);
        let all = &self.shared.partitions;
        let at = if key == 0 { 0 } else { all.iter().position(|one| one.is_called(key))? };
        Some((all.get(at)?, self.parts.get_mut(at)?))
    }
}

impl Partition {
    /// Starts it: reads its parameters and its destinations.
    ///
    /// # Errors
    /// A parameter, or why the destinations cannot be had.
    pub fn start(given: &mut Given<'_, '_>) -> Result<Self, SetupError> {
        let avps = params::avps(given)?;
        let threshold = u32::try_from(given.int("ds_probing_threshold", 3)).unwrap_or(3);
        let probing = probing::read(given, threshold)?;
        let (path, at) = params::list_file(given);
        let table = params::table(given)?;
        let at = if table.is_some() { given.at("db_url") } else { at };
        let forbidden = Forbidden::read(given)?;
        let is_default = given.definition.is_default();
        let name: Arc<str> = given.definition.name.as_str().into();
        let setup = &mut *given.setup;
        let file = ListFile {
            watch: if is_default { "dispatcher".into() } else { format!("dispatcher:{name}") },
            path: path.unwrap_or_default(),
            table,
            files: Arc::clone(&setup.files),
            sockets: setup.sockets.clone(),
            resolve: Arc::clone(&setup.resolve),
            names: Arc::clone(setup.names),
            maglev: AtomicBool::new(false),
        };
        let warned = setup.warnings.len();
        let sets = file.load(None, setup.warnings).map_err(|text| SetupError {
            at,
            text: match at {
                None if file.table.is_none() => {
                    format!("{text} (the default of modparam list_file)")
                }
                _ => text,
            },
        })?;
        let desk = Arc::new(Desk {
            partition: Arc::clone(&name),
            reports: Arc::clone(setup.reports),
            post: Arc::clone(setup.post),
        });
        desk.loaded(&sets, setup.warnings.len() - warned);
        let ward = Ward::read(setup, threshold, Arc::clone(&desk))?;
        ward.adopt(&sets);
        forbidden.iter().for_each(|list| list.follow(&sets));
        Ok(Self {
            key: given::key(&name),
            name,
            file,
            sets: Snapshot::new(sets),
            avps,
            threshold,
            fills_avps: AtomicBool::new(false),
            prober: probing.map(|probing| Prober {
                probing: Arc::new(probing),
                desk: Arc::clone(&desk),
                host: setup.sockets.listen.first().map_or("localhost", |l| &l.sent_by).to_owned(),
                random: RandomState::new(),
            }),
            desk,
            forbidden,
            ward,
        })
    }

    /// A worker's part of it.
    pub(super) fn part(&self) -> Part {
        Part { sets: self.sets.reader(), loads: Loads::default() }
    }

    #[inline]
    fn is_called(&self, key: i64) -> bool {
        self.key == key
    }

    /// Whether a selection fills the failover AVPs.
    #[inline]
    pub(super) fn fills_avps(&self) -> bool {
        self.fills_avps.load(Relaxed)
    }

    /// Reads its destinations anew; states and counts are kept where `inherits` says so. What is
    /// to be warned of, and what has changed.
    ///
    /// # Errors
    /// Why the old sets stay.
    pub fn reload(&self, inherits: bool) -> Result<(Vec<String>, Plan), String> {
        let mut warnings = Vec::new();
        let old = self.sets.load();
        match self.file.load(inherits.then_some(&*old), &mut warnings) {
            Ok(sets) => {
                let plan = Plan::of(&old, &sets);
                drop(old);
                self.desk.reloaded(&sets, warnings.len(), &plan);
                self.ward.adopt(&sets);
                self.forbidden.iter().for_each(|list| list.follow(&sets));
                self.sets.publish(sets);
                Ok((warnings, plan))
            }
            Err(why) => {
                self.desk.refused(&why);
                Err(why)
            }
        }
    }

    /// What its source, or another list file, would change if it were loaded now.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn plan(&self, path: Option<&str>, warnings: &mut Vec<String>) -> Result<Plan, String> {
        let (now, then) = (self.sets.load(), self.file.like(path).read(None, warnings)?);
        then.take_states(&now);
        Ok(Plan::of(&now, &then))
    }

    /// Has states written to the table that they are from. Nothing here waits for a database.
    pub(super) fn store(&self) {
        if let Some(table) = &self.file.table {
            table.store(&self.sets.load());
        }
    }

    /// Writes what is left of them, and waits for it.
    pub(super) fn store_last(&self) {
        let Some(table) = &self.file.table else { return };
        if let Err(why) = table.store_last(&self.sets.load()) {
            tracing::error!(target: "dispatcher", "{why}; states of the last minute may be lost");
        }
    }

    /// Looks at an edition's routes.
    pub(super) fn adopt(&self, routes: &Uses<'_>) {
        if self.avps.are_read(routes) {
            self.fills_avps.store(true, Relaxed);
        }
        if algorithms::may_watch(routes) {
            self.ward.watch(&self.sets.load());
        }
        if algorithms::may_draw(routes) && !self.file.maglev.swap(true, Relaxed) {
            self.sets.load().make_tables(None);
        }
    }

    /// Probes whom it is time to probe.
    pub(super) fn tick(&self, now: Now) {
        self.follow_names(now);
        self.forbidden.iter().for_each(|list| list.tick(&self.sets.load()));
        let is_probed = |set| self.prober.as_ref().is_some_and(|prober| prober.asks(set));
        self.ward.tick(&self.sets.load(), now, is_probed);
        if let Some(prober) = &self.prober {
            prober.tick(&self.sets.load(), now.mono_ms());
        }
    }

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
                        let set = i64::from(set.id);
                        self.desk.changed(set, &destination.uri, true, "its name has an address");
                    }
                }
            }
        }
    }
}
