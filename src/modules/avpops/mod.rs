//! Module `avpops`: AVPs and databases by the names of releases up to 3.x.
//!
//! Asking databases is module `sqlops`; the functions on AVPs alone (`avp_check`, `avp_copy` and
//! their kin) are the core's, as in 4.x. What is left is `avp_pushto`.

mod push;

use sluice_engine::module::{Function, Hooks, Module, ParamEntry};
use sluice_script::catalog::SettingKind::{Int, Text};
use sluice_script::catalog::Status::{Honoured, Ignored};
use sluice_script::catalog::{ParamDef, Routes};

use crate::sqlops::api as sqlops;
use crate::table::{Call, concat, function, setting, total};

/// The definition table.
pub static MODULE: Module = Module {
    name: "avpops",
    aliases: &[],
    doc: "Databases and AVPs, by the names of releases up to 3.x.",
    includes: &[],
    params: &PARAMS,
    functions: LIST,
    variables: &[],
    transformations: &[],
    statistics: &[],
    commands: &[],
    hooks: Hooks::NONE,
    start: |setup| sqlops::start(setup, "avp_table"),
};

static PARAMS: [ParamEntry; total(&[OWN, sqlops::PARAMS])] = concat(&[OWN, sqlops::PARAMS]);

const OWN: &[ParamEntry] = &[
    setting("avp_table", &[], "Table of AVPs; usr_preferences.", Text, Honoured),
    setting("buf_size", &[], "Longest query.", Int, Ignored("queries may have any length")),
];

const LIST: &[Function] = &[
    asking(
        "avp_db_query",
        "Asks in SQL; all rows go into AVPs; -2 for none.",
        sqlops::query_params(),
        sqlops::query,
    ),
    asking("avp_db_load", "Loads AVPs of a user.", sqlops::LOAD, sqlops::load),
    asking("avp_db_store", "Stores AVPs of a user.", sqlops::STORE, sqlops::store),
    asking(
        "avp_db_delete",
        "Removes AVPs of a user from the table.",
        sqlops::STORE,
        sqlops::delete,
    ),
    function(
        "avp_pushto",
        "Puts an AVP into $ru, $ru/username, $ru/domain, $du or a new branch $br.",
        push::PARAMS,
        Routes::ANY,
        |ctx, _, args| push::push(ctx, args),
    ),
];

/// A function that may wait for a database.
const fn asking(
    name: &'static str,
    doc: &'static str,
    params: &'static [ParamDef],
    call: Call,
) -> Function {
    Function { suspends: true, ..function(name, doc, params, Routes::ANY, call) }
}
