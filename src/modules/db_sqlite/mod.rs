//! Module `db_sqlite`: databases of SQLite, `sqlite:///file`. The library is part of the program.

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
    name: "db_sqlite",
    aliases: &[],
    doc: "Databases of SQLite, `sqlite:///file`.",
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

/// How long a statement may take, beyond the wait for another one that writes, milliseconds.
const WORK_MS: u64 = 5_000;

const PARAMS: &[ParamEntry] = &[
    sql::THRESHOLD,
    setting(
        "alloc_limit",
        &[],
        "By how many rows the memory of a result grows.",
        Int,
        Ignored("it grows as it needs to"),
    ),
    setting("load_extension", &[], "A library that extends SQLite.", Text, Later),
    ParamEntry {
        check: Some(check_milliseconds),
        ..setting(
            "busy_timeout",
            &[],
            "How long is waited for another one that writes, milliseconds; 500.",
            Int,
            Honoured,
        )
    },
    ParamEntry {
        check: Some(check_pragma),
        ..setting(
            "exec_pragma",
            &[],
            "`name=value`, set for each connection; may be given several times.",
            Text,
            Honoured,
        )
    },
    sql::CONNECTIONS,
];

fn check_milliseconds(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Int(0..=60_000) => Ok(()),
        _ => Err("a number of milliseconds from 0 to 60000".to_owned()),
    }
}

fn check_pragma(value: &Setting) -> Result<(), String> {
    match value {
        Setting::Text(text) if pragma(text).is_some() => Ok(()),
        _ => Err("a pragma is `name=value`".to_owned()),
    }
}

/// `PRAGMA name = value;`, as `name=value`.
fn pragma(text: &str) -> Option<String> {
    let text = text.trim().trim_end_matches(';');
    let head = text.get(..7).filter(|head| head.eq_ignore_ascii_case("pragma "));
    let (name, value) = text.get(head.map_or(0, str::len)..)?.split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    let is_word = |word: &str| {
        let mut letters = word.bytes();
        !word.is_empty() && letters.all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    };
    (is_word(name) && is_word(value)).then(|| format!("{name}={value}"))
}

fn start(setup: &mut Setup<'_>) -> Result<Arc<dyn SharedState>, SetupError> {
    let (connections, slow_us) = sql::numbers(setup);
    let busy_ms = u64::try_from(setup.int("busy_timeout", 500)).unwrap_or(500);
    let given = setup.script.params.iter();
    let given = given.filter(|param| param.module == MODULE.name && param.name == "exec_pragma");
    let pragmas = given.filter_map(|param| match &param.value {
        Setting::Text(text) => pragma(text),
        _ => None,
    });
    let busy = format!("busy_timeout={busy_ms}");
    let options = SqlOptions {
        module: MODULE.name,
        kind: SqlKind::Sqlite,
        timeout_ms: busy_ms + WORK_MS,
        connections,
        slow_us,
        tries: 1,
        ping_ms: u64::MAX,
        pragmas: [busy].into_iter().chain(pragmas).collect(),
    };
    Ok(sql::start(setup, options, None))
}
