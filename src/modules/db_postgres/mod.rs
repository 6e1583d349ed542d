//! Module `db_postgres`: databases of PostgreSQL, `postgres://user:password@host/database`.

use std::sync::Arc;

use sluice_engine::module::{Hooks, Module, ParamEntry, Setup, SetupError, SharedState};
use sluice_engine::sql::{SqlKind, SqlOptions};
use sluice_script::catalog::SettingKind::Int;
use sluice_script::catalog::Status::Honoured;
use sluice_script::ir::Setting;

use crate::sql;
use crate::table::setting;

/// The definition table.
pub static MODULE: Module = Module {
    name: "db_postgres",
    aliases: &["postgres"],
    doc: "Databases of PostgreSQL, `postgres://user:password@host/database`.",
    includes: &[],
    params: PARAMS,
    functions: &[],
    variables: &[],
    transformations: &[],
    statistics: sql::STATISTICS,
    commands: &[],
    hooks: Hooks::NONE,
    start,
};

/// `timeout` where none is set, and where it is below 0: nobody waits without an end here.
const SECONDS: u64 = 5;

/// A connection that has rested for so long is tried before it is used, milliseconds.
const PING_MS: u64 = 300_000;

const PARAMS: &[ParamEntry] = &[
    sql::THRESHOLD,
    sql::QUERIES,
    ParamEntry {
        check: Some(check_timeout),
        ..setting(
            "timeout",
            &[],
            "How long connecting takes, and a server is silent, at most; seconds; 5.",
            Int,
            Honoured,
        )
    },
    ParamEntry {
        check: Some(sql::check_tls),
        ..setting("use_tls", &[], "Whether connections are encrypted; 0.", Int, Honoured)
    },
    sql::CONNECTIONS,
];

fn check_timeout(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Int(seconds) if *seconds != 0 && *seconds <= 86_400 => Ok(()),
        _ => Err("a number of seconds from 1 to 86400".to_owned()),
    }
}

fn start(setup: &mut Setup<'_>) -> Result<Arc<dyn SharedState>, SetupError> {
    let (connections, slow_us) = sql::numbers(setup);
    let options = SqlOptions {
        module: MODULE.name,
        kind: SqlKind::Postgres,
        timeout_ms: u64::try_from(setup.int("timeout", -1)).unwrap_or(SECONDS) * 1_000,
        connections,
        slow_us,
        tries: sql::tries(setup),
        ping_ms: PING_MS,
        pragmas: Vec::new(),
    };
    Ok(sql::start(setup, options, None))
}
