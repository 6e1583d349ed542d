//! Module `db_mysql`: databases of MariaDB and MySQL, `mysql://user:password@host/database`.

use std::sync::Arc;

use sluice_engine::module::{Hooks, Module, ParamEntry, Setup, SetupError, SharedState};
use sluice_engine::sql::{SqlKind, SqlOptions};
use sluice_script::catalog::SettingKind::{Int, Text};
use sluice_script::catalog::Status::{Honoured, Ignored, Later};
use sluice_script::ir::Setting;

use crate::sql;
use crate::table::setting;

/// The definition table.
pub static MODULE: Module = Module {
    name: "db_mysql",
    aliases: &["mysql"],
    doc: "Databases of MariaDB and MySQL, `mysql://user:password@host/database`.",
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

/// Raised when a server has gone, and when it is back; `url` is without the password.
const EVENT: &str = "E_MYSQL_CONNECTION";

const PARAMS: &[ParamEntry] = &[
    sql::THRESHOLD,
    ParamEntry {
        check: Some(check_seconds),
        ..setting(
            "timeout_interval",
            &[],
            "How long connecting takes, and a server is silent, at most; seconds, counted \
             thrice; 2.",
            Int,
            Honoured,
        )
    },
    sql::QUERIES,
    setting(
        "max_db_retries",
        &[],
        "How often a broken connection is made anew.",
        Int,
        Ignored("a server that has gone is tried again until it is back, and nobody waits for it"),
    ),
    ParamEntry {
        check: Some(check_seconds),
        ..setting(
            "ping_interval",
            &[],
            "A connection that has rested for so long is tried before it is used; seconds; 300.",
            Int,
            Honoured,
        )
    },
    setting(
        "auto_reconnect",
        &[],
        "Whether a broken connection is made anew.",
        Int,
        Ignored("it always is"),
    ),
    setting(
        "ps_max_col_size",
        &[],
        "The longest value of a prepared statement, bytes.",
        Int,
        Ignored("values may have any length"),
    ),
    ParamEntry {
        check: Some(sql::check_tls),
        ..setting("use_tls", &[], "Whether connections are encrypted; 0.", Int, Honoured)
    },
    setting("tls_client_domain", &[], "The TLS domain of connections.", Text, Later),
    sql::CONNECTIONS,
];

fn check_seconds(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Int(1..=86_400) => Ok(()),
        _ => Err("a number of seconds from 1 to 86400".to_owned()),
    }
}

fn start(setup: &mut Setup<'_>) -> Result<Arc<dyn SharedState>, SetupError> {
    let (connections, slow_us) = sql::numbers(setup);
    let seconds = |name, default| u64::try_from(setup.int(name, default)).unwrap_or(0);
    let options = SqlOptions {
        module: MODULE.name,
        kind: SqlKind::MySql,
        // As there: its library tries three times.
        timeout_ms: seconds("timeout_interval", 2) * 3_000,
        connections,
        slow_us,
        tries: sql::tries(setup),
        ping_ms: seconds("ping_interval", 300) * 1_000,
        pragmas: Vec::new(),
    };
    Ok(sql::start(setup, options, Some(EVENT)))
}
