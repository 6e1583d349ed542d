//! Module `sqlops`: queries and changes of databases by the script, and AVPs kept in a table.
//!
//! A run that must wait for a database is parked; its worker goes on. `functions.rs` makes
//! statements of what the script says, `words.rs` reads its JSON, `results.rs` puts rows into
//! variables, `preferences.rs` loads and stores AVPs, `state.rs` knows the databases. Module
//! `avpops` offers the same by older names. What differs from OpenSIPS is in `README.md`.

pub mod api;
mod functions;
mod limits;
mod preferences;
mod results;
mod state;
mod words;

use sluice_engine::module::{Hooks, Module, ParamEntry};
use sluice_script::catalog::SettingKind::{Int, Text};
use sluice_script::catalog::Status::{Honoured, Ignored};

use crate::table::{concat, setting, total};

/// The definition table.
pub static MODULE: Module = Module {
    name: "sqlops",
    aliases: &["dbops"],
    doc: "Queries and changes of databases by the script.",
    includes: &[],
    params: &PARAMS,
    functions: functions::LIST,
    variables: &[],
    transformations: &[],
    statistics: &[],
    commands: &[],
    hooks: Hooks::NONE,
    start: |setup| state::start(setup, "usr_table"),
};

static PARAMS: [ParamEntry; total(&[OWN, SHARED])] = concat(&[OWN, SHARED]);

const OWN: &[ParamEntry] = &[
    setting("usr_table", &[], "Table of AVPs; usr_preferences.", Text, Honoured),
    setting(
        "ps_id_max_buf_len",
        &[],
        "Longest name of a prepared statement.",
        Int,
        Ignored("the pools prepare statements and keep as many as they need"),
    ),
    setting(
        "bigint_to_str",
        &[],
        "Whether large numbers become texts.",
        Int,
        Ignored("numbers have 64 bits"),
    ),
];

/// Parameters of both modules.
const SHARED: &[ParamEntry] = &[
    ParamEntry {
        check: Some(state::check_url),
        ..setting(
            "db_url",
            &[],
            "A database, with a number in front unless it is 0; repeatable; db_default_url.",
            Text,
            Honoured,
        )
    },
    ParamEntry {
        check: Some(state::check_scheme),
        ..setting(
            "db_scheme",
            &[],
            "A table of another layout, `name:table=subscriber;value_col=first_name`; repeatable.",
            Text,
            Honoured,
        )
    },
    setting("use_domain", &[], "1: the domain of a URI is a part of its key; 0.", Int, Honoured),
    setting("uuid_column", &[], "Column of keys that are no URI; uuid.", Text, Honoured),
    setting("username_column", &[], "Column of users; username.", Text, Honoured),
    setting("domain_column", &[], "Column of domains; domain.", Text, Honoured),
    setting("attribute_column", &[], "Column of AVP names; attribute.", Text, Honoured),
    setting("value_column", &[], "Column of values; value.", Text, Honoured),
    setting("type_column", &[], "Column of types, 1 for a number; type.", Text, Honoured),
];
