//! Module `cachedb_local`: keys and values that all workers share, with an expiry (spec 1.9, 9.6).
//!
//! Nothing is written to disk, and nothing is told to other programs.

pub mod api;
mod functions;
mod limits;
mod mi;
mod state;
mod store;

use sluice_engine::module::{Hooks, Module, ParamEntry};
use sluice_script::catalog::SettingKind::{Either, Int, Text};
use sluice_script::catalog::Status::{Honoured, Ignored, Later};

use crate::table::setting;

/// The definition table.
pub static MODULE: Module = Module {
    name: "cachedb_local",
    aliases: &["localcache"],
    doc: "Keys and values that all workers share, with an expiry.",
    includes: &[],
    params: PARAMS,
    functions: functions::LIST,
    variables: &[],
    transformations: &[],
    statistics: &[],
    commands: mi::COMMANDS,
    hooks: Hooks::NONE,
    start: state::start,
};

const PARAMS: &[ParamEntry] = &[
    ParamEntry {
        check: Some(state::check_url),
        ..setting(
            "cachedb_url",
            &[],
            "What scripts call a collection, `local:group:///collection`; repeatable; `local://`.",
            Text,
            Honoured,
        )
    },
    ParamEntry {
        check: Some(state::check_collections),
        ..setting(
            "cache_collections",
            &[],
            "Names of collections, `a; b = 9`; `default` is always there.",
            Text,
            Honoured,
        )
    },
    setting(
        "cache_table_size",
        &[],
        "Size of the table, a power of two.",
        Int,
        Ignored("the table grows by itself"),
    ),
    setting(
        "cache_clean_period",
        &[],
        "Seconds between two looks for what has expired.",
        Int,
        Ignored("what has expired is dropped each second"),
    ),
    setting(
        "exec_threshold",
        &[],
        "Microseconds beyond which an operation is logged.",
        Int,
        Ignored("an operation waits for nothing"),
    ),
    setting("cluster_id", &[], "The cluster that gets a copy.", Int, Later),
    setting("cluster_persistency", &[], "Where a new program gets its copy.", Text, Later),
    setting("enable_restart_persistency", &[], "Keeps all over a restart.", Either, Later),
];
