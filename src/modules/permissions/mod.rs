//! Module `permissions`: which peers and which calls are allowed (spec 9.5).
//!
//! Peers come from a table, rules from files; both are snapshots that workers read without a lock.
//! What differs from OpenSIPS is in `README.md` beside this file.

use std::any::Any;
use std::sync::Arc;

use sluice_base::WorkerId;
use sluice_base::snapshot::{Reader, Snapshot};
use sluice_engine::files::Files;
use sluice_engine::module::{Hooks, Module, Setup, SetupError, SharedState};
use sluice_engine::uses::Uses;

mod addresses;
mod allow;
mod files;
mod functions;
mod mi;
mod params;
mod rules;
mod table;
mod trusted;

use addresses::Addresses;
use files::RuleFiles;
use params::Params;
use table::Table;
use trusted::{Trusted, TrustedTable};

/// The definition table.
pub static MODULE: Module = Module {
    name: "permissions",
    aliases: &[],
    doc: "Allows peers by a table of addresses, calls and registrations by files of rules.",
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
struct Permissions {
    params: Params,
    partitions: Vec<Partition>,
    files: Arc<dyn Files>,
    rules: Snapshot<RuleFiles>,
    trusted: Option<TrustedTable>,
    peers: Snapshot<Option<Trusted>>,
}

/// A table of addresses and what was read from it.
struct Partition {
    name: String,
    table: Table,
    addresses: Snapshot<Addresses>,
}

/// The partition that is meant where none is named.
const DEFAULT: &str = "default";

/// A worker's part.
struct Worker {
    shared: Arc<Permissions>,
    /// As many as there are partitions, in their order.
    addresses: Vec<Reader<Addresses>>,
    rules: Reader<RuleFiles>,
    peers: Reader<Option<Trusted>>,
}

fn start(setup: &mut Setup<'_>) -> Result<Arc<dyn SharedState>, SetupError> {
    let params = Params::read(setup)?;
    let mut partitions = Vec::new();
    for source in params::sources(setup)? {
        let addresses = source.table.load(setup.warnings);
        let addresses = addresses.map_err(|text| SetupError { at: Some(source.at), text })?;
        let (name, table) = (source.name, source.table);
        partitions.push(Partition { name, table, addresses: Snapshot::new(addresses) });
    }
    let allow = files::read(&*setup.files, &params.allow_file, setup.warnings);
    let deny = files::read(&*setup.files, &params.deny_file, setup.warnings);
    Ok(Arc::new(Permissions {
        trusted: params::trusted(setup)?,
        peers: Snapshot::new(None),
        files: Arc::clone(&setup.files),
        rules: Snapshot::new(RuleFiles::new((allow, deny))),
        partitions,
        params,
    }))
}

impl SharedState for Permissions {
    fn worker(self: Arc<Self>, _: WorkerId) -> Box<dyn Any + Send> {
        let readers = self.partitions.iter().map(|partition| partition.addresses.reader());
        Box::new(Worker {
            addresses: readers.collect(),
            rules: self.rules.reader(),
            peers: self.peers.reader(),
            shared: self,
        })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn adopt(&self, routes: &Uses<'_>) {
        self.read_files(routes);
        if routes.calls("allow_trusted")
            && self.peers.load().is_none()
            && let Err(why) = self.load_trusted()
        {
            tracing::error!(target: "permissions", "{why}; allow_trusted() is false");
        }
    }

    fn sweep(&self) {
        for partition in &self.partitions {
            partition.addresses.sweep();
        }
        self.rules.sweep();
        self.peers.sweep();
    }
}

impl Permissions {
    /// Reads the files that routes name and that no earlier ones have named.
    fn read_files(&self, routes: &Uses<'_>) {
        let mut rules = RuleFiles::clone(&self.rules.load());
        let mut warnings = Vec::new();
        for function in allow::BY_FILE {
            for names in routes.literals(function) {
                match (names.first().copied().flatten(), names.get(1).copied().flatten()) {
                    (Some(allow), Some(deny)) if function != allow::URI => {
                        rules.add_file(&*self.files, allow, &mut warnings);
                        rules.add_file(&*self.files, deny, &mut warnings);
                    }
                    (Some(base), _) => {
                        rules.add_base(&*self.files, base, &self.params, &mut warnings);
                    }
                    (None, _) => {}
                }
            }
        }
        for warning in warnings {
            tracing::warn!(target: "permissions", "{warning}");
        }
        self.rules.publish(rules);
    }

    /// Reads the table of trusted peers.
    fn load_trusted(&self) -> Result<Vec<String>, String> {
        let table = self.trusted.as_ref().ok_or("modparam db_url is not set")?;
        let mut warnings = Vec::new();
        let trusted = table.load(&mut warnings)?;
        for warning in &warnings {
            tracing::warn!(target: "permissions", "{warning}");
        }
        self.peers.publish(Some(trusted));
        Ok(warnings)
    }
}
