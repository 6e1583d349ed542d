//! Module `cfgutils`: waiting, chance, shared variables, time recurrences (spec 2.2, 9.6).
//!
//! Waiting parks the run; the worker goes on with other messages.

mod commands;
mod functions;
mod limits;
mod locks;
mod recurrence;
mod schedule;
mod state;
mod times;
mod values;
mod variables;

use sluice_engine::module::{Function, Hooks, Module, ParamEntry};
use sluice_script::catalog::SettingKind::{Int, Text};
use sluice_script::catalog::Status::{Honoured, Ignored};

use crate::table::{concat, setting, total};

/// The definition table.
pub static MODULE: Module = Module {
    name: "cfgutils",
    aliases: &[],
    doc: "Waiting, chance, script locks, shared variables, time recurrences.",
    includes: &[],
    params: PARAMS,
    functions: &FUNCTIONS,
    variables: variables::LIST,
    transformations: &[],
    statistics: &[],
    commands: commands::COMMANDS,
    hooks: Hooks::NONE,
    start: state::start,
};

const LISTS: &[&[Function]] = &[functions::LIST, locks::LIST, times::LIST, values::LIST];

static FUNCTIONS: [Function; total(LISTS)] = concat(LISTS);

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
            Honoured,
        )
    },
    ParamEntry {
        check: Some(locks::check_pool_size),
        ..setting(
            "lock_pool_size",
            &[],
            "Number of dynamic locks, a power of 2; 32.",
            Int,
            Honoured,
        )
    },
    setting("hash_file", &[], "File whose MD5 check_config_hash compares.", Text, Honoured),
    setting(
        "shv_hash_size",
        &[],
        "Size of the table of $shv.",
        Int,
        Ignored("the table grows by itself"),
    ),
];
