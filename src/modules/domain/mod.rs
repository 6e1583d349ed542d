//! Module `domain`: whose domains are ours, by a table (spec 9.6).
//!
//! With `db_mode` 1 the table is a snapshot that workers read without a lock, else it is asked for
//! each check. What differs from OpenSIPS is in `README.md` beside this file.

use std::any::Any;
use std::sync::Arc;

use serde_json::json;
use sluice_base::WorkerId;
use sluice_base::snapshot::{Reader, Snapshot};
use sluice_engine::module::{
    Command, CommandError, Function, Hooks, Module, ParamEntry, Setup, SetupError, SharedState,
};
use sluice_script::catalog::SettingKind::{self, Int};
use sluice_script::catalog::Status::Honoured;
use sluice_script::catalog::{ParamDef, ParamKind, Routes};
use sluice_script::ir::Setting;

mod check;
mod domains;

use crate::db_version;
use crate::lookups;
use crate::table::{function, optional, param, setting};
use domains::{Domains, Table};

/// The definition table.
pub static MODULE: Module = Module {
    name: "domain",
    aliases: &[],
    doc: "Tells domains that are ours from others, by a table.",
    includes: &[],
    params: PARAMS,
    functions: FUNCTIONS,
    variables: &[],
    transformations: &[],
    statistics: &[],
    commands: COMMANDS,
    hooks: Hooks::NONE,
    start,
};

const PARAMS: &[ParamEntry] = &[
    text("db_url", "The database; else db_default_url."),
    ParamEntry {
        check: Some(check_mode),
        ..setting("db_mode", &[], "1: the table is kept in memory; 0.", Int, Honoured)
    },
    text("domain_table", "The table; domain."),
    text("domain_col", "Column of the domain; domain."),
    text("attrs_col", "Column of its attributes; attrs."),
    text("subdomain_col", "Column that says whether names below it are ours; accept_subdomain."),
];

const fn text(name: &'static str, doc: &'static str) -> ParamEntry {
    setting(name, &[], doc, SettingKind::Text, Honoured)
}

fn check_mode(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Int(0 | 1) => Ok(()),
        _ => Err("db_mode is 0 or 1".to_owned()),
    }
}

const ATTRS: ParamDef = optional("attributes", ParamKind::Output);

const FUNCTIONS: &[Function] = &[
    Function {
        suspends: true,
        ..function(
            "is_from_local",
            "Whether the domain of From is ours; gives its attributes.",
            &[ATTRS],
            Routes::REQUESTS,
            |ctx, state, args| check::from(ctx, state, args, None),
        )
    },
    Function {
        suspends: true,
        ..function(
            "is_uri_host_local",
            "Whether the domain of the Request-URI is ours; gives its attributes.",
            &[ATTRS],
            Routes::REQUESTS,
            |ctx, state, args| check::uri_host(ctx, state, args, None),
        )
    },
    Function {
        suspends: true,
        ..function(
            "is_domain_local",
            "Whether a domain is ours; gives its attributes.",
            &[param("domain", ParamKind::Text), ATTRS],
            Routes::ANY,
            |ctx, state, args| check::domain(ctx, state, args, None),
        )
    },
];

static COMMANDS: &[Command] = &[
    Command {
        name: "domain_reload",
        short: "reload",
        doc: "Reads the table again (db_mode 1).",
        params: &[],
        run: reload,
    },
    Command {
        name: "domain_dump",
        short: "dump",
        doc: "Lists the domains (db_mode 1).",
        params: &[],
        run: dump,
    },
];

/// What all workers share.
struct State {
    table: Table,
    /// The rows, with `db_mode` 1.
    kept: Option<Snapshot<Domains>>,
}

/// A worker's part.
struct Worker {
    shared: Arc<State>,
    kept: Option<Reader<Domains>>,
}

impl SharedState for State {
    fn worker(self: Arc<Self>, _: WorkerId) -> Box<dyn Any + Send> {
        Box::new(Worker { kept: self.kept.as_ref().map(Snapshot::reader), shared: self })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn sweep(&self) {
        if let Some(kept) = &self.kept {
            kept.sweep();
        }
    }
}

fn start(setup: &mut Setup<'_>) -> Result<Arc<dyn SharedState>, SetupError> {
    let at = setup.param("db_url").map(|(_, at)| at);
    let source = lookups::database(setup)?;
    let or = |name: &str, default: &str| Arc::from(setup.text(name).unwrap_or(default));
    let (domain, attrs) = (or("domain_col", "domain"), or("attrs_col", "attrs"));
    let subdomain = or("subdomain_col", "accept_subdomain");
    let table = Table::new(source, or("domain_table", "domain"), [domain, attrs, subdomain]);
    let versions = &setup.settings.db_version_table;
    setup.warnings.extend(db_version::warning(&*table.source, versions, &table.table, 1..=4));
    let kept = match setup.int("db_mode", 0) {
        0 => None,
        _ => {
            let domains = table.load(setup.warnings);
            Some(Snapshot::new(domains.map_err(|text| SetupError { at, text })?))
        }
    };
    Ok(Arc::new(State { table, kept }))
}

/// The module and its snapshot.
fn kept(state: &dyn SharedState) -> Result<(&State, &Snapshot<Domains>), CommandError> {
    let state = state.as_any().downcast_ref::<State>();
    let both = state.and_then(|state| Some((state, state.kept.as_ref()?)));
    both.ok_or_else(|| CommandError::new(500, "command not activated"))
}

fn reload(state: &dyn SharedState, _: &[Option<&str>]) -> Result<serde_json::Value, CommandError> {
    let (state, kept) = kept(state)?;
    let mut warnings = Vec::new();
    match state.table.load(&mut warnings) {
        Ok(domains) => {
            kept.publish(domains);
            if warnings.is_empty() { Ok(json!("OK")) } else { Ok(json!({ "warnings": warnings })) }
        }
        Err(why) => Err(CommandError::new(500, format!("{why}; the old domains stay"))),
    }
}

fn dump(state: &dyn SharedState, _: &[Option<&str>]) -> Result<serde_json::Value, CommandError> {
    let domains = kept(state)?.1.load();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let domains = domains.iter().map(|(name, domain)| match &domain.attrs {
        Some(attrs) => json!({ "name": text(name), "attributes": text(attrs) }),
        None => json!({ "name": text(name) }),
    });
    Ok(json!({ "Domains": domains.collect::<Vec<_>>() }))
}
