//! Module `cfgutils`: waiting, chance, shared variables (spec 2.2, 9.6).
//!
//! Waiting parks the run; the worker goes on with other messages.

mod functions;
mod state;
mod variables;

use sluice_engine::module::{Hooks, Module, ParamEntry};
use sluice_script::catalog::SettingKind::{Int, Text};
use sluice_script::catalog::Status::{Honoured, Later};

use crate::table::setting;

/// The definition table.
pub static MODULE: Module = Module {
    name: "cfgutils",
    aliases: &[],
    doc: "Waiting, chance, shared variables.",
    includes: &[],
    params: PARAMS,
    functions: functions::LIST,
    variables: variables::LIST,
    transformations: &[],
    statistics: &[],
    commands: &[],
    hooks: Hooks::NONE,
    start: state::start,
};

const PARAMS: &[ParamEntry] = &[
    ParamEntry {
        check: Some(state::check_percent),
        ..setting(
            "initial_probability",
            &[],
            "Probability of rand_event(), percent; 10.",
            Int,
            Honoured,
        )
    },
    ParamEntry {
        check: Some(state::check_variable),
        ..setting(
            "shvset",
            &[],
            "First value of a $shv, `name=s:text` or `name=i:5`; repeatable.",
            Text,
            Honoured,
        )
    },
    ParamEntry {
        check: Some(state::check_variable),
        ..setting(
            "varset",
            &[],
            "First value of a $var, `name=s:text` or `name=i:5`; repeatable.",
            Text,
            Later,
        )
    },
    setting("lock_pool_size", &[], "Number of script locks.", Int, Later),
    setting("hash_file", &[], "File of check_config_hash().", Text, Later),
];
